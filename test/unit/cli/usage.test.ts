import { describe, expect, test } from "vitest";
import { amountOf, dateOf } from "../../../src/cli/arguments.js";
import { exitCodeOf } from "../../../src/cli/output.js";
import { currency } from "../../../src/profiles/currencies.js";
import { TapbenchError } from "../../../src/util/errors.js";
import { documentOf, tapbench } from "./console.js";

describe("help", () => {
  test("lists every command, and the exit codes", async () => {
    const { code, out, err } = await tapbench(["--help"]);
    expect(code).toBe(0);
    expect(err).toBe("");
    for (const name of ["demo", "tap", "devices", "se", "emulate", "decode", "trace"])
      expect(out).toMatch(new RegExp(`^  ${name} `, "m"));
    expect(out).toContain(
      "Exit codes: 0 as asked, 1 wrong usage or bad input, 2 device or wire fault, 3 the answer is no.",
    );
  });

  test.each([["demo"], ["tap"], ["devices"], ["emulate"], ["decode"], ["trace", "show"], ["trace", "verify"]])(
    "%s %s has examples",
    async (...path) => {
      const { code, out } = await tapbench([...path.filter(Boolean), "--help"]);
      expect(code).toBe(0);
      expect(out).toMatch(/Examples:\n {2}\$ tapbench /);
      expect(out).toContain("--json");
    },
  );

  test("every emulated tap takes the same options", async () => {
    for (const command of ["demo", "tap"]) {
      const { out } = await tapbench([command, "--help"]);
      for (const option of [
        "seed",
        "at",
        "terminal",
        "fault",
        "card",
        "amount",
        "currency",
        "trace",
        "reveal-test-data",
        "json",
      ])
        expect(out).toMatch(new RegExp(`^  --${option}\\b`, "m"));
    }
  });

  test("--version prints the version", async () => {
    expect(await tapbench(["--version"])).toEqual({ code: 0, out: "0.1.0\n", err: "" });
  });

  test("a command without its sub-command says what there is", async () => {
    const { code, out, err } = await tapbench(["trace"]);
    expect(code).toBe(1);
    expect(out).toBe("");
    expect(err).toContain("verify");
  });
});

describe("wrong usage", () => {
  test.each([
    [["demoo"], "tapbench: unknown command 'demoo'; did you mean demo? [cli/unknown-command]\n"],
    [["trace", "shw", "x"], "tapbench: unknown command 'shw'; did you mean show? [cli/unknown-command]\n"],
    [["demo", "--amuont", "3"], "tapbench: unknown option '--amuont'; did you mean --amount? [cli/unknown-option]\n"],
    [["quux"], "tapbench: unknown command 'quux'; see tapbench --help [cli/unknown-command]\n"],
    [["tap"], "tapbench: missing required argument 'device'; see tapbench --help [cli/missing-argument]\n"],
    [
      ["trace", "verify", "x", "--ca-keys"],
      "tapbench: option '--ca-keys <file>' argument missing; see tapbench --help [cli/missing-argument]\n",
    ],
    [["devices", "x"], expect.stringContaining("[cli/too-many-arguments]\n") as string],
    [["decode", "9F3"], "tapbench: hex needs two digits a byte; one is missing or too many [util/not-hex]\n"],
    [["trace", "show", "no/such/file"], "tapbench: there is no file no/such/file [cli/no-such-file]\n"],
    [["tap", "emu:band-s9"], expect.stringMatching(/did you mean band-s1\?.*\[profile\/not-found\]\n$/) as string],
    [["tap", "carrier-pigeon"], expect.stringContaining("[bench/bad-spec]\n") as string],
    [["tap", "usb:1"], expect.stringContaining("[bench/unknown-wire]\n") as string],
    [["demo", "--fault", "sunshine"], expect.stringContaining("[emulator/bad-fault]\n") as string],
    [["demo", "--terminal", "moon"], expect.stringContaining("[profile/not-found]\n") as string],
    [["demo", "--amount", "12,50"], "tapbench: '12,50' is no amount; write it like 12.50 [cli/bad-amount]\n"],
    [["demo", "--amount", "99999999999"], expect.stringContaining("[cli/amount-overflow]\n") as string],
    [["demo", "--currency", "XXX"], expect.stringContaining("[profile/unknown-currency]\n") as string],
    [["demo", "--seed", ""], expect.stringContaining("[cli/bad-value]\n") as string],
    [["demo", "--at", "2026-02-30"], expect.stringContaining("[cli/bad-date]\n") as string],
  ])("%j", async (argv, err) => {
    expect(await tapbench([...argv, ...(argv[0] === "demo" ? ["--trace", "/dev/null/never"] : [])])).toEqual({
      code: 1,
      out: "",
      err,
    });
  });

  test("with --json is one document, and nothing else", async () => {
    const ran = await tapbench(["demo", "--jsom", "--json"]);
    expect(ran.code).toBe(1);
    expect(ran.err).toBe("");
    expect(documentOf(ran)).toEqual({
      error: {
        code: "cli/unknown-option",
        message: "unknown option '--jsom'; did you mean --json?",
        context: { meant: "--json" },
      },
    });
  });
});

describe("amounts", () => {
  test.each([
    ["12.50", "EUR", 1250n],
    ["12", "EUR", 1200n],
    ["12.5", "EUR", 1250n],
    ["0", "EUR", 0n],
    ["0.01", "EUR", 1n],
    ["1250", "JPY", 1250n],
    ["1.234", "KWD", 1234n],
    ["9999999999.99", "EUR", 999_999_999_999n],
    ["999999999999", "JPY", 999_999_999_999n],
  ])("%s %s is %s", (text, code, minor) => {
    expect(amountOf(text, currency(code))).toBe(minor);
  });

  test.each([
    ["", "EUR", "cli/bad-amount"],
    ["-1", "EUR", "cli/bad-amount"],
    ["1e3", "EUR", "cli/bad-amount"],
    [".5", "EUR", "cli/bad-amount"],
    ["1.", "EUR", "cli/bad-amount"],
    ["1.234", "EUR", "cli/bad-amount"],
    ["1.0", "JPY", "cli/bad-amount"],
    ["٣", "EUR", "cli/bad-amount"],
    ["10000000000.00", "EUR", "cli/amount-overflow"],
    ["1000000000000", "JPY", "cli/amount-overflow"],
    ["9".repeat(40), "EUR", "cli/amount-overflow"],
  ])("%j %s is %s", (text, code, error) => {
    expect(() => amountOf(text, currency(code))).toThrow(expect.objectContaining({ code: error }));
  });
});

describe("dates", () => {
  test.each([
    ["2026-03-01", "2026-03-01T00:00:00.000Z"],
    ["2026-03-01T12:30", "2026-03-01T12:30:00.000Z"],
    ["2026-03-01T12:30:05Z", "2026-03-01T12:30:05.000Z"],
    ["2026-03-01T00:30:00+02:00", "2026-02-28T22:30:00.000Z"],
    ["2028-02-29", "2028-02-29T00:00:00.000Z"],
  ])("%s", (text, iso) => {
    expect(dateOf(text).toISOString()).toBe(iso);
  });

  test.each([
    "",
    "today",
    "2026-3-1",
    "2026-13-01",
    "2026-02-30",
    "2026-02-29",
    "2026-03-01 12:30",
    "2026-03-01T25:00",
    "1/2/2026",
  ])("%j is none", (text) => {
    expect(() => dateOf(text)).toThrow(expect.objectContaining({ code: "cli/bad-date" }));
  });
});

test.each([
  ["cli/usage", 1],
  ["codec/truncated", 1],
  ["profile/not-found", 1],
  ["emulator/bad-fault", 1],
  ["trace/torn", 1],
  ["iso14443/no-answer", 2],
  ["iso7816/short-response", 2],
  ["emulator/power-lost", 2],
  ["util/link-closed", 2],
  ["bench/provisioning-refused", 2],
  ["gp/refused", 2],
  ["gp/response-mac", 2],
  ["gp/no-keys", 1],
  ["gp/wrong-cryptogram", 3],
  ["gp/wrong-key-check", 3],
  ["se/garbled-answer", 2],
  ["se/keys-failed-before", 1],
  ["bench/journal-busy", 2],
  ["cli/internal", 2],
] as const)("%s exits with %i", (code, exit) => {
  expect(exitCodeOf(new TapbenchError(code, "x"))).toBe(exit);
});
