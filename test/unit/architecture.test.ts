import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { lintConfig } from "../../scripts/layers-lint.mjs";
import { allowed, check, readTree } from "../../scripts/layers.mjs";

const found = (files: Record<string, string>) =>
  check(new Map(Object.entries(files))).map(({ kind, file, line }) => `${kind} ${file}:${line}`);

describe("this tree", () => {
  test("breaches no rule", () => {
    const findings = check(readTree()).map(({ kind, file, line, message }) => `${file}:${line}: ${kind}: ${message}`);
    expect(findings).toEqual([]);
  });

  test("has told the linter (node scripts/layers-lint.mjs > .oxlintrc.layers.json)", () => {
    const written: unknown = JSON.parse(readFileSync(new URL("../../.oxlintrc.layers.json", import.meta.url), "utf8"));
    expect(written).toEqual(lintConfig());
  });
});

test("the table names only rows of its own, and no two that may import each other", () => {
  const pairs = Object.entries(allowed).flatMap(([row, others]) => others.map((other) => [row, other] as const));
  expect(pairs.filter(([, other]) => allowed[other] === undefined)).toEqual([]);
  const mutual = pairs.filter(([row, other]) => allowed[other]?.includes(row));
  // One layer in two rows: the emulator may import the one and not the other.
  expect(mutual).toEqual([
    ["emv", "emv/kernels"],
    ["emv/kernels", "emv"],
  ]);
});

describe("layers", () => {
  test.each([
    ["static", 'import { x } from "../emv/x.js";'],
    ["over lines", 'import {\n  x,\n} from "../emv/x.js";'],
    ["type", 'import type { X } from "../emv/x.js";'],
    ["inline type", 'let x: import("../emv/x.js").X;'],
    ["re-export", 'export * from "../emv/x.js";'],
    ["for its effect", 'import "../emv/x.js";'],
    ["dynamic", 'const x = await import("../emv/x.js");'],
    ["dynamic in a template", "const x = `${await import('../emv/x.js')}`;"],
    ["computed", "const x = await import(name);"],
    ["the package by its name", 'import { x } from "tapbench";'],
    ["out of the sources", 'import { x } from "../../test/support/x.js";'],
  ])("finds an import upwards: %s", (_, source) => {
    expect(found({ "src/codec/a.ts": source, "src/emv/x.ts": "" })).toEqual([
      `layer src/codec/a.ts:${source.split("\n").length}`,
    ]);
  });

  test.each([
    ["a comment", '// import { x } from "../emv/x.js"; /* */'],
    ["a string", "const x = 'import \"../emv/x.js\"';"],
    ["a template", 'const x = `from "../emv/x.js" ${a + `from "../emv/x.js"`}`;'],
    ["a regular expression", 'const x = /["\'`]/; const y = /from "..[/]emv"/;'],
    ["a method", 'Array.from("../emv/x.js"); x.import("../emv/x.js");'],
  ])("does not take %s for an import", (_, source) => {
    expect(found({ "src/codec/a.ts": source })).toEqual([]);
  });

  test.each([
    ["src/codec/a.ts", "../util/x.js"],
    ["src/emv/a.ts", "./kernels/c2/x.js"],
    ["src/emv/kernels/c2/a.ts", "../../tags.js"],
    ["src/inspect/a.ts", "../trace/x.js"],
    ["src/bench/a.ts", "../../emulator/device.js"],
    ["src/index.ts", "./bench/x.js"],
    ["emulator/se/a.ts", "../../src/emv/x.js"],
    ["emulator/faces/a.ts", "../device.js"],
  ])("lets %s import %s", (file, specifier) => {
    expect(found({ [file]: `import { x } from "${specifier}";` })).toEqual([]);
  });

  test.each([
    ["src/crypto/a.ts", "../codec/x.js"],
    ["src/terminal/a.ts", "../issuer/x.js"],
    ["src/device/a.ts", "../../emulator/device.js"],
    ["src/cli/a.ts", "../../emulator/device.js"],
    ["src/util/a.ts", "../index.js"],
    ["src/index.ts", "./cli/main.js"],
    ["emulator/se/a.ts", "../../src/emv/kernels/c2/x.js"],
    ["emulator/se/a.ts", "../../src/device/x.js"],
    ["emulator/se/a.ts", "../faces/x.js"],
    ["emulator/device.ts", "./faces/x.js"],
    ["src/elsewhere/a.ts", "../elsewhere/b.js"],
  ])("stops %s from importing %s", (file, specifier) => {
    expect(found({ [file]: `import { x } from "${specifier}";` })).toContain(`layer ${file}:1`);
  });
});

describe("circles", () => {
  test("finds one over three files, of types and values, and tells it once", () => {
    const findings = check(
      new Map([
        ["src/util/a.ts", 'import { b } from "./b.js";'],
        ["src/util/b.ts", 'import type { C } from "./c.js";'],
        ["src/util/c.ts", 'export { a } from "./a.js";'],
        ["src/util/d.ts", 'import { a } from "./a.js";'],
      ]),
    );
    expect(findings).toEqual([
      {
        kind: "circle",
        file: "src/util/a.ts",
        line: 1,
        message: "src/util/a.ts -> src/util/b.ts -> src/util/c.ts -> src/util/a.ts",
      },
    ]);
  });

  test("finds a file that imports itself", () => {
    expect(found({ "src/util/a.ts": 'import { a } from "./a.js";' })).toEqual(["circle src/util/a.ts:1"]);
  });
});

describe("I/O", () => {
  test.each([
    ["src/protocols/smp/a.ts", 'import { connect } from "node:net";'],
    ["src/terminal/a.ts", 'import type { Stats } from "fs";'],
    ["src/issuer/a.ts", 'import { readFile } from "node:fs/promises";'],
    ["src/emv/a.ts", 'import { createHash } from "node:crypto";'],
    ["emulator/boot/a.ts", 'const timers = await import("node:timers");'],
    ["emulator/device.ts", "setTimeout(() => {}, 1);"],
    ["src/device/a.ts", "globalThis.setInterval(tick, 1);"],
    ["src/util/a.ts", "const now = () => Date.now();"],
    ["src/util/a.ts", "const now = new Date();"],
    ["src/util/a.ts", "const seed = `${Math.random()}`;"],
    ["src/testing/a.ts", 'const update = process.env["UPDATE"];'],
  ])("%s may not: %s", (file, source) => {
    expect(found({ [file]: source })).toEqual([`io ${file}:1`]);
  });

  test.each([
    ["src/transport/a.ts", 'import { connect } from "node:net"; setTimeout(f, 1);'],
    ["src/transport/a.ts", "const driver = await import(name);"],
    ["src/issuer/store/a.ts", 'import { open } from "node:fs/promises";'],
    ["emulator/faces/a.ts", 'import { createServer } from "node:net";'],
    ["src/crypto/a.ts", 'import { createHash } from "node:crypto";'],
    ["src/util/a.ts", "const at = new Date(ms); clock.setTimeout(f); type T = { setTimeout: number };"],
  ])("%s may: %s", (file, source) => {
    expect(found({ [file]: source })).toEqual([]);
  });
});

test("finds a file of more than 450 lines", () => {
  expect(found({ "src/util/a.ts": "x;\n".repeat(450) })).toEqual([]);
  expect(found({ "src/util/a.ts": "x;\n".repeat(451) })).toEqual(["length src/util/a.ts:451"]);
});
