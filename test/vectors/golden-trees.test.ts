import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { importTap } from "../../src/trace/import/recorded-tap.js";
import { maskRecords } from "../../src/trace/mask.js";
import { renderTranscript, transcribe } from "../../src/inspect/transcript.js";
import { plain } from "../../src/inspect/paint.js";
import { untimed } from "../support/untimed.js";
import { describeVectors, vectors } from "../support/vectors.js";

/*
 * What recorded taps look like, decoded and masked. The text was read whole; the taps may not be part of the repository, so here stand its check sum, how
 * many lines it has, and some of its lines as they were read. A change of the check sum is to be read, too.
 */

const READ: readonly {
  readonly log: string;
  readonly lines: number;
  readonly sha256: string;
  readonly says: readonly string[];
}[] = [
  {
    log: "bertlv-contactless-mastercard",
    lines: 98,
    sha256: "d2869716c686bfcc227a970d47096e2c7d8aead36f0df80ff414e7c04b57ab78",
    says: [
      '50  Application Label  505043204D43442030342020763230  = "PPC MCD 04  v20"',
      "94  Application File Locator  08010100100101011801020020010200  = SFI 1 records 1-1, SFI 2 records 1-1 (1 authenticated), SFI 3 records 1-2, SFI 4 records 1-2",
      "9F37  Unpredictable Number  000EEC85",
      "9F36  Application Transaction Counter  0035  = 53",
    ],
  },
  {
    log: "bertlv-amex-cda",
    lines: 149,
    sha256: "38950f7f4583e81f825e679d956bcf9b5d49e1192560cb1f63531819cc77434d",
    says: [
      '50  Application Label  416D65726963616E2045787072657373  = "American Express"',
      "8F  CA Public Key Index  A1",
      "9A  Transaction Date  141031  = 2014-10-31",
      "9F27  Cryptogram Information Data  80  = ARQC: go online",
    ],
  },
  {
    log: "bertlv-contactless-msd",
    lines: 41,
    sha256: "ec9505c4e4c63678105b94379d2476ef83bb28084afa20d8cc56f2831983fd83",
    says: [
      "94  Application File Locator  08010100  = SFI 1 records 1-1",
      "9F61  CVC3 (Track2)  01F5",
      "9F36  Application Transaction Counter  000B  = 11",
    ],
  },
  {
    log: "qpboc-kata-run",
    lines: 63,
    sha256: "be0ee45d7080ab3526ab8890e5e5d55c124c1a22da3376659efa70d64662d482",
    says: [
      "9F66  Terminal Transaction Qualifiers  36800000",
      "9F26  Application Cryptogram  AD03EE811AFAD484",
      "9F36  Application Transaction Counter  0ADC  = 2780",
    ],
  },
];

describeVectors<unknown>("taps/oda_expected", () => {
  test.each(READ)("$log", ({ log, lines, sha256, says }) => {
    const { exchanges } = importTap(JSON.stringify(vectors(`taps/${log}`)));
    const text = [...renderTranscript(transcribe(maskRecords(exchanges.map(untimed)), { times: false }), plain)];
    const found = { lines: text.length, sha256: createHash("sha256").update(text.join("\n")).digest("hex") };
    const shown = text.map((line) => line.trim());
    for (const line of says) expect(shown).toContain(line);
    expect(found).toEqual({ lines, sha256 });
  });
});
