import { beforeAll, describe, expect, test } from "vitest";
import { openBench } from "../../../src/bench/bench.js";
import type { CaKeys } from "../../../src/emv/oda.js";
import { contactlessExchanges, type Exchange } from "../../../src/inspect/exchanges.js";
import { verifyExchanges, verifyTrace } from "../../../src/inspect/verify.js";
import { maskRecords } from "../../../src/trace/mask.js";
import { memoryTrace } from "../../../src/trace/memory.js";
import { commandName } from "../../../src/inspect/apdu-text.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import type { TraceRecord } from "../../../src/util/tracer.js";

let records: readonly TraceRecord[];
let exchanges: readonly Exchange[];
let caKeys: CaKeys;
const NO_KEYS: CaKeys = () => undefined;

beforeAll(async () => {
  const tracer = memoryTrace();
  const bench = await openBench({ seed: "verify", tracer });
  const device = await bench.open("emu:band-s1");
  await bench.provision(device, "k2-credit");
  await bench.tap(device, { amount: 1250n, terminal: "shop" });
  records = tracer.records;
  exchanges = contactlessExchanges(records);
  caKeys = (rid, index) => bench.issuer.caPublicKeys([rid]).find((key) => key.index === index);
}, 60_000);

/** The exchanges with one command or response changed. */
const changed = (
  name: string,
  part: keyof Exchange,
  change: (bytes: Uint8Array) => Uint8Array | string,
): Exchange[] => {
  expect(exchanges.filter(({ command }) => commandName(command).startsWith(name))).not.toEqual([]);
  return exchanges.map((exchange) => {
    if (!commandName(exchange.command).startsWith(name)) return exchange;
    const value = change(Uint8Array.from(exchange[part]));
    return { ...exchange, [part]: typeof value === "string" ? unhex(value) : value };
  });
};
const replaced = (name: string, part: keyof Exchange, from: string, to: string): Exchange[] =>
  changed(name, part, (bytes) => {
    const text = hex(bytes);
    return text.includes(from) ? text.replace(from, to) : text;
  });
/** Flips one bit of the value that follows `marker` in hex. */
const flipped = (name: string, part: keyof Exchange, marker: string, skip: number): Exchange[] =>
  changed(name, part, (bytes) => {
    const at = hex(bytes).indexOf(marker);
    if (at >= 0) bytes[at / 2 + marker.length / 2 + skip]! ^= 0x10;
    return bytes;
  });

describe("a tap of our own", () => {
  test("holds from the CA key to the transaction data", () => {
    const result = verifyExchanges(exchanges, caKeys);
    expect(result).toMatchObject({
      issuerCertificate: "ok",
      cardCertificate: "ok",
      sdad: "ok",
      transactionDataHash: "ok",
      exchanges: "ok",
      ok: true,
      method: "cda",
      aid: "A0000000041010",
      ca: { rid: "A000000004", index: "E0" },
      cid: "80",
      atc: "0001",
      date: "260615",
      notes: [
        expect.stringMatching(
          /^no signature covers: the directory and the answer to SELECT \(the application label 50, /,
        ),
      ],
    });
    expect(result.firstBroken).toBeUndefined();
    expect(Object.keys(result).slice(0, 4)).toEqual([
      "issuerCertificate",
      "cardCertificate",
      "sdad",
      "transactionDataHash",
    ]);
  });

  test("as a trace, and not when it is masked", () => {
    expect(verifyTrace({ masked: false }, records, caKeys).ok).toBe(true);
    expect(() => verifyTrace({ masked: true }, maskRecords(records), caKeys)).toThrow(
      expect.objectContaining({ code: "inspect/masked" }),
    );
    // Should the header lie, the certificates still do not hold.
    expect(verifyTrace({ masked: false }, maskRecords(records), caKeys).ok).toBe(false);
  });
});

describe("the first broken link", () => {
  test("a missing key is not a bad certificate", () => {
    const result = verifyExchanges(exchanges, NO_KEYS);
    expect(result).toMatchObject({
      issuerCertificate: "missing-key",
      cardCertificate: "not-evaluated",
      sdad: "not-evaluated",
      transactionDataHash: "not-evaluated",
      exchanges: "not-evaluated",
      firstBroken: { link: "issuerCertificate", reason: "missing-key" },
    });
    expect(result.firstBroken!.says).toContain("E0 of A000000004");
  });

  test("another key of that name is a bad certificate", () => {
    const other: CaKeys = (rid, index) => {
      const key = caKeys(rid, index)!;
      return { ...key, modulus: key.modulus.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) };
    };
    expect(verifyExchanges(exchanges, other)).toMatchObject({
      issuerCertificate: "failed",
      cardCertificate: "not-evaluated",
    });
  });

  const OK = "ok";
  const NO = "not-evaluated";
  test.each<[string, () => Exchange[], string, string, Record<string, string>]>([
    [
      "a bit of 90",
      () => flipped("READ RECORD", "response", "9081F8", 100),
      "issuerCertificate",
      "wrong-trailer",
      { issuerCertificate: "failed", cardCertificate: NO, sdad: NO, transactionDataHash: NO },
    ],
    [
      "another CA index",
      () => replaced("READ RECORD", "response", "8F01E0", "8F01E1"),
      "issuerCertificate",
      "missing-key",
      { issuerCertificate: "missing-key", cardCertificate: NO },
    ],
    [
      "no 8F",
      () => replaced("READ RECORD", "response", "8F01E0", "DF01E0"),
      "issuerCertificate",
      "missing-8F",
      { issuerCertificate: "missing" },
    ],
    [
      "a bit of 9F46",
      () => flipped("READ RECORD", "response", "9F4681B0", 50),
      "cardCertificate",
      "wrong-trailer",
      { issuerCertificate: OK, cardCertificate: "failed", sdad: NO, transactionDataHash: NO },
    ],
    [
      "a signed record",
      () => replaced("READ RECORD", "response", "5F28020276", "5F28020277"),
      "cardCertificate",
      "wrong-hash",
      { issuerCertificate: OK, cardCertificate: "failed" },
    ],
    [
      "the expiry date in a signed record",
      () => flipped("READ RECORD", "response", "5F2403", 0),
      "cardCertificate",
      "wrong-hash",
      { issuerCertificate: OK, cardCertificate: "failed" },
    ],
    [
      "a bit of 9F4B",
      () => flipped("GENERATE AC", "response", "9F4B81", 40),
      "sdad",
      "wrong-trailer",
      { cardCertificate: OK, sdad: "failed", transactionDataHash: NO },
    ],
    [
      "the cryptogram type",
      () => replaced("GENERATE AC", "response", "9F270180", "9F270140"),
      "sdad",
      "cid-mismatch",
      { cardCertificate: OK, sdad: "failed" },
    ],
    [
      "the counter",
      () => replaced("GENERATE AC", "response", "9F36020001", "9F36020002"),
      "transactionDataHash",
      "wrong-transaction-hash",
      { sdad: OK, transactionDataHash: "failed" },
    ],
    [
      "the amount",
      () => replaced("GENERATE AC", "command", "000000001250", "000000001350"),
      "transactionDataHash",
      "wrong-transaction-hash",
      { sdad: OK, transactionDataHash: "failed" },
    ],
    [
      "a status word",
      () => replaced("READ RECORD SFI 3", "response", "9000", "9100"),
      "exchanges",
      "contradiction",
      { transactionDataHash: OK, exchanges: "failed" },
    ],
  ])("%s", (_, make, link, reason, statuses) => {
    const result = verifyExchanges(make(), caKeys);
    expect(result.ok).toBe(false);
    expect(result.firstBroken).toMatchObject({ link, ...(reason && { reason }) });
    expect(result).toMatchObject(statuses);
  });

  test("a signed record that was not recorded", () => {
    const without = exchanges.filter(({ command }) => !commandName(command).startsWith("READ RECORD SFI 2"));
    expect(verifyExchanges(without, caKeys)).toMatchObject({
      issuerCertificate: "missing",
      firstBroken: { reason: "missing-5A" },
    });
  });

  test("nothing signed", () => {
    const without = exchanges.filter(({ command }) => !commandName(command).startsWith("GENERATE AC"));
    expect(verifyExchanges(without, caKeys)).toMatchObject({
      ok: false,
      method: "none",
      firstBroken: { reason: "nothing-signed" },
    });
  });

  test("exchanges without a transaction: nothing was evaluated, and why", () => {
    for (const list of [exchanges.slice(0, 1), [{ command: unhex("00"), response: unhex("") }]])
      expect(verifyExchanges(list, caKeys)).toMatchObject({
        issuerCertificate: "not-evaluated",
        cardCertificate: "not-evaluated",
        sdad: "not-evaluated",
        transactionDataHash: "not-evaluated",
        exchanges: "not-evaluated",
        ok: false,
        firstBroken: { link: "exchanges", reason: "no-transaction" },
      });
  });

  test("no exchanges at all", () => {
    expect(() => verifyExchanges([], caKeys)).toThrow(expect.objectContaining({ code: "inspect/no-exchanges" }));
  });

  test("the last of several taps counts", () => {
    expect(verifyExchanges([...exchanges, ...exchanges], caKeys).ok).toBe(true);
    const broken = replaced("GENERATE AC", "response", "9F36020001", "9F36020002");
    expect(verifyExchanges([...broken, ...exchanges], caKeys).ok).toBe(true);
    expect(verifyExchanges([...exchanges, ...broken], caKeys).ok).toBe(false);
  });
});

test("every changed bit of what the signatures cover is found", () => {
  // Records of SFI 2 to 4 are signed or certify; GENERATE AC is signed both ways.
  const covered = ["READ RECORD", "GENERATE AC"];
  const unnoticed: string[] = [];
  exchanges.forEach((exchange, index) => {
    const name = commandName(exchange.command);
    if (!covered.some((start) => name.startsWith(start))) return;
    for (const part of ["command", "response"] as const)
      for (let at = 0; at < exchange[part].length; at++) {
        const bit = (at * 5 + index) % 8; // each byte once, all bits in turn
        const bytes = Uint8Array.from(exchange[part]);
        bytes[at]! ^= 1 << bit;
        const list = exchanges.map((other, i) => (i === index ? { ...other, [part]: bytes } : other));
        if (verifyExchanges(list, caKeys).ok) unnoticed.push(`${name} ${part} byte ${at} bit ${bit}`);
      }
  });
  expect(unnoticed).toEqual([]);
});
