import { findTlv, parseTlv, valueOf, type Tlv } from "../../codec/tlv.js";
import { hex } from "../../util/bytes.js";
import { isTapbenchError } from "../../util/errors.js";

/** One application that a card offers in its proximity directory (EMV Contactless Book B, table 3-2). */
export interface DirectoryEntry {
  /** ADF name (4F), 5 to 16 bytes. */
  readonly adf: Uint8Array;
  /** 1 is the highest, 15 the lowest; 0: none given. */
  readonly priority: number;
  /** Kernel identifier (9F2A), where the card names one. */
  readonly kernelId?: Uint8Array | undefined;
  /** Extended selection (9F29). */
  readonly extended?: Uint8Array | undefined;
  /** Application label (50). */
  readonly label?: Uint8Array | undefined;
}

const LIMITS = { depth: 8, count: 512, bytes: 4096 } as const;
const MAX_ENTRIES = 64;

/**
 * Entries of a PPSE's FCI (EMV Contactless Book B 3.3.2.3), in the card's order; entries without a proper ADF name are left out.
 * Undefined: no such FCI.
 */
export function readDirectory(fci: Uint8Array): readonly DirectoryEntry[] | undefined {
  let objects: readonly Tlv[];
  try {
    objects = parseTlv(fci, LIMITS);
  } catch (error) {
    if (isTapbenchError(error)) return undefined;
    throw error;
  }
  const directory = findTlv(objects, 0x6f, 0xa5, 0xbf0c);
  if (!directory) return undefined;
  const entries: DirectoryEntry[] = [];
  for (const { tag, children } of directory.children ?? []) {
    if (tag !== 0x61 || !children || entries.length === MAX_ENTRIES) continue;
    const entry = readEntry(children);
    if (entry) entries.push(entry);
  }
  return entries;
}

function readEntry(objects: readonly Tlv[]): DirectoryEntry | undefined {
  const adf = valueOf(objects, 0x4f);
  if (adf.length < 5 || adf.length > 16) return undefined;
  return {
    adf,
    priority: (valueOf(objects, 0x87)[0] ?? 0) & 0x0f,
    kernelId: findTlv(objects, 0x9f2a)?.value,
    extended: findTlv(objects, 0x9f29)?.value,
    label: findTlv(objects, 0x50)?.value,
  };
}

/** Kernels that payment systems have by default (EMV Contactless Book B, table 3-6). */
const BY_RID: Readonly<Record<string, number>> = {
  A000000003: 3,
  A000000004: 2,
  A000000025: 4,
  A000000065: 5,
  A000000152: 6,
  A000000324: 6,
  A000000333: 7,
};

/**
 * The kernel that an entry asks for: its number, `any` where it leaves the choice to the terminal, or undefined where its identifier
 * cannot be used (EMV Contactless Book B 3.3.2.5).
 */
export function requestedKernel({ kernelId, adf }: DirectoryEntry): number | "any" | undefined {
  const first = kernelId?.[0];
  if (!kernelId || first === undefined) return BY_RID[hex(adf.subarray(0, 5))] ?? "any";
  const kind = first >> 6;
  if (kind === 0) return first === 0 ? "any" : first;
  if (kind === 1) return undefined;
  // domestic kernels: three bytes, unless the short identifier is zero
  if ((first & 0x3f) === 0) return "any";
  return kernelId.length < 3 ? undefined : first * 0x10000 + kernelId[1]! * 0x100 + kernelId[2]!;
}

/** `c2` is kernel 2, `c8` kernel 8. Undefined: not a name of that form. */
export function kernelNumber(name: string): number | undefined {
  if (name.length < 2 || name[0] !== "c") return undefined;
  const number = Number(name.slice(1));
  return Number.isInteger(number) && number > 0 ? number : undefined;
}
