import { describe, expect, test } from "vitest";
import { entryPoint } from "../../src/emv/entry/entry-point.js";
import type { KernelInput } from "../../src/emv/kernel.js";
import { kernelC2 } from "../../src/emv/kernels/c2/kernel.js";
import { caKeysOf } from "../../src/emv/oda.js";
import { replay, type RecordedExchange, type Replay } from "../../src/emv/replay.js";
import { answerWith } from "../../src/util/dialogue.js";
import { hex, unhex } from "../../src/util/bytes.js";
import { fixedRandom, terminalObjects } from "../support/scripted-card.js";
import { describeVectors, vectors } from "../support/vectors.js";
import { caKeyOf, type CapkFile } from "./capk.js";

interface Tap {
  readonly exchanges: readonly RecordedExchange[];
}

/** The GENERATE AC of the recording (binaryfoo/emv-bertlv, contactless-mastercard-in.txt), typed from the vector. */
const GENERATE_AC =
  "80AE50002B" + // P1: TC, with a signature
  "000000010001" + // 9F02
  "000000000000" + // 9F03
  "0002" + // 9F09
  "0000000000" + // 95
  "0036" + // 5F2A
  "120315" + // 9A
  "00" + // 9C
  "000EEC85" + // 9F37
  "22" + // 9F35
  "0000" + // 9F45
  "0000000000000000" + // 9F4C
  "5E0300" + // 9F34
  "00";

/** Terminal data of that command; action codes of zero, signature above the CVM limit, CDA. */
const TERMINAL = {
  "9F02": "000000010001",
  "9F03": "000000000000",
  "9F09": "0002",
  "9F1A": "0036",
  "9F33": "E06808",
  "9F35": "22",
  "9F40": "6000003000",
  "5F2A": "0036",
  "9A": "120315",
  "9C": "00",
  DF8118: "20",
  DF8119: "08",
  DF811B: "20",
  DF8120: "0000000000",
  DF8121: "0000000000",
  DF8122: "0000000000",
};
const LIMITS = { floor: 50_000n, transaction: 100_000n, transactionOnDevice: 100_000n, cvmRequired: 5_000n };
const AID = unhex("A0000000041010");

describeVectors<Tap>("taps/bertlv-contactless-mastercard", ({ exchanges }) => {
  const ef = vectors<CapkFile>("capk").keys.filter(({ rid, index }) => rid === "A000000004" && index === "EF");
  const keys = caKeysOf(ef.map(caKeyOf));
  const random = fixedRandom("000EEC85");

  const kernelInput = (over: Record<string, string> = {}): KernelInput => ({
    aid: AID,
    fci: unhex(exchanges[0]!.r).subarray(0, -2),
    amount: 10_001n,
    limits: LIMITS,
    terminal: terminalObjects({ ...TERMINAL, ...over }),
    caKeys: keys,
    random,
  });
  const notRecorded = ({ divergences }: Replay): string[] =>
    divergences.map(({ code, command }) => `${code} ${command}`);

  test("one CA key with index EF is known", () => expect(ef).toHaveLength(1));

  describe("the kernel", () => {
    const recording = replay(exchanges);
    const outcome = answerWith(kernelC2(kernelInput()), recording.answer);

    test("sends the recorded GENERATE AC byte for byte", () => {
      expect(exchanges.at(-1)!.c).toBe(GENERATE_AC);
      expect(recording.commands.at(-1)).toBe(GENERATE_AC);
    });
    test("approves offline, with a signature on paper", () => {
      expect(outcome).toMatchObject({
        kind: "approved",
        cvm: "signature",
        receipt: true,
        ui: { message: "approved-please-sign" },
      });
    });
    test("authenticates the card up to the CA, and finds the cryptogram in the signature", () => {
      expect(outcome).toMatchObject({ oda: { method: "cda", status: "ok" } });
      if (outcome.kind !== "approved") return;
      const record = outcome.dataRecord;
      expect(hex(record.get(0x9f26)!)).toBe("D58B731AF5885C06");
      expect(hex(record.get(0x9f27)!)).toBe("40");
      expect(hex(record.get(0x9f36)!)).toBe("0035");
      expect(hex(record.get(0x95)!)).toBe("0000000000");
      expect(hex(record.get(0x5a)!)).toBe("5413330089600044");
    });
    test("differs from the recording only in a record that was not recorded", () => {
      expect(notRecorded(recording)).toEqual(["replay/not-recorded 00B2021C00"]);
    });
  });

  test("a kernel without mag-stripe mode reads that mode's record too", () => {
    const recording = replay(exchanges);
    const outcome = answerWith(kernelC2(kernelInput({ DF811B: "A0" })), recording.answer);
    expect(outcome.kind).toBe("approved");
    expect(recording.commands.at(-1)).toBe(GENERATE_AC);
    expect(notRecorded(recording)).toEqual(["replay/not-recorded 00B2010C00", "replay/not-recorded 00B2021C00"]);
  });

  test("entry point with the application preselected does the same", () => {
    const recording = replay(exchanges);
    const combination = { aid: unhex("A000000004"), kernel: "c2", limits: LIMITS, terminal: terminalObjects(TERMINAL) };
    const result = answerWith(
      entryPoint({
        combinations: [combination],
        kernels: { c2: kernelC2 },
        amount: 10_001n,
        caKeys: keys,
        random,
        preselected: AID,
      }),
      recording.answer,
    );
    expect(result).toMatchObject({
      outcome: { kind: "approved" },
      kernel: "c2",
      candidates: 1,
      label: "PPC MCD 04  v20",
    });
    expect(recording.commands).toEqual([
      "00A4040007A000000004101000",
      "80A8000002830000",
      "00B2011400",
      "00B2011C00",
      "00B2021C00",
      "00B2012400",
      "00B2022400",
      GENERATE_AC,
    ]);
    expect(notRecorded(recording)).toEqual(["replay/not-recorded 00B2021C00"]);
  });

  test("without the CA's key no signature is asked for, and the difference has its name", () => {
    const recording = replay(exchanges);
    // the recorded answer has a signature nobody asked for, which cannot be checked
    const outcome = answerWith(kernelC2({ ...kernelInput(), caKeys: () => undefined }), recording.answer);
    expect(outcome).toMatchObject({ kind: "end-application", error: { l2: "cam-failed" } });
    // TVR: CDA failed
    const sent = GENERATE_AC.replace("80AE50", "80AE40").replace("00020000000000", "00020400000000");
    expect(recording.divergences).toContainEqual({
      code: "replay/different-command",
      command: sent,
      recorded: GENERATE_AC,
    });
  });

  test.each([
    ["date", "9A", "120316"],
    ["amount", "9F02", "000000010002"],
    ["terminal type", "9F35", "21"],
  ])("another %s makes another command, which is reported", (_what, tag, value) => {
    const recording = replay(exchanges);
    const outcome = answerWith(kernelC2(kernelInput({ [tag]: value })), recording.answer);
    expect(recording.divergences.filter(({ code }) => code === "replay/different-command")).toHaveLength(1);
    // an online-only terminal asks for an ARQC, and the TC is then more than that
    const error = tag === "9F35" ? "card-data-error" : "cam-failed";
    expect(outcome).toMatchObject({ kind: "end-application", error: { l2: error } });
  });
});
