import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { caKeyHash, type CaKeys } from "../../../src/emv/oda.js";
import { caKeyLookup, loadCaKeys } from "../../../src/profiles/ca-keys.js";
import { currency, formatAmount, parseAmount } from "../../../src/profiles/currencies.js";
import { jsonSchemaText, profileJsonSchemas } from "../../../src/profiles/json-schema.js";
import { loadKeySet } from "../../../src/profiles/key-sets.js";
import { hex, unhex } from "../../../src/util/bytes.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tapbench-keys-"));
  await mkdir(join(folder, "keys"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, content: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

// A modulus that is made up, like everything about this key.
const MODULUS = "C1".repeat(96);

describe("CA keys", () => {
  test("the two published ones, with the check values that were published with them", async () => {
    const keys = await loadCaKeys("published");
    const lookup: CaKeys = caKeyLookup(keys);
    const first = lookup(unhex("A000000004"), 0xef)!;
    expect([first.modulus.length * 8, first.exponent]).toEqual([1984, 3]);
    expect(hex(caKeyHash(first))).toBe("21766EBB0EE122AFB65D7845B73DB46BAB65427A");
    const second = lookup(unhex("A000000025"), 0xa1)!;
    expect([second.modulus.length * 8, second.exponent]).toEqual([1152, 65_537]);
    expect(hex(caKeyHash(second))).toBe("6E8C1C5EF66CC92F40A1721937A33873AF63BE5B");
    expect(lookup(unhex("A000000004"), 0xee)).toBeUndefined();
    expect(keys).toHaveLength(2);
  });

  test("the form of public collections, which say more than is asked", async () => {
    const path = await file("capk.json", {
      source: "somewhere",
      keys: [
        {
          rid: "A000000999",
          index: "01",
          modulus: MODULUS,
          exp: "03",
          hash_sha1: null,
          hash_ok: null,
          sources: ["a"],
          note: "b",
        },
        { rid: "A000000999", index: "01", modulus: "D1".repeat(96), exp: "010001" },
      ],
    });
    const keys = await loadCaKeys(path);
    expect(keys.map((key) => key.exponent)).toEqual([3, 65_537]);
    expect(caKeyLookup(keys)(unhex("A000000999"), 1)!.modulus[0]).toBe(0xc1);
  });

  test("our form, with a last day", async () => {
    const [key] = await loadCaKeys(
      await file(
        "ours.yaml",
        `keys:\n  - { rid: "A000000999", index: "0A", modulus: "${MODULUS}", exponent: "03", expires: "2030-12-31" }\n`,
      ),
    );
    expect([key!.index, hex(key!.expiry!)]).toEqual([10, "301231"]);
  });

  test("a wrong check value, a day that is none, a key that is too short, an empty set", async () => {
    const one = { rid: "A000000999", index: "01", modulus: MODULUS, exponent: "03" };
    const load = async (key: object): Promise<unknown> => loadCaKeys(await file("one.json", { keys: [key] }));
    await expect(load({ ...one, sha1: "00".repeat(20) })).rejects.toMatchObject({
      code: "profile/check-value",
      context: { rid: "A000000999", index: "01", line: 1 },
    });
    await expect(load({ ...one, expires: "2030-02-30" })).rejects.toMatchObject({
      code: "profile/bad-value",
      context: { path: "keys[0].expires" },
    });
    await expect(load({ ...one, modulus: "C1" })).rejects.toMatchObject({
      code: "profile/bad-value",
      context: { path: "keys[0].modulus" },
    });
    await expect(load({ ...one, expo: "03" })).rejects.toMatchObject({ code: "profile/unknown-key" });
    expect(await loadCaKeys(await file("none.json", { keys: [] }))).toEqual([]);
  });

  test("a name that is none", async () => {
    await expect(loadCaKeys("publisht")).rejects.toMatchObject({
      code: "profile/not-found",
      context: { meant: "published" },
    });
    await expect(loadCaKeys("./nothing.json")).rejects.toMatchObject({ code: "profile/not-found" });
  });
});

describe("issuer key sets", () => {
  test("test:default", async () => {
    const keys = await loadKeySet("test:default");
    expect(keys.label).toBe("test:default");
    expect([keys.ac, keys.smi, keys.smc].map((key) => key.length)).toEqual([16, 16, 16]);
  });

  test.each(["live:default", "default", "test:", "test:nothing", "test:__proto__"])(
    "%s is not found",
    async (label) => {
      await expect(loadKeySet(label)).rejects.toMatchObject({ code: "profile/not-found" });
    },
  );

  test("a key is never repeated in an error", async () => {
    const secret = "7A61B45D0E86F7191F5D9E8C2ABC4F";
    await file("keys/test.yaml", `sets:\n  default: { ac: "${secret}", smi: "${secret}13", smc: "${secret}13" }\n`);
    const error = await loadKeySet("test:default", { root: folder }).catch((caught: unknown) => caught as Error);
    expect(error).toMatchObject({ code: "profile/bad-value", context: { path: "sets.default.ac" } });
    expect(JSON.stringify([(error as Error).message, (error as { context?: unknown }).context])).not.toContain(secret);
  });
});

describe("JSON Schemas", () => {
  test("the files in device-profiles/schema are what the schemas say; scripts/profile-schemas.mjs writes them", async () => {
    for (const [name, schema] of Object.entries(await profileJsonSchemas())) {
      const text = await readFile(join(import.meta.dirname, `../../../device-profiles/schema/${name}.json`), "utf8");
      expect(text, `${name}.json`).toBe(jsonSchemaText(schema));
    }
  });

  test("unknown keys are refused, nested ones too, and only complete files need everything", async () => {
    const device = (await profileJsonSchemas())["device"] as {
      additionalProperties: unknown;
      anyOf: unknown[];
      properties: Record<string, Record<string, unknown>>;
    };
    expect(device.additionalProperties).toBe(false);
    expect(device.properties["nfc"]!["additionalProperties"]).toBe(false);
    expect(device.properties["nfc"]).not.toHaveProperty("required");
    expect(device.anyOf).toContainEqual({ required: ["extends"] });
  });
});

describe("amounts", () => {
  test.each<[string, number, bigint | undefined]>([
    ["12.50", 2, 1250n],
    ["12.5", 2, 1250n],
    ["12", 2, 1200n],
    ["1250", 0, 1250n],
    ["1.234", 3, 1234n],
    ["9999999999.99", 2, 999_999_999_999n],
    ["10000000000.00", 2, undefined],
    ["12.505", 2, undefined],
    ["12.5", 0, undefined],
    ["-1", 2, undefined],
    ["", 2, undefined],
    ["1e3", 2, undefined],
    [".5", 2, undefined],
    ["5.", 2, undefined],
  ])("%j with %i decimals", (text, exponent, amount) => {
    expect(parseAmount(text, exponent)).toBe(amount);
  });

  test("back to text", () => {
    expect([formatAmount(1250n, 2), formatAmount(5n, 2), formatAmount(5n, 0), formatAmount(-1234n, 3)]).toEqual([
      "12.50",
      "0.05",
      "5",
      "-1.234",
    ]);
  });

  test("currencies by letters and digits", () => {
    expect(currency("eur")).toEqual({ code: "EUR", numeric: "978", exponent: 2 });
    expect(currency("392")).toEqual({ code: "JPY", numeric: "392", exponent: 0 });
    expect(() => currency("XXX")).toThrow(expect.objectContaining({ code: "profile/unknown-currency" }));
  });
});
