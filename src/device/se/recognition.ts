import { parseTlv, type Tlv } from "../../codec/tlv.js";
import type { KeyInformation } from "../../protocols/gp/registry.js";
import { hex, readUint } from "../../util/bytes.js";
import { attempt } from "../../util/errors.js";

/*
 * What an element says of itself to anybody, decoded: card recognition data (GlobalPlatform Card Specification 2.3.1, Annex H.2 and H.3), key
 * information (11.3.3.1), extended card resources (ETSI TS 102 226, 8.2.1.7).
 */

/** A secure channel protocol and its options, parameter "i". */
export interface ChannelProtocol {
  readonly scp: number;
  readonly i: number;
}

export interface Recognition {
  /** Of GlobalPlatform, such as `2.3.1`. */
  readonly version?: string;
  readonly protocols: readonly ChannelProtocol[];
  /** The other object identifiers, dotted: card configuration (65), card and chip details (66), trust point (67, 68). */
  readonly others: readonly string[];
}

/** The arcs of an object identifier (ITU-T X.690, 8.19); undefined: it ends inside one, or one is too long. */
export function objectIdentifier(bytes: Uint8Array): readonly number[] | undefined {
  const arcs: number[] = [];
  let arc = 0;
  let open = false;
  for (const byte of bytes) {
    arc = arc * 128 + (byte & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 128) return undefined;
    open = (byte & 0x80) !== 0;
    if (open) continue;
    if (arcs.length === 0) arcs.push(Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40)));
    else arcs.push(arc);
    arc = 0;
  }
  return open || arcs.length === 0 ? undefined : arcs;
}

/** {iso(1) member-body(2) country-USA(840) GlobalPlatform(114283)} (Annex H.1). */
const GLOBAL_PLATFORM = "1.2.840.114283";
const VERSION = `${GLOBAL_PLATFORM}.2.`;
/** ... 4, then protocol and options: cards write each as one byte, even where an arc would take two (SCP80). */
const PROTOCOL = "2A864886FC6B04";
const PROTOCOL_BYTES = 9;

const identifiersIn = (objects: readonly Tlv[]): Uint8Array[] =>
  objects.flatMap(({ tag, value, children }) => (tag === 0x06 ? [value] : identifiersIn(children ?? [])));

/** Card recognition data, tag 66; undefined: malformed. */
export function decodeRecognition(data: Uint8Array): Recognition | undefined {
  const [outer] = attempt(() => parseTlv(data, { bytes: 1024, depth: 4 })) ?? [];
  const inside = outer?.tag === 0x66 ? outer.children?.find(({ tag }) => tag === 0x73)?.children : undefined;
  if (!inside) return undefined;
  const protocols: ChannelProtocol[] = [];
  const others: string[] = [];
  let version: string | undefined;
  for (const bytes of identifiersIn(inside)) {
    if (bytes.length === PROTOCOL_BYTES && hex(bytes).startsWith(PROTOCOL)) {
      protocols.push({ scp: bytes[PROTOCOL_BYTES - 2]!, i: bytes[PROTOCOL_BYTES - 1]! });
      continue;
    }
    const dotted = objectIdentifier(bytes)?.join(".");
    if (dotted?.startsWith(VERSION)) version = dotted.slice(VERSION.length);
    else if (dotted !== undefined && !dotted.startsWith(GLOBAL_PLATFORM)) others.push(dotted);
  }
  return { ...(version !== undefined && { version }), protocols, others };
}

/** Key information template, tag E0, in its basic format: the first component of each key; undefined: malformed. */
export function decodeKeyInformation(data: Uint8Array): KeyInformation[] | undefined {
  const [outer] = attempt(() => parseTlv(data, { bytes: 2048, depth: 4 })) ?? [];
  if (outer?.tag !== 0xe0) return undefined;
  const keys: KeyInformation[] = [];
  for (const { tag, value } of outer.children ?? []) {
    if (tag !== 0xc0) continue;
    // FF in the type's place: the extended format, whose type and lengths have two bytes (table 11-27).
    const [id, version, type, length] =
      value[2] === 0xff ? [value[0], value[1], value[3], value[5]] : [value[0], value[1], value[2], value[3]];
    if (id === undefined || version === undefined || type === undefined || length === undefined) return undefined;
    keys.push({ id, version, type, length });
  }
  return keys;
}

/** Names of key types (table 11-16). */
export const KEY_TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [0x80, "DES"],
  [0x81, "DES (reserved form)"],
  [0x82, "DES CBC"],
  [0x83, "DES ECB"],
  [0x84, "DES CBC"],
  [0x85, "TLS pre-shared"],
  [0x88, "AES"],
  [0x90, "HMAC-SHA1"],
  [0x91, "HMAC-SHA1 160"],
  [0xa0, "RSA public exponent"],
  [0xa1, "RSA modulus"],
  [0xb0, "EC public"],
  [0xb1, "EC private"],
  [0xf0, "EC parameters"],
]);

export const keyTypeName = (type: number): string => KEY_TYPE_NAMES.get(type) ?? `type ${hex(Uint8Array.of(type))}`;

/** What is free in the element. */
export interface Resources {
  readonly applications?: number;
  /** Bytes. */
  readonly nonVolatile?: number;
  readonly volatile?: number;
}

/** Extended card resources, tag FF21; undefined: malformed. */
export function decodeResources(data: Uint8Array): Resources | undefined {
  const [outer] = attempt(() => parseTlv(data, { bytes: 256, depth: 2 })) ?? [];
  if (outer?.tag !== 0xff21) return undefined;
  const number = (wanted: number): number | undefined => {
    const value = outer.children?.find(({ tag }) => tag === wanted)?.value;
    return value && value.length > 0 && value.length <= 6 ? readUint(value) : undefined;
  };
  const [applications, nonVolatile, volatile] = [number(0x81), number(0x82), number(0x83)];
  return {
    ...(applications !== undefined && { applications }),
    ...(nonVolatile !== undefined && { nonVolatile }),
    ...(volatile !== undefined && { volatile }),
  };
}
