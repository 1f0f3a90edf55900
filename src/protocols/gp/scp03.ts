import type { AesKey } from "../../crypto/aes.js";
import { aesKey } from "../../crypto/aes.js";
import { padOne, unpadOne } from "../../crypto/padding.js";
import { concat, equalBytes, NO_BYTES } from "../../util/bytes.js";
import { MAX_SHORT_RESPONSE, type CommandApdu, type ResponseApdu } from "../iso7816/apdu.js";
import { gpError } from "./errors.js";
import { isError, isSecured, LEVEL, macClass, securedClass, type SecureChannel } from "./secure-channel.js";

/*
 * Secure Channel Protocol 03: GlobalPlatform Card Specification, Amendment D, 1.1.2 and 1.2. What both ends compute is written once; each
 * message is held to recorded exchanges of real cards.
 */

/** Options of an SCP03 implementation, its parameter "i" (Amendment D 5.1, table 5-1). */
export interface Scp03Options {
  /** Bytes of challenges, cryptograms and MACs: S8 mode or S16 mode. */
  readonly size: 8 | 16;
  /** The card challenge follows from sequence counter, key and AID. */
  readonly pseudoRandom: boolean;
  readonly responseMac: boolean;
  readonly responseEncryption: boolean;
}

/** @throws `gp/bad-parameter` where the bits are reserved, or answers would be encrypted without a MAC */
export function scp03Options(i: number): Scp03Options {
  const responseMac = (i & 0x20) !== 0;
  const responseEncryption = (i & 0x40) !== 0;
  if ((i & ~0x71) !== 0 || (responseEncryption && !responseMac))
    throw gpError(
      "bad-parameter",
      `i = ${i.toString(16)} is no option of SCP03; 00 10 20 30 60 70 and their S16 forms are`,
      {
        i,
      },
    );
  return { size: i & 0x01 ? 16 : 8, pseudoRandom: (i & 0x10) !== 0, responseMac, responseEncryption };
}

/** A key set: what the card and its owner share. */
export interface Scp03Keys {
  readonly enc: AesKey;
  readonly mac: AesKey;
  readonly dek: AesKey;
}

/** Levels that exist: a part of C-MAC, C-DECRYPTION, R-MAC, R-ENCRYPTION never without what it stands on (Amendment D, table 7-6). */
const LEVELS: readonly number[] = [0x00, 0x01, 0x03, 0x11, 0x13, 0x33];

/** @throws `gp/bad-level` for a level that does not exist, or that these options lack */
export function checkScp03Level(level: number, options: Scp03Options): void {
  const wants = (bit: number): boolean => (level & bit) !== 0;
  if (
    !LEVELS.includes(level) ||
    (wants(LEVEL.responseMac) && !options.responseMac) ||
    (wants(LEVEL.responseEncryption) && !options.responseEncryption)
  )
    throw gpError("bad-level", `security level ${level.toString(16).padStart(2, "0")} is none that this card offers`, {
      level,
    });
}

/** Derivation constants (Amendment D, table 4-1). */
const DERIVES = {
  cardCryptogram: 0x00,
  hostCryptogram: 0x01,
  cardChallenge: 0x02,
  enc: 0x04,
  mac: 0x06,
  rmac: 0x07,
} as const;

/** Counter mode of SP 800-108 over CMAC: label of 11 zeros and the constant, 00, bits (2), counter (1), context (Amendment D 4.1.5). */
function derive(key: AesKey, constant: number, bytes: number, context: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes);
  const head = new Uint8Array(16);
  head[11] = constant;
  head[13] = (bytes * 8) >> 8;
  head[14] = (bytes * 8) & 0xff;
  for (let at = 0, counter = 1; at < bytes; at += 16, counter++) {
    head[15] = counter;
    out.set(key.cmac(head, context).subarray(0, bytes - at), at);
  }
  return out;
}

/** The challenges of both ends, and what follows from them. */
export interface Scp03Handshake {
  readonly size: 8 | 16;
  readonly keys: { readonly enc: AesKey; readonly mac: AesKey; readonly rmac: AesKey; readonly dek: AesKey };
  readonly cardCryptogram: Uint8Array;
  readonly hostCryptogram: Uint8Array;
}

/** Session keys and cryptograms (Amendment D 6.2.1 and 6.2.2). */
export function scp03Handshake(
  keys: Scp03Keys,
  hostChallenge: Uint8Array,
  cardChallenge: Uint8Array,
  size: 8 | 16,
): Scp03Handshake {
  const context = concat(hostChallenge, cardChallenge);
  const session = (key: AesKey, constant: number): AesKey => aesKey(derive(key, constant, key.length, context));
  const mac = session(keys.mac, DERIVES.mac);
  return {
    size,
    keys: { enc: session(keys.enc, DERIVES.enc), mac, rmac: session(keys.mac, DERIVES.rmac), dek: keys.dek },
    cardCryptogram: derive(mac, DERIVES.cardCryptogram, size, context),
    hostCryptogram: derive(mac, DERIVES.hostCryptogram, size, context),
  };
}

/** Pseudo-random card challenge from the sequence counter (3 bytes) and the AID of the security domain (Amendment D 6.2.2.1). */
export const scp03CardChallenge = (enc: AesKey, sequence: Uint8Array, aid: Uint8Array, size: 8 | 16): Uint8Array =>
  derive(enc, DERIVES.cardChallenge, size, concat(sequence, aid));

/** A session; a value. */
export interface Scp03Session {
  readonly size: 8 | 16;
  readonly level: number;
  readonly keys: Scp03Handshake["keys"];
  /** MAC chaining value: the last command's whole MAC. */
  readonly chain: Uint8Array;
  /** Commands since EXTERNAL AUTHENTICATE: those without data count, too. */
  readonly counter: number;
}

const NO_CHAIN = new Uint8Array(16);
const INS_EXTERNAL_AUTHENTICATE = 0x82;

/** EXTERNAL AUTHENTICATE with its MAC, and the session that it opens (Amendment D 7.1.2). @throws `gp/too-long` never: it always fits */
export function scp03Authenticate(
  handshake: Scp03Handshake,
  level: number,
): { session: Scp03Session; command: CommandApdu } {
  const { size, keys } = handshake;
  const opening: Scp03Session = { size, level: LEVEL.commandMac, keys, chain: NO_CHAIN, counter: 0 };
  const plain = { cla: 0x80, ins: INS_EXTERNAL_AUTHENTICATE, p1: level, p2: 0, data: handshake.hostCryptogram };
  const { session, command } = scp03.wrap(opening, plain);
  return { session: { ...session, level, counter: 0 }, command };
}

/** On-card: the session that EXTERNAL AUTHENTICATE opens; undefined: a wrong MAC or a wrong cryptogram. */
export function scp03Accept(handshake: Scp03Handshake, command: CommandApdu): Scp03Session | undefined {
  const { size, keys } = handshake;
  const opening: Scp03Session = { size, level: LEVEL.commandMac, keys, chain: NO_CHAIN, counter: 0 };
  const opened = scp03.unwrap(opening, command);
  if (!opened || !equalBytes(opened.command.data ?? NO_BYTES, handshake.hostCryptogram)) return undefined;
  return { ...opened.session, level: command.p1, counter: 0 };
}

/** The block that encryption starts from: the counter, of answers with its top bit set (Amendment D 6.2.6 and 6.2.7). */
function startBlock(enc: AesKey, counter: number, ofResponse: boolean): Uint8Array {
  const block = new Uint8Array(16);
  for (let at = 15, left = counter; left > 0; at--, left = Math.floor(left / 256)) block[at] = left % 256;
  if (ofResponse) block[0] = 0x80;
  return enc.encrypt(block);
}

/** Header of a secured command as MACs see it; `length`: of its data with the MAC, in the form that it has on the wire. */
function macHeader({ cla, ins, p1, p2, le = 0, extended = false }: CommandApdu, length: number): Uint8Array {
  return extended || length > 255 || le > MAX_SHORT_RESPONSE
    ? Uint8Array.of(macClass(cla), ins, p1, p2, 0, length >> 8, length & 0xff)
    : Uint8Array.of(macClass(cla), ins, p1, p2, length);
}

const has = (session: Scp03Session, bit: number): boolean => (session.level & bit) !== 0;

/** Both ends of SCP03. */
export const scp03: SecureChannel<Scp03Session> = {
  wrap(session, command) {
    const { size, keys } = session;
    const counter = session.counter + 1;
    if (!has(session, LEVEL.commandMac)) return { session: { ...session, counter }, command };
    const clear = command.data ?? NO_BYTES;
    const encrypts = has(session, LEVEL.commandEncryption) && clear.length > 0;
    const data = encrypts ? keys.enc.encryptCbc(padOne(clear, 16), startBlock(keys.enc, counter, false)) : clear;
    if (data.length + size > 65_535)
      throw gpError("too-long", "the command does not fit an APDU any more once it is secured; send it in parts", {
        length: clear.length,
      });
    const cla = securedClass(command.cla, true);
    const chain = keys.mac.cmac(session.chain, macHeader(command, data.length + size), data);
    const secured = { ...command, cla, data: concat(data, chain.subarray(0, size)) };
    return { session: { ...session, chain, counter }, command: secured };
  },

  unwrap(session, command) {
    const { size, keys } = session;
    const counter = session.counter + 1;
    if (!has(session, LEVEL.commandMac)) return { session: { ...session, counter }, command };
    const given = command.data ?? NO_BYTES;
    if (given.length < size || !isSecured(command.cla)) return undefined;
    const data = given.subarray(0, given.length - size);
    const chain = keys.mac.cmac(session.chain, macHeader(command, given.length), data);
    if (!equalBytes(chain.subarray(0, size), given.subarray(data.length))) return undefined;
    let clear: Uint8Array | undefined = data;
    if (has(session, LEVEL.commandEncryption) && data.length > 0) {
      if (data.length % 16 !== 0) return undefined;
      clear = unpadOne(keys.enc.decryptCbc(data, startBlock(keys.enc, counter, false)));
      if (!clear) return undefined;
    }
    const plain = { ...command, cla: securedClass(command.cla, false), data: clear.length > 0 ? clear : undefined };
    return { session: { ...session, chain, counter }, command: plain };
  },

  wrapResponse(session, response) {
    if (!has(session, LEVEL.responseMac) || isError(response.sw)) return response;
    const { size, keys, counter, chain } = session;
    const encrypts = has(session, LEVEL.responseEncryption) && response.data.length > 0;
    const data = encrypts
      ? keys.enc.encryptCbc(padOne(response.data, 16), startBlock(keys.enc, counter, true))
      : response.data;
    const mac = keys.rmac.cmac(chain, data, statusBytes(response.sw)).subarray(0, size);
    return { data: concat(data, mac), sw: response.sw };
  },

  unwrapResponse(session, response) {
    if (!has(session, LEVEL.responseMac) || isError(response.sw)) return withoutData(response);
    const { size, keys, counter, chain } = session;
    const data = response.data.subarray(0, Math.max(0, response.data.length - size));
    const mac = keys.rmac.cmac(chain, data, statusBytes(response.sw)).subarray(0, size);
    if (!equalBytes(mac, response.data.subarray(data.length)))
      throw gpError(
        "response-mac",
        "the card's answer has no valid MAC; the session is over, so authenticate again",
        {},
      );
    if (!has(session, LEVEL.responseEncryption) || data.length === 0) return { data, sw: response.sw };
    const clear =
      data.length % 16 === 0 ? unpadOne(keys.enc.decryptCbc(data, startBlock(keys.enc, counter, true))) : undefined;
    if (!clear)
      throw gpError(
        "response-padding",
        "the card's answer cannot be deciphered; the session is over, so authenticate again",
        {},
      );
    return { data: clear, sw: response.sw };
  },
};

/** An error has no data; what comes with one is nobody's, and unprotected. */
const withoutData = (response: ResponseApdu): ResponseApdu =>
  isError(response.sw) ? { data: NO_BYTES, sw: response.sw } : response;

const statusBytes = (sw: number): Uint8Array => Uint8Array.of(sw >> 8, sw & 0xff);
