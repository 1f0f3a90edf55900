import { expect } from "vitest";
import { tlv } from "../../../../src/codec/tlv.js";
import type { Combination } from "../../../../src/emv/entry/combination.js";
import { entryPoint, type EntryInput, type EntryResult } from "../../../../src/emv/entry/entry-point.js";
import type { Kernel, KernelInput } from "../../../../src/emv/kernel.js";
import type { KernelOutcome } from "../../../../src/emv/outcome.js";
import type { CommandApdu, ResponseApdu } from "../../../../src/protocols/iso7816/apdu.js";
import { hex, unhex } from "../../../../src/util/bytes.js";
import { answerWith } from "../../../../src/util/dialogue.js";
import type { RuleRecord } from "../../../../src/util/tracer.js";
import { fixedRandom } from "../../../support/scripted-card.js";

// AIDs of our own: a RID that no payment system has, and one that has a kernel by default.
export const OURS = "F000000001";
export const ONE = `${OURS}0001`;
export const TWO = `${OURS}0002`;
export const MASTERCARD = "A0000000041010";
export const VISA = "A0000000031010";

/** One line of a directory: AID, priority, kernel identifier, extended selection, label. */
export interface Offer {
  readonly aid: string;
  readonly priority?: string;
  readonly kernel?: string;
  readonly extended?: string;
  readonly label?: string;
}

export const entry = ({ aid, priority, kernel, extended, label }: Offer): Uint8Array =>
  tlv(
    0x61,
    tlv(0x4f, unhex(aid)),
    ...(label === undefined ? [] : [tlv(0x50, unhex(label))]),
    ...(priority === undefined ? [] : [tlv(0x87, unhex(priority))]),
    ...(kernel === undefined ? [] : [tlv(0x9f2a, unhex(kernel))]),
    ...(extended === undefined ? [] : [tlv(0x9f29, unhex(extended))]),
  );

export const PPSE_NAME = "325041592E5359532E4444463031";
export const directory = (...offers: readonly Offer[]): Uint8Array =>
  tlv(0x6f, tlv(0x84, unhex(PPSE_NAME)), tlv(0xa5, tlv(0xbf0c, ...offers.map(entry))));
export const fci = (aid: string, ...more: readonly Uint8Array[]): Uint8Array =>
  tlv(0x6f, tlv(0x84, unhex(aid)), tlv(0xa5, tlv(0x50, unhex("4C41424C")), ...more));

export const serves = (aid: string, over: Partial<Combination> = {}): Combination => ({
  aid: unhex(aid),
  kernel: "c2",
  limits: { floor: 0n, transaction: 0n, transactionOnDevice: 0n, cvmRequired: 0n },
  terminal: new Map(),
  ...over,
});

export const NO_DATA = new Map<number, Uint8Array>();
export const UI = { message: "approved", status: "not-ready" } as const;
export const approved: Extract<KernelOutcome, { kind: "approved" }> = {
  kind: "approved",
  cvm: "none",
  oda: { method: "none" },
  dataRecord: NO_DATA,
  discretionaryData: NO_DATA,
  ui: UI,
  receipt: false,
};
export const selectNext: KernelOutcome = {
  kind: "select-next",
  start: "C",
  error: { l2: "max-limit-exceeded" },
  discretionaryData: NO_DATA,
};

/** A kernel that asks the card nothing. */
export const kernelOf = (decide: (input: KernelInput) => KernelOutcome): Kernel =>
  // oxlint-disable-next-line require-yield
  function* (input) {
    return decide(input);
  };

export interface Run {
  readonly result: EntryResult;
  /** Names of SELECT commands. */
  readonly selected: readonly string[];
  /** What each kernel was started with: `c2 A0000000041010`. */
  readonly started: readonly string[];
  readonly inputs: readonly KernelInput[];
  readonly rules: readonly Omit<RuleRecord, "at">[];
}

export interface Scene {
  readonly offers?: readonly Offer[];
  readonly combinations: readonly Combination[];
  readonly amount?: bigint;
  /** Answer to SELECT, by name in hex; a number is a status word. */
  readonly select?: Readonly<Record<string, Uint8Array | number>>;
  readonly kernels?: readonly string[];
  readonly outcomes?: Readonly<Record<string, KernelOutcome>>;
  readonly over?: Partial<EntryInput>;
}

export function run({
  offers = [],
  combinations,
  amount = 1_000n,
  select = {},
  kernels = ["c2", "c3"],
  outcomes = {},
  over,
}: Scene): Run {
  const selected: string[] = [];
  const started: string[] = [];
  const inputs: KernelInput[] = [];
  const rules: Omit<RuleRecord, "at">[] = [];
  const kernelNamed = (name: string): Kernel =>
    kernelOf((input) => {
      started.push(`${name} ${hex(input.aid)}`);
      inputs.push(input);
      input.onRule?.({ rule: "test.kernel", says: "The kernel ran." });
      return outcomes[hex(input.aid)] ?? approved;
    });
  const answer = (command: CommandApdu): ResponseApdu => {
    expect(command).toMatchObject({ cla: 0, ins: 0xa4, p1: 4, p2: 0, le: 256 });
    const name = hex(command.data!);
    selected.push(name);
    const given = select[name] ?? (name === PPSE_NAME ? directory(...offers) : fci(name));
    return typeof given === "number" ? { data: new Uint8Array(0), sw: given } : { data: given, sw: 0x9000 };
  };
  const input: EntryInput = {
    combinations,
    kernels: Object.fromEntries(kernels.map((name) => [name, kernelNamed(name)])),
    amount,
    caKeys: () => undefined,
    random: fixedRandom(),
    onRule: (rule) => rules.push(rule),
    ...over,
  };
  const result = answerWith(entryPoint(input), (command) => ({ answer: answer(command), took: 0 }));
  return { result, selected, started, inputs, rules };
}
