import { concat, equalBytes, hex } from "../../util/bytes.js";
import { maskRecords } from "../../trace/mask.js";
import type { TraceHeader } from "../../trace/header.js";
import type { ApduRecord, FrameRecord, RuleRecord, TraceRecord } from "../../util/tracer.js";
import { commandName } from "../apdu-text.js";
import { unansweredGroups } from "../frame-groups.js";
import type { Account, Fact, Step, TapAccount } from "./account.js";
import { exchangeFacts, NOTHING_READ, readOn, type Reading } from "./exchange-facts.js";
import { activationFacts, frameFacts } from "./frame-facts.js";
import { isVolatileInput } from "./volatile.js";

/** A trace as it is read: header and records, of any format. */
export interface ComparedTrace {
  readonly header: TraceHeader;
  readonly records: readonly TraceRecord[];
}

/** What is compared of a trace, with account data masked. Facts are made when they are asked for. */
export function accountOf({ header, records }: ComparedTrace): Account {
  const masked = header.masked ? records : maskRecords(records);
  const splits = tapStarts(masked);
  const timed = header.observed.times !== "none";
  const all = new TapReader(timed);
  const wired = new TapReader(timed);
  const taps: TapAccount[] = [];
  masked.forEach((record, index) => {
    if (splits.has(index) && all.begun) taps.push(all.end());
    const original = records[index]!;
    if (record.layer === "wallet" || (record.layer === "apdu" && record.via === "wired")) wired.take(record, original);
    else all.take(record, original);
  });
  if (all.begun) taps.push(all.end());
  return {
    header: { tool: header.tool, seed: header.seed, profile: header.profile, masked: header.masked },
    observed: header.observed,
    decisions: records.some(({ layer }) => DECISIONS.has(layer)),
    ...(wired.begun && { provisioning: wired.end() }),
    taps,
  };
}

const DECISIONS: ReadonlySet<string> = new Set(["entry", "kernel", "terminal", "issuer"]);
const PPSE = "325041592E5359532E4444463031"; // 2PAY.SYS.DDF01

/** Where taps begin: the terminal says so, the field comes on, the entry point starts, or the directory is selected: the first that was recorded. */
function tapStarts(records: readonly TraceRecord[]): ReadonlySet<number> {
  const places = (begins: (record: TraceRecord) => boolean): Set<number> =>
    new Set(records.flatMap((record, index) => (begins(record) ? [index] : [])));
  const signs: readonly ((record: TraceRecord) => boolean)[] = [
    (record) => record.layer === "terminal" && record.rule === "terminal.begin",
    (record) => record.layer === "field" && record.on,
    (record) => record.layer === "entry" && record.rule === "entry.pre-processing",
    (record) =>
      record.layer === "apdu" &&
      record.via === "contactless" &&
      record.command[1] === 0xa4 &&
      hex(record.command.subarray(5, 19)) === PPSE,
  ];
  for (const sign of signs) {
    const found = places(sign);
    if (found.size > 0) return found;
  }
  return new Set();
}

/** Takes the records of one tap after the other. */
class TapReader {
  #steps: Step[] = [];
  #frames: FrameRecord[] = [];
  #reading: Reading = NOTHING_READ;
  /** The last command and where it stands, while its answer may go on: GET RESPONSE after 61xx, the same again after 6Cxx. */
  #open: { readonly at: number; readonly record: ApduRecord; readonly original: ApduRecord } | undefined;
  #from = Infinity;
  #until = 0;
  #before: Reading = NOTHING_READ;

  constructor(readonly timed: boolean) {}

  /** Anything but the field was recorded. */
  get begun(): boolean {
    return this.#steps.length > 0 || this.#frames.length > 0;
  }

  take(record: TraceRecord, original: TraceRecord): void {
    const timed = record.layer === "field" || record.layer === "frame" || record.layer === "apdu";
    if (timed) {
      this.#from = Math.min(this.#from, record.at);
      this.#until = Math.max(this.#until, record.at + ("took" in record ? record.took : 0));
    }
    if (record.layer === "frame") this.#frames.push(record);
    else if (record.layer === "apdu") this.#exchange(record, original as ApduRecord);
    else if (record.layer === "field") this.#settle();
    else {
      this.#settle(); // rules stand behind the exchange that they judge, so no exchange carries these frames
      this.#steps.push(decisionStep(record));
    }
  }

  end(): TapAccount {
    this.#settle();
    const took = this.timed ? Math.max(0, this.#until - this.#from) : undefined;
    const tap = { steps: this.#steps, ...(took !== undefined && { took }) };
    this.#steps = [];
    this.#reading = NOTHING_READ;
    this.#open = undefined;
    this.#from = Infinity;
    this.#until = 0;
    return tap;
  }

  /** Frames that no exchange carried. */
  #settle(): void {
    this.#outside(this.#frames);
    this.#frames = [];
  }

  #outside(frames: readonly FrameRecord[]): void {
    for (const { label, frames: own } of unansweredGroups(frames)) {
      const first = own[0]!;
      const last = own.at(-1)!;
      this.#steps.push({
        kind: "frames",
        name: label.replace(/^command CCCCCCCC/, "a command"), // masked, because no exchange says what it was
        ...(this.timed && { took: last.at + last.took - first.at }),
        facts: () => (label === "activation" ? activationFacts(own) : frameFacts(own)),
      });
    }
  }

  #exchange(record: ApduRecord, original: ApduRecord): void {
    const contactless = record.via === "contactless";
    if (contactless) this.#outside(this.#frames.filter(({ at }) => at < record.at));
    const frames = contactless ? this.#frames.filter(({ at }) => at >= record.at) : [];
    if (contactless) this.#frames = [];
    const open = this.#open;
    const sw1 = open?.record.response.at(-2);
    if (open && sw1 === 0x61 && record.command[1] === 0xc0) {
      this.#put(open.at, joined(open.record, record), joined(open.original, original), frames);
      return;
    }
    if (open && sw1 === 0x6c && record.command[1] === open.record.command[1]) {
      this.#put(open.at, spanning(open.record, record), spanning(open.original, original), frames);
      return;
    }
    this.#before = this.#reading;
    this.#put(this.#steps.length, record, original, frames);
  }

  #put(at: number, record: ApduRecord, original: ApduRecord, frames: readonly FrameRecord[]): void {
    const before = this.#before;
    this.#reading = readOn(before, record);
    this.#steps[at] = {
      kind: "command",
      name: commandName(record.command),
      scope: this.#reading.scope,
      ...(this.timed && { took: record.took }),
      ...(this.timed && record.compute !== undefined && { compute: record.compute }),
      facts: () => [...withHidden(exchangeFacts(record, before), record, original, before), ...frameFacts(frames)],
    };
    this.#open = { at, record, original };
  }
}

const endOf = ({ at, took }: ApduRecord): number => at + took;
const spanning = (first: ApduRecord, second: ApduRecord): ApduRecord => ({
  ...second,
  at: first.at,
  took: endOf(second) - first.at,
});
const joined = (first: ApduRecord, second: ApduRecord): ApduRecord => ({
  ...first,
  took: endOf(second) - first.at,
  response: concat(first.response.subarray(0, -2), second.response),
});

/** Facts whose values were masked, with what was recorded. */
function withHidden(facts: Fact[], shown: ApduRecord, original: ApduRecord, reading: Reading): Fact[] {
  if (equalBytes(shown.command, original.command) && equalBytes(shown.response, original.response)) return facts;
  const recorded = new Map(exchangeFacts(original, reading).map(({ part, path, value }) => [`${part} ${path}`, value]));
  return facts.map((fact) => {
    const value = recorded.get(`${fact.part} ${fact.path}`);
    return value === undefined || value === fact.value ? fact : { ...fact, hidden: value };
  });
}

function decisionStep({ rule, says, data }: RuleRecord): Step {
  const facts: Fact[] = [{ part: "decision", path: "says", value: says }];
  for (const [name, value] of Object.entries(data ?? {})) {
    const text = String(value);
    facts.push({
      part: "decision",
      path: name,
      value: text,
      ...(isVolatileInput(name) && { volatile: text.length }),
    });
  }
  return { kind: "decision", name: rule, facts: () => facts };
}
