import type { Frame } from "../../src/protocols/iso14443/frame.js";
import type { Random } from "../../src/util/random.js";
import { MS, US, type Nanos } from "../../src/util/time.js";
import { emulatorError } from "../errors.js";

/** What goes wrong. */
export type FaultWhat =
  | { readonly kind: "field-loss" }
  /** So many frames of the exchange are damaged (`noise`), or swallowed (`lost`). */
  | { readonly kind: "noise" | "lost"; readonly frames: number }
  | { readonly kind: "delay"; readonly by: Nanos }
  /** Power goes at the Nth memory operation of the exchange, or inside it with so many bytes written. */
  | { readonly kind: "power-cut"; readonly operation: number; readonly kept?: number }
  /** Each frame is damaged with this probability. */
  | { readonly kind: "noisy"; readonly probability: number };

/** Where: around a command by its name, with a count when it comes several times; or all through. */
export type FaultWhere =
  | {
      readonly kind: "command";
      readonly moment: "before" | "in" | "after";
      readonly command: string;
      readonly nth: number;
    }
  | { readonly kind: "all" };

export interface Fault {
  readonly what: FaultWhat;
  readonly where: FaultWhere;
  /** As it was written. */
  readonly text: string;
}

/** Names of commands in fault plans, by class and instruction. */
const COMMANDS: Readonly<Record<string, (apdu: Uint8Array) => boolean>> = {
  any: () => true,
  select: (apdu) => apdu[1] === 0xa4,
  "select-ppse": (apdu) => apdu[1] === 0xa4 && apdu[5] === 0x32,
  "select-aid": (apdu) => apdu[1] === 0xa4 && apdu[5] !== 0x32,
  gpo: (apdu) => apdu[1] === 0xa8,
  "read-record": (apdu) => apdu[1] === 0xb2,
  "generate-ac": (apdu) => apdu[1] === 0xae,
};

export const FAULT_HELP = `<what>@<where>
  what:  field-loss | noise[:<frames>] | lost[:<frames>] | delay:<n>ms | power-cut:<operation>[:<bytes kept>] | noisy:<probability>
  where: in:<command>[#n], for field-loss before: and after: as well; for noisy: all
  command: ${Object.keys(COMMANDS).join(" | ")}`;

const bad = (text: string, why: string) =>
  emulatorError("bad-fault", `'${text}' is no fault: ${why}. A fault is ${FAULT_HELP}`, { text });

/** Reads `field-loss@before:gpo`, `noise:2@in:generate-ac`, `noisy:0.05@all`. @throws `emulator/bad-fault` */
export function parseFault(text: string): Fault {
  const [what, where, ...more] = text.split("@");
  if (!what || !where || more.length > 0) throw bad(text, "it needs one @ between what and where");
  const fault = { what: parseWhat(text, what), where: parseWhere(text, where), text };
  if (fault.where.kind === "command" && fault.where.moment !== "in" && fault.what.kind !== "field-loss")
    throw bad(text, "only field-loss strikes before or after a command");
  if ((fault.what.kind === "noisy") !== (fault.where.kind === "all"))
    throw bad(text, "'noisy' goes with 'all', and nothing else does");
  return fault;
}

function parseWhat(text: string, what: string): FaultWhat {
  const [kind, first, second, ...more] = what.split(":");
  const count = (value: string | undefined, fallback: number): number => {
    const n = value === undefined ? fallback : /^\d{1,5}$/.test(value) ? Number(value) : 0;
    if (n < 1 || n > 10_000) throw bad(text, `'${value}' is not a count from 1 to 10000`);
    return n;
  };
  if (more.length > 0 || (second !== undefined && kind !== "power-cut")) throw bad(text, "it has too many parts");
  switch (kind) {
    case "field-loss":
      if (first !== undefined) throw bad(text, "field-loss takes no number");
      return { kind };
    case "noise":
    case "lost":
      return { kind, frames: count(first, 1) };
    case "delay": {
      const match = /^(\d{1,6})(us|ms)$/.exec(first ?? "");
      if (!match) throw bad(text, "a delay is written like 5ms or 300us");
      return { kind, by: Number(match[1]) * (match[2] === "ms" ? MS : US) };
    }
    case "power-cut":
      return { kind, operation: count(first, 1), ...(second !== undefined && { kept: count(second, 1) }) };
    case "noisy": {
      const probability = /^\d?\.?\d{1,6}$/.test(first ?? "") ? Number(first) : 0;
      if (!(probability > 0 && probability <= 1)) throw bad(text, "a probability is above 0 and at most 1");
      return { kind, probability };
    }
    default:
      throw bad(text, `'${kind}' is unknown`);
  }
}

function parseWhere(text: string, where: string): FaultWhere {
  if (where === "all") return { kind: "all" };
  const match = /^(before|in|after):([a-z-]+)(?:#(\d{1,4}))?$/.exec(where.toLowerCase());
  if (!match) throw bad(text, `'${where}' is no place`);
  const command = match[2]!;
  if (!Object.hasOwn(COMMANDS, command)) throw bad(text, `'${command}' is no command name`);
  const nth = match[3] === undefined ? 1 : Number(match[3]);
  if (nth === 0) throw bad(text, "commands are counted from 1");
  return { kind: "command", moment: match[1] as "before" | "in" | "after", command, nth };
}

/** What a fault plan acts on. */
export interface FaultTarget {
  fieldOff(): void;
  /** Runs when the command's last bit has reached the card. */
  whenDelivered(run: (() => void) | undefined): void;
  disturb(disturbance: ((frame: Frame) => Frame | undefined) | undefined): void;
  delay(by: Nanos): void;
  /** Returns whether the last plan was still waiting for its operation. */
  cutPower(plan: { readonly before: number } | { readonly inside: number; readonly kept: number } | undefined): boolean;
}

/** Frames on the way, as one fault changes them. */
type Disturb = (frame: Frame) => Frame | undefined;

/** A fault plan at work: told of each command before and after, it strikes where it was planned to. */
export class FaultPlan {
  readonly #faults: readonly Fault[];
  readonly #target: FaultTarget;
  readonly #random: Random;
  readonly #seen: number[];
  readonly #struck = new Set<Fault>();

  constructor(faults: readonly Fault[], target: FaultTarget, random: Random) {
    this.#faults = faults;
    this.#target = target;
    this.#random = random;
    this.#seen = faults.map(() => 0);
    this.#disturb([]);
  }

  /** Every fault of the plan, and whether it struck. */
  report(): readonly { readonly fault: string; readonly struck: boolean }[] {
    return this.#faults.map((fault) => ({ fault: fault.text, struck: this.#struck.has(fault) }));
  }

  /** A command is about to be sent. Returns what to call when it is over, whatever came of it. */
  command(apdu: Uint8Array): () => void {
    const due = this.#faults.filter((fault, i) => {
      if (fault.where.kind !== "command" || !COMMANDS[fault.where.command]!(apdu)) return false;
      return ++this.#seen[i]! === fault.where.nth;
    });
    if (due.length === 0) return () => {};
    const at = (moment: string): Fault[] =>
      due.filter(({ where }) => where.kind === "command" && where.moment === moment);
    for (const fault of at("before")) this.#loseField(fault);
    const inside = at("in");
    this.#disturb(inside);
    for (const fault of inside) this.#strike(fault);
    return () => {
      this.#target.whenDelivered(undefined);
      this.#target.delay(0);
      const missed = this.#target.cutPower(undefined);
      if (!missed) for (const fault of inside) if (fault.what.kind === "power-cut") this.#struck.add(fault);
      this.#disturb([]);
      for (const fault of at("after")) this.#loseField(fault);
    };
  }

  #loseField(fault: Fault): void {
    this.#struck.add(fault);
    this.#target.fieldOff();
  }

  #strike(fault: Fault): void {
    const { what } = fault;
    if (what.kind === "field-loss") this.#target.whenDelivered(() => this.#loseField(fault));
    else if (what.kind === "delay") {
      this.#struck.add(fault);
      this.#target.delay(what.by);
    } else if (what.kind === "power-cut")
      this.#target.cutPower(
        what.kept === undefined ? { before: what.operation } : { inside: what.operation, kept: what.kept },
      );
  }

  /** What frames go through now: the noise that is everywhere, and the faults of one command. */
  #disturb(inside: readonly Fault[]): void {
    const chain = [...this.#faults.filter(({ where }) => where.kind === "all"), ...inside].flatMap((fault) => {
      const disturb = this.#disturbance(fault);
      return disturb ? [disturb] : [];
    });
    this.#target.disturb(
      chain.length === 0
        ? undefined
        : (frame) => chain.reduce((on: Frame | undefined, disturb) => on && disturb(on), frame),
    );
  }

  #disturbance(fault: Fault): Disturb | undefined {
    const { what } = fault;
    const hit = (frame: Frame, lost: boolean): Frame | undefined => {
      this.#struck.add(fault);
      return lost ? undefined : this.#damage(frame);
    };
    if (what.kind === "noisy")
      return (frame) => (this.#random.below(1_000_000) < what.probability * 1_000_000 ? hit(frame, false) : frame);
    if (what.kind !== "noise" && what.kind !== "lost") return undefined;
    let left = what.frames;
    return (frame) => (left-- > 0 ? hit(frame, what.kind === "lost") : frame);
  }

  /** One bit is wrong: the CRC or the parity shows it. */
  #damage(frame: Frame): Frame {
    const bytes = frame.bytes.slice();
    const bit = this.#random.below(frame.bits);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    return { ...frame, bytes, damaged: true };
  }
}
