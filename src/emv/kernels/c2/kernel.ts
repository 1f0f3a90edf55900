import { tagHex } from "../../../codec/tlv.js";
import type { CardAsking } from "../../../protocols/iso7816/poller.js";
import type { Kernel, KernelInput } from "../../kernel.js";
import { l1Error } from "../../l1.js";
import type { KernelOutcome } from "../../outcome.js";
import { analyseActions } from "./action-analysis.js";
import { setBit, TVR } from "./bits.js";
import { chooseCapability, selectCvm } from "./cvm.js";
import { generateAc } from "./generate-ac.js";
import { endApplication, linkLost } from "./outcomes.js";
import { getProcessingOptions, readFci } from "./processing-options.js";
import { readRecords } from "./records.js";
import { processingRestrictions } from "./restrictions.js";
import { checkFloorLimit, checkTransactionLimit, selectRandomly } from "./risk.js";
import { begin, caKeyOf, given, type C2 } from "./state.js";

/**
 * Kernel 2 in EMV mode, after EMV Contactless Book C-2: from the answer to SELECT to an outcome. Link errors that are thrown into it (emv/l1.ts)
 * become outcomes; every other error passes through.
 */
export const kernelC2: Kernel = function* (input: KernelInput): CardAsking<KernelOutcome> {
  const tap = begin(input);
  try {
    return yield* transact(tap);
  } catch (error) {
    const l1 = l1Error(error);
    if (l1 === undefined) throw error;
    return linkLost(tap, l1);
  }
};

function* transact(tap: C2): CardAsking<KernelOutcome> {
  const stop =
    readFci(tap) ??
    (yield* getProcessingOptions(tap)) ??
    (yield* readRecords(tap)) ??
    checkData(tap) ??
    prepareCda(tap);
  if (stop) return stop;

  chooseCapability(tap);
  processingRestrictions(tap);
  const malformed = selectCvm(tap);
  if (malformed) return malformed;
  checkFloorLimit(tap);
  selectRandomly(tap);
  analyseActions(tap);
  return yield* generateAc(tap);
}

/** What must be there before anything is decided (Book C-2 S456.12 to S456.17). */
function checkData(tap: C2): KernelOutcome | undefined {
  if (!given(tap, 0x9f02))
    return endApplication(tap, { l3: "amount-not-present" }, "The terminal gave no amount (9F02).");
  const over = checkTransactionLimit(tap);
  if (over) return over;
  for (const tag of MANDATORY)
    if (!given(tap, tag))
      return endApplication(tap, { l2: "card-data-missing", tag: tagHex(tag) }, `The card has no ${tagHex(tag)}.`);
  return undefined;
}

/** Expiry date, PAN, CDOL1. */
const MANDATORY: readonly number[] = [0x5f24, 0x5a, 0x8c];
/** CA key index, issuer certificate and exponent, card certificate and exponent, tag list. */
const FOR_CDA: readonly number[] = [0x8f, 0x90, 0x9f32, 0x9f46, 0x9f47, 0x9f4a];

/** Whether CDA can be done at all, before it is asked for (Book C-2 S456.25 to S456.27). */
function prepareCda(tap: C2): KernelOutcome | undefined {
  if (!tap.cda) return undefined;
  for (const tag of FOR_CDA)
    if (!given(tap, tag)) {
      setBit(tap.tvr, TVR.iccDataMissing);
      return cannotDoCda(tap, `the card has no ${tagHex(tag)}`, tag);
    }
  const tagList = given(tap, 0x9f4a)!;
  if (tagList.length !== 1 || tagList[0] !== 0x82)
    return endApplication(
      tap,
      { l2: "card-data-error", tag: "9F4A" },
      "The static data authentication tag list asks for more than the AIP.",
    );
  const index = given(tap, 0x8f)![0]!;
  if (!tap.input.caKeys(tap.input.aid.subarray(0, 5), index))
    return cannotDoCda(tap, `the terminal has no CA key with index ${tagHex(index)}`);
  return undefined;
}

function cannotDoCda(tap: C2, reason: string, lacking?: number): undefined {
  setBit(tap.tvr, TVR.cdaFailed);
  tap.oda = { method: "cda", status: "missing", reason };
  tap.input.onRule?.({
    rule: "c2.cda",
    says: `CDA cannot be done: ${reason}.`,
    data: { status: "missing", reason, ...(lacking === undefined ? caKeyOf(tap) : { tag: tagHex(lacking) }) },
  });
  return undefined;
}
