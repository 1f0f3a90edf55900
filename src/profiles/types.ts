import type { Nanos } from "../util/time.js";

/*
 * Profiles as the rest of tapbench sees them: loaded, checked, hex turned into bytes, durations into nanoseconds.
 * What the YAML files look like is schema.ts.
 */

/** Divisors of the carrier: 1 is 106 kbit/s, 8 is 848 kbit/s. */
export type RateDivisor = 1 | 2 | 4 | 8;

/** What the emulated element needs for its work, besides the time on the air. */
export interface ComputeModel {
  /** For any command, before anything else. */
  readonly command: Nanos;
  /** Per byte of command and response. */
  readonly perByte: Nanos;
  /** Per operation with a symmetric key (a session key, a MAC). */
  readonly symmetric: Nanos;
  /** An RSA private operation of 1024 bits with CRT; others scale with the cube of their length. */
  readonly rsa1024: Nanos;
  /** Per write to non-volatile memory. */
  readonly nvmWrite: Nanos;
}

/** What every profile starts with. */
export interface ProfileHead {
  /** Name of its file. */
  readonly name: string;
  readonly title: string;
  /** Set where values have no public source. */
  readonly synthetic: boolean;
  readonly sources: readonly string[];
}

export interface DeviceProfile extends ProfileHead {
  readonly form: "band" | "watch" | "ring" | "phone";
  readonly nfc: {
    readonly atqa: number;
    readonly sak: number;
    readonly uid: { readonly kind: "random" } | { readonly kind: "fixed"; readonly bytes: Uint8Array };
    /** Frame size the device takes, as the code FSCI of ISO/IEC 14443-4 table 1. */
    readonly fsci: number;
    readonly fwi: number;
    readonly sfgi: number;
    readonly cid: boolean;
    /** Only the same rate in both directions (bit 8 of TA); absent: no. */
    readonly sameRates?: boolean;
    readonly historicalBytes: Uint8Array;
    readonly ratesToDevice: readonly RateDivisor[];
    readonly ratesFromDevice: readonly RateDivisor[];
  };
  readonly element: {
    readonly nvmBytes: number;
    readonly pageBytes: number;
    /** Bytes programmed together, bytes erased together, writes that a page endures. */
    readonly cells: { readonly writeBytes: number; readonly eraseBytes: number; readonly endurance: number };
    /** Most bytes that one transaction of an applet changes. */
    readonly commitBytes: number;
    /** Instances that are there when the device leaves the factory. */
    readonly applets: readonly { readonly module: string; readonly aid: Uint8Array }[];
    /** GlobalPlatform card management; absent: applets take personalisation as it comes. */
    readonly card?: CardManagement | undefined;
  };
  readonly compute: ComputeModel;
  /** How the device verifies its holder. */
  readonly verification: "none" | "passcode" | "biometric";
  readonly firmware: string;
  /** A microcontroller that speaks MCUmgr's SMP; absent: there is none. */
  readonly management?: ManagementProfile | undefined;
}

/** Where a part of the flash lies, in bytes. */
export interface FlashPartition {
  readonly offset: number;
  readonly bytes: number;
}

/** Slots of the boot loader, and how a new image gets from the secondary one into the primary one. */
export interface BootProfile {
  readonly mode: "move" | "offset" | "overwrite";
  readonly primary: FlashPartition;
  readonly secondary: FlashPartition;
}

/** The microcontroller that manages the device. */
export interface ManagementProfile {
  /** MCUmgr's buffers: bytes of one, header included, and how many. */
  readonly bufferBytes: number;
  readonly bufferCount: number;
  /** From a reset until it answers again. */
  readonly bootTime: Nanos;
  /** From full to empty. */
  readonly batteryHours: number;
  /** `rc: 0` with every success, for old clients. */
  readonly legacyRc: boolean;
  readonly flash: {
    readonly bytes: number;
    readonly sectorBytes: number;
    readonly writeBytes: number;
    readonly partitions: { readonly settings: FlashPartition; readonly files: FlashPartition };
  };
  /** MCUboot with one image; absent: the firmware cannot be updated. */
  readonly boot?: BootProfile | undefined;
}

/** A security domain that is there when the device leaves the factory. Its keys are named, not held. */
export interface FactoryDomain {
  readonly aid: Uint8Array;
  readonly version: number;
  readonly keys: string;
}

/** How the element is managed (GlobalPlatform Card Specification 2.3.1). */
export interface CardManagement {
  readonly scp: 2 | 3;
  /** Options of the secure channel protocol. */
  readonly i: number;
  readonly maxFailures: number;
  readonly issuerDomain: FactoryDomain;
  readonly paymentDomain: FactoryDomain;
}

export interface CardProfile extends ProfileHead {
  readonly kernel: "c2";
  readonly aid: Uint8Array;
  readonly label: string;
  readonly priority: number;
  readonly language: string;
  /** First digits of its account numbers; on the allow-list of test BINs. */
  readonly bin: string;
  readonly serviceCode: string;
  readonly issuerCountry: string;
  readonly currency: { readonly code: string; readonly numeric: string; readonly exponent: number };
  /** Tag 82. */
  readonly aip: Uint8Array;
  /** Tag 9F07. */
  readonly usageControl: Uint8Array;
  /** Tag 8E. */
  readonly cvmList: Uint8Array;
  readonly iac: { readonly default: Uint8Array; readonly denial: Uint8Array; readonly online: Uint8Array };
  readonly cdol1: Uint8Array;
  readonly cdol2: Uint8Array;
  readonly pdol: Uint8Array;
  /** Tag 9F08. */
  readonly version: Uint8Array;
  /** Cryptogram version number, decimal: 16, 17, 20, 21. */
  readonly cvn: number;
  readonly keyDerivationIndex: number;
  readonly cardIssuerActionCodes: { readonly decline: Uint8Array; readonly online: Uint8Array };
  /** Offline transactions in a row: above `lower` go online, above `upper` decline. */
  readonly offlineLimits: { readonly lower: number; readonly upper: number };
  readonly validityMonths: number;
  /** The card checks a PIN itself; absent: it has none. */
  readonly pin?: { readonly tries: number } | undefined;
  readonly oda: { readonly method: "cda" | "none"; readonly issuerBits: number; readonly cardBits: number };
  /** What the issuer allows, minor units. */
  readonly account: { readonly balance: bigint; readonly perTransaction: bigint };
}

/** One kernel of a terminal and the AIDs it serves. Amounts in minor units. */
export interface TerminalKernelProfile {
  readonly kernel: "c2";
  readonly aids: readonly Uint8Array[];
  readonly limits: {
    readonly floor: bigint;
    readonly transaction: bigint;
    readonly transactionOnDevice: bigint;
    readonly cvmRequired: bigint;
  };
  readonly tac: { readonly default: Uint8Array; readonly denial: Uint8Array; readonly online: Uint8Array };
  /** Kernel data objects by tag, such as DF8118: they overrule what is derived from the rest. */
  readonly data: ReadonlyMap<number, Uint8Array>;
  readonly randomSelection?: { readonly target: number; readonly maxTarget: number; readonly threshold: bigint };
}

export interface TerminalProfile extends ProfileHead {
  /** ISO 3166 numeric, three digits. */
  readonly country: string;
  readonly currency: { readonly code: string; readonly numeric: string; readonly exponent: number };
  /** Offset of the terminal's clock from UTC, minutes. */
  readonly zoneMinutes: number;
  /** Tag 9F35. */
  readonly type: number;
  readonly merchant: {
    readonly name: string;
    readonly id: string;
    readonly categoryCode: string;
    readonly terminalId: string;
  };
  /** Other data objects by tag, for every kernel: 9F33, 9F40, ... */
  readonly data: ReadonlyMap<number, Uint8Array>;
  readonly kernels: readonly TerminalKernelProfile[];
  /** Names of CA key sets: `test`, `published`. */
  readonly caKeys: readonly string[];
  /** Reader: the highest rates it offers, its frame size as FSDI, frames repeated before it gives up. */
  readonly reader: {
    readonly maxRate: RateDivisor;
    readonly fsdi: number;
    readonly retries: number;
    readonly frameDelay: Nanos;
  };
}

/** A PC/SC reader: what it carries, and what is known to go wrong with it. */
export interface ReaderProfile extends ProfileHead {
  /** Parts of the names that PC/SC gives it, in any case; the longest one that fits decides. */
  readonly match: readonly string[];
  /** Parts of the names of its slots for SAMs: they hold a card, but nothing that is tapped. */
  readonly samSlots: readonly string[];
  /** USB vendor and product, such as `072F:2200`. */
  readonly usb?: string | undefined;
  readonly extended: boolean;
  /** Bytes of the longest command APDU. */
  readonly maxCommand: number;
  /** What becomes of responses of exactly 256 bytes. */
  readonly response256: "carried" | "lost";
  /** Why long work (loading, installing, personalising) should not go over it; absent: nothing is known against it. */
  readonly unfitForLong?: string | undefined;
  readonly quirks: readonly { readonly says: string; readonly evidence: "documented" | "reported" | "measured" }[];
}
