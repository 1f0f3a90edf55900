import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTrace } from "../../../src/trace/open.js";
import { pansIn } from "../../../src/trace/mask.js";
import { elementsOf, readMarkup } from "../../support/markup.js";
import { documentOf, tapbench } from "./console.js";

let folder: string;
let shown: string;
let masked: string;
let pan: string;
const at = (name: string): string => join(folder, name);
const text = (name: string): Promise<string> => readFile(at(name), "utf8");

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tapbench-convert-"));
  shown = at("shown.jsonl");
  masked = at("masked.jsonl");
  await tapbench(["tap", "emu:band-s1", "--seed", "7", "--reveal-test-data", "--trace", shown]);
  await tapbench(["tap", "emu:band-s1", "--seed", "7", "--trace", masked]);
  const { records } = await openTrace([await readFile(shown)]);
  [pan] = [...pansIn(records)] as [string];
}, 60_000);
afterAll(() => rm(folder, { recursive: true }));

describe("trace convert", () => {
  test("writes everything that is asked for, and says where", async () => {
    const argv = [
      "trace",
      "convert",
      masked,
      "--html",
      at("a.html"),
      "--junit",
      at("a.xml"),
      "--csv",
      at("a.csv"),
      "--pcapng",
      at("a.pcapng"),
    ];
    expect(await tapbench(argv)).toEqual({
      code: 0,
      out: `capture in ${at("a.pcapng")}\nreport in ${at("a.html")}\nJUnit XML in ${at("a.xml")}\nexchanges in ${at("a.csv")}\n`,
      err: "",
    });
    const html = await text("a.html");
    expect(html).toContain("APPROVED</span> emu:band-s1");
    expect(elementsOf(readMarkup(html), "svg")).toHaveLength(1);
    expect(elementsOf(readMarkup(await text("a.xml")), "testsuites")[0]!.attributes).toMatchObject({
      tests: "1",
      failures: "0",
      skipped: "0",
    });
    const rows = (await text("a.csv")).split("\r\n");
    expect(rows.filter((row) => row.includes(",contactless,"))).toHaveLength(9);
    // What comes back from the capture is what was written, frame by frame.
    const frames = async (path: string): Promise<unknown[]> =>
      (await openTrace([await readFile(path)])).records.filter(({ layer }) => layer === "frame");
    expect(await frames(at("a.pcapng"))).toEqual(await frames(masked));
  });

  test("masks a trace whose test data are shown, unless it is told not to", async () => {
    expect(await text("shown.jsonl")).toContain(pan);
    const reports = ["b.html", "b.xml", "b.csv", "b.pcapng"];
    const targets = ["--html", "--junit", "--csv", "--pcapng"].flatMap((option, i) => [option, at(reports[i]!)]);
    const convert = (...more: readonly string[]): ReturnType<typeof tapbench> =>
      tapbench(["trace", "convert", shown, ...targets, ...more]);
    const whole = async (): Promise<string> => {
      const files = await Promise.all(reports.map((name) => readFile(at(name))));
      return files.flatMap((file) => [file.toString("latin1"), file.toString("hex")]).join("\n");
    };
    expect((await convert()).code).toBe(0);
    expect(await whole()).not.toContain(pan);
    expect(await whole()).not.toContain(pan.slice(5, 12));
    expect((await convert("--reveal-test-data")).code).toBe(0);
    expect(await whole()).toContain(pan);
    expect((await stat(at("b.html"))).mode & 0o777).toBe(0o600);
    expect((await stat(at("a.html"))).mode & 0o077).not.toBe(0);
  });

  test("- is standard output, and nothing else is there", async () => {
    const ran = await tapbench(["trace", "convert", masked, "--pcapng", "-", "--csv", at("c.csv")]);
    expect(ran.code).toBe(0);
    expect(Buffer.from(ran.out, "latin1")).toEqual(await readFile(at("a.pcapng")));
    expect(ran.err).toBe(`tapbench: exchanges in ${at("c.csv")}\n`);
    expect((await tapbench(["trace", "convert", masked, "--csv", "-"])).out).toBe(await text("c.csv"));
  });

  test("several traces are one report; standard input is one of them", async () => {
    const ran = await tapbench(["trace", "convert", masked, "-", "--html", at("d.html"), "--json"], {
      stdin: await text("masked.jsonl"),
    });
    expect(ran.code).toBe(0);
    expect(documentOf(ran)).toMatchObject({
      traces: [
        { file: masked, format: "tapbench" },
        { file: "-", format: "tapbench" },
      ],
      written: [{ format: "html", file: at("d.html") }],
    });
    expect(await text("d.html")).toContain("2 OF 2 PASSED");
  });

  test("no capture without frames: refused by name, and nothing is written", async () => {
    const tap = at("recorded.json");
    await writeFile(tap, JSON.stringify({ name: "t", exchanges: [{ c: "00B2011400", r: "6A83" }] }));
    const ran = await tapbench(["trace", "convert", tap, "--csv", at("e.csv"), "--pcapng", at("e.pcapng")]);
    expect(ran).toMatchObject({ code: 1, out: "", err: expect.stringContaining("[trace/no-frames]") as string });
    expect((await readdir(folder)).filter((name) => name.includes("e.csv") || name.includes("e.pcapng"))).toEqual([]);
    expect(await tapbench(["trace", "convert", tap, "--pcapng", "-"])).toMatchObject({ code: 1, out: "" });
    expect((await tapbench(["trace", "convert", tap, "--csv", at("e.csv")])).code).toBe(0);
  });

  test("of a damaged trace, what could be read, and the problem", async () => {
    const torn = at("torn.jsonl");
    await writeFile(torn, (await text("masked.jsonl")).slice(0, -200));
    const ran = await tapbench(["trace", "convert", torn, "--pcapng", at("f.pcapng")]);
    expect(ran).toMatchObject({ code: 1, err: expect.stringContaining("[trace/torn]") as string });
    expect((await openTrace([await readFile(at("f.pcapng"))])).records.length).toBeGreaterThan(30);
  });

  test.each([
    [[], "cli/missing-argument"],
    [["--csv", "-", "--pcapng", "-"], "cli/bad-value"],
    [["--csv", "-", "--json"], "cli/bad-value"],
    [["--html", "/nowhere/at/all.html"], "trace/write-failed"],
  ])("with %j is %s", async (options, code) => {
    const ran = await tapbench(["trace", "convert", masked, ...options]);
    expect(ran.code).toBe(1);
    expect(ran.out + ran.err).toContain(code);
  });
});

describe("tap", () => {
  test("writes its reports, also when it is not as asked", async () => {
    const argv = [
      "tap",
      "emu:band-s1",
      "--seed",
      "9",
      "--amount",
      "2000",
      "--trace",
      at("g.jsonl"),
      "--html",
      at("g.html"),
      "--junit",
      at("g.xml"),
      "--csv",
      at("g.csv"),
    ];
    const ran = await tapbench(argv);
    expect(ran.code).toBe(3);
    expect(ran.out).toContain(`report in ${at("g.html")}\nJUnit XML in ${at("g.xml")}\nexchanges in ${at("g.csv")}\n`);
    const [failure] = elementsOf(readMarkup(await text("g.xml")), "failure");
    expect(failure!.attributes["type"]).toBe("not-completed");
    expect(await text("g.html")).toContain("tapbench tap emu:band-s1 --seed 9 --amount 2000");
  });

  test("prints itself on standard output, so no report goes there", async () => {
    const ran = await tapbench(["tap", "emu:band-s1", "--trace", at("h.jsonl"), "--csv", "-"]);
    expect(ran).toMatchObject({ code: 1, out: "", err: expect.stringContaining("[cli/bad-value]") as string });
  });
});
