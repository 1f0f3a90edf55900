import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { tapbench } from "./console.js";

let temp: string;
const file = (name: string): string => join(temp, name);
beforeEach(async () => {
  temp = await mkdtemp(join(tmpdir(), "tapbench-flash-"));
  await writeFile(file("app.bin"), new Uint8Array(3000).fill(0x5a));
});
afterEach(() => rm(temp, { recursive: true }));

const json = async (...argv: string[]): Promise<{ code: number; document: Record<string, unknown> }> => {
  const ran = await tapbench([...argv, "--json"]);
  return { code: ran.code, document: JSON.parse(ran.out) as Record<string, unknown> };
};
const build = (...more: string[]) =>
  json("flash", "build", file("app.bin"), "--image-version", "1.2.3", "--out", file("a.bin"), ...more);

describe.each(["ecdsa-p256", "ed25519", "rsa-2048"])("a key of kind %s", (kind) => {
  test("signs what its public half trusts, and nothing else is trusted", async () => {
    await json("flash", "keygen", kind, "--out", file("key.pem"), "--seed", "1");
    await json("flash", "keygen", kind, "--out", file("other.pem"), "--seed", "2");
    expect((await stat(file("key.pem"))).mode & 0o077).toBe(0);
    expect((await build("--key", file("key.pem"), "--security-counter", "auto")).code).toBe(0);

    const good = await json("flash", "verify", file("a.bin"), "--key", file("key-pub.pem"));
    expect(good).toMatchObject({ code: 0, document: { good: true, key: kind, objections: [] } });
    const other = await json("flash", "verify", file("a.bin"), "--key", file("other-pub.pem"));
    expect(other).toMatchObject({ code: 3, document: { good: false, objections: ["unknown-key"] } });

    await json("flash", "sign", file("a.bin"), "--key", file("other.pem"), "--out", file("b.bin"));
    const again = await json("flash", "verify", file("b.bin"), "--key", file("other-pub.pem"));
    expect(again).toMatchObject({ code: 0, document: { version: "1.2.3" } });

    const bytes = await readFile(file("a.bin"));
    bytes[1000]! ^= 1;
    await writeFile(file("c.bin"), bytes);
    const changed = await json("flash", "verify", file("c.bin"), "--key", file("key-pub.pem"));
    expect(changed).toMatchObject({ code: 3, document: { objections: ["wrong-hash", "wrong-signature"] } });
  });
});

test("the same seed gives the same file, whatever is drawn", async () => {
  await json("flash", "keygen", "rsa-2048", "--out", file("key.pem"), "--seed", "1");
  const files = [];
  for (let i = 0; i < 2; i++) {
    await build("--key", file("key.pem"), "--seed", "7");
    files.push((await readFile(file("a.bin"))).toString("hex"));
  }
  expect(files[0] === files[1]).toBe(true);
});

test("a slot's content: padded, confirmed, and decode knows it", async () => {
  await build("--confirm", "--slot-size", "0x4000", "--header-size", "0x20");
  const bytes = await readFile(file("a.bin"));
  expect(bytes.length).toBe(0x4000);
  // The trailer's magic, and image_ok in its own eight bytes before it (MCUboot, design.md, Image trailer).
  expect(bytes.subarray(-24).toString("hex")).toBe("01ffffffffffffff77c295f360d2ef7f3552500f2cb67980");
  const decoded = await tapbench(["decode", file("a.bin")]);
  expect(decoded.out).toMatch(/^MCUboot image\n/);
  expect(decoded.out).toMatch(/^ *version +1\.2\.3$/m);
  const slot = await json("flash", "verify", file("a.bin"), "--slot-size", "3000");
  expect(slot).toMatchObject({ code: 3, document: { objections: ["too-large"] } });
});

describe("refused with a sentence, and nothing is written", () => {
  test.each([
    [["--image-version", "1.2.300000"], "mcuboot/bad-version"],
    [["--header-size", "31"], "mcuboot/bad-argument"],
    [["--header-size", "ten"], "cli/bad-value"],
    [["--pad"], "cli/missing-argument"],
    [["--pad", "--slot-size", "4000"], "mcuboot/too-large"],
    [["--pad", "--slot-size", "0x4000", "--align", "3"], "mcuboot/bad-argument"],
    [["--tlv", "50:01"], "mcuboot/bad-argument"],
    [["--tlv", "A0"], "cli/bad-value"],
    [["--depends", "256:1.0.0"], "cli/bad-value"],
    [["--vendor-id", "me"], "cli/bad-value"],
    [["--hash", "md5"], "cli/bad-value"],
    [["--pure"], "mcuboot/bad-argument"],
    [["--boot-record", "much too long a name"], "mcuboot/bad-argument"],
    [["--load-address", "0x1", "--rom-fixed", "0x2"], "mcuboot/bad-argument"],
    [["--encrypt-bits", "192"], "cli/bad-value"],
    [["--key", "nowhere.pem"], "cli/no-such-file"],
  ])("%j: %s", async (argv, code) => {
    const ran = await build(...argv);
    expect(ran).toMatchObject({ code: 1, document: { error: { code } } });
    await expect(stat(file("a.bin"))).rejects.toThrow("ENOENT");
  });

  test("no key, and no image", async () => {
    for (const argv of [
      ["build", file("app.bin"), "--image-version", "1", "--key", file("app.bin"), "--out", file("a.bin")],
      ["verify", file("app.bin"), "--key", file("app.bin")],
    ])
      expect(await json("flash", ...argv)).toMatchObject({
        code: 1,
        document: { error: { code: "crypto/unusable-key" } },
      });
    expect(await json("flash", "info", file("app.bin"))).toMatchObject({
      code: 1,
      document: { error: { code: "mcuboot/not-an-image" } },
    });
  });
});
