import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { documentOf, tapbench } from "./console.js";

let folder: string;
const at = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tapbench-flash-"));
  for (const version of ["2.0.4", "2.1.0", "2.2.0"])
    await tapbench(["flash", "published", version, "--out", at(`${version}.bin`), "--key-out", at("pub.pem")]);
});
afterAll(() => rm(folder, { recursive: true }));

/** Command lines on the band that a state folder keeps: each switches it on anew. */
const kept =
  (state: string) =>
  (verb: string, ...argv: readonly string[]) =>
    tapbench(["flash", verb, ...argv, "--state", at(state)]);
const BAND = "emu:band-s1";

interface Listed {
  readonly listed: readonly { readonly version: string; readonly active: boolean; readonly confirmed: boolean }[];
}
const versions = async (flash: ReturnType<typeof kept>): Promise<readonly string[]> =>
  documentOf<Listed>(await flash("list", BAND, "--json")).listed.map(
    ({ version, active, confirmed }) => `${version}${active ? " active" : ""}${confirmed ? " confirmed" : ""}`,
  );
const runs = async (state: string): Promise<string> =>
  (await tapbench(["smp", "shell", BAND, "version", "--state", at(state)])).out.trim();

test("2.1.0 for good, 2.2.0 taken back, 2.0.4 refused; what runs is told from then on", async () => {
  const flash = kept("run");
  expect(await versions(flash)).toEqual(["2.0.4 active confirmed"]);
  expect(await runs("run")).toBe("band-s1 2.0.4");
  const updated = await flash("run", at("2.1.0.bin"), BAND, "--key", at("pub.pem"), "--json");
  expect(updated).toMatchObject({ code: 0, err: "" });
  expect(documentOf(updated)).toMatchObject({
    device: BAND,
    outcome: "confirmed",
    says: "running for good: 2.1.0",
    check: { model: "band-s1", objections: [], images: [{ version: "2.1.0", running: "2.0.4" }] },
  });
  expect(await runs("run")).toBe("band-s1 2.1.0");
  const info = await tapbench(["smp", "info", BAND, "--state", at("run"), "--json"]);
  expect(documentOf(info)).toMatchObject({
    bootLoader: "MCUboot",
    system: expect.stringContaining(" v2.1.0 ") as string,
  });
  const again = await flash("run", at("2.1.0.bin"), BAND, "--json");
  expect([again.code, documentOf(again)]).toMatchObject([0, { outcome: "already-running" }]);

  const withdrawn = await flash("run", at("2.2.0.bin"), BAND);
  expect(withdrawn.code).toBe(3);
  expect(withdrawn.out).toContain("2.2.0 did not come up; running again: 2.1.0");
  expect(await versions(flash)).toEqual(["2.1.0 active confirmed", "2.2.0"]);

  const older = await flash("run", at("2.0.4.bin"), BAND, "--json");
  expect(older.code).toBe(3);
  expect(documentOf(older)).toMatchObject({ outcome: "refused", check: { objections: [{ why: "not-newer" }] } });
  expect((await flash("run", at("2.0.4.bin"), BAND, "--allow-downgrade")).code).toBe(0);
  expect(await runs("run")).toBe("band-s1 2.0.4");
});

test("step by step: upload, test, the trial that nobody confirms ends with the power, then it is confirmed and taken back", async () => {
  const flash = kept("steps");
  expect((await flash("upload", at("2.1.0.bin"), BAND)).code).toBe(0);
  expect(await versions(flash)).toEqual(["2.0.4 active confirmed", "2.1.0"]);
  expect((await flash("test", BAND)).code).toBe(0);
  expect(await versions(flash)).toEqual(["2.1.0 active", "2.0.4 confirmed"]);
  expect(await versions(flash)).toEqual(["2.0.4 active confirmed", "2.1.0"]);
  expect((await flash("test", BAND)).code).toBe(0);
  expect((await flash("confirm", BAND)).out).toContain("running for good: 2.1.0");
  expect(await versions(flash)).toEqual(["2.1.0 active confirmed", "2.0.4"]);
  const reverted = await flash("revert", BAND, "--json");
  expect([reverted.code, documentOf(reverted)]).toMatchObject([0, { reverted: true, from: "2.1.0", to: "2.0.4" }]);
  expect(await versions(flash)).toEqual(["2.0.4 active confirmed", "2.1.0"]);
  expect((await flash("erase", BAND)).code).toBe(1);
  expect((await flash("erase", BAND, "--yes")).code).toBe(0);
  expect(await versions(flash)).toEqual(["2.0.4 active confirmed"]);
  expect(await flash("revert", BAND)).toMatchObject({
    code: 3,
    err: expect.stringContaining("[firmware/nothing-to-revert]") as string,
  });
  expect((await flash("test", BAND, "AB")).err).toContain("[firmware/no-such-image]");
});

test("a dry run sends nothing; a damaged image is refused, and the boot loader does not take one that was sent unchecked", async () => {
  const flash = kept("dry");
  const dry = await flash("run", at("2.1.0.bin"), BAND, "--dry-run", "--json");
  expect([dry.code, documentOf(dry)]).toMatchObject([0, { outcome: "planned" }]);
  const damaged = Buffer.from(await readFile(at("2.1.0.bin")));
  damaged[30_000]! ^= 1;
  await writeFile(at("damaged.bin"), damaged);
  const refused = await flash("run", at("damaged.bin"), BAND);
  expect(refused.code).toBe(3);
  expect(refused.out).toMatch(/^refused; nothing was sent\n {2}wrong-hash:/);
  expect(await versions(flash)).toEqual(["2.0.4 active confirmed"]);
  expect((await flash("upload", at("damaged.bin"), BAND, "--unchecked")).code).toBe(0);
  expect((await flash("test", BAND)).code).toBe(0);
  expect(await versions(flash)).toEqual(["2.0.4 active confirmed"]);
});

describe("for programs and people", () => {
  test("a document a line, the result last", async () => {
    const { code, out } = await tapbench(["flash", "run", at("2.1.0.bin"), BAND, "--json-lines"]);
    const lines = out.trim().split("\n");
    const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(code).toBe(0);
    expect(events.at(-1)).toMatchObject({ event: "result", outcome: "confirmed" });
    const steps = events.slice(0, -1).map(({ step }) => step);
    expect([...new Set(steps)]).toEqual(["check", "upload", "mark", "restart", "verify", "confirm"]);
    expect(steps.length).toBeLessThan(110);
    expect(events.filter(({ step }) => step === "upload").at(-1)).toMatchObject({ done: 60_870, total: 60_870 });
  });
  test("progress on a terminal only", async () => {
    const shown = await tapbench(["flash", "run", at("2.1.0.bin"), BAND], { terminal: true });
    expect(shown.err).toMatch(/\ruploading: 50 % of 60870 bytes, [\d.]+ KiB\/s, 1 s left/);
    expect((await tapbench(["flash", "run", at("2.1.0.bin"), BAND])).err).toBe("");
  });
  test("the firmware that there is", async () => {
    expect(documentOf(await tapbench(["flash", "published", "--json"]))).toMatchObject({
      published: [{ version: "2.0.4" }, { version: "2.1.0" }, { version: "2.2.0" }],
    });
    expect((await tapbench(["flash", "verify", at("2.1.0.bin"), "--key", at("pub.pem")])).code).toBe(0);
  });
});

test.each([
  [["published", "9.9.9", "--out", "x"], "bench/not-published", 1],
  [["published", "2.1.0"], "cli/missing-argument", 1],
  [["run", "none.bin", BAND, "--json-lines", "--image", "x"], "cli/bad-value", 1],
  [["test", BAND, "nothex"], "cli/bad-value", 1],
  [["erase", BAND, "one", "--yes"], "cli/bad-value", 1],
  [["list", BAND, "--json", "--json-lines"], "cli/bad-value", 1],
  [["list", "emu:watch-w1"], "smp/refused", 2],
  [["list", "emu:ring-r1"], "bench/not-managed", 1],
  [["list", "udp:127.0.0.1:9"], "", 2],
])("%j", async (argv, error, code) => {
  const ran = await tapbench(["flash", ...argv]);
  expect(ran.code).toBe(code);
  expect(`${ran.out}${ran.err}`).toContain(error);
});
