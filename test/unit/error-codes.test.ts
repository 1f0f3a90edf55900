import { appendFileSync, readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readTree } from "../../scripts/layers.mjs";

// Programs match on error codes, so a code that was released stays. The reviewed list beside this file only ever grows:
// UPDATE_ERROR_CODES=1 npm test -- error-codes   appends the new ones.
const listFile = fileURLToPath(new URL("error-codes.txt", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));
const sources = readTree();

const isTable = (value: unknown): value is { readonly codes: readonly string[] } =>
  typeof value === "function" && "codes" in value && Array.isArray(value.codes);

/** File -> the codes of its tables. */
const tables = new Map<string, readonly string[]>();
for (const path of sources.keys()) {
  if (!path.endsWith("/errors.ts")) continue;
  const module = (await import(pathToFileURL(join(root, path)).href)) as Record<string, unknown>;
  tables.set(
    path,
    Object.values(module)
      .filter(isTable)
      .flatMap((table) => table.codes),
  );
}
const codes = [...tables.values()].flat();

describe("error codes", () => {
  test("stand in errors.ts of their folder, nowhere else", () => {
    const empty = [...tables].filter(([path, own]) => own.length === 0 && path !== "src/util/errors.ts");
    expect(empty.map(([path]) => path)).toEqual([]);
    const elsewhere = [...sources].filter(([path, source]) => !tables.has(path) && /\berrorTable\(/.test(source));
    expect(elsewhere.map(([path]) => path)).toEqual([]);
  });

  test("are unique", () => {
    expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([]);
  });

  test("read folder/what-is-wrong", () => {
    expect(codes.length).toBeGreaterThan(0);
    expect(codes.filter((code) => !/^[a-z0-9-]+(\/[a-z0-9-]+)+$/.test(code))).toEqual([]);
  });

  test("agree with the reviewed list, which only grows", () => {
    const reviewed = readFileSync(listFile, "utf8").split("\n").filter(Boolean);
    expect(
      reviewed.filter((code) => !codes.includes(code)),
      "these were removed; put them back",
    ).toEqual([]);
    const fresh = codes.filter((code) => !reviewed.includes(code));
    if (process.env["UPDATE_ERROR_CODES"] === "1") appendFileSync(listFile, fresh.map((code) => `${code}\n`).join(""));
    else expect(fresh, `append to test/unit/error-codes.txt:\n${fresh.join("\n")}\n`).toEqual([]);
  });
});
