import { fromBcd, fromCompressed } from "../codec/bcd.js";
import type { AuthorisationRequest } from "../emv/acquirer.js";
import type { KernelOutcome } from "../emv/outcome.js";
import type { DataObjects } from "../emv/tags.js";
import { parseTrack2 } from "../emv/track.js";
import { isTapbenchError } from "../util/errors.js";
import { terminalError } from "./errors.js";

/** Who pays: digits of the PAN and YYMM of its expiry. */
export interface Account {
  readonly pan: string;
  readonly panSequence?: string;
  readonly expiry: string;
}

/**
 * The account in a data record: 5A and 5F24, or 57 where one of them is missing.
 * @throws `terminal/card-data-missing`, `terminal/bad-card-data`
 */
export function accountOf(record: DataObjects): Account {
  let pan = digits("5A", record.get(0x5a), fromCompressed);
  let expiry = digits("5F24", record.get(0x5f24), fromBcd)?.slice(0, 4);
  const track = record.get(0x57);
  if (track && (pan === undefined || expiry === undefined)) {
    const fromTrack = parseTrack2(track);
    pan ??= fromTrack?.pan;
    expiry ??= fromTrack?.expiry;
  }
  if (!pan)
    throw terminalError("card-data-missing", "the card gave no account number: neither 5A nor a readable 57", {
      tag: "5A",
    });
  if (!expiry)
    throw terminalError("card-data-missing", "the card gave no expiry date: neither 5F24 nor a readable 57", {
      tag: "5F24",
    });
  const panSequence = digits("5F34", record.get(0x5f34), fromBcd);
  return panSequence === undefined ? { pan, expiry } : { pan, expiry, panSequence };
}

function digits(tag: string, value: Uint8Array | undefined, read: (bytes: Uint8Array) => string): string | undefined {
  if (!value || value.length === 0) return undefined;
  try {
    return read(value);
  } catch (error) {
    if (!isTapbenchError(error)) throw error;
    throw terminalError("bad-card-data", `the card's ${tag} holds something else than digits`, { tag }, error);
  }
}

/**
 * What the terminal asks the issuer after an online request.
 * @param enterPin the PIN pad: gives the enciphered PIN of an account when the kernel wants one; undefined when the holder entered none
 * @throws `terminal/card-data-missing`, `terminal/bad-card-data`
 */
export function authorisationRequest(
  outcome: Extract<KernelOutcome, { kind: "online-request" }>,
  amount: bigint,
  enterPin?: (pan: string) => Uint8Array | undefined,
): AuthorisationRequest {
  const chip = outcome.dataRecord;
  const currency = digits("5F2A", chip.get(0x5f2a), fromBcd)?.slice(-3);
  if (!currency) throw terminalError("card-data-missing", "the data record has no currency (5F2A)", { tag: "5F2A" });
  const { pan, panSequence, expiry } = accountOf(chip);
  const pin = outcome.cvm === "online-pin" ? enterPin?.(pan) : undefined;
  return { pan, panSequence, expiry, amount, currency, chip, pin };
}
