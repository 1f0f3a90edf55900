import { tagHex } from "../../codec/tlv.js";
import { tagRow } from "../../emv/dictionary/lookup.js";
import { swMeaning } from "../../protocols/iso7816/status.js";
import { unhex } from "../../util/bytes.js";
import { meaningLine } from "../meaning.js";
import { objectOf, type Fact } from "./account.js";
import { bitMeanings } from "./bits.js";
import { partsOf } from "./parts.js";

/*
 * Differences in words. `a` and `b` are what the two sides are called: "a" and "b", or "the golden run" and "this one".
 */

export interface Sides {
  readonly a: string;
  readonly b: string;
}

/** What differs in one value. `detail` goes behind the fact's path: `byte 3 bit 8`. */
export interface Told {
  readonly detail?: string;
  readonly a?: string | undefined;
  readonly b?: string | undefined;
  readonly says: string;
}

const NAMES: Readonly<Record<string, string>> = {
  again: "blocks sent again",
  arpc: "the issuer's cryptogram",
  ats: "ATS",
  atqa: "ATQA",
  bytes: "the command",
  cut: "what is cut off",
  data: "data",
  faults: "faults on the air",
  frames: "frames",
  header: "the command's header",
  le: "Le",
  order: "the order of tags",
  pps: "PPS",
  random: "random number",
  rate: "bit rate",
  sak: "SAK",
  says: "what it says",
  sw: "status word",
  uid: "UID",
  unreadable: "what cannot be read",
  wtx: "waiting time extensions",
};

/** How a fact is called: `5F24 Application Expiration Date`, `the terminal's 95 Terminal Verification Results`. */
export function factName(fact: Fact, scope: string | undefined): string {
  const object = objectOf(fact);
  const again = /#(\d+)$/.exec(fact.path)?.[1];
  const which = again === undefined ? "" : ` (number ${again})`;
  if (!object) return `${NAMES[fact.path.replace(/#\d+$/, "")] ?? fact.path}${which}`;
  if (fact.part === "decision") return fact.path;
  const tag = tagHex(object.tag);
  const name = tagRow(object.tag, scope)?.name;
  const part = object.sub === undefined ? "" : `, ${subTitle(tag, object.sub, scope)}`;
  const whose = fact.part === "command" ? "the terminal's " : "";
  return `${whose}${tag}${name === undefined ? "" : ` ${name}`}${part}${which}`;
}

/** Short: what is set aside is only counted up. */
export function shortName(fact: Fact): string {
  const object = objectOf(fact);
  if (!object || fact.part === "decision") return fact.path.replace(/#\d+$/, "");
  return `${tagHex(object.tag)}${object.sub === undefined ? "" : ` ${object.sub}`}`;
}

const LONGEST_IAD = 32;
const subTitle = (tag: string, sub: string, scope: string | undefined): string => {
  for (const first of [0x06, 0x1f]) {
    const sample = new Uint8Array(LONGEST_IAD);
    sample[0] = first;
    const title = partsOf(tag, sample, scope)?.find((part) => part.sub === sub)?.title;
    if (title !== undefined) return title;
  }
  return sub;
};

/** Values are shown whole up to here, in bytes. */
const SHOWN = 24;

/** What a value is, for people. */
export function valueText(fact: Fact, scope: string | undefined): string {
  const { value, path } = fact;
  if (value === undefined) return `${fact.volatile ?? 0} bytes that differ from tap to tap`;
  if (path === "sw") return `${value} (${swMeaning(Number.parseInt(value, 16))})`;
  if (value === "") return "empty";
  const meaning = fact.part === "decision" ? undefined : meaningText(fact, scope);
  const shown = isHex(fact) && value.length > 2 * SHOWN ? `${value.slice(0, 2 * SHOWN)}...` : value;
  return meaning === undefined ? shown : `${shown} (${meaning})`;
}

const meaningText = (fact: Fact, scope: string | undefined): string | undefined => {
  const object = objectOf(fact);
  if (!object || object.sub !== undefined || !isHex(fact)) return undefined;
  return meaningLine(object.tag, unhex(fact.value), scope);
};

const HEX_NAMES: ReadonlySet<string> = new Set(["data", "random", "arpc", "unreadable", "bytes"]);
const isHex = (fact: Fact): fact is Fact & { readonly value: string } =>
  (objectOf(fact) !== undefined || HEX_NAMES.has(fact.path)) && /^([0-9A-F]{2})+$/.test(fact.value ?? "");

/** Only one side has it. */
export function tellAlone(fact: Fact, scope: string | undefined, side: string): Told {
  return { says: `${factName(fact, scope)} only in ${side}: ${valueText(fact, scope)}` };
}

/** Both have it, with different values. */
export function tellValues(a: Fact, b: Fact, scope: string | undefined, sides: Sides): readonly Told[] {
  const name = factName(a, scope);
  const values = { a: a.value, b: b.value };
  if (a.volatile !== undefined && b.volatile !== undefined && a.volatile !== b.volatile)
    return [{ ...values, says: `${name} has ${bytesOf(a)} bytes in ${sides.a}, ${bytesOf(b)} in ${sides.b}` }];
  if (a.value === b.value)
    return [
      { ...values, says: `${name} differs in what is masked; what is shown, ${valueText(a, scope)}, is the same` },
    ];
  const bits = tellBits(a, b, name, scope, sides);
  if (bits) return bits;
  if (a.path === "says") return [{ ...values, says: `"${a.value}" in ${sides.a}, "${b.value}" in ${sides.b}` }];
  if (a.path === "order")
    return [{ ...values, says: `tags come as ${a.value} in ${sides.a}, as ${b.value} in ${sides.b}` }];
  if (a.part === "frames")
    return [{ ...values, says: `${name}: ${valueText(a, scope)} in ${sides.a}, ${valueText(b, scope)} in ${sides.b}` }];
  if (isHex(a) && isHex(b) && Math.max(a.value.length, b.value.length) > 2 * SHOWN)
    return [tellLong(a, b, name, sides)];
  return [{ ...values, says: `${name} is ${valueText(a, scope)} in ${sides.a}, ${valueText(b, scope)} in ${sides.b}` }];
}

const bytesOf = ({ value, volatile: volatileBytes }: Fact): number => volatileBytes ?? (value?.length ?? 0) / 2;

/** A bit a difference, where the value is a field of bits. */
function tellBits(a: Fact, b: Fact, name: string, scope: string | undefined, sides: Sides): Told[] | undefined {
  const object = objectOf(a);
  const meaning = object && bitMeanings(object.tag, object.sub, scope);
  if (!meaning || !isHex(a) || !isHex(b) || a.value.length !== b.value.length) return undefined;
  const [left, right] = [unhex(a.value), unhex(b.value)];
  const told: Told[] = [];
  for (const [i, byte] of left.entries())
    for (let bit = 8; bit >= 1; bit--) {
      const mask = 1 << (bit - 1);
      if ((byte & mask) === (right[i]! & mask)) continue;
      const word = meaning(i + 1, bit);
      if (word === "part") return undefined;
      const only = (byte & mask) !== 0 ? sides.a : sides.b;
      const detail = `byte ${i + 1} bit ${bit}`;
      const says = `${name} ${detail}: ${word.says ?? "a bit without a name here"}, only in ${only}`;
      told.push({ detail, a: a.value, b: b.value, says });
    }
  return told;
}

const AROUND = 8;

function tellLong(a: Fact, b: Fact, name: string, sides: Sides): Told {
  const [left, right] = [a.value!, b.value!];
  let at = 0;
  while (left.slice(at, at + 2) === right.slice(at, at + 2)) at += 2;
  const piece = (text: string): string => {
    const end = at + 2 * AROUND;
    return `${text.slice(at, end) || "nothing"}${text.length > end ? "..." : ""}`;
  };
  const lengths =
    left.length === right.length
      ? `${left.length / 2} bytes`
      : `${left.length / 2} bytes in ${sides.a}, ${right.length / 2} in ${sides.b}`;
  return {
    a: left,
    b: right,
    says: `${name} (${lengths}) differs from byte ${at / 2 + 1} on: ${piece(left)} in ${sides.a}, ${piece(right)} in ${sides.b}`,
  };
}
