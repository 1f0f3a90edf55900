import { fromBcd } from "../../../codec/bcd.js";
import { hex, NO_BYTES, roomFor } from "../../../util/bytes.js";
import type { KernelInput } from "../../kernel.js";
import type { SignedRecord } from "../../oda.js";
import type { Cvm, OdaResult } from "../../outcome.js";
import { AIP, CAPABILITIES, isSet, KERNEL_CONFIGURATION, type Bit } from "./bits.js";
import type { CardData } from "./card-data.js";

/** Application cryptograms that GENERATE AC may ask for: bits 8 and 7 of its P1 and of the CID. EMV 4.3 Book 3, 6.5.5. */
export const AC = { aac: 0x00, tc: 0x40, arqc: 0x80 } as const;
export type AcType = (typeof AC)[keyof typeof AC];

/** One transaction while it runs. Lives inside the kernel's generator and nowhere else. */
export interface C2 {
  readonly input: KernelInput;
  readonly card: CardData;
  /** What the kernel itself decides: 95, 9F33, 9F34, 9F37. */
  readonly own: Map<number, Uint8Array>;
  readonly tvr: Uint8Array;
  /** Terminal capabilities; byte 2 is chosen by the CVM limit. */
  readonly capabilities: Uint8Array;
  /** Where the selected AID's limits stand: with CDCVM or without. */
  onDevice: boolean;
  /** CDA was agreed on between card and terminal ('CDA' in ODA status). */
  cda: boolean;
  oda: OdaResult;
  cvm: Cvm;
  receipt: boolean;
  ac: AcType;
  /** GENERATE AC asked for a signature. */
  signatureAsked: boolean;
  /** Records to be authenticated, in the order of reading. */
  readonly signedRecords: SignedRecord[];
  signedLength: number;
  /** Values that PDOL and CDOL1 asked for, as sent. */
  pdolData: Uint8Array;
  cdolData: Uint8Array;
  /** Value field of the GENERATE AC response template. */
  acResponse: Uint8Array;
}

export function begin(input: KernelInput): C2 {
  const { terminal } = input;
  const tvr = roomFor(5);
  const capabilities = roomFor(3);
  capabilities.set((terminal.get(0x9f33) ?? capabilities).subarray(0, 3));
  capabilities[0] = terminal.get(0xdf8117)?.[0] ?? capabilities[0]!;
  capabilities[2] = terminal.get(0xdf811f)?.[0] ?? capabilities[2]!;
  return {
    input,
    card: new Map(),
    own: new Map<number, Uint8Array>().set(0x95, tvr).set(0x9f33, capabilities).set(0x9f37, input.random.bytes(4)),
    tvr,
    capabilities,
    onDevice: false,
    cda: false,
    oda: { method: "none" },
    cvm: "not-applicable",
    receipt: false,
    ac: AC.tc,
    signatureAsked: false,
    signedRecords: [],
    signedLength: 0,
    pdolData: NO_BYTES,
    cdolData: NO_BYTES,
    acResponse: NO_BYTES,
  };
}

/** The kernel's database: its own results, then the card's data, then the terminal's. */
export const lookUp = (tap: C2, tag: number): Uint8Array | undefined =>
  tap.own.get(tag) ?? tap.card.get(tag) ?? tap.input.terminal.get(tag);

/** A value that is there and not empty (IsNotEmpty of Book C-2). */
export function given(tap: C2, tag: number): Uint8Array | undefined {
  const value = lookUp(tap, tag);
  return value && value.length > 0 ? value : undefined;
}

export const aipHas = (tap: C2, bit: Bit): boolean => isSet(tap.card.get(0x82), bit);
export const configured = (tap: C2, bit: Bit): boolean => isSet(tap.input.terminal.get(0xdf811b), bit);

/** Card and reader both verify the holder on the device (AIP byte 1 bit 2, kernel configuration bit 6). */
export const onDeviceCvm = (tap: C2): boolean =>
  aipHas(tap, AIP.onDeviceCvm) && configured(tap, KERNEL_CONFIGURATION.onDeviceCvm);

/** Card and terminal both do CDA. */
export const cdaAgreed = (tap: C2): boolean =>
  aipHas(tap, AIP.cdaSupported) && isSet(tap.capabilities, CAPABILITIES.cda);

/** The CA key that the card's certificates need, for whoever listens: RID and index. */
export const caKeyOf = (tap: C2): { readonly rid: string; readonly caIndex: string } => ({
  rid: hex(tap.input.aid.subarray(0, 5)),
  caIndex: hex(tap.card.get(0x8f) ?? new Uint8Array(0)),
});

/** One byte of a terminal object, 0 where it is not configured. */
export const terminalByte = (tap: C2, tag: number, index = 0): number => tap.input.terminal.get(tag)?.[index] ?? 0;

/** Message hold time (DF812D): digits that count tenths of a second; 1.3 s unless configured. */
export function holdTime(tap: C2): number {
  const configuredHold = tap.input.terminal.get(0xdf812d);
  return (configuredHold ? Number(fromBcd(configuredHold)) : 13) * 100_000_000;
}
