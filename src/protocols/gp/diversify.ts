import { aesKey } from "../../crypto/aes.js";
import { tripleDes } from "../../crypto/des.js";
import { concat } from "../../util/bytes.js";
import { gpError } from "./errors.js";
import type { KeySet } from "./poller.js";

/*
 * Card keys out of master keys, by the key diversification data that a card gives in its answer to INITIALIZE UPDATE. The names are the ones
 * that tools know the methods by.
 */

/** `kdf3`: AES, SP 800-108 in counter mode. `emv`: EMV CPS 1.1, 5.4. `visa2`: Visa's. `none`: the same keys in every card. */
export const DIVERSIFICATIONS = ["none", "kdf3", "emv", "visa2"] as const;
export type Diversification = (typeof DIVERSIFICATIONS)[number];

const PURPOSES = { enc: 1, mac: 2, dek: 3 } as const;

/** Number of the purpose, 00, diversification data; a counter of one byte in front. */
function kdf3(master: Uint8Array, purpose: number, data: Uint8Array): Uint8Array {
  const key = aesKey(master);
  const out = new Uint8Array(master.length);
  for (let at = 0, counter = 1; at < out.length; at += 16, counter++) {
    const block = key.cmac(Uint8Array.of(counter, 0, 0, 0, purpose, 0), data);
    out.set(block.subarray(0, out.length - at), at);
  }
  return out;
}

/** Two blocks that differ by F0 and 0F, triple DES. */
function twoBlocks(master: Uint8Array, purpose: number, six: Uint8Array): Uint8Array {
  return tripleDes(master).encrypt(concat(six, Uint8Array.of(0xf0, purpose), six, Uint8Array.of(0x0f, purpose)));
}

const METHODS: Readonly<
  Record<Diversification, (master: Uint8Array, purpose: number, data: Uint8Array) => Uint8Array>
> = {
  none: (master) => master,
  kdf3,
  emv: (master, purpose, data) => twoBlocks(master, purpose, data.subarray(4, 10)),
  visa2: (master, purpose, data) => twoBlocks(master, purpose, concat(data.subarray(0, 2), data.subarray(4, 8))),
};

/** A card's own keys. @throws `gp/bad-parameter` where diversification data is not 10 bytes; `crypto/key-length` */
export function diversified(master: KeySet, method: Diversification, data: Uint8Array): KeySet {
  if (data.length !== 10)
    throw gpError("bad-parameter", `key diversification data has 10 bytes, not ${data.length}`, {
      length: data.length,
    });
  const derive = METHODS[method];
  return {
    kind: master.kind,
    enc: derive(master.enc, PURPOSES.enc, data),
    mac: derive(master.mac, PURPOSES.mac, data),
    dek: derive(master.dek, PURPOSES.dek, data),
  };
}
