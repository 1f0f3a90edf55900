import { expect, test } from "vitest";
import { importTap } from "../../src/trace/import/recorded-tap.js";
import type { Exchange } from "../../src/inspect/exchanges.js";
import { verifyExchanges } from "../../src/inspect/verify.js";
import { caKeyLookup } from "../../src/profiles/ca-keys.js";
import { transcribe } from "../../src/inspect/transcript.js";
import { untimed } from "../support/untimed.js";
import { describeVectors, vectors } from "../support/vectors.js";
import { caKeyOf, type CapkFile } from "./capk.js";

interface Expected {
  readonly log: string;
  readonly aid: string;
  readonly ca_index: string;
  readonly aip: string;
  readonly un: string;
  readonly ac: string;
  readonly cid: string;
}

describeVectors<readonly Expected[]>("taps/oda_expected", (expected) => {
  const caKeys = caKeyLookup(vectors<CapkFile>("capk").keys.map(caKeyOf));
  const tapOf = (log: string): readonly Exchange[] => importTap(JSON.stringify(vectors(`taps/${log}`))).exchanges;

  test.each(expected)("$log holds from the published CA key to the transaction data", (facts) => {
    expect(verifyExchanges(tapOf(facts.log), caKeys)).toMatchObject({
      issuerCertificate: "ok",
      cardCertificate: "ok",
      sdad: "ok",
      transactionDataHash: "ok",
      exchanges: "ok",
      ok: true,
      method: "cda",
      aid: facts.aid,
      ca: { rid: facts.aid.slice(0, 10), index: facts.ca_index },
      aip: facts.aip,
      un: facts.un.toUpperCase(),
      ac: facts.ac,
      cid: facts.cid,
    });
  });

  test.each(expected)("$log without its CA key says that the key is missing", ({ log }) => {
    expect(verifyExchanges(tapOf(log), () => undefined)).toMatchObject({
      issuerCertificate: "missing-key",
      cardCertificate: "not-evaluated",
      sdad: "not-evaluated",
      transactionDataHash: "not-evaluated",
    });
  });

  test.each(["bertlv-contactless-msd", "qpboc-kata-run"])("%s has nothing signed", (log) => {
    expect(verifyExchanges(tapOf(log), caKeys)).toMatchObject({
      ok: false,
      method: "none",
      firstBroken: { reason: "nothing-signed" },
    });
  });

  test.each(["bertlv-amex-cda", "bertlv-contactless-mastercard", "bertlv-contactless-msd", "qpboc-kata-run"])(
    "every answer of %s has a whole tree",
    (log) => {
      for (const entry of transcribe(tapOf(log).map(untimed), { times: false }))
        expect(
          entry.kind === "exchange" && entry.response.tree?.nodes.length === 1 && !entry.response.tree.problem,
        ).toBe(true);
    },
  );

  /** Bytes that no signature covers and nothing contradicts: [exchange, part, from, to]. */
  const UNCOVERED: Readonly<Record<string, readonly (readonly [number, keyof Exchange, number, number])[]>> = {
    "bertlv-contactless-mastercard": [
      [0, "response", 15, 29], // the application label
      [1, "response", 8, 22], // file locator: entries that sign nothing, and how far they reach
      [3, "command", 3, 3], // SFI of a record that certifies, but is not signed itself
      [4, "response", 62, 63], // an empty issuer key remainder at the end of the record
    ],
    "bertlv-amex-cda": [
      [0, "response", 18, 60], // the directory's labels and priorities
      [1, "response", 3, 45], // the same in the application's own answer
      [2, "response", 6, 22], // file locator, as above
      [3, "command", 2, 2], // numbers of records that are not signed
      [3, "response", 2, 78], // track 2 discretionary data and the name
      [5, "command", 2, 2],
      [6, "command", 2, 2],
      [7, "command", 2, 2],
      [8, "command", 2, 3],
      [8, "response", 3, 133], // PIN encipherment certificate, not used here
      [9, "command", 3, 3],
      [9, "response", 2, 25], // CVM list, not signed by this card
    ],
  };

  test.each(expected)("a changed bit of $log is found, wherever something covers it", ({ log }) => {
    const exchanges = tapOf(log);
    const uncovered = UNCOVERED[log]!;
    const unnoticed: string[] = [];
    let tried = 0;
    exchanges.forEach((exchange, index) => {
      for (const part of ["command", "response"] as const)
        for (let at = 0; at < exchange[part].length; at++) {
          const open = uncovered.some(([i, p, from, to]) => i === index && p === part && at >= from && at <= to);
          if (open) continue;
          for (const bit of [at % 8, (at * 3 + 4) % 8]) {
            tried++;
            const bytes = Uint8Array.from(exchange[part]);
            bytes[at]! ^= 1 << bit;
            const list = exchanges.map((other, i) => (i === index ? { ...other, [part]: bytes } : other));
            if (held(list)) unnoticed.push(`${index} ${part} ${at}.${bit}`);
          }
        }
    });
    expect(unnoticed).toEqual([]);
    expect(tried).toBeGreaterThan(1000);
  });

  test.each([
    { log: "bertlv-contactless-mastercard", bits: 7904, undetected: 145 },
    { log: "bertlv-amex-cda", bits: 8912, undetected: 1944 },
  ])("of all single bits of $log, $undetected of $bits can change unseen", ({ log, bits, undetected }) => {
    const exchanges = tapOf(log);
    let tried = 0;
    let unseen = 0;
    exchanges.forEach((exchange, index) => {
      for (const part of ["command", "response"] as const)
        for (let bit = 0; bit < exchange[part].length * 8; bit++) {
          tried++;
          const bytes = Uint8Array.from(exchange[part]);
          bytes[bit >> 3]! ^= 0x80 >> (bit & 7);
          if (held(exchanges.map((other, i) => (i === index ? { ...other, [part]: bytes } : other)))) unseen++;
        }
    });
    expect({ tried, unseen }).toEqual({ tried: bits, unseen: undetected });
  });

  const held = (exchanges: readonly Exchange[]): boolean => verifyExchanges(exchanges, caKeys).ok;
});
