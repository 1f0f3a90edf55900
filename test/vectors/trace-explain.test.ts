import { expect, test } from "vitest";
import { judgeTap } from "../../src/inspect/judge.js";
import { verdictScreen } from "../../src/inspect/verdict-screen.js";
import type { Verdict } from "../../src/inspect/verdict.js";
import { caKeyLookup } from "../../src/profiles/ca-keys.js";
import { openTrace } from "../../src/trace/open.js";
import { caKeyOf, type CapkFile } from "./capk.js";
import { describeVectors, vectors } from "../support/vectors.js";

/*
 * Recorded taps of real cards, APDUs only: what can be known of them, and that the rest is said to be unknown. The figures are read off
 * the recorded bytes by hand: 9F36, 9F02, 95 and the answer's 9F27.
 */

interface Tap {
  readonly exchanges: readonly { readonly c: string; readonly r: string }[];
}

describeVectors<readonly unknown[]>("taps/oda_expected", () => {
  const caKeys = caKeyLookup(vectors<CapkFile>("capk").keys.map(caKeyOf));
  const verdictOn = async (tap: Tap): Promise<Verdict> => {
    const { header, records } = await openTrace([new TextEncoder().encode(JSON.stringify(tap))]);
    return judgeTap({ header, records, caKeys });
  };

  test("a TC of a real card: approved by inference, issuer and times not observable", async () => {
    const verdict = await verdictOn(vectors<Tap>("taps/bertlv-contactless-mastercard"));
    expect(verdict).toMatchObject({
      ended: "approved",
      kernelOutcome: { known: "inferred", value: "approved" },
      issuer: { answer: "unknown" },
      amount: { minor: "10001" },
      authentication: { method: "cda", status: "ok", ca: { rid: "A000000004", index: "EF" } },
      atc: { before: { known: "inferred", value: 52 }, after: { known: "measured", value: 53 } },
      timing: { total: { known: "not-observable" }, wtx: { known: "not-observable" }, commands: 7 },
      identity: { kernel: "c2", source: "recorded-tap", date: "2012-03-15" },
    });
    expect(verdict.timing.total.value).toBeUndefined();
  });

  test("an ARQC of a real card: what the issuer said is not in the file, and nobody is suspected", async () => {
    const verdict = await verdictOn(vectors<Tap>("taps/bertlv-amex-cda"));
    expect(verdict).toMatchObject({
      ended: "unknown",
      headline: "The card gave an ARQC; what the issuer answered is not in this trace.",
      stopped: { suspect: "none" },
      bits: [
        {
          name: "TVR",
          set: [
            { byte: 3, bit: 3 },
            { byte: 4, bit: 8 },
          ],
        },
      ],
    });
    expect(verdict.decided).toBeUndefined();
  });

  test("a CVC3 in mag-stripe mode, and a cryptogram that came with the processing options", async () => {
    expect((await verdictOn(vectors<Tap>("taps/bertlv-contactless-msd"))).headline).toMatch(/^The card gave a CVC3; /);
    expect(await verdictOn(vectors<Tap>("taps/qpboc-kata-run"))).toMatchObject({
      bits: [{ name: "TTQ", value: "36800000", scope: "c7" }],
      stopped: { suspect: "none" },
    });
  });

  test("a log that ends early, and one whose last command was refused", async () => {
    const { exchanges } = vectors<Tap>("taps/bertlv-contactless-mastercard");
    const early = await verdictOn({ exchanges: exchanges.slice(0, 3) });
    expect(early).toMatchObject({ ended: "unknown", decided: { rule: "inferred.unfinished", known: "inferred" } });
    const refused = await verdictOn({ exchanges: [exchanges[0]!, { c: exchanges[1]!.c, r: "6985" }] });
    expect(refused).toMatchObject({
      stopped: { suspect: "card", command: { name: "GET PROCESSING OPTIONS", sw: { value: "6985" } } },
      decided: { rule: "inferred.status-word" },
    });
  });

  test("a changed byte in the card certificate is the cause, without any decision recorded", async () => {
    const tap = vectors<Tap>("taps/bertlv-contactless-mastercard");
    const changed = tap.exchanges.map(({ c, r }) => ({
      c,
      r: r.replace(/(9f4681[0-9a-f]{2}[0-9a-f]{20})([0-9a-f]{2})/i, (_, head: string) => `${head}00`),
    }));
    expect(changed).not.toEqual(tap.exchanges);
    expect(await verdictOn({ exchanges: changed })).toMatchObject({
      stopped: { suspect: "card", tag: { tag: "9F46" } },
      decided: { rule: "inferred.cda" },
      authentication: { status: "failed", firstBroken: { link: "cardCertificate" } },
    });
  });

  test("account numbers are never shown whole", async () => {
    for (const name of ["bertlv-contactless-mastercard", "bertlv-amex-cda", "qpboc-kata-run"]) {
      const verdict = await verdictOn(vectors<Tap>(`taps/${name}`));
      const text = [JSON.stringify(verdict), ...verdictScreen(verdict)].join("\n");
      expect(text).toMatch(/\d{6}\*{5,6}\d{4}/);
      expect(text).not.toMatch(/(?<!\d)(5[1-5]|37|62)\d{13,17}(?!\d)/);
    }
  });
});
