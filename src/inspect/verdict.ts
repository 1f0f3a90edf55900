/*
 * What one tap came to, and why: the screen that people read first, and what reports carry. Plain JSON: bytes are upper-case hex, amounts
 * are minor units as text beside the text for people, times are nanoseconds. What could not be known is absent, or says so.
 * `judgeTap` (judge.ts) makes one from a trace; `verdictScreen` (verdict-screen.ts) prints it.
 */

/** How a payment ends for those at the terminal; `unknown`: the trace does not say. */
export const ENDINGS = ["approved", "declined", "try-again", "try-another-interface", "not-completed"] as const;
export type Ending = (typeof ENDINGS)[number];

/**
 * Where to look for the fault. `field`: the power went; `link`: frames were lost or damaged; `card`: its data, its keys or its refusal;
 * `entry`: no application in common; `kernel`: a decision between card and terminal; `terminal`: its limits, keys or action codes;
 * `issuer`: its answer. `none`: nothing stopped the tap.
 */
export const SUSPECTS = ["none", "field", "link", "card", "entry", "kernel", "terminal", "issuer"] as const;
export type Suspect = (typeof SUSPECTS)[number];

/** How something is known. `simulated`: virtual time of the emulator; `inferred`: follows from something else that was seen. */
export type Known = "measured" | "inferred" | "simulated" | "not-observable";

/** A figure, and how it is known; no value where it is not observable. */
export interface Figure<T = number> {
  readonly known: Known;
  readonly value?: T;
  /** What it was inferred from, or why it cannot be seen. */
  readonly note?: string;
}

/** Minor units as text, and the text for people: `EUR 12.50`. */
export interface Money {
  readonly minor: string;
  readonly shown: string;
}

/** A command as it stands in the trace. */
export interface SeenCommand {
  /** `READ RECORD SFI 2 record 1`. */
  readonly name: string;
  /** Counted from 1 over the contactless commands of this tap; absent for one that got no answer and is in no exchange. */
  readonly number?: number;
  readonly sw?: { readonly value: string; readonly meaning: string };
}

/** A decision that somebody made, with its inputs and what would have turned it around. */
export interface Decision {
  readonly layer: "entry" | "kernel" | "terminal" | "issuer" | "wallet";
  /** Stable name: `c2.taa`. */
  readonly rule: string;
  /** What was decided, as the rule itself says it. */
  readonly says: string;
  /** Why, in sentences that hold the inputs. Empty: `says` is all there is. */
  readonly why: readonly string[];
  /** What would have changed the decision, a sentence each. */
  readonly flips: readonly string[];
  /** As recorded: hex, numbers, words. */
  readonly inputs: Readonly<Record<string, string | number | boolean>>;
}

/** One bit that is set. Byte from 1, bit from 8 down to 1, as specifications count. */
export interface SetBit {
  readonly byte: number;
  readonly bit: number;
  readonly says: string;
}

/** A bit field of which only the set bits are told. */
export interface BitField {
  readonly name: "TVR" | "CVR" | "TTQ" | "CTQ";
  /** Tag that carries it: 95, 9F10 (CVR), 9F66, 9F6C. */
  readonly tag: string;
  readonly value: string;
  readonly set: readonly SetBit[];
  /** Whose reading of the bits this is, where kernels or cards disagree. */
  readonly scope?: string;
}

export interface LimitBeside {
  /** Stable: `cvm-required`, `floor`, `transaction`, `transaction-on-device`, `issuer-per-transaction`. */
  readonly limit: string;
  readonly title: string;
  readonly amount: Money;
  readonly exceeded: boolean;
}

/** `not-verifiable`: the trace is masked, or the exchanges were not recorded whole. */
export type ChainStatus = "ok" | "failed" | "missing-key" | "missing" | "not-evaluated" | "not-verifiable";

export interface ChainLink {
  /** Stable: `issuerCertificate`, `cardCertificate`, `sdad`, `transactionDataHash`, `exchanges`. */
  readonly link: string;
  readonly title: string;
  readonly status: ChainStatus;
}

/** Part 5: who says that the card is genuine, as far as it can be checked again from what was recorded. */
export interface Authentication {
  readonly method: "none" | "sda" | "dda" | "cda";
  readonly status: ChainStatus | "not-performed";
  readonly ca?: { readonly rid: string; readonly index: string };
  readonly links: readonly ChainLink[];
  readonly firstBroken?: { readonly link: string; readonly reason: string; readonly says: string };
  readonly notes: readonly string[];
}

/** A counter of the card around the tap. */
export interface Counted {
  readonly before: Figure;
  readonly after: Figure;
}

/** Part 6. Times in nanoseconds. */
export interface Timing {
  /** From field on to the end. */
  readonly total: Figure;
  /** What the whole tap should not take longer than, and whose limit that is. */
  readonly limit: { readonly value: number; readonly says: string };
  readonly slowest?: { readonly command: string; readonly took: Figure };
  readonly commands: number;
  /** kbit/s to the card and from it; `106 / 848`. */
  readonly bitRate: Figure<string>;
  /** Waiting time extensions that the card asked for. */
  readonly wtx: Figure;
  /** Frames that were lost or damaged, or asked for again. */
  readonly retries: Figure;
}

/** Part 7: what ran. Absent: not known, or not said by whoever recorded. */
export interface Identity {
  readonly tool: string;
  /** SHA-256 of the resolved configuration. */
  readonly configuration?: string;
  readonly seed?: string;
  /** Device profile, or spec string of the device. */
  readonly profile?: string;
  readonly firmware?: string;
  readonly kernel?: string;
  readonly terminal?: string;
  readonly reader?: string;
  readonly aid?: string;
  readonly label?: string;
  /** Masked to first six and last four digits. */
  readonly pan?: string;
  /** YYYY-MM-DD, the day at the terminal. */
  readonly date?: string;
  /** The format that the trace was imported from. */
  readonly source?: string;
  readonly masked: boolean;
}

/** What one tap came to, and why. */
export interface Verdict {
  /** Counts up when a field changes its meaning; new fields do not count. */
  readonly version: 1;
  /** The cause in one sentence; with `asAsked`, that it went as asked. */
  readonly headline: string;
  /** How the payment was asked to end, and whether it did. */
  readonly expected: Ending;
  readonly asAsked: boolean;

  /** Part 1. */
  readonly ended: Ending | "unknown";
  readonly kernelOutcome: {
    readonly known: Exclude<Known, "simulated">;
    /** `online-request`, `declined`, `end-application`, ...; absent: no kernel, or not known. */
    readonly value?: string;
    /** The error indication in words; empty: none. */
    readonly error: readonly string[];
  };
  readonly issuer: {
    readonly answer: "approved" | "declined" | "not-asked" | "unknown";
    readonly arc?: string;
    /** Stable name: `limit-exceeded`. */
    readonly reason?: string;
    readonly says: string;
  };

  /** Part 2. */
  readonly stopped: {
    readonly suspect: Suspect;
    readonly says: string;
    /** The command that was refused, not answered, or whose answer was not accepted. */
    readonly command?: SeenCommand;
    /** The last exchange before it that went well. */
    readonly lastGood?: SeenCommand;
    /** The data object concerned, hex, its name, and the command whose answer carried it. */
    readonly tag?: { readonly tag: string; readonly name?: string; readonly from?: string };
  };

  /** Part 3: the rule that decided; absent for a tap as asked, and where nobody recorded decisions and none can be inferred. */
  readonly decided?: Decision & { readonly known: "measured" | "inferred" };
  /** Decisions before it that led to it, such as the one that set the TVR bit that an action code matched. First the root cause. */
  readonly causes: readonly Decision[];
  /** All decisions of the tap, in order. */
  readonly decisions: readonly Decision[];

  /** Part 4: only fields with a bit set. */
  readonly bits: readonly BitField[];
  readonly amount?: Money;
  readonly limits: readonly LimitBeside[];

  readonly authentication: Authentication;
  readonly atc: Counted;
  readonly pinTries: Counted;

  readonly timing: Timing;
  readonly identity: Identity;

  /** Part 8: the first difference from a golden run, and the command that repeats this one. */
  readonly golden?: { readonly path: string; readonly says: string };
  readonly repeat?: string;
  /** What has to be known to read this: masked data, records that end early. */
  readonly notes: readonly string[];
}
