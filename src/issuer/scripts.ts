import type { MchipRecipe, ScriptContext } from "../emv/cryptogram-versions.js";
import { pinBlock2 } from "../emv/secure-messaging.js";
import type { CommandApdu } from "../protocols/iso7816/apdu.js";
import { concat, NO_BYTES } from "../util/bytes.js";
import { issuerError } from "./errors.js";
import type { CardKeys } from "./keys.js";

/*
 * Orders of an issuer, made into script commands with secure messaging (EMV 4.3 Book 2 chapter 9, Book 3 6.5). They fit one transaction of one
 * card: session keys come from its cryptogram, and each MAC covers the one before it.
 */

/** What an issuer wants of a card it issued. */
export type CardOrder =
  | { readonly kind: "block" | "unblock" | "block-card" | "unblock-pin" }
  | { readonly kind: "change-pin"; readonly pin: string }
  /** Offline transactions in a row, 0 to 255. */
  | { readonly kind: "lower-limit" | "upper-limit"; readonly value: number }
  /** `data`: the whole record, template 70 and all. */
  | { readonly kind: "update-record"; readonly file: number; readonly record: number; readonly data: Uint8Array };

/** One command of a script, as the card takes it. */
export interface ScriptCommand {
  readonly order: CardOrder;
  readonly command: CommandApdu;
  readonly says: string;
}

/** Whose script it is. */
export interface ScriptCard {
  readonly recipe: MchipRecipe;
  readonly keys: Pick<CardKeys, "ac" | "smi" | "smc">;
}

/** A command before its MAC. */
interface Bare {
  readonly cla: number;
  readonly ins: number;
  readonly p1?: number;
  readonly p2?: number;
  readonly data?: Uint8Array;
  /** PIN to encipher into the data. */
  readonly pin?: string;
  readonly says: string;
}

const MAC = 8;
const MAX_RECORD = 247;

const inByte = (value: number, what: string, from = 0, to = 0xff): number => {
  if (!Number.isInteger(value) || value < from || value > to)
    throw issuerError("bad-order", `${what} is ${value}; it can be ${from} to ${to}`, { value });
  return value;
};

type Kind = CardOrder["kind"];
const BARE: { readonly [K in Kind]: (order: Extract<CardOrder, { kind: K }> & { readonly kind: K }) => Bare } = {
  block: () => ({ cla: 0x84, ins: 0x1e, says: "block the application" }),
  unblock: () => ({ cla: 0x84, ins: 0x18, says: "unblock the application" }),
  "block-card": () => ({ cla: 0x84, ins: 0x16, says: "block the card for good" }),
  "unblock-pin": () => ({ cla: 0x84, ins: 0x24, says: "give all PIN tries back" }),
  "change-pin": ({ pin }) => ({ cla: 0x84, ins: 0x24, p2: 0x02, pin, says: "change the PIN" }),
  "lower-limit": ({ value }) => limit(0x14, value, "lower"),
  "upper-limit": ({ value }) => limit(0x23, value, "upper"),
  "update-record": ({ file, record, data }) => {
    if (data.length > MAX_RECORD)
      throw issuerError("bad-order", `a record of ${data.length} bytes; ${MAX_RECORD} fit beside the MAC`, {
        length: data.length,
      });
    const p1 = inByte(record, "the record number", 1);
    const p2 = (inByte(file, "the short file identifier", 1, 30) << 3) | 0x04;
    return { cla: 0x04, ins: 0xdc, p1, p2, data, says: `update record ${record} of file ${file}` };
  },
};

function limit(p2: number, value: number, which: string): Bare {
  const data = Uint8Array.of(inByte(value, `the ${which} limit`));
  return { cla: 0x04, ins: 0xda, p1: 0x9f, p2, data, says: `${which} limit of offline transactions: ${value}` };
}

/**
 * The commands for these orders, in their order. Send them one after the other, and stop at the first that is refused.
 * @throws `issuer/bad-order`, `emv/bad-pin`
 */
export function scriptCommands(
  { recipe, keys }: ScriptCard,
  transaction: ScriptContext,
  orders: readonly CardOrder[],
): readonly ScriptCommand[] {
  const integrity = recipe.scriptKey(keys.smi, transaction);
  const confidentiality = recipe.scriptKey(keys.smc, transaction);
  let chain = transaction.arqc;
  return orders.map((order) => {
    const make = BARE[order.kind] as (order: CardOrder) => Bare;
    const { cla, ins, p1 = 0, p2 = 0, data: plain = NO_BYTES, pin, says } = make(order);
    const data = pin === undefined ? plain : recipe.scriptData(confidentiality, pinBlock2(pin));
    const header = Uint8Array.of(cla, ins, p1, p2, data.length + MAC);
    chain = recipe.scriptMac(integrity, { atc: transaction.atc, arqc: chain }, header, data);
    return { order, command: { cla, ins, p1, p2, data: concat(data, chain) }, says };
  });
}
