import { toBcd } from "../codec/bcd.js";
import type { Combination } from "../emv/entry/combination.js";
import type { DataObjects } from "../emv/tags.js";
import type { TerminalKernelProfile, TerminalProfile } from "../profiles/types.js";
import { ascii } from "../util/bytes.js";
import { terminalError } from "./errors.js";

/** What is to be paid. Amounts in minor units of the terminal's currency. */
export interface Transaction {
  /** Amount, authorised: cashback included. */
  readonly amount: bigint;
  /** Amount, other: the cashback. */
  readonly other?: bigint;
  /** Tag 9C as a byte: 00 purchase, 01 cash, 09 purchase with cashback, 20 refund. Purchase unless given. */
  readonly type?: number;
  /** When, as a date in UTC; the terminal's zone makes 9A and 9F21 of it. */
  readonly at: Date;
  /** Tag 9F41, where the terminal counts. */
  readonly sequence?: number;
}

type Objects = Map<number, Uint8Array>;

/** Contactless only, online PIN, signature, no CVM, CDA: what a terminal can unless its profile says otherwise (9F33). */
const CAPABILITIES = Uint8Array.of(0x00, 0x68, 0x08);
/** Purchases, printing and display (9F40). */
const ADDITIONAL_CAPABILITIES = Uint8Array.of(0x60, 0x00, 0x00, 0x30, 0x00);
/** Kernel 2 by default: EMV mode only, on-device CVM (DF811B, Book C-2 Annex A). */
const KERNEL_2_CONFIGURATION = Uint8Array.of(0xa0);
/** Message hold time of 1.3 s (DF812D, Book C-2 Annex A). */
const HOLD_TIME = Uint8Array.of(0x00, 0x00, 0x13);

/**
 * What a terminal brings to a transaction: a combination for each AID of each of its kernels.
 * @throws `terminal/amount-overflow` above twelve digits, `terminal/bad-amount`, `terminal/bad-date`
 */
export function combinationsOf(profile: TerminalProfile, transaction: Transaction): readonly Combination[] {
  const common = commonObjects(profile, transaction);
  return profile.kernels.flatMap((kernel) => {
    const objects = kernelObjects(common, kernel);
    const { limits, randomSelection } = kernel;
    return kernel.aids.map((aid) => ({
      aid,
      kernel: kernel.kernel,
      limits,
      terminal: new Map(objects).set(0x9f06, aid),
      ...(randomSelection && { randomSelection }),
    }));
  });
}

/** The terminal's and the transaction's data objects, the same for every kernel. */
function commonObjects(profile: TerminalProfile, transaction: Transaction): Objects {
  const { merchant, currency } = profile;
  const { date, time } = localTime(transaction.at, profile.zoneMinutes);
  const other = transaction.other ?? 0n;
  if (other > transaction.amount)
    throw terminalError("bad-amount", "the cashback is part of the amount and cannot be more than it", {
      amount: String(transaction.amount),
      other: String(other),
    });
  const objects: Objects = new Map<number, Uint8Array>([
    [0x9f33, CAPABILITIES],
    [0x9f40, ADDITIONAL_CAPABILITIES],
    [0x9f35, Uint8Array.of(profile.type)],
    [0x9f1a, toBcd(profile.country, 2)],
    [0x5f2a, toBcd(currency.numeric, 2)],
    [0x5f36, toBcd(currency.exponent, 1)],
    [0x9f15, toBcd(merchant.categoryCode, 2)],
    [0x9f16, text(merchant.id, 15)],
    [0x9f1c, text(merchant.terminalId, 8)],
    [0x9f1e, text(merchant.terminalId, 8)],
    [0x9f4e, ascii(merchant.name)],
  ]);
  for (const [tag, value] of profile.data) objects.set(tag, value);
  objects.set(0x9f02, amountN12(transaction.amount)).set(0x9f03, amountN12(other));
  objects.set(0x9a, date).set(0x9f21, time);
  objects.set(0x9c, Uint8Array.of(transaction.type ?? 0));
  if (transaction.sequence !== undefined) objects.set(0x9f41, toBcd(transaction.sequence % 100_000_000, 4));
  return objects;
}

/** One kernel's set-up under its own tags; what the profile names there overrules what is derived. */
function kernelObjects(common: DataObjects, { tac, limits, data }: TerminalKernelProfile): Objects {
  const capabilities = common.get(0x9f33) ?? CAPABILITIES;
  const objects: Objects = new Map(common)
    .set(0x9f09, Uint8Array.of(0x00, 0x02))
    .set(0xdf810c, Uint8Array.of(0x02))
    .set(0xdf8117, capabilities.slice(0, 1))
    .set(0xdf8118, capabilities.slice(1, 2))
    .set(0xdf8119, Uint8Array.of(0x08))
    .set(0xdf811b, KERNEL_2_CONFIGURATION)
    .set(0xdf811f, capabilities.slice(2, 3))
    .set(0xdf8120, tac.default)
    .set(0xdf8121, tac.denial)
    .set(0xdf8122, tac.online)
    .set(0xdf8123, amountN12(limits.floor))
    .set(0xdf8124, amountN12(limits.transaction))
    .set(0xdf8125, amountN12(limits.transactionOnDevice))
    .set(0xdf8126, amountN12(limits.cvmRequired))
    .set(0xdf812d, HOLD_TIME);
  for (const [tag, value] of data) objects.set(tag, value);
  return objects;
}

/** Twelve digits packed, as 9F02 has them. @throws `terminal/amount-overflow`, `terminal/bad-amount` below zero */
export function amountN12(amount: bigint): Uint8Array {
  if (amount < 0n)
    throw terminalError("bad-amount", "an amount cannot be negative; a refund is a transaction type", {
      amount: String(amount),
    });
  if (amount > 999_999_999_999n)
    throw terminalError("amount-overflow", "an amount has twelve digits at most, minor units included", {
      amount: String(amount),
    });
  return toBcd(amount, 6);
}

/** Date (9A) and time (9F21) on the terminal's clock. */
function localTime(at: Date, zoneMinutes: number): { date: Uint8Array; time: Uint8Array } {
  const local = new Date(at.getTime() + zoneMinutes * 60_000);
  const year = local.getUTCFullYear();
  // two digits of a year stand for 1950 to 2049 (EMV 4.3 Book 4, 6.7.3)
  if (!(year >= 1950 && year <= 2049))
    throw terminalError("bad-date", "the date of a transaction lies between 1950 and 2049", { zoneMinutes });
  const two = (value: number): string => String(value).padStart(2, "0");
  return {
    date: toBcd(two(year % 100) + two(local.getUTCMonth() + 1) + two(local.getUTCDate()), 3),
    time: toBcd(two(local.getUTCHours()) + two(local.getUTCMinutes()) + two(local.getUTCSeconds()), 3),
  };
}

/** Text of a fixed length: cut, or filled with blanks (format an and ans). */
const text = (value: string, length: number): Uint8Array =>
  ascii(value).length >= length ? ascii(value).slice(0, length) : ascii(value.padEnd(length, " "));
