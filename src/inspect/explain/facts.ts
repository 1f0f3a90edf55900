import { tagRow } from "../../emv/dictionary/lookup.js";
import { swHex, swMeaning } from "../../protocols/iso7816/status.js";
import { NO_BYTES, unhex } from "../../util/bytes.js";
import { isTapbenchError } from "../../util/errors.js";
import type { RuleRecord } from "../../util/tracer.js";
import type { Suspect } from "../verdict.js";

/** What a decision comes to in words. */
export interface Explained {
  /** Why: sentences that hold the inputs. */
  readonly why: readonly string[];
  /** What would have changed it, a sentence each; empty for decisions that stood in nobody's way. */
  readonly flips: readonly string[];
  readonly suspect?: Suspect;
  /** The data object concerned, hex. */
  readonly tag?: string;
}

/** What explanations need besides a decision's own inputs. */
export interface Surroundings {
  /** Minor units of the transaction's currency to text for people. */
  readonly money: (minor: string) => string;
  /** The inputs of the last decision of that name; empty where there was none. */
  readonly last: (rule: string) => Facts;
  /** Kernel whose names of tags are used. */
  readonly kernel?: string | undefined;
  /** Name of the last command over the air, for stops that name none. */
  readonly command?: string | undefined;
}

export type Explain = (facts: Facts, around: Surroundings) => Explained;

const LONGEST = 4096;

/** The inputs of a decision as they stand in a trace, which anybody may have written: what does not fit reads as absent. */
export class Facts {
  readonly #data: NonNullable<RuleRecord["data"]>;

  constructor(data: RuleRecord["data"] = {}) {
    this.#data = data;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#data, name);
  }

  text(name: string): string {
    const value = this.has(name) ? this.#data[name] : undefined;
    return typeof value === "string" ? value.slice(0, LONGEST) : "";
  }

  count(name: string): number | undefined {
    const value = this.has(name) ? this.#data[name] : undefined;
    return typeof value === "number" && Number.isSafeInteger(value) ? value : undefined;
  }

  flag(name: string): boolean {
    return this.has(name) && this.#data[name] === true;
  }

  /** Hex to bytes; none where it is no hex. */
  bytes(name: string): Uint8Array {
    try {
      return unhex(this.text(name));
    } catch (error) {
      if (isTapbenchError(error)) return NO_BYTES;
      throw error;
    }
  }
}

/** A row of a table by a key out of a trace; what every object has by itself is no row. */
export const rowOf = <T>(table: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined;

/** `6985 (conditions of use not satisfied)` */
export const swText = (sw: number): string => `${swHex(sw)} (${swMeaning(sw)})`;

/** `5A (Application PAN)` */
export function tagText(tag: string, kernel?: string): string {
  const name = tagName(tag, kernel);
  return name === undefined ? tag : `${tag} (${name})`;
}

export const tagName = (tag: string, kernel?: string): string | undefined =>
  /^[0-9A-F]{2,8}$/.test(tag) ? tagRow(parseInt(tag, 16), kernel)?.name : undefined;

/** YYMMDD in hex to `2026-06-15`; years from 50 on are of the last century (EMV 4.3 Book 4, 6.7.3). */
export function dateText(date: string): string {
  const match = /^(\d\d)(\d\d)(\d\d)?$/.exec(date);
  if (!match) return date === "" ? "unknown" : date;
  const century = Number(match[1]) < 50 ? "20" : "19";
  return `${century}${match[1]}-${match[2]}${match[3] === undefined ? "" : `-${match[3]}`}`;
}

/** `a`, `a and b`, `a, b and c` */
export const listed = (words: readonly string[]): string =>
  words.length < 2 ? (words[0] ?? "none") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;

/** A decision whose own sentence says it all. */
export const plainly: Explain = () => ({ why: [], flips: [] });
