import {
  HASH_BYTES,
  IccCertificate,
  IssuerCertificate,
  SignedDynamicData,
  SignedStaticData,
} from "../emv/certificate-data.js";
import type { Message } from "../codec/message.js";
import { sha1 } from "../crypto/hash.js";
import { rsaPublic, type RsaPublicKey } from "../crypto/rsa.js";
import { concat, equalBytes, hex } from "../util/bytes.js";
import type { Field } from "./field.js";

interface Recoverable {
  readonly title: string;
  readonly message: { decode(bytes: Uint8Array): object; readonly table: Message<unknown>["table"] };
}

/** By the format byte behind the header: EMV 4.4 Book 2, 5 and 6. */
const FORMATS: ReadonlyMap<number, Recoverable> = new Map<number, Recoverable>([
  [0x02, { title: "issuer public key certificate (90)", message: IssuerCertificate }],
  [0x03, { title: "signed static application data (93)", message: SignedStaticData }],
  [0x04, { title: "ICC public key certificate (9F46)", message: IccCertificate }],
  [0x05, { title: "signed dynamic application data (9F4B)", message: SignedDynamicData }],
]);

export interface RecoveredSignature {
  readonly title: string;
  readonly fields: readonly Field[];
  /** Whether header, trailer and, where the covered data were given, the hash are right. */
  readonly ok: boolean;
}

/**
 * A certificate or signature recovered with the key of who signed it, field by field. Nothing is judged but header, trailer and hash:
 * whether it is the right one for a card is `trace verify`'s question.
 *
 * @param covered what the hash covers besides the block: 92 and 9F32; 9F48, 9F47 and the static data; the terminal's data. Undefined: the
 * hash is not checked
 * @throws `crypto/rsa-block`, `crypto/rsa-modulus`, `crypto/rsa-exponent`
 */
export function recoverSignature(
  signer: RsaPublicKey,
  signature: Uint8Array,
  covered?: Uint8Array,
): RecoveredSignature {
  const block = rsaPublic(signer, signature);
  const end = block.length - HASH_BYTES - 1;
  const framed = block[0] === 0x6a && block.at(-1) === 0xbc;
  const format = framed ? FORMATS.get(block[1]!) : undefined;
  if (!format) {
    const says = framed ? "no format that is known" : "no 6A at the start and BC at the end: another key signed it";
    return { title: "not recovered", fields: [{ name: "block", value: hex(block), says, wrong: true }], ok: false };
  }
  const { title, message } = format;
  const value = message.decode(block) as Readonly<Record<string, unknown>>;
  const fields: Field[] = message.table
    .filter(({ field }) => value[field] !== undefined && field !== "hash")
    .map(({ field, description }) => ({ name: field, value: shown(value[field]), says: description }));
  const hash = block.subarray(end, -1);
  const right = covered && equalBytes(sha1(concat(block.subarray(1, end), covered)), hash);
  fields.push({
    name: "hash",
    value: hex(hash),
    says:
      right === undefined ? "not checked: the covered data were not given" : right ? "right" : "wrong for these data",
    ...(right === false && { wrong: true }),
  });
  return { title, fields, ok: right !== false };
}

const shown = (value: unknown): string =>
  value instanceof Uint8Array ? hex(value) : hex(Uint8Array.of(Number(value)));
