import { desKey, type DesKey } from "../../crypto/des.js";
import { padOne, unpadOne } from "../../crypto/padding.js";
import { concat, equalBytes, NO_BYTES, u16be } from "../../util/bytes.js";
import { encodeCommand, type CommandApdu } from "../iso7816/apdu.js";
import { gpError } from "./errors.js";
import { isSecured, LEVEL, macClass, securedClass, type SecureChannel } from "./secure-channel.js";

/*
 * Secure Channel Protocol 02, for old elements: GlobalPlatform Card Specification 2.3.1, Annex E, explicit initiation with three keys, C-MAC on
 * the modified APDU, initial chaining vector enciphered (i = 15), and with a pseudo-random card challenge besides (i = 55).
 */

/** @throws `gp/bad-parameter` for anything but 15 and 55 */
export function scp02Options(i: number): { readonly pseudoRandom: boolean } {
  if (i !== 0x15 && i !== 0x55)
    throw gpError("bad-parameter", `i = ${i.toString(16)} is an option of SCP02 that is not supported; 15 and 55 are`, {
      i,
    });
  return { pseudoRandom: i === 0x55 };
}

/** A key set of double length DES keys. */
export interface Scp02Keys {
  readonly enc: DesKey;
  readonly mac: DesKey;
  readonly dek: DesKey;
}

/** Derivation constants (Card Specification 2.3.1, E.4.1). */
const DERIVES = { mac: 0x0101, dek: 0x0181, enc: 0x0182 } as const;

const derive = (key: DesKey, constant: number, sequence: number): DesKey =>
  desKey(key.encryptCbc(concat(u16be(constant), u16be(sequence), new Uint8Array(12))));

/** Full triple DES MAC: the last block of CBC over padded data (B.1.2.1). */
const cryptogram = (enc: DesKey, ...parts: readonly Uint8Array[]): Uint8Array =>
  enc.encryptCbc(padOne(concat(...parts))).slice(-8);

/** The challenges of both ends, and what follows from them. */
export interface Scp02Handshake {
  readonly keys: Scp02Keys;
  readonly cardCryptogram: Uint8Array;
  readonly hostCryptogram: Uint8Array;
}

/** Session keys and cryptograms (E.4.1, E.4.2). `cardChallenge`: its six bytes; the sequence counter stands in front of them. */
export function scp02Handshake(
  keys: Scp02Keys,
  hostChallenge: Uint8Array,
  sequence: number,
  cardChallenge: Uint8Array,
): Scp02Handshake {
  const enc = derive(keys.enc, DERIVES.enc, sequence);
  const card = concat(u16be(sequence), cardChallenge);
  return {
    keys: { enc, mac: derive(keys.mac, DERIVES.mac, sequence), dek: derive(keys.dek, DERIVES.dek, sequence) },
    cardCryptogram: cryptogram(enc, hostChallenge, card),
    hostCryptogram: cryptogram(enc, card, hostChallenge),
  };
}

/** Pseudo-random card challenge of i = 55: the first six bytes of a MAC over the security domain's AID (E.4.2.3). */
export const scp02CardChallenge = (mac: DesKey, sequence: number, aid: Uint8Array): Uint8Array =>
  derive(mac, DERIVES.mac, sequence).mac(padOne(aid)).slice(0, 6);

/** A session; a value. */
export interface Scp02Session {
  readonly level: number;
  readonly keys: Scp02Keys;
  /** The last command's MAC; the next one's chain starts from it, enciphered. Absent: none came yet. */
  readonly lastMac?: Uint8Array;
}

const MAC_LENGTH = 8;
const INS_EXTERNAL_AUTHENTICATE = 0x82;
const LEVELS: readonly number[] = [0x00, 0x01, 0x03];

/** @throws `gp/bad-level`: R-MAC is no part of i = 15 and 55 */
export function checkScp02Level(level: number): void {
  if (!LEVELS.includes(level))
    throw gpError("bad-level", `security level ${level.toString(16).padStart(2, "0")} is none that this card offers`, {
      level,
    });
}

/** EXTERNAL AUTHENTICATE with its MAC, and the session that it opens (E.5.2). */
export function scp02Authenticate(
  handshake: Scp02Handshake,
  level: number,
): { session: Scp02Session; command: CommandApdu } {
  const plain = { cla: 0x80, ins: INS_EXTERNAL_AUTHENTICATE, p1: level, p2: 0, data: handshake.hostCryptogram };
  const { session, command } = scp02.wrap({ level: LEVEL.commandMac, keys: handshake.keys }, plain);
  return { session: { ...session, level }, command };
}

/** On-card: the session that EXTERNAL AUTHENTICATE opens; undefined: a wrong MAC or a wrong cryptogram. */
export function scp02Accept(handshake: Scp02Handshake, command: CommandApdu): Scp02Session | undefined {
  const opened = scp02.unwrap({ level: LEVEL.commandMac, keys: handshake.keys }, command);
  if (!opened || !equalBytes(opened.command.data ?? NO_BYTES, handshake.hostCryptogram)) return undefined;
  return { ...opened.session, level: command.p1 };
}

/** C-MAC over header, length with the MAC, and clear data (E.4.4). */
function commandMac({ keys, lastMac }: Scp02Session, command: CommandApdu, data: Uint8Array): Uint8Array {
  const { ins, p1, p2 } = command;
  const signed = encodeCommand({
    cla: macClass(command.cla),
    ins,
    p1,
    p2,
    data: concat(data, new Uint8Array(MAC_LENGTH)),
  });
  const iv = lastMac && desKey(keys.mac.bytes().subarray(0, 8)).encrypt(lastMac);
  return keys.mac.mac(padOne(signed.subarray(0, signed.length - MAC_LENGTH)), iv);
}

const has = (session: Scp02Session, bit: number): boolean => (session.level & bit) !== 0;

/** Both ends of SCP02. Answers are never protected. */
export const scp02: SecureChannel<Scp02Session> = {
  wrap(session, command) {
    if (!has(session, LEVEL.commandMac)) return { session, command };
    const clear = command.data ?? NO_BYTES;
    const mac = commandMac(session, command, clear);
    const encrypts = has(session, LEVEL.commandEncryption) && clear.length > 0;
    const data = encrypts ? session.keys.enc.encryptCbc(padOne(clear)) : clear;
    if (data.length + MAC_LENGTH > 255)
      throw gpError("too-long", "the command does not fit a short APDU any more once it is secured; send it in parts", {
        length: clear.length,
      });
    const secured = { ...command, cla: securedClass(command.cla, true), data: concat(data, mac) };
    return { session: { ...session, lastMac: mac }, command: secured };
  },

  unwrap(session, command) {
    if (!has(session, LEVEL.commandMac)) return { session, command };
    const given = command.data ?? NO_BYTES;
    if (given.length < MAC_LENGTH || !isSecured(command.cla)) return undefined;
    const data = given.subarray(0, given.length - MAC_LENGTH);
    let clear: Uint8Array | undefined = data;
    if (has(session, LEVEL.commandEncryption) && data.length > 0) {
      if (data.length % 8 !== 0) return undefined;
      clear = unpadOne(session.keys.enc.decryptCbc(data));
      if (!clear) return undefined;
    }
    const mac = commandMac(session, command, clear);
    if (!equalBytes(mac, given.subarray(data.length))) return undefined;
    const plain = { ...command, cla: securedClass(command.cla, false), data: clear.length > 0 ? clear : undefined };
    return { session: { ...session, lastMac: mac }, command: plain };
  },

  wrapResponse: (_session, response) => response,
  unwrapResponse: (_session, response) => response,
};
