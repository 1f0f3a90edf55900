import { parseTlv, tlv, type Tlv } from "../../src/codec/tlv.js";
import { concat, unhex } from "../../src/util/bytes.js";

/*
 * Somebody between reader and card who changes answers: what bad cards say.
 */

export type Command = "ppse" | "select" | "gpo" | "record" | "ac";
export function commandOf(apdu: Uint8Array): Command {
  if (apdu[1] === 0xa4) return apdu[5] === 0x32 ? "ppse" : "select";
  return apdu[1] === 0xa8 ? "gpo" : apdu[1] === 0xb2 ? "record" : "ac";
}

/** What becomes of an answer: other bytes, with status word; undefined: the card falls silent. */
export type Change = (answer: Uint8Array, command: Command, apdu: Uint8Array) => Uint8Array | string | undefined;
/** Only the answer to that command, or only that record. */
export const at =
  (where: Command | `record ${string}`, change: (answer: Uint8Array) => Uint8Array | string | undefined): Change =>
  (answer, command, apdu) => {
    const record = command === "record" ? `record ${apdu[3]! >> 3}/${apdu[2]}` : command;
    return where === command || where === record ? change(answer) : answer;
  };

export const OK = unhex("9000");
const encode = ({ tag, value, children }: Tlv): Uint8Array =>
  tlv(tag, children ? concat(...children.map(encode)) : value);
/** The objects of an answer, changed and put together again. */
const objects =
  (change: (all: readonly Tlv[]) => readonly Tlv[]) =>
  (answer: Uint8Array): Uint8Array => {
    const into = (all: readonly Tlv[]): readonly Tlv[] =>
      change(all).map((one) => (one.children ? { ...one, children: [...into(one.children)] } : one));
    return concat(...into(parseTlv(answer.subarray(0, -2))).map(encode), OK);
  };
export const without = (tag: number) => objects((all) => all.filter((one) => one.tag !== tag));
export const twice = (tag: number) => objects((all) => all.flatMap((one) => (one.tag === tag ? [one, one] : [one])));
export const set = (tag: number, value: string) =>
  objects((all) => all.map((one) => (one.tag === tag ? { ...one, value: unhex(value) } : one)));
export const flip = (tag: number, byte: number) =>
  objects((all) =>
    all.map((one) => (one.tag === tag ? { ...one, value: one.value.map((b, i) => (i === byte ? b ^ 1 : b)) } : one)),
  );
export const add = (text: string) => (answer: Uint8Array) => {
  const [template] = parseTlv(answer.subarray(0, -2));
  return concat(tlv(template!.tag, template!.value, unhex(text)), OK);
};
export const nested = (depth: number): string => {
  let inner = "DF0100";
  for (let i = 0; i < depth; i++) inner = Buffer.from(tlv(0xe0, unhex(inner))).toString("hex");
  return inner;
};
