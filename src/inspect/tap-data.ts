import { MCHIP_IAD_BYTES, MchipCvr } from "../emv/mchip-cvr.js";
import { hex, NO_BYTES } from "../util/bytes.js";
import { maskPan } from "../trace/sensitive.js";
import { setBits } from "./explain/bits.js";
import type { Exchange } from "./exchanges.js";
import type { Transaction } from "./transaction.js";
import type { BitField, Counted, Figure, Known } from "./verdict.js";

/** Kernels to which 9F66 and 9F6C are qualifiers. */
const WITH_QUALIFIERS: ReadonlySet<string> = new Set(["c3", "c6", "c7"]);

const CVR_SCOPE = "M/Chip 4 style";
/** The CVR in issuer application data: behind key index and version. */
const cvrOf = (transaction: Transaction | undefined, kernel: string | undefined): Uint8Array | undefined => {
  const iad = transaction?.card.get(0x9f10);
  return kernel === "c2" && iad && iad.length >= MCHIP_IAD_BYTES ? iad.subarray(2, 8) : undefined;
};

/** Part 4 of a verdict: bit fields with a bit set. `tvr` where the trace has it elsewhere than in a command. */
export function bitFieldsOf(
  transaction: Transaction | undefined,
  kernel: string | undefined,
  tvr: Uint8Array = NO_BYTES,
): BitField[] {
  const qualified = kernel !== undefined && WITH_QUALIFIERS.has(kernel);
  const fields: readonly (readonly [BitField["name"], string, Uint8Array | undefined, string | undefined])[] = [
    ["TVR", "95", transaction?.terminal.get(0x95) ?? (tvr.length > 0 ? tvr : undefined), undefined],
    ["CVR", "9F10", cvrOf(transaction, kernel), CVR_SCOPE],
    ["TTQ", "9F66", qualified ? transaction?.terminal.get(0x9f66) : undefined, kernel],
    ["CTQ", "9F6C", qualified ? transaction?.card.get(0x9f6c) : undefined, kernel],
  ];
  return fields.flatMap(([name, tag, value, scope]) => {
    const set = value ? setBits(name, value, kernel) : [];
    return value && set.length > 0
      ? [{ name, tag, value: hex(value), set, ...(scope !== undefined && { scope }) }]
      : [];
  });
}

/** What the card gave in the end. */
export interface Given {
  readonly name: "AAC" | "TC" | "ARQC" | "RFU" | "CVC3";
  /** Bits 8 and 7 as in a CID; a CVC3 is for the issuer, as an ARQC is. */
  readonly cid: number;
}

const GIVEN = ["AAC", "TC", "ARQC", "RFU"] as const;

/**
 * The cryptogram's type: from the CID; without one from issuer application data, byte 5 bits 6 and 5, as kernels that get it with the
 * processing options do (public descriptions of qVSDC and qPBOC); a CVC3 in mag-stripe mode. Undefined: the card gave none.
 */
export function givenBy(
  transaction: Transaction | undefined,
  kernel: string | undefined,
  exchanges: readonly Exchange[],
): Given | undefined {
  if (!transaction) return undefined;
  const { card } = transaction;
  const cid = card.get(0x9f27)?.[0];
  if (cid !== undefined) return { name: GIVEN[cid >> 6]!, cid: cid & 0xc0 };
  const type = card.get(0x9f10)?.[4];
  if (card.has(0x9f26) && type !== undefined && kernel !== undefined && WITH_QUALIFIERS.has(kernel))
    return { name: GIVEN[(type >> 4) & 3]!, cid: (type & 0x30) << 2 };
  const checksum = exchanges.some(({ command, response }) => command[1] === INS.checksum && response.length > 2);
  return checksum ? { name: "CVC3", cid: 0x80 } : undefined;
}

const number = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => sum * 256 + byte, 0);

/** The value that GET DATA gave, the last before a certain exchange: `80CA9F36`. */
function getData(exchanges: readonly Exchange[], tag: number): number | undefined {
  const found = exchanges.findLast(
    ({ command, response }) =>
      command[1] === 0xca && ((command[2]! << 8) | command[3]!) === tag && response.length > 5 && response.length < 12,
  );
  return found && number(found.response.subarray(3, -2));
}

const NOT_SEEN: Figure = { known: "not-observable", note: "the card did not give it" };
const INS = { gpo: 0xa8, verify: 0x20, checksum: 0x2a } as const;

/** The ATC around the tap: cards count at GET PROCESSING OPTIONS (EMV 4.3 Book 3 6.5.8). */
export function atcOf(transaction: Transaction | undefined, exchanges: readonly Exchange[], known: Known): Counted {
  const after = transaction?.card.get(0x9f36);
  const gpo = exchanges.findIndex(({ command }) => command[1] === INS.gpo);
  const asked = getData(gpo < 0 ? exchanges : exchanges.slice(0, gpo), 0x9f36);
  if (after?.length !== 2) {
    const note = gpo < 0 ? "the tap did not get as far as GET PROCESSING OPTIONS" : "the card gave no 9F36";
    return {
      before: asked === undefined ? { ...NOT_SEEN, note } : { known, value: asked },
      after: { ...NOT_SEEN, note },
    };
  }
  const value = number(after);
  return {
    before:
      asked !== undefined
        ? { known, value: asked }
        : { known: "inferred", value: Math.max(0, value - 1), note: "one less: GET PROCESSING OPTIONS counts" },
    after: { known, value },
  };
}

/** PIN tries around the tap: from GET DATA 9F17, or from the CVR where the card has one that counts them. */
export function pinTriesOf(
  transaction: Transaction | undefined,
  kernel: string | undefined,
  exchanges: readonly Exchange[],
  known: Known,
): Counted {
  const cvr = cvrOf(transaction, kernel);
  const asked = getData(exchanges, 0x9f17);
  const tried = exchanges.some(({ command }) => command[1] === INS.verify);
  if (!cvr)
    return {
      before: asked === undefined ? NOT_SEEN : { known, value: asked },
      after:
        asked === undefined || tried
          ? NOT_SEEN
          : { known: "inferred", value: asked, note: "no PIN was tried in this tap" },
    };
  const tries = MchipCvr.decode(cvr).counters.pinTries;
  const note = tries === 0 ? "from the CVR; cards without an offline PIN count none" : "from the CVR";
  return {
    before:
      asked !== undefined
        ? { known, value: asked }
        : tried
          ? NOT_SEEN
          : { known: "inferred", value: tries, note: "no PIN was tried in this tap" },
    after: { known, value: tries, note },
  };
}

/** The account number as it may be shown; masked traces have the nibble C in place of digits. */
export function shownPan(transaction: Transaction | undefined): string | undefined {
  const pan = transaction?.card.get(0x5a);
  const track = transaction?.card.get(0x57);
  const digits = pan ? hex(pan).replace(/F+$/, "") : track && hex(track).split(/[DF]/)[0];
  return digits !== undefined && /^[0-9C]{8,19}$/.test(digits) ? maskPan(digits).replaceAll("C", "*") : undefined;
}
