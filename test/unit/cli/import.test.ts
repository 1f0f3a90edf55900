import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sampleBytes, samplePath } from "../../support/samples.js";
import { describeVectors } from "../../support/vectors.js";
import { documentOf, tapbench } from "./console.js";

let folder: string;
let to: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tapbench-import-"));
  to = join(folder, "trace.jsonl");
});
afterEach(() => rm(folder, { recursive: true }));

describe("trace import", () => {
  test("tells format, exchanges, frames, times, and where the trace is", async () => {
    const { code, out, err } = await tapbench(["trace", "import", samplePath("proxmark3"), "--to", to]);
    expect(out).toBe(`proxmark3: 3 exchanges, 22 frames, times measured\ntrace in ${to} (account data masked)\n`);
    expect(err).toBe("");
    expect(code).toBe(0);
    const show = await tapbench(["trace", "show", to]);
    expect(show.out).toContain("imported: proxmark3");
    expect(show.out).toContain("READ RECORD SFI 2 record 1  (5.73 ms, 2 frames)");
  });

  test("--json: one document, with what was odd", async () => {
    const ran = await tapbench(["trace", "import", samplePath("pasted-broken"), "--to", to, "--json"]);
    expect(documentOf(ran)).toMatchObject({
      format: "apdu-log",
      trace: to,
      exchanges: 5,
      frames: 0,
      header: { masked: true, source: "apdu-log", observed: { times: "measured", frames: false } },
      remarks: expect.arrayContaining([
        "line 2, column 3: a response without a command before it; it is left out",
      ]) as string[],
    });
    expect(ran.code).toBe(0);
  });

  test("from standard input, of a named format", async () => {
    const stdin = Buffer.from(sampleBytes("nci-hce")).toString("latin1");
    const { code, out } = await tapbench(["trace", "import", "-", "--as", "nci-log", "--to", to], { stdin });
    expect(out).toContain("nci-log: 2 exchanges, no frames, no times");
    expect(code).toBe(0);
  });

  test("test data are shown on request, and can be verified then", async () => {
    const argv = ["trace", "import", samplePath("apdu4j"), "--to", to, "--reveal-test-data"];
    expect((await tapbench(argv)).out).toContain("(account data shown)");
    expect(await readFile(to, "utf8")).toContain("5413330089600044");
  });

  test.each([
    [["nowhere.txt"], "cli/no-such-file"],
    [["--as", "nonsense", samplePath("apdu4j")], "trace/unknown-format"],
  ])("%j is refused, and nothing is written", async (argv, says) => {
    const { code, err } = await tapbench(["trace", "import", ...argv, "--to", to]);
    expect(code).toBe(1);
    expect(err).toContain(`[${says}]`);
    await expect(readFile(to)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("what is no log names the formats", async () => {
    const file = join(folder, "x.txt");
    await writeFile(file, Buffer.from([0, 1, 2, 255, 254, 10, 13, 0, 62, 60]));
    const { code, err } = await tapbench(["trace", "import", file, "--to", to]);
    expect(code).toBe(1);
    expect(err).toMatch(/Proxmark3 trace list.*pcsc-spy.*\[trace\/not-a-trace\]/);
  });

  test("a trace that is cut off is written as far as it goes, exit 1", async () => {
    await tapbench(["trace", "import", samplePath("proxmark3"), "--to", to]);
    const whole = await readFile(to, "utf8");
    const torn = join(folder, "torn.jsonl");
    await writeFile(torn, whole.slice(0, -40));
    const ran = await tapbench(["trace", "import", torn, "--to", to, "--json"]);
    expect(documentOf(ran)).toMatchObject({ format: "tapbench", error: { code: "trace/torn" } });
    expect(ran.code).toBe(1);
    const lines = whole.trimEnd().split("\n");
    expect(await readFile(to, "utf8")).toBe(`${lines.slice(0, -1).join("\n")}\n`);
  });
});

interface Tap {
  readonly exchanges: readonly { readonly c: string; readonly r: string }[];
}

describe.each(["bertlv-amex-cda", "bertlv-contactless-mastercard", "bertlv-contactless-msd", "qpboc-kata-run"])(
  "a published tap",
  (name) => {
    describeVectors<Tap>(`taps/${name}`, ({ exchanges }) => {
      const pasted = exchanges.map(({ c, r }) => `> ${c}\n< ${r}\n`).join("");
      test("as JSON and as a pasted log give the same trace", async () => {
        const json = join(folder, "tap.json");
        await writeFile(json, JSON.stringify({ name: "", exchanges }));
        const records = async (file: string, stdin: string): Promise<string> => {
          const ran = await tapbench(["trace", "import", file, "--to", to], { stdin });
          expect(ran.out).toContain(`${exchanges.length} exchange`);
          return (await readFile(to, "utf8")).slice((await readFile(to, "utf8")).indexOf("\n"));
        };
        expect(await records("-", pasted)).toBe(await records(json, ""));
      });

      test("is verified the same", async () => {
        const json = JSON.stringify({ name: "", exchanges });
        const verify = async (stdin: string): Promise<unknown> =>
          documentOf(await tapbench(["trace", "verify", "-", "--json"], { stdin }));
        expect(await verify(pasted)).toEqual(await verify(json));
      });
    });
  },
);
