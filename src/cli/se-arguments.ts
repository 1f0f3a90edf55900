import { PRIVILEGES, type Privilege } from "../protocols/gp/registry.js";
import { unhex } from "../util/bytes.js";
import { attempt } from "../util/errors.js";
import { cliError } from "./errors.js";

const bad = (text: string, what: string): Error =>
  cliError("bad-value", `'${text.slice(0, 40)}' is not ${what}`, { value: text.slice(0, 40) });

/** @throws `cli/bad-value` */
export function bytesOf(text: string, what: string, least: number, most: number): Uint8Array {
  const bytes = attempt(() => unhex(text));
  if (!bytes || bytes.length < least || bytes.length > most)
    throw bad(text, `${what}: ${least} to ${most} bytes in hex`);
  return bytes;
}

/** @throws `cli/bad-value` */
export const aidOf = (text: string): Uint8Array => bytesOf(text, "an AID", 5, 16);

/** Decimal, or hex as `0x30`. @throws `cli/bad-value` */
export function numberOf(text: string, what: string, least: number, most: number): number {
  const number = /^(\d{1,5}|0x[0-9A-Fa-f]{1,4})$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= least && number <= most)) throw bad(text, `${what} from ${least} to ${most} (0x30 is 48)`);
  return number;
}

/** Security levels by number and by what they turn on (GlobalPlatform Card Specification, Amendment D, table 7-6). */
const LEVELS: Readonly<Record<string, number>> = {
  "01": 0x01,
  "03": 0x03,
  "11": 0x11,
  "13": 0x13,
  "33": 0x33,
  mac: 0x01,
  enc: 0x03,
  rmac: 0x13,
  renc: 0x33,
};

/** @throws `cli/bad-value` */
export function levelOf(text: string): number {
  const level = Object.hasOwn(LEVELS, text) ? LEVELS[text] : undefined;
  if (level === undefined) throw bad(text, `a security level; those are ${Object.keys(LEVELS).join(", ")}`);
  return level;
}

/** `cardLock`, `card-lock` and `CardLock` are the same. @throws `cli/bad-value` */
export function privilegesFrom(text: string): readonly Privilege[] {
  const plain = (name: string): string => name.replace(/[-_ ]/g, "").toLowerCase();
  const names = Object.keys(PRIVILEGES) as Privilege[];
  return text
    .split(",")
    .filter((name) => name.trim() !== "")
    .map((name) => {
      const found = names.find((one) => plain(one) === plain(name.trim()));
      if (!found) throw bad(name.trim(), `a privilege; those are ${names.join(", ")}`);
      return found;
    });
}
