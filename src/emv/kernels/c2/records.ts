import type { CardAsking } from "../../../protocols/iso7816/poller.js";
import { SW } from "../../../protocols/iso7816/status.js";
import { hex } from "../../../util/bytes.js";
import type { KernelOutcome } from "../../outcome.js";
import { KERNEL_CONFIGURATION, setBit, TVR } from "./bits.js";
import { openTemplate, storeTemplate } from "./card-data.js";
import { aboutTag, endApplication } from "./outcomes.js";
import { cdaAgreed, configured, type C2 } from "./state.js";

/** Some records in one file; the first `signed` of them take part in data authentication. */
interface Range {
  readonly sfi: number;
  readonly first: number;
  readonly last: number;
  readonly signed: number;
}

/** No card has as many; a hostile AFL could name 15,000. */
const MAX_RECORDS = 128;
/** Room for static data to be authenticated (Book C-2 Annex A). */
const MAX_SIGNED = 2048;

/** Application File Locator (EMV 4.3 Book 3, 10.2). Undefined: malformed. */
export function parseAfl(afl: Uint8Array): readonly Range[] | undefined {
  if (afl.length === 0 || afl.length % 4 !== 0) return undefined;
  const ranges: Range[] = [];
  let records = 0;
  for (let at = 0; at < afl.length; at += 4) {
    const sfi = afl[at]! >> 3;
    const first = afl[at + 1]!;
    const last = afl[at + 2]!;
    const signed = afl[at + 3]!;
    records += last - first + 1;
    if (
      (afl[at]! & 0x07) !== 0 ||
      sfi < 1 ||
      sfi > 30 ||
      first < 1 ||
      last < first ||
      signed > last - first + 1 ||
      records > MAX_RECORDS
    )
      return undefined;
    ranges.push({ sfi, first, last, signed });
  }
  return ranges;
}

/** SFI 1 record 1 alone, unsigned: the data of mag-stripe mode, which EMV mode does not need. */
const isMagstripeEntry = (afl: Uint8Array): boolean =>
  afl.length >= 4 && afl[0] === 0x08 && afl[1] === 0x01 && afl[2] === 0x01 && afl[3] === 0x00;

/** READ RECORD for all that the AFL names (Book C-2 S3.30 to S4). Reading the next record does not wait for storing the last one there; here it does. */
export function* readRecords(tap: C2): CardAsking<KernelOutcome | undefined> {
  const afl = tap.card.get(0x94)!;
  // a reader that knows mag-stripe mode skips that mode's record (S3.30)
  const skip = isMagstripeEntry(afl) && !configured(tap, KERNEL_CONFIGURATION.magstripeModeNotSupported);
  const ranges = parseAfl(skip ? afl.subarray(4) : afl);
  if (!ranges) return endApplication(tap, { l2: "card-data-error", tag: "94" }, "The AFL is empty or malformed.");
  tap.cda = cdaAgreed(tap);
  if (!tap.cda) setBit(tap.tvr, TVR.odaNotPerformed);
  tap.input.onRule?.({
    rule: "c2.oda",
    says: tap.cda
      ? "Card and terminal both do CDA."
      : "Card or terminal does not do CDA: no offline data authentication.",
    data: { cda: tap.cda, aip: hex(tap.card.get(0x82)!), afl: hex(afl), securityCapability: tap.capabilities[2]! },
  });

  for (const { sfi, first, last, signed } of ranges)
    for (let record = first; record <= last; record++) {
      const { answer } = yield { cla: 0, ins: 0xb2, p1: record, p2: (sfi << 3) | 4, le: 256 };
      if (answer.sw !== SW.ok)
        return endApplication(
          tap,
          { l2: "status-bytes", sw: answer.sw },
          `The card refused record ${record} of file ${sfi}.`,
        );
      // what stands in files beyond 10 is the payment system's or the issuer's business
      const wrong = sfi <= 10 ? storeTemplate(tap.card, openTemplate(answer.data, 0x70)) : undefined;
      if (wrong !== undefined)
        return endApplication(
          tap,
          { l2: "parsing-error", ...aboutTag(wrong) },
          `Record ${record} of file ${sfi} breaks the format.`,
        );
      if (tap.cda && record < first + signed) collectSigned(tap, sfi, answer.data);
    }
  return undefined;
}

function collectSigned(tap: C2, sfi: number, data: Uint8Array): void {
  tap.signedLength += data.length;
  if (tap.signedLength <= MAX_SIGNED && (sfi <= 10 || data[0] === 0x70)) tap.signedRecords.push({ sfi, data });
  else {
    setBit(tap.tvr, TVR.cdaFailed);
    tap.input.onRule?.({
      rule: "c2.signed-data",
      says: "A signed record cannot take part in data authentication.",
      data: { sfi, bytes: tap.signedLength, most: MAX_SIGNED },
    });
  }
}
