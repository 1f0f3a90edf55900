import { readUint } from "../../util/bytes.js";
import type { Combination, EntryChecks, Indicators } from "./combination.js";

/** Bits of the Terminal Transaction Qualifiers (EMV Contactless Book A 5.7). */
const TTQ = { offlineOnly: 0x08, onlineCryptogram: 0x80, cvmRequired: 0x40 } as const;

const NO_CHECKS: EntryChecks = {};

/** Pre-processing of one combination (EMV Contactless Book B 3.1.1). `unit`: one whole unit of the currency, in minor units. */
export function preProcess({ checks = NO_CHECKS, terminal }: Combination, amount: bigint, unit: bigint): Indicators {
  const statusCheck = checks.statusCheck === true && amount === unit;
  const zeroAmount = amount === 0n && checks.zeroAmount !== false;
  const floorLimitExceeded = exceedsFloor(checks.floorLimit, terminal.get(0x9f1b), amount);
  const cvmRequired = checks.cvmRequiredLimit !== undefined && amount >= checks.cvmRequiredLimit;
  let notAllowed = amount === 0n && checks.zeroAmount === false;
  if (checks.transactionLimit !== undefined && amount >= checks.transactionLimit) notAllowed = true;

  const ttq = checks.ttq?.slice();
  if (!ttq) return { notAllowed, statusCheck, zeroAmount, floorLimitExceeded, cvmRequired };
  ttq[1] = (ttq[1] ?? 0) & ~(TTQ.onlineCryptogram | TTQ.cvmRequired);
  // a reader that is never online cannot ask what a zero amount is about
  if (zeroAmount && (ttq[0]! & TTQ.offlineOnly) !== 0) notAllowed = true;
  else if (floorLimitExceeded || statusCheck || zeroAmount) ttq[1] |= TTQ.onlineCryptogram;
  if (cvmRequired) ttq[1] |= TTQ.cvmRequired;
  return { notAllowed, statusCheck, zeroAmount, floorLimitExceeded, cvmRequired, ttq };
}

/** The reader's contactless floor limit; where it has none, the terminal's (9F1B, binary). */
function exceedsFloor(limit: bigint | undefined, terminalLimit: Uint8Array | undefined, amount: bigint): boolean {
  if (limit !== undefined) return amount > limit;
  return terminalLimit !== undefined && amount > BigInt(readUint(terminalLimit));
}
