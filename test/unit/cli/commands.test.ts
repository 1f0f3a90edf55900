import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { documentOf, tapbench } from "./console.js";

let folder: string;
let trace: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tapbench-cli-"));
});
afterAll(() => rm(folder, { recursive: true }));
let run = 0;
beforeEach(() => {
  trace = join(folder, `${++run}.jsonl`);
});

describe("decode", () => {
  const TEXT = "9F36020035";
  const TREE = "9F36  Application Transaction Counter  0035  = 53\n";

  test("hex, a file with hex, a file with bytes, standard input", async () => {
    const asText = join(folder, "hex.txt");
    const asBytes = join(folder, "bytes.bin");
    await writeFile(asText, "9F36 02\n0035\n");
    await writeFile(asBytes, Buffer.from(TEXT, "hex"));
    for (const input of [TEXT, asText, asBytes])
      expect(await tapbench(["decode", input])).toEqual({ code: 0, out: TREE, err: "" });
    expect(await tapbench(["decode", "-"], { stdin: `${TEXT}\n` })).toEqual({ code: 0, out: TREE, err: "" });
  });

  test("--json is one document", async () => {
    expect(documentOf(await tapbench(["decode", "--json", "--kernel", "c2", "9F66020E709000"]))).toEqual({
      kind: "response",
      sw: { value: "9000", meaning: "ok", source: "ISO/IEC 7816-4:2013, tables 5 and 6" },
      scope: "c2",
      nodes: [{ tag: "9F66", name: "PUNATC (Track2)", length: 2, value: "0E70" }],
    });
  });

  test("a command and its answer, a tag of the dictionary, the data of a list", async () => {
    expect((await tapbench(["decode", "00A4040007A000000004101000", "6A82"])).out).toMatch(
      /^SELECT A0000000041010\n[^]*\n6A82 {2}file or application not found\n$/,
    );
    expect(documentOf(await tapbench(["decode", "--json", "00A4040007A000000004101000", "6A82"]))).toMatchObject({
      kind: "pair",
      response: { sw: { value: "6A82" } },
    });
    expect(documentOf(await tapbench(["decode", "--json", "--as", "tag", "9F66"]))).toMatchObject({
      rows: [
        { scope: "c2", format: "b", length: [2, 2] },
        { scope: "c3", length: [4, 4] },
        { scope: "c6" },
        { scope: "c7" },
      ],
    });
    expect(await tapbench(["decode", "--as", "tag", "DF7E"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("cli/unknown-tag") as string,
    });
    expect((await tapbench(["decode", "--dol", "9F38049A039C01", "260615"])).code).toBe(1);
    expect((await tapbench(["decode", "--dol", "9F38049A039C01", "26061520"])).out).toContain("= refund");
    expect(await tapbench(["decode", "--as", "atr", "3B8F80"])).toMatchObject({ code: 1, out: "" });
    expect(await tapbench(["decode", "--as", "nothing", "9C"])).toMatchObject({ code: 1 });
  });

  test("damaged bytes: what could be read, then the error, exit 1", async () => {
    expect(await tapbench(["decode", "9C0100 9F3602 00"])).toEqual({
      code: 1,
      out: "9C  Transaction Type  00  = goods and services\n9F36  Application Transaction Counter  00  (cut off)\n",
      err: expect.stringMatching(/^tapbench: .*offset 6 \[codec\/truncated\]\n$/) as string,
    });
    const ran = await tapbench(["decode", "--json", "9C01009F360200"]);
    expect(ran).toMatchObject({ code: 1, err: "" });
    expect(documentOf(ran)).toMatchObject({
      nodes: [{ tag: "9C" }, { tag: "9F36", cut: true }],
      error: { code: "codec/truncated", context: { offset: 6 } },
    });
  });

  test("colours on a terminal only, and never against NO_COLOR", async () => {
    const escape = "\u001b[";
    expect((await tapbench(["decode", TEXT], { terminal: true })).out).toContain(escape);
    expect((await tapbench(["decode", TEXT], { terminal: true, env: { NO_COLOR: "1" } })).out).not.toContain(escape);
    expect((await tapbench(["decode", TEXT], { terminal: true, env: { NO_COLOR: "" } })).out).toContain(escape);
    expect((await tapbench(["decode", TEXT], { terminal: true, env: { TERM: "dumb" } })).out).not.toContain(escape);
    expect((await tapbench(["decode", TEXT, "--json"], { terminal: true })).out).not.toContain(escape);
    expect((await tapbench(["decode", TEXT])).out).not.toContain(escape);
  });
});

describe("devices", () => {
  test("lists what can be opened", async () => {
    const { code, out } = await tapbench(["devices"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^emu:band-s1 .*emulated/m);
    const { devices } = documentOf<{ devices: { spec: string }[] }>(await tapbench(["devices", "--json"]));
    expect(devices.map(({ spec }) => spec)).toContain("emu:band-s1");
  });
});

describe("demo and tap", () => {
  test("demo --json prints exactly this, and writes a trace", async () => {
    const ran = await tapbench(["demo", "--json", "--trace", trace]);
    expect(ran).toMatchObject({ code: 0, err: "" });
    const number = expect.any(Number) as number;
    expect(documentOf(ran)).toEqual({
      outcome: "approved",
      kernel: "c2",
      oda: "cda",
      cryptogram: { type: "ARQC", verified: true },
      apdus: number,
      frames: number,
      airMicros: number,
      totalMicros: number,
      trace,
    });
    expect(
      Object.values(documentOf(ran)).filter((value) => typeof value === "number" && !Number.isInteger(value)),
    ).toEqual([]);
    expect((await readFile(trace, "utf8")).split("\n")[0]).toContain('"masked":true');
  });

  test("the same seed gives the same bytes, another one gives others", async () => {
    const bytes = async (seed: string): Promise<string> => {
      await tapbench(["demo", "--seed", seed, "--json", "--trace", trace]);
      return readFile(trace, "utf8");
    };
    const first = await bytes("7");
    expect(await bytes("7")).toBe(first);
    expect(await bytes("8")).not.toBe(first);
  });

  test("demo tells what happened: provisioning, receipt, outcome, waterfall, trace, seed", async () => {
    const { code, out } = await tapbench(["demo", "--seed", "7", "--amount", "80", "--trace", trace]);
    expect(code).toBe(0);
    expect(out).toMatch(/^provisioned k2-credit \(541333\*{6}\d{4}, PAR \w{29}\) into emu:band-s1: \d+ commands, /);
    expect(out).toContain("EUR 80.00");
    expect(out).toMatch(/^APPROVED$/m);
    expect(out).toMatch(/^GENERATE AC ARQC with CDA +\d/m);
    expect(out).toMatch(/^card computing +\d/m);
    expect(out).toContain(`trace in ${trace} (account data masked)`);
    expect(out).toContain("seed 7; to repeat: tapbench demo --seed 7 --amount 80\n");
  });

  test("a payment that is not approved exits with 3, and says why", async () => {
    const ran = await tapbench(["tap", "emu:band-s1", "--amount", "100000", "--json", "--trace", trace]);
    expect(ran.code).toBe(3);
    const document = documentOf(ran);
    expect(document).toMatchObject({ seed: "1", trace, kernelOutcome: expect.any(String) as string });
    expect(document["outcome"]).not.toBe("approved");
    expect(Object.keys(document)).toEqual(expect.arrayContaining(["issuer", "error", "odaStatus", "leastAirMicros"]));
  });

  test("a device that leaves the field", async () => {
    const ran = await tapbench(["tap", "emu:band-s1", "--fault", "field-loss@before:gpo", "--json", "--trace", trace]);
    expect(ran.code).not.toBe(0);
    expect(await readFile(trace, "utf8")).toContain('"layer":"field"'); // what happened until then is kept
  });

  test("a tap that broke off says why, by which rule, and at which command", async () => {
    const faults = ["--fault", "field-loss@before:gpo", "--fault", "noise@in:generate-ac"];
    const argv = ["tap", "emu:band-s1", "--reveal-test-data", ...faults, "--trace", trace];
    const { code, out } = await tapbench(argv);
    expect(code).toBe(3);
    const lines = out.split("\n");
    expect(lines[0]).toBe("TRY AGAIN  EUR 12.50  asked for: approved");
    expect(lines[1]).toBe("  Try again: The field went off at GET PROCESSING OPTIONS.");
    expect(out).toMatch(/^stopped {2}at GET PROCESSING OPTIONS: no answer\n {9}last good: SELECT A0000000041010 /m);
    expect(out).toMatch(/^decided {2}c2\.stop: The link to the card failed; /m);
    expect(out).toMatch(/^note {5}fault struck: field-loss@before:gpo\n {9}never struck: noise@in:generate-ac$/m);
    expect(out).toMatch(/^repeat {3}tapbench tap emu:band-s1 .* --fault field-loss@before:gpo --fault$/m);
    expect(lines.length).toBeLessThanOrEqual(42);
    expect(documentOf(await tapbench([...argv, "--json"]))).toMatchObject({
      kernel: "c2",
      error: { l1: "time-out" },
      faults: [
        { fault: "field-loss@before:gpo", struck: true },
        { fault: "noise@in:generate-ac", struck: false },
      ],
      verdict: {
        asAsked: false,
        kernelOutcome: { known: "measured", value: "end-application", error: ["link time-out"] },
        issuer: { answer: "not-asked" },
        stopped: { suspect: "field", command: { name: "GET PROCESSING OPTIONS" } },
        decided: { rule: "c2.stop", says: expect.stringContaining("The link to the card failed") as string },
        timing: { retries: { known: "simulated", value: 3 } },
        identity: { firmware: "2.0.4", terminal: "shop" },
      },
    });
  });

  test("a limit names its rule, and no command is to blame", async () => {
    const { out } = await tapbench(["tap", "emu:band-s1", "--amount", "100000", "--trace", trace]);
    expect(out).toMatch(/^decided {2}c2\.transaction-limit: The amount is above the contactless limit\.$/m);
    expect(out).toMatch(/^ {9}otherwise: An amount of EUR 1000\.00 or less would have passed\.$/m);
    expect(out).toMatch(/^stopped {2}after READ RECORD SFI 4 record 2 /m);
  });

  test("--expect asks for another end: exit 0 when it comes, 3 when it does not", async () => {
    const ring = ["tap", "emu:ring-r1", "--card", "k2-ring", "--amount", "60", "--trace", trace];
    const declined = await tapbench([...ring, "--expect", "declined", "--json"]);
    expect(declined.code).toBe(0);
    expect(documentOf(declined)).toMatchObject({
      outcome: "declined",
      verdict: { asAsked: true, expected: "declined" },
    });
    const approved = await tapbench(["tap", "emu:band-s1", "--expect", "declined", "--trace", trace]);
    expect(approved.code).toBe(3);
    expect(approved.out).toMatch(
      /^APPROVED {2}EUR 12\.50 {2}asked for: declined\n {2}Approved, where declined was asked for\./,
    );
    expect(documentOf(await tapbench([...ring, "--expect", "maybe", "--json"]))).toMatchObject({
      error: { code: "cli/bad-value" },
    });
  });

  test("--explain tells every decision, with what would have flipped it", async () => {
    const { out } = await tapbench(["tap", "emu:band-s1", "--amount", "80", "--explain", "--trace", trace]);
    expect(out).toContain(
      "otherwise: An amount of EUR 50.00 or less would not have needed verification: the reader's CVM",
    );
    expect(out).toContain("TAC online and IAC online byte 4 bit 8 matched TVR 'transaction exceeds the floor limit'.");
    expect(out).toContain("issuer.atc  The counter is the next one.");
    expect(out).toMatch(/^APPROVED$/m);
  });

  test("a tap that never found a card shows the screen, and ends as a fault of the device", async () => {
    const argv = ["tap", "emu:band-s1", "--fault", "noisy:1@all", "--trace", trace];
    const { code, out, err } = await tapbench(argv);
    expect(code).toBe(2);
    expect(out).toMatch(/^stopped {2}at activation: no answer$/m);
    expect(err).toContain("[iso14443/no-card]");
    const json = await tapbench([...argv, "--json"]);
    expect(json.code).toBe(2);
    expect(documentOf(json)).toMatchObject({
      error: { code: "iso14443/no-card" },
      verdict: { decided: { rule: "terminal.fault" }, issuer: { answer: "not-asked" } },
    });
    expect((await tapbench([...argv, "--expect", "not-completed"])).code).toBe(0);
  });

  test.each([
    ["--fault", "sunshine"],
    ["--currency", "USD"],
    ["--terminal", "moon"],
    ["--card", "moon"],
    ["--seed", ""],
  ])("wrong usage (%s %s) leaves the trace that is there alone", async (...wrong) => {
    await writeFile(trace, "of an earlier run");
    expect((await tapbench(["tap", "emu:band-s1", ...wrong, "--trace", trace])).code).toBe(1);
    expect(await readFile(trace, "utf8")).toBe("of an earlier run");
  });

  test("a trace into a folder that does not exist is an error that names the folder", async () => {
    const missing = join(folder, "typo");
    const { code, err } = await tapbench(["demo", "--trace", join(missing, "x.jsonl")]);
    expect(code).toBe(1);
    expect(err).toContain(`there is no folder ${missing} [trace/write-failed]`);
  });

  test("a fault of the bench is exit 2, one sentence, one code", async () => {
    const openBench = (): never => {
      throw new TypeError("x is not a function");
    };
    const ran = await tapbench(["devices"], { services: { openBench } });
    expect(ran).toEqual({
      code: 2,
      out: "",
      err: expect.stringMatching(/^tapbench: something broke inside tapbench: .*\[cli\/internal\]\n$/) as string,
    });
    const debug = await tapbench(["devices"], { services: { openBench }, env: { TAPBENCH_DEBUG: "1" } });
    expect(debug.err).toContain("caused by TypeError");
  });

  test("Ctrl-C ends it", async () => {
    const interrupt = new AbortController();
    interrupt.abort();
    const { code, err } = await tapbench(["demo", "--trace", trace], { signal: interrupt.signal });
    expect(code).toBe(1);
    expect(err).toBe("tapbench: interrupted [cli/interrupted]\n");
  });
});

describe("trace", () => {
  test("show: tree and waterfall, as text, JSON and SVG", async () => {
    await tapbench(["demo", "--seed", "7", "--json", "--trace", trace]);
    const svg = join(folder, "tap.svg");
    const { code, out } = await tapbench(["trace", "show", "--svg", svg, trace]);
    expect(code).toBe(0);
    expect(out).toContain("account data are masked");
    expect(out).toMatch(/ATS 09/);
    expect(out).toMatch(/5A {2}Application PAN {2}541333CCCCCC\d{4} {2}= 541333\*{6}\d{4}/);
    expect(out).toMatch(/^total +\d.* commands, \d+ frames$/m);
    expect(await readFile(svg, "utf8")).toMatch(/^<svg .*<\/svg>\n$/s);
    const document = documentOf<{ header: object; entries: { kind: string }[]; waterfall: { rows: object[] } }>(
      await tapbench(["trace", "show", "--json", trace]),
    );
    expect(document.header).toMatchObject({ format: "tapbench-trace", seed: "7", masked: true });
    expect(new Set(document.entries.map(({ kind }) => kind))).toEqual(new Set(["rule", "exchange", "field", "frame"]));
    expect(document.waterfall.rows.length).toBeGreaterThan(5);
  });

  test("show: a torn trace, as far as it goes, exit 1", async () => {
    await tapbench(["demo", "--json", "--trace", trace]);
    const whole = await readFile(trace, "utf8");
    await writeFile(trace, whole.slice(0, -30));
    const { code, out, err } = await tapbench(["trace", "show", trace]);
    expect(code).toBe(1);
    expect(out).toContain("SELECT 2PAY.SYS.DDF01");
    expect(err).toMatch(/^tapbench: line \d+ ends early: .* \[trace\/torn\]\n$/);
    expect(documentOf(await tapbench(["trace", "show", "--json", trace]))).toMatchObject({
      error: { code: "trace/torn" },
    });
  });

  test("show: a recorded tap, from standard input", async () => {
    const stdin = JSON.stringify({ name: "typed", exchanges: [{ c: "00B2011400", r: "6A83" }] });
    const { code, out } = await tapbench(["trace", "show", "-"], { stdin });
    expect(code).toBe(0);
    expect(out).toContain("imported: recorded-tap, typed\ntimes were not recorded\n");
    expect(out).toContain("6A83 record not found");
  });

  test("show: a recorded tap is masked, unless all of it is test data and may be seen", async () => {
    const tapOf = (pan: string): string =>
      JSON.stringify({ name: "t", exchanges: [{ c: "00B2011400", r: `700A5A08${pan}9000` }] });
    const shown = await tapbench(["trace", "show", "-"], { stdin: tapOf("5413330089600044") });
    expect(shown.out).not.toContain("5413330089600044");
    expect(shown.out).toContain("541333CCCCCC0044");
    const json = await tapbench(["trace", "show", "--json", "-"], { stdin: tapOf("5413330089600044") });
    expect(json.out).not.toContain("5413330089600044");
    const revealed = await tapbench(["trace", "show", "--reveal-test-data", "-"], { stdin: tapOf("5413330089600044") });
    expect(revealed.out).toContain("5413330089600044");
    const real = await tapbench(["trace", "show", "--reveal-test-data", "-"], { stdin: tapOf("4929000000000000") });
    expect(real).toMatchObject({ code: 1, out: "" });
    expect(real.err).toContain("[trace/not-test-data]");
  });

  test("verify: exchanges without a transaction are exit 3, with a reason", async () => {
    const stdin = JSON.stringify({ exchanges: [{ c: "00B2011400", r: "6A83" }] });
    const ran = await tapbench(["trace", "verify", "--json", "-"], { stdin });
    expect(ran).toMatchObject({ code: 3, err: "" });
    expect(documentOf(ran)).toMatchObject({
      issuerCertificate: "not-evaluated",
      exchanges: "not-evaluated",
      firstBroken: { reason: "no-transaction" },
    });
    expect((await tapbench(["trace", "verify", "-"], { stdin: '{"exchanges":[]}' })).code).toBe(1);
  });

  test("verify: a trace of our own with its test data shown", async () => {
    await tapbench(["demo", "--seed", "9", "--reveal-test-data", "--json", "--trace", trace]);
    expect((await stat(trace)).mode & 0o777).toBe(0o600);
    const ran = await tapbench(["trace", "verify", "--json", trace]);
    expect(ran).toMatchObject({ code: 0, err: "" });
    expect(documentOf(ran)).toMatchObject({
      issuerCertificate: "ok",
      cardCertificate: "ok",
      sdad: "ok",
      transactionDataHash: "ok",
    });
    const text = await tapbench(["trace", "verify", trace]);
    expect(text.out).toContain("note: the CA key comes from the test CA of seed 9, named by the trace itself\n");
    expect(text.out).toMatch(/^note: no signature covers: .*application label 50/m);
    expect(text.out).toMatch(
      /^issuer certificate +ok\ncard certificate +ok\nsigned dynamic data +ok\ntransaction data hash +ok\n/,
    );
  });

  test("verify: a changed trace is exit 3 and names the link", async () => {
    await tapbench(["demo", "--seed", "9", "--reveal-test-data", "--json", "--trace", trace]);
    const text = await readFile(trace, "utf8");
    await writeFile(trace, text.replaceAll("9F36020001", "9F36020002"));
    const ran = await tapbench(["trace", "verify", trace]);
    expect(ran.code).toBe(3);
    expect(ran.out).toMatch(/transaction data hash +failed/);
    expect(ran.out).toContain("the transaction data hash does not hold");
  });

  test("verify: a masked trace cannot be", async () => {
    await tapbench(["demo", "--json", "--trace", trace]);
    expect(await tapbench(["trace", "verify", trace])).toEqual({
      code: 1,
      out: "",
      err: expect.stringMatching(/^tapbench: the trace is masked.*\[inspect\/masked\]\n$/) as string,
    });
  });
});
