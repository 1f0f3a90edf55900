import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isTapbenchError, type TapbenchError } from "../../../src/util/errors.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { loadProfile, profileNames, type ProfileKind } from "../../../src/profiles/load.js";
import { parseYaml } from "../../../src/profiles/yaml.js";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "tapbench-profiles-"));
  for (const folder of ["models", "cards", "terminals", "templates/device", "templates/card"])
    await mkdir(join(root, folder), { recursive: true });
  await write("models/good.yaml", GOOD);
});
afterAll(() => rm(root, { recursive: true, force: true }));

const write = (file: string, text: string): Promise<void> => writeFile(join(root, file), text);

const GOOD = `title: Good
form: band
synthetic: true
firmware: 1.0.0
verification: none
nfc:
  atqa: "0004"
  sak: "20"
  uid: random
  ats:
    fsci: 5
    fwi: 7
    sfgi: 0
    cid: false
    ratesToDevice: [106]
    ratesFromDevice: [106, 848]
element:
  nvmBytes: 8192
  pageBytes: 64
  applets:
    - { module: ppse, aid: "325041592E5359532E4444463031" }
compute:
  command: 1.5 ms
  perByte: 250 ns
  symmetric: 20 us
  rsa1024: 35 ms
  nvmWrite: 2 ms
`;

async function failure(promise: Promise<unknown>): Promise<TapbenchError> {
  try {
    await promise;
  } catch (error) {
    if (isTapbenchError(error)) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** What loading GOOD with one line changed says. */
async function changed(from: string | RegExp, to: string): Promise<TapbenchError> {
  const text = GOOD.replace(from, to);
  expect(text).not.toBe(GOOD);
  await write("models/changed.yaml", text);
  return failure(loadProfile("device", "changed", { root }));
}

describe("what ships", () => {
  test.each(["device", "card", "terminal"] as const)("every %s loads, by name and with its title", async (kind) => {
    const names = await profileNames(kind);
    expect(names.length).toBeGreaterThanOrEqual(4);
    for (const name of names) {
      const profile = await loadProfile(kind, name);
      expect(profile.name).toBe(name);
      expect(profile.title.length).toBeGreaterThan(0);
      expect(profile.synthetic || profile.sources.length > 0).toBe(true);
    }
  });

  test("the names that the design promises are there", async () => {
    expect(await profileNames("device")).toEqual(["band-s1", "phone-p1", "ring-r1", "watch-w1"]);
    expect(await profileNames("card")).toEqual(expect.arrayContaining(["k2-credit", "k2-online"]));
    expect(await profileNames("terminal")).toEqual(expect.arrayContaining(["shop", "transit"]));
  });

  test("the phone's radio is the published one: ATQA 0004, SAK 20, random UID, ATS 0578807002", async () => {
    const { nfc } = await loadProfile("device", "phone-p1");
    expect(nfc).toMatchObject({
      atqa: 0x0004,
      sak: 0x20,
      uid: { kind: "random" },
      fsci: 8,
      fwi: 7,
      sfgi: 0,
      cid: true,
    });
    expect(nfc).toMatchObject({ sameRates: true, ratesToDevice: [1], ratesFromDevice: [1] });
    expect(nfc.historicalBytes).toHaveLength(0);
  });

  test("the band: values come from its template, and times are nanoseconds", async () => {
    const band = await loadProfile("device", "band-s1");
    expect(band).toMatchObject({ form: "band", verification: "passcode", firmware: "2.0.4" });
    expect(band.compute.rsa1024).toBe(35_000_000);
    expect(band.element.applets.map((applet) => [applet.module, hex(applet.aid)])).toEqual([
      ["ppse", "325041592E5359532E4444463031"],
      ["mchip", "A0000000041010"],
      ["crs", "A00000015143525300"], // Amendment C 3.11.1: who manages the contactless registry finds it under this name
    ]);
  });

  test("k2-credit: bytes, lists and amounts as typed here", async () => {
    const card = await loadProfile("card", "k2-credit");
    expect(hex(card.aip)).toBe("1B80");
    expect(hex(card.cvmList)).toBe("000000000000000042031E031F03");
    expect(hex(card.cdol1)).toBe("9F02069F03069F1A0295055F2A029A039C019F37049F35019F45029F4C089F34039F21039F7C14");
    expect(card.currency).toEqual({ code: "EUR", numeric: "978", exponent: 2 });
    expect(card.account).toEqual({ balance: 250_000n, perTransaction: 100_000n });
    expect(card.oda).toEqual({ method: "cda", issuerBits: 1408, cardBits: 1408 });
    expect(card.cvn).toBe(17);
  });

  test("k2-online has no CDA, and says so in its AIP", async () => {
    const card = await loadProfile("card", "k2-online");
    expect(card.oda.method).toBe("none");
    expect(hex(card.aip)).toBe("1A80");
  });

  test("shop: limits in minor units, data objects by tag, zone in minutes", async () => {
    const shop = await loadProfile("terminal", "shop");
    expect(shop.zoneMinutes).toBe(60);
    expect(shop.type).toBe(0x22);
    expect(hex(shop.data.get(0x9f33)!)).toBe("E06808");
    const [c2] = shop.kernels;
    expect(c2!.limits).toEqual({ floor: 0n, transaction: 50_000n, transactionOnDevice: 100_000n, cvmRequired: 5_000n });
    expect(hex(c2!.data.get(0xdf811b)!)).toBe("A0");
    expect(c2!.aids.map(hex)).toEqual(["A000000004"]);
    expect(shop.reader).toEqual({ maxRate: 1, fsdi: 8, retries: 2, frameDelay: 500_000 });
  });

  test("west of Greenwich the zone is negative; random selection has amounts", async () => {
    expect((await loadProfile("terminal", "shop-us")).zoneMinutes).toBe(-300);
    const [c2] = (await loadProfile("terminal", "supermarket")).kernels;
    expect(c2!.randomSelection).toEqual({ target: 10, maxTarget: 40, threshold: 1000n });
  });
});

describe("files", () => {
  test("a path with a slash is a file, and its base name the profile's name", async () => {
    const profile = await loadProfile("device", join(root, "models/good.yaml"));
    expect(profile.name).toBe("good");
    expect(profile.compute).toEqual({
      command: 1_500_000,
      perByte: 250,
      symmetric: 20_000,
      rsa1024: 35_000_000,
      nvmWrite: 2_000_000,
    });
    expect(profile.nfc.ratesFromDevice).toEqual([1, 8]);
  });

  test("an unknown name lists what there is, and the nearest", async () => {
    const error = await failure(loadProfile("device", "band-s2"));
    expect(error.code).toBe("profile/not-found");
    expect(error.message).toContain("did you mean band-s1?");
    expect(error.message).toContain("phone-p1, ring-r1, watch-w1");
  });

  test.each(["..", "../cards/k2-credit", "nothing.yaml", "", "__proto__", "a\u0000b"])(
    "%j is no profile",
    async (name) => {
      expect((await failure(loadProfile("device", name))).code).toMatch(/^profile\/(not-found|bad-yaml|not-readable)$/);
    },
  );

  test("a folder, a file of 300 KiB, one that is no text", async () => {
    expect((await failure(loadProfile("device", join(root, "models/")))).code).toBe("profile/not-readable");
    await write("models/big.yaml", `title: ${"x".repeat(300 * 1024)}\n`);
    const error = await failure(loadProfile("device", "big", { root }));
    expect(error.code).toBe("profile/too-large");
    expect(error.message).toContain("262144");
    await writeFile(join(root, "models/latin.yaml"), Uint8Array.of(0x74, 0x3a, 0x20, 0xff, 0xfe, 0x80));
    expect((await failure(loadProfile("device", "latin", { root }))).code).toBe("profile/bad-yaml");
  });

  test("a device that never ends is refused before it is read", async () => {
    await symlink("/dev/zero", join(root, "models/zero.yaml"));
    expect((await failure(loadProfile("device", "zero", { root }))).code).toBe("profile/not-readable");
  });
});

describe("what does not fit is named with file, path and place", () => {
  test("an unknown key", async () => {
    const error = await changed("    fwi: 7", "    fwt: 7\n    fwi: 7");
    expect(error.code).toBe("profile/unknown-key");
    expect(error.context).toMatchObject({ path: "nfc.ats.fwt", line: 12, column: 5 });
    expect(error.message).toContain("changed.yaml:12:5: nfc.ats.fwt");
    expect(error.message).toContain("did you mean fwi?");
  });

  test("a value out of range", async () => {
    const error = await changed("fwi: 7", "fwi: 15");
    expect(error.code).toBe("profile/bad-value");
    expect(error.context).toMatchObject({ path: "nfc.ats.fwi", line: 12, column: 10 });
    expect(error.message).toContain("'15' does not fit; it should be a whole number from 0 to 14");
  });

  test("a missing key points at the map around it", async () => {
    const error = await changed("    sfgi: 0\n", "");
    expect(error.code).toBe("profile/missing-key");
    expect(error.context).toMatchObject({ path: "nfc.ats.sfgi", line: 11 });
    expect(error.message).toContain("it should be a whole number from 0 to 14");
  });

  test("a renamed key counts as unknown first, and all issues are listed", async () => {
    const error = await changed("firmware:", "firmwares:");
    expect(error.code).toBe("profile/unknown-key");
    expect(error.message).toContain("did you mean firmware?");
    expect(error.context["issues"]).toHaveLength(2);
  });

  test.each<[string | RegExp, string, string, string]>([
    ['atqa: "0004"', "atqa: 4", "nfc.atqa", 'hex of 2 byte(s) in quotes, such as "0000"'],
    ['atqa: "0004"', 'atqa: "00040"', "nfc.atqa", "hex of 2 byte(s)"],
    ['atqa: "0004"', 'atqa: "00"', "nfc.atqa", "hex of 2 byte(s)"],
    ['atqa: "0004"', 'atqa: "0044"', "nfc.atqa", "announces a UID of 7 bytes"],
    ['sak: "20"', 'sak: "08"', "nfc.sak", "ISO/IEC 14443-4"],
    ["uid: random", 'uid: "0102"', "nfc.uid", "random, or hex of 4, 7 or 10 bytes"],
    ["command: 1.5 ms", "command: 1.5", "compute.command", "a time with its unit"],
    ["command: 1.5 ms", "command: 999999 s", "compute.command", "a time with its unit"],
    ["ratesFromDevice: [106, 848]", "ratesFromDevice: [848]", "nfc.ats.ratesFromDevice", "106 is always there"],
    [
      "ratesFromDevice: [106, 848]",
      "ratesFromDevice: [106, 999]",
      "nfc.ats.ratesFromDevice[1]",
      "106, 212, 424 or 848",
    ],
    ["form: band", "form: hat", "form", "one of band, watch, ring, phone"],
    ["cid: false", "cid: 1", "nfc.ats.cid", "true or false"],
    ["title: Good", "title: [Good]", "title", "1 to 80 characters"],
    ["nvmBytes: 8192", "nvmBytes: 8200", "element.nvmBytes", "multiple of the page"],
    ["pageBytes: 64", "pageBytes: 64\n  cells: { eraseBytes: 48 }", "element.cells.eraseBytes", "a multiple of it"],
    ["pageBytes: 64", "pageBytes: 64\n  cells: { eraseBytes: 2 }", "element.cells.writeBytes", "should be a multiple"],
    ["pageBytes: 64", "pageBytes: 64\n  cells: { endurance: 1 }", "element.cells.endurance", "from 100 to"],
    ["synthetic: true\n", "", "sources", "synthetic: true"],
    [/element:[^]*ppse[^\n]*\n/, "element: 5\n", "element", "a map with nvmBytes, pageBytes, applets"],
    [/ {2}applets:\n.*\n/, "  applets: []\n", "element.applets", "a list of 1 to 32 applets"],
    ["module: ppse", "module: pse", "element.applets[0].module", "one of ppse, mchip"],
    ["firmware: 1.0.0", "firmware: 1.0", "firmware", "a version such as 2.0.4"],
  ])("%s -> %s", async (from, to, path, says) => {
    const error = await changed(from, to);
    expect(error.code).toBe("profile/bad-value");
    expect(error.context["path"]).toBe(path);
    expect(error.message).toContain("changed.yaml:");
    expect(error.message).toContain(says);
  });

  test.each(["[1, 2]", "text", "5", "null", ""])("a file that is %j", async (text) => {
    await write("models/wrong.yaml", text);
    expect((await failure(loadProfile("device", "wrong", { root }))).code).toBe("profile/bad-value");
  });

  test.each<[ProfileKind, string, string, string]>([
    ["card", 'aip: "1A80"', "oda.method", "CDA is not supported"],
    ["card", 'pdol: "9F"', "pdol", "no data object list"],
    ["card", 'cdol1: "9F0206"', "cdol1", "tag 9F03 is missing"],
    ["card", 'cvmList: "0000000000000000 42031E"', "cvmList", "rules of 2 bytes"],
    ["card", "cvn: 18", "cvn", "16, 17, 20 or 21"],
    ["card", "cvn: 0x22", "cvn", "16, 17, 20 or 21"],
    ["card", "currency: XXX", "currency", "EUR"],
    ["card", "oda: { cardBits: 1984 }", "oda.cardBits", "1408"],
    ["card", "oda: { cardBits: 1400 }", "oda.cardBits", "multiple of 16"],
    ["card", 'account: { balance: "10.005" }', "account.balance", "at most 2 decimals"],
    ["card", 'account: { balance: "99999999999.99" }', "account.balance", "12 digits"],
    ["card", "account: { balance: 10.00 }", "account.balance", "in quotes"],
    ["card", "bin: 541333", "bin", "digits in quotes"],
    ["card", "label: Zahlung über Funk", "label", "ASCII"],
    ["terminal", "data: { 9F: 5 }", "data.9F", "in quotes"],
    ["terminal", 'data: { xx: "00" }', "data.xx", "a tag"],
    ["terminal", "zone: +01:00h", "zone", "an offset"],
    ["terminal", "kernels: []", "kernels", "1 to 8 kernels"],
    ["terminal", "reader: { frameDelay: 500 }", "reader.frameDelay", "a time with its unit"],
    ["terminal", "currency: JPY", "kernels[0].limits.floor", "at most 0 decimals"],
  ])("%s with %s", async (kind, line, path, says) => {
    const base = kind === "card" ? "k2-credit" : "shop";
    const parent = join(import.meta.dirname, `../../../device-profiles/${kind}s/${base}.yaml`);
    const file = join(root, `${kind}s/child.yaml`);
    await writeFile(file, `extends: ${parent}\n${line}\n`);
    const error = await failure(loadProfile(kind, file));
    expect(error.code).toBe("profile/bad-value");
    expect(error.context["path"]).toBe(path);
    expect(error.message).toContain(says);
  });
});

describe("extending", () => {
  test("maps are laid over each other, lists and values replaced; a fault is placed in the file that has it", async () => {
    await write("templates/device/base.yaml", `template: true\n${GOOD}`);
    await write(
      "models/child.yaml",
      "extends: base\ntitle: Child\nnfc:\n  ats:\n    fsci: 2\n    ratesFromDevice: [106, 212]\n",
    );
    const child = await loadProfile("device", "child", { root });
    expect(child).toMatchObject({ name: "child", title: "Child", nfc: { fsci: 2, fwi: 7, ratesFromDevice: [1, 2] } });
    await write("templates/device/base.yaml", `template: true\n${GOOD.replace("fwi: 7", "fwi: 99")}`);
    const error = await failure(loadProfile("device", "child", { root }));
    expect(error.context).toMatchObject({
      path: "nfc.ats.fwi",
      line: 13,
      file: join(root, "templates/device/base.yaml"),
    });
  });

  test("a template is not a profile", async () => {
    await write("models/half.yaml", "template: true\ntitle: Half\n");
    const error = await failure(loadProfile("device", "half", { root }));
    expect(error.code).toBe("profile/is-template");
    expect(error.message).toContain("good");
  });

  test("a circle, itself, too deep, unknown, no name", async () => {
    await write("models/a.yaml", "extends: b\n");
    await write("models/b.yaml", "extends: a\n");
    const circle = await failure(loadProfile("device", "a", { root }));
    expect(circle.code).toBe("profile/circle");
    expect(circle.message).toContain("a.yaml -> b.yaml -> a.yaml");
    await write("models/self.yaml", "extends: ./self.yaml\n");
    expect((await failure(loadProfile("device", "self", { root }))).code).toBe("profile/circle");
    for (let i = 0; i < 7; i++) await write(`models/deep-${i}.yaml`, `extends: deep-${i + 1}\n`);
    await write("models/deep-7.yaml", GOOD);
    expect((await failure(loadProfile("device", "deep-0", { root }))).code).toBe("profile/too-deep");
    await write("models/orphan.yaml", "extends: goot\n");
    const orphan = await failure(loadProfile("device", "orphan", { root }));
    expect(orphan.code).toBe("profile/bad-value");
    expect(orphan.message).toContain("did you mean good?");
    await write("models/number.yaml", "extends: 5\n");
    expect((await failure(loadProfile("device", "number", { root }))).code).toBe("profile/bad-value");
  });
});

const LETTERS = "{}[]&*!|>-:?,#'\"\n\t 0aZ%@`".split("");

describe("YAML that means no good", () => {
  test.each<[string, string]>([
    [
      "an alias bomb",
      `a: &a [x, x, x, x, x, x, x, x, x]\n${"bcdefghij".replace(/./g, (c) => `${c}: &${c} [${`*${String.fromCharCode(c.charCodeAt(0) - 1)},`.repeat(9)}]\n`)}`,
    ],
    ["a map that holds itself", "a: &a { b: *a }\n"],
    ["brackets without end", "[".repeat(100_000)],
    ["a key twice", "title: a\ntitle: b\n"],
    ["an unknown tag", "title: !!js/function 'x'\n"],
    ["a broken indent", "nfc:\n  a: 1\n b: 2\n"],
    ["a key that is a map", "{ a: 1 }: b\n"],
    ["two documents", "a: 1\n---\nb: 2\n"],
  ])("%s", async (name, text) => {
    await write("models/bad.yaml", text);
    const error = await failure(loadProfile("device", "bad", { root }));
    expect([error.code, name]).toEqual(["profile/bad-yaml", name]);
    expect(error.message).toContain("bad.yaml");
  });

  test("a key named __proto__ is an unknown key and changes no prototype", async () => {
    const error = await changed("form: band", "__proto__: { polluted: true }\nform: band");
    expect(error.code).toBe("profile/unknown-key");
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test("whatever bytes come: a value or a TapbenchError", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(GOOD.length), fc.constantFrom(...LETTERS)), { maxLength: 6 }),
        async (edits) => {
          let text = GOOD;
          for (const [at, letter] of edits) text = text.slice(0, at) + letter + text.slice(at + 1);
          try {
            await parseYaml(text, "mutated.yaml");
            await write("models/mutated.yaml", text);
            const profile = await loadProfile("device", "mutated", { root });
            expect(profile.nfc.fwi).toBeLessThanOrEqual(14);
          } catch (error) {
            if (!isTapbenchError(error)) throw error;
            expect(error.code).toMatch(/^profile\//);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

test("hex may be spaced", async () => {
  await write(
    "models/spaced.yaml",
    GOOD.replace('"325041592E5359532E4444463031"', '"32 50 41 59 2E535953 2E4444463031"'),
  );
  const profile = await loadProfile("device", "spaced", { root });
  expect(profile.element.applets[0]!.aid).toEqual(unhex("325041592E5359532E4444463031"));
});
