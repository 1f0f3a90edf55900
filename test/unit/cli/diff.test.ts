import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { documentOf, tapbench, type Ran } from "./console.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tapbench-diff-"));
  await tap("first");
  await tap("later", "--at", "2026-06-20T12:00:00Z");
});
afterAll(() => rm(folder, { recursive: true }));

const file = (name: string): string => join(folder, `${name}.jsonl`);
const tap = (name: string, ...more: readonly string[]): Promise<Ran> =>
  tapbench(["tap", "emu:band-s1", "--seed", "7", "--issued", "2026-06-15", "--trace", file(name), ...more]);
const diff = (a: string, b: string, ...more: readonly string[]): Promise<Ran> =>
  tapbench(["trace", "diff", file(a), file(b), ...more]);

interface Document {
  readonly same: boolean;
  readonly differences: readonly { readonly kind: string; readonly path: string; readonly says: string }[];
  readonly setAside: { readonly count: number; readonly names: readonly string[] };
  readonly notes: readonly string[];
}

/** Changes the text of a trace, and fails where there is nothing to change. */
async function rewrite(from: string, to: string, change: (text: string) => string): Promise<void> {
  const before = await readFile(file(from), "utf8");
  const after = change(before);
  expect(after).not.toBe(before);
  await writeFile(file(to), after);
}

describe("trace diff", () => {
  test("a trace with itself", async () => {
    const ran = await diff("first", "first");
    expect(ran).toMatchObject({ code: 0, err: "" });
    expect(ran.out).toBe(
      `a: ${file("first")} (tapbench 0.1.0, seed 7, emu:band-s1)\nb: ${file("first")} (tapbench 0.1.0, seed 7, emu:band-s1)\nno difference\n`,
    );
  });

  test("the same card on another day: volatile values only, unless they count", async () => {
    const ran = await diff("first", "later");
    expect(ran.code).toBe(0);
    expect(ran.out).toContain(
      "\nno difference; 4 volatile values set aside (9A, 9F21, 9F4B, date; --strict compares them)\n",
    );
    const strict = await diff("first", "later", "--strict", "--json");
    expect(strict.code).toBe(3);
    expect(documentOf<Document>(strict).differences.map(({ path }) => path)).toEqual([
      "GENERATE AC ARQC with CDA/command/9A",
      "GENERATE AC ARQC with CDA/command/9F21",
      "GENERATE AC ARQC with CDA/answer/77/9F4B",
      "issuer.expiry/decision/date",
    ]);
  });

  test("the second tap of a run, with another ATC and unpredictable number, has no difference but these", async () => {
    await tap("second", "--repeat", "2");
    const { same, setAside } = documentOf<Document>(await diff("first", "second", "--json"));
    expect(same).toBe(true);
    expect(setAside.names).toEqual(
      expect.arrayContaining(["9F37", "9F36", "9F4B", "9F10 dynamic", "atc", "highest", "hold", "iccDynamicNumber"]),
    );
  });

  test("a changed byte of the file: exit 3, and where it is", async () => {
    await rewrite("first", "changed", (text) => text.replaceAll("5F2403290630", "5F2403270630"));
    const ran = await diff("first", "changed", "--json");
    expect(ran).toMatchObject({ code: 3, err: "" });
    expect(documentOf<Document>(ran).differences.filter(({ path }) => !path.startsWith("provisioning"))).toEqual([
      {
        kind: "data",
        path: "READ RECORD SFI 2 record 1/answer/70/5F24",
        a: "290630",
        b: "270630",
        says: "READ RECORD SFI 2 record 1: 5F24 Application Expiration Date is 290630 (2029-06-30) in a, 270630 (2027-06-30) in b",
      },
    ]);
  });

  test("noise on the air is told as what it did", async () => {
    await tap("noisy", "--fault", "noise@in:generate-ac");
    const { out, code } = await diff("first", "noisy");
    expect(code).toBe(3);
    expect(out).toContain("GENERATE AC ARQC with CDA: faults on the air: none in a, corrupted to the card in b\n");
    expect(out).toContain("GENERATE AC ARQC with CDA: blocks sent again: none in a, 1 in b\n");
    expect(out).toMatch(/\n3 differences\n$/);
  });

  test("what a reader cannot see is no difference: no frames, no provisioning, times of its own", async () => {
    await rewrite("later", "reader", (text) =>
      text
        .replace('"times":"simulated","frames":true', '"times":"measured","frames":false')
        .replace(/^\{"layer":"(?:frame|field|wallet)".*\n/gm, "")
        .replace(/^.*"via":"wired".*\n/gm, "")
        .replace(/"took":\d+,"command"/g, '"took":12345,"command"'),
    );
    const { code, out } = await diff("first", "reader");
    expect(code).toBe(0);
    expect(out.split("\n").slice(2)).toEqual([
      "frames: only observed in a",
      "times: simulated in a, measured in b, so not compared (--tolerance compares them)",
      "provisioning: only recorded in a",
      "no difference; 4 volatile values set aside (9A, 9F21, 9F4B, date; --strict compares them)",
      "",
    ]);
    expect((await diff("first", "reader", "--tolerance", "5%")).code).toBe(3);
  });

  test("with a recorded tap: exchanges only", async () => {
    const exchanges = (await readFile(file("first"), "utf8"))
      .split("\n")
      .filter((line) => line.includes('"contactless"'))
      .map((line) => JSON.parse(line) as { command: string; response: string })
      .map(({ command, response }) => ({ c: command, r: response }));
    await writeFile(file("recorded"), JSON.stringify({ name: "x", exchanges }));
    expect(documentOf(await diff("first", "recorded", "--json"))).toMatchObject({
      same: true,
      notes: [
        "frames: only observed in a",
        "times: only recorded in a",
        "decisions: only recorded in a",
        "provisioning: only recorded in a",
        "account data: masked in a, so compared as far as the mask shows them",
      ],
    });
  });

  test.each([
    ["an empty file", "", "trace/not-a-trace"],
    ["no trace", "hello\n", "trace/not-a-trace"],
    ["a trace without a tap", '{"format":"tapbench-trace","version":"1.1","masked":true}\n', "inspect/no-exchanges"],
    ["a recorded tap of nothing", '{"exchanges":[]}', "trace/no-exchanges"],
  ])("%s: exit 1", async (_, text, code) => {
    await writeFile(file("bad"), text);
    for (const ran of [await diff("first", "bad"), await diff("bad", "first")]) {
      expect(ran).toMatchObject({ code: 1, out: "" });
      expect(ran.err).toContain(`[${code}]`);
    }
  });

  test("a torn trace, a bad tolerance, standard input twice: exit 1", async () => {
    await rewrite("first", "torn", (text) => text.slice(0, -30));
    expect(await diff("first", "torn")).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringContaining("[trace/torn]") as string,
    });
    expect((await diff("first", "first", "--tolerance", "soon")).err).toContain("[inspect/bad-tolerance]");
    expect((await tapbench(["trace", "diff", "-", "-"])).err).toContain("[cli/bad-value]");
  });
});

describe("trace golden", () => {
  const save = (...more: readonly string[]): Promise<Ran> =>
    tapbench(["trace", "golden", "save", file("first"), "--to", file("golden"), ...more]);

  test("is saved once, checked, and replaced when that is asked for", async () => {
    expect(await save()).toEqual({
      code: 0,
      out: `golden file in ${file("golden")}: 1 tap, 32 steps; review it before it is kept\n`,
      err: "",
    });
    const kept = await readFile(file("golden"), "utf8");
    expect(await save("--no-times")).toMatchObject({
      code: 1,
      err: expect.stringContaining("[cli/would-overwrite]") as string,
    });
    expect(await readFile(file("golden"), "utf8")).toBe(kept);
    expect((await save("--force")).code).toBe(0);
    expect(await readFile(file("golden"), "utf8")).toBe(kept);
    expect((await readdir(folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);

    const check = (name: string): Promise<Ran> => tapbench(["trace", "golden", "check", file("golden"), file(name)]);
    expect((await check("later")).code).toBe(0);
    await tap("dear", "--amount", "80");
    const dear = await check("dear");
    expect(dear.code).toBe(3);
    expect(dear.out).toMatch(/^terminal\.begin: amount is 1250 in the golden run, 8000 in this one\n/);
  });

  test("tap --golden: the same, another, and no golden file at all", async () => {
    await save("--force");
    const same = await tap("made", "--golden", file("golden"));
    expect(same.code).toBe(0);
    expect(same.out).toMatch(/no difference from the golden run in .*golden\.jsonl\n$/);
    const other = await tap("made", "--golden", file("golden"), "--terminal", "vending");
    expect(other.code).toBe(3);
    expect(other.out).toMatch(/\nfirst difference from the golden run: .*\nand \d+ more; /);
    const json = await tap("made", "--golden", file("golden"), "--json", "--amount", "80");
    expect(json.code).toBe(3);
    expect(documentOf(json)).toMatchObject({ outcome: "approved", golden: { same: false, file: file("golden") } });
    await rm(file("unmade"), { force: true });
    expect((await tap("unmade", "--golden", file("first"))).err).toContain("[inspect/not-golden]");
    expect(await readdir(folder)).not.toContain("unmade.jsonl"); // nothing was tapped
  });
});

describe("tap --repeat", () => {
  test("all passed: exit 0, figures, the last tap's trace", async () => {
    const ran = await tap("many", "--repeat", "5", "--limit", "500ms", "--json");
    expect(ran).toMatchObject({ code: 0, err: "" });
    const document = documentOf<{
      totalMicros: Record<string, number>;
      commands: { command: string; micros: object }[];
    }>(ran);
    expect(document).toMatchObject({
      asked: 5,
      made: 5,
      passed: 5,
      passRate: 1,
      limitMicros: 500_000,
      slow: 0,
      outcomes: { approved: 5 },
      firstFailure: null,
      traceOf: "last tap",
    });
    expect(document.totalMicros).toMatchObject({ count: 5 });
    expect(document.commands.map(({ command }) => command)).toContain("GENERATE AC ARQC with CDA");
    const trace = await readFile(file("many"), "utf8");
    expect(trace.match(/"rule":"terminal.outcome"/g)).toHaveLength(1);
    expect(trace).toContain('"atc":"0005"');
    expect(trace).toContain('"via":"wired"');
  });

  test("an account lasts for more taps than it has money for", async () => {
    const { code, out } = await tap("many", "--repeat", "10", "--amount", "500");
    expect(code).toBe(0);
    expect(out).toMatch(/^10 of 10 taps passed \(100 %\)\noutcomes: approved 10\n/);
  });

  test("a limit that no tap keeps: stops at the first, and keeps its trace", async () => {
    const ran = await tap("slow", "--repeat", "5", "--limit", "100ms");
    expect(ran.code).toBe(3);
    expect(ran.out).toMatch(/^0 of 1 taps passed \(0\.00 %\)\nstopped at the first failure; 4 of 5 were not made/);
    expect(ran.out).toMatch(/first failure: tap 1, approved, but only after 2\d\d\.\d ms\n/);
    const kept = documentOf(await tap("slow", "--repeat", "3", "--limit", "100ms", "--keep-going", "--json"));
    expect(kept).toMatchObject({ made: 3, passed: 0, slow: 3, outcomes: { approved: 3 }, traceOf: "first failure" });
    expect(await readFile(file("slow"), "utf8")).toContain('"atc":"0001"');
  });

  test("taps that break off are counted", async () => {
    const ran = await tap("broken", "--repeat", "3", "--fault", "field-loss@before:gpo", "--keep-going", "--json");
    expect(ran.code).toBe(3);
    expect(documentOf(ran)).toMatchObject({ made: 3, passed: 0, outcomes: { "try-again": 3 } });
  });

  test("--json-lines: a line a tap, then the summary; progress on a terminal only", async () => {
    const ran = await tap("lines", "--repeat", "3", "--json-lines");
    const lines = ran.out.trimEnd().split("\n");
    expect(lines.map((line) => Object.keys(JSON.parse(line) as object)[0])).toEqual(["tap", "tap", "tap", "device"]);
    expect(ran.err).toBe("");
    const argv = ["tap", "emu:band-s1", "--repeat", "3", "--trace", file("lines")];
    expect((await tapbench(argv, { terminal: true })).err).toContain("\rtap 3 of 3");
  });

  test.each([
    [["--repeat", "0"]],
    [["--repeat", "many"]],
    [["--repeat", "65536"]],
    [["--repeat", "2", "--limit", "fast"]],
    [["--repeat", "2", "--golden", "x"]],
    [["--repeat", "2", "--json", "--json-lines"]],
    [["--limit", "5ms"]],
    [["--keep-going"]],
  ])("%j is wrong usage", async (more: readonly string[]) => {
    expect(await tap("wrong", ...more)).toMatchObject({ code: 1 });
    expect(await readdir(folder)).not.toContain("wrong.jsonl");
  });

  test("Ctrl-C ends it", async () => {
    const interrupt = new AbortController();
    interrupt.abort();
    const ran = await tapbench(["tap", "emu:band-s1", "--repeat", "9", "--trace", file("wrong")], {
      signal: interrupt.signal,
    });
    expect(ran).toMatchObject({ code: 1, err: "tapbench: interrupted [cli/interrupted]\n" });
  });
});
