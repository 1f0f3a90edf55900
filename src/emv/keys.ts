import { toBcd } from "../codec/bcd.js";
import { asDesKey, oddParity, type DesKeyLike } from "../crypto/des.js";
import { sha1 } from "../crypto/hash.js";
import { concat, hex, NO_BYTES, roomFor } from "../util/bytes.js";
import { emvError } from "./errors.js";

/*
 * Keys of a card and of a transaction (EMV 4.3 Book 2 A1.3, A1.4). Keys come back with odd parity, as HSMs keep them; DES does not look
 * at it. A key that is used again is best handed in as a kept `DesKey`.
 */

const PAN = /^[0-9]{1,19}$/;
const PSN = /^[0-9]{2}$/;

function checkPan(pan: string, psn: string): void {
  if (!PAN.test(pan)) throw emvError("bad-pan", "a PAN has 1 to 19 digits", { digits: pan.length });
  if (!PSN.test(psn)) throw emvError("bad-pan", "a PAN sequence number has two digits", { digits: psn.length });
}

/** The key for a derivation input Y of 8 bytes: 3DES of Y and of its complement (EMV 4.3 Book 2 A1.4). */
function fromDiversifier(issuerKey: DesKeyLike, y: Uint8Array): Uint8Array {
  return oddParity(
    asDesKey(issuerKey).encrypt(
      concat(
        y,
        y.map((byte) => byte ^ 0xff),
      ),
    ),
  );
}

/**
 * ICC master key, option A: the 16 rightmost digits of PAN and sequence number (EMV 4.3 Book 2 A1.4.1).
 * @param issuerKey issuer master key, 16 bytes
 * @param pan digits @param psn two digits
 * @throws `emv/bad-pan`
 */
export function iccMasterKeyA(issuerKey: DesKeyLike, pan: string, psn = "00"): Uint8Array {
  checkPan(pan, psn);
  return fromDiversifier(issuerKey, toBcd((pan + psn).slice(-16), 8));
}

/**
 * ICC master key, option B: the first 16 decimal digits of SHA-1 over PAN and sequence number, letters standing in where digits run out
 * (EMV 4.3 Book 2 A1.4.2). Meant for PANs of more than 16 digits. @throws `emv/bad-pan`
 */
export function iccMasterKeyB(issuerKey: DesKeyLike, pan: string, psn = "00"): Uint8Array {
  checkPan(pan, psn);
  const digits = pan + psn;
  const nibbles = hex(sha1(toBcd(digits, Math.ceil(digits.length / 2))));
  const decimals = nibbles.replace(/[^0-9]/g, "");
  const letters = nibbles.replace(/[^A-F]/g, "").replace(/[A-F]/g, (letter) => String(letter.charCodeAt(0) - 65));
  return fromDiversifier(issuerKey, toBcd((decimals + letters).slice(0, 16), 8));
}

/** ICC master key by the option that EMV 4.3 Book 2 A1.4 has for the PAN: A up to 16 digits, B above. @throws `emv/bad-pan` */
export const iccMasterKey = (issuerKey: DesKeyLike, pan: string, psn = "00"): Uint8Array =>
  pan.length <= 16 ? iccMasterKeyA(issuerKey, pan, psn) : iccMasterKeyB(issuerKey, pan, psn);

function exactly(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length !== length)
    throw emvError("bad-length", `${what} has ${length} bytes, not ${bytes.length}`, { what, length: bytes.length });
}

/**
 * EMV common session key (EMV 4.3 Book 2 A1.3.1): R with its third byte F0 gives the left half, with 0F the right one.
 * @param r diversification value of 8 bytes @throws `emv/bad-length`
 */
export function commonSessionKey(masterKey: DesKeyLike, r: Uint8Array): Uint8Array {
  exactly(r, 8, "the diversification value");
  const blocks = roomFor(16);
  blocks.set(r, 0);
  blocks.set(r, 8);
  blocks[2] = 0xf0;
  blocks[10] = 0x0f;
  return oddParity(asDesKey(masterKey).encrypt(blocks));
}

function diversifier(atc: Uint8Array, un: Uint8Array): Uint8Array {
  exactly(atc, 2, "the ATC");
  const r = roomFor(8);
  r.set(atc, 0);
  r.set(un, 4);
  return r;
}

/** Session key for cryptograms: the common one with R = ATC and zeros (EMV 4.3 Book 2 A1.3.1). @throws `emv/bad-length` */
export const acSessionKey = (masterKey: DesKeyLike, atc: Uint8Array): Uint8Array =>
  commonSessionKey(masterKey, diversifier(atc, NO_BYTES));

/** M/Chip session key: R = ATC, two zeros, unpredictable number (9F37, 4 bytes). @throws `emv/bad-length` */
export function skdSessionKey(masterKey: DesKeyLike, atc: Uint8Array, un: Uint8Array): Uint8Array {
  exactly(un, 4, "the unpredictable number");
  return commonSessionKey(masterKey, diversifier(atc, un));
}

/**
 * Visa-style session key for secure messaging: the ATC is mixed into the end of the left half, its complement into the right.
 * @throws `emv/bad-length`, `emv/key-length`
 */
export function visaSessionKey(masterKey: DesKeyLike, atc: Uint8Array): Uint8Array {
  exactly(atc, 2, "the ATC");
  const key = asDesKey(masterKey).bytes();
  if (key.length !== 16)
    throw emvError("key-length", `a master key has 16 bytes, not ${key.length}`, { length: key.length });
  for (const [at, byte] of [atc[0]!, atc[1]!].entries()) {
    key[6 + at]! ^= byte;
    key[14 + at]! ^= byte ^ 0xff;
  }
  return oddParity(key);
}

/** Shape of an EMV2000 key tree. */
export interface KeyTree {
  /** Levels below the root, and branches of a node: `branches ** height` must reach 65536. Usual: 8 and 4, or 16 and 2. */
  readonly height: number;
  readonly branches: number;
  /** 16 bytes; zeros unless given. */
  readonly iv?: Uint8Array;
}

/**
 * EMV2000 session key: each key of a tree comes from its parent and grandparent, and the session key is the leaf mixed with its own
 * grandparent (EMV 4.1 Book 2 A1.3.1; no longer in 4.3). @throws `emv/bad-length`
 */
export function treeSessionKey(
  masterKey: DesKeyLike,
  atc: Uint8Array,
  tree: KeyTree = { height: 8, branches: 4 },
): Uint8Array {
  exactly(atc, 2, "the ATC");
  const { height, branches, iv = new Uint8Array(16) } = tree;
  exactly(iv, 16, "the initial vector of the key tree");
  if (
    !Number.isInteger(branches) ||
    !Number.isInteger(height) ||
    branches < 2 ||
    height < 2 ||
    height > 16 ||
    branches ** height < 65_536
  )
    throw emvError("bad-length", "a key tree needs 2 to 16 levels and enough branches for 65536 leaves", {
      height,
      branches,
    });
  const leaf = (atc[0]! << 8) | atc[1]!;
  let grandparent = iv;
  let parent = asDesKey(masterKey).bytes();
  for (let level = 1; level < height; level++) {
    const child = childKey(parent, grandparent, Math.floor(leaf / branches ** (height - level)) % branches);
    grandparent = parent;
    parent = child;
  }
  const last = childKey(parent, grandparent, leaf % branches);
  return oddParity(last.map((byte, i) => byte ^ grandparent[i]!));
}

function childKey(parent: Uint8Array, grandparent: Uint8Array, branch: number): Uint8Array {
  const blocks = Uint8Array.from(grandparent);
  blocks[7]! ^= branch;
  blocks[15]! ^= branch ^ 0xf0;
  return asDesKey(parent).encrypt(blocks);
}
