/*
 * What cells do that were written too often, and what a torn write leaves: repeatable, from a seed.
 */

/** A number of 32 bits that follows from others: rounds of MurmurHash3's finaliser. */
function mixed(...parts: readonly number[]): number {
  let hash = 0x9e3779b9;
  for (const part of parts) {
    hash = Math.imul(hash ^ part, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash ^= hash >>> 16;
  }
  return hash >>> 0;
}

/** Fills with bytes that follow from the seed and the number of the operation. */
export function noise(bytes: Uint8Array, seed: number, operation: number): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = mixed(seed, operation, i);
}

interface Worn {
  readonly page: number;
  readonly cycles: number;
  readonly endurance: number;
  readonly seed: number;
}

/** A worn page loses another cell whenever it has had this part of its endurance more. */
const STEP = 64;
const FIRST_CELL = 2;

/** A write to a page past its endurance. Half of such pages take nothing any more; the others have cells that stick, more of them with time. */
export function wornWrite(bytes: Uint8Array, at: number, part: Uint8Array, worn: Worn): void {
  const { page, cycles, endurance, seed } = worn;
  if (mixed(seed, page, 0) & 1) return;
  bytes.set(part, at);
  const stuck = 1 + Math.floor(((cycles - endurance) * STEP) / endurance);
  for (let cell = 0; cell < Math.min(stuck, 8 * bytes.length); cell++) {
    const drawn = mixed(seed, page, FIRST_CELL + cell);
    const byte = (drawn >>> 4) % bytes.length;
    if (byte < at || byte >= at + part.length) continue;
    const bit = 1 << (drawn & 7);
    if (drawn & 8) bytes[byte]! |= bit;
    else bytes[byte]! &= ~bit;
  }
}
