import { iso7816Error } from "./errors.js";

/** An answer to reset, cut into its parts. ISO/IEC 7816-3:2006, 8.2. */
export interface Atr {
  /** TS: `direct` (3B) or `inverse` (3F) convention. */
  readonly convention: "direct" | "inverse";
  /** Interface bytes in their order, by their names: `TA1`, `TD1`, `TA2` ... */
  readonly interfaceBytes: readonly (readonly [name: string, value: number])[];
  /** Transmission protocols that the card offers, T=0 where it names none; 15 stands for global interface bytes. */
  readonly protocols: readonly number[];
  readonly historical: Uint8Array;
  /** Check byte; absent where only T=0 is offered. */
  readonly tck?: { readonly value: number; readonly expected: number };
}

const CONVENTIONS: ReadonlyMap<number, Atr["convention"]> = new Map([
  [0x3b, "direct"],
  [0x3f, "inverse"],
]);
/** ISO/IEC 7816-3:2006, 8.2.1. */
const MAX_ATR = 33;
const NAMES = ["TA", "TB", "TC", "TD"] as const;

/** @throws `iso7816/bad-atr` where the bytes are no answer to reset, or fewer or more than they say; a wrong check byte is in the result */
export function decodeAtr(bytes: Uint8Array): Atr {
  const convention = CONVENTIONS.get(bytes[0] ?? -1);
  if (!convention) throw badAtr("an ATR begins with 3B or 3F", 0);
  if (bytes.length > MAX_ATR) throw badAtr(`an ATR has at most ${MAX_ATR} bytes; ${bytes.length} came`, MAX_ATR);
  const interfaceBytes: [string, number][] = [];
  const offered: number[] = [];
  const take = (what: string, at: number): number => {
    const byte = bytes[at];
    if (byte === undefined) throw badAtr(`the ATR ends before ${what}, at offset ${at}`, at);
    return byte;
  };
  const t0 = take("T0", 1);
  let at = 2;
  let announced = t0 >> 4;
  for (let level = 1; announced !== 0; level++) {
    let next = 0;
    for (const [bit, name] of NAMES.entries()) {
      if ((announced & (1 << bit)) === 0) continue;
      const value = take(`${name}${level}`, at++);
      interfaceBytes.push([`${name}${level}`, value]);
      if (name !== "TD") continue;
      offered.push(value & 0x0f);
      next = value >> 4;
    }
    announced = next;
  }
  const count = t0 & 0x0f;
  if (at + count > bytes.length)
    throw badAtr(`the ATR says ${count} historical bytes; ${bytes.length - at} are there, from offset ${at}`, at);
  const historical = bytes.subarray(at, at + count);
  at += count;
  const checked = offered.some((protocol) => protocol !== 0);
  const value = checked ? take("TCK", at++) : undefined;
  if (at !== bytes.length) throw badAtr(`${bytes.length - at} byte(s) follow the end of the ATR at offset ${at}`, at);
  const expected = bytes.subarray(1, at - 1).reduce((sum, byte) => sum ^ byte, 0);
  return {
    convention,
    interfaceBytes,
    protocols: offered.length > 0 ? [...new Set(offered)] : [0],
    historical,
    ...(value !== undefined && { tck: { value, expected } }),
  };
}

const badAtr = (message: string, offset: number): Error => iso7816Error("bad-atr", message, { offset });
