import { formatNanos } from "../../util/time.js";
import type { Account, Fact, Step, TapAccount } from "./account.js";
import { align, PIECE } from "./align.js";
import { shortName, tellAlone, tellValues, type Sides, type Told } from "./tell.js";
import { isWithin, toleranceText, usualTolerance, type Tolerance } from "./tolerance.js";

export interface CompareOptions {
  /** Compare values that differ from tap to tap by their nature, too. */
  readonly strict?: boolean;
  /** For times, instead of what is usual for their kind. */
  readonly tolerance?: Tolerance | undefined;
  /** What the two are called. Default: a and b. */
  readonly sides?: Sides;
  /** Stop after so many differences; the others are counted. Default 10,000. */
  readonly most?: number;
}

export type DifferenceKind = "taps" | "command" | "order" | "status" | "data" | "frames" | "decision" | "time";

/** One difference, for people and for programs. */
export interface Difference {
  readonly kind: DifferenceKind;
  /** Where: `tap 1/READ RECORD SFI 1 record 1/answer/70/5F24`. */
  readonly path: string;
  /** The two values; absent where one side has none, or where a command or a tap is meant. */
  readonly a?: string | undefined;
  readonly b?: string | undefined;
  readonly says: string;
}

export interface Comparison {
  readonly same: boolean;
  readonly differences: readonly Difference[];
  /** How many more there are than are listed. */
  readonly more: number;
  /** Volatile values that differ. */
  readonly setAside: { readonly count: number; readonly names: readonly string[] };
  /** What could not be compared, and why. */
  readonly notes: readonly string[];
  /** What times were compared by; absent: they were not. */
  readonly tolerance?: string;
  readonly taps: number;
  readonly commands: number;
}

const MOST = 10_000;
const SIDES: Sides = { a: "a", b: "b" };

/** Taps one after the other, in each of them commands and decisions aligned, in each pair of those every fact. */
export function compareAccounts(a: Account, b: Account, options: CompareOptions = {}): Comparison {
  return new Comparing(a, b, options).result();
}

class Comparing {
  readonly #differences: Difference[] = [];
  readonly #names = new Set<string>();
  readonly #notes: string[] = [];
  readonly #sides: Sides;
  readonly #tolerance: Tolerance | undefined;
  readonly #frames: boolean;
  readonly #decisions: boolean;
  #more = 0;
  #setAside = 0;
  #commands = 0;
  #where = "";

  constructor(
    readonly a: Account,
    readonly b: Account,
    readonly options: CompareOptions,
  ) {
    this.#sides = options.sides ?? SIDES;
    const times = [a.observed.times, b.observed.times] as const;
    const timed = !times.includes("none");
    this.#tolerance = timed ? (options.tolerance ?? usualTolerance(...times)) : undefined;
    this.#frames = a.observed.frames && b.observed.frames;
    this.#decisions = a.decisions && b.decisions;
    this.#onlyIn("frames: only observed", a.observed.frames, b.observed.frames);
    this.#onlyIn("times: only recorded", times[0] !== "none", times[1] !== "none");
    if (timed && !this.#tolerance)
      this.#notes.push(
        `times: ${times[0]} in ${this.#sides.a}, ${times[1]} in ${this.#sides.b}, so not compared (--tolerance compares them)`,
      );
    this.#onlyIn("decisions: only recorded", a.decisions, b.decisions);
    const provisioned = [a.provisioning !== undefined, b.provisioning !== undefined] as const;
    this.#onlyIn("provisioning: only recorded", ...provisioned);
    if (a.header.masked !== b.header.masked)
      this.#notes.push(
        `account data: masked in ${a.header.masked ? this.#sides.a : this.#sides.b}, so compared as far as the mask shows them`,
      );
  }

  #onlyIn(says: string, inA: boolean, inB: boolean): void {
    if (inA !== inB) this.#note(says, inA ? this.#sides.a : this.#sides.b);
  }

  /** Once, however many taps it is true of. */
  #note(says: string, side: string): void {
    const note = `${says} in ${side}`;
    if (!this.#notes.includes(note)) this.#notes.push(note);
  }

  result(): Comparison {
    const { a, b } = this;
    if (a.provisioning && b.provisioning) {
      this.#where = "provisioning";
      this.#taps(a.provisioning, b.provisioning);
    }
    const many = Math.max(a.taps.length, b.taps.length) > 1;
    const both = Math.min(a.taps.length, b.taps.length);
    for (let i = 0; i < both; i++) {
      this.#where = many ? `tap ${i + 1}` : "";
      this.#taps(a.taps[i]!, b.taps[i]!);
    }
    this.#where = "";
    if (a.taps.length !== b.taps.length)
      this.#add("taps", "taps", {
        a: String(a.taps.length),
        b: String(b.taps.length),
        says: `${tapsText(a.taps.length)} in ${this.#sides.a}, ${tapsText(b.taps.length)} in ${this.#sides.b}; those that both have are compared`,
      });
    return {
      same: this.#differences.length === 0,
      differences: this.#differences,
      more: this.#more,
      setAside: { count: this.#setAside, names: [...this.#names] },
      notes: this.#notes,
      ...(this.#tolerance && { tolerance: toleranceText(this.#tolerance) }),
      taps: both,
      commands: this.#commands,
    };
  }

  #add(kind: DifferenceKind, path: string, { says, a, b, detail }: Told, step?: string): void {
    if (this.#differences.length >= (this.options.most ?? MOST)) {
      this.#more++;
      return;
    }
    const where = [...(this.#where === "" ? [] : [this.#where]), ...(step === undefined ? [] : [step])];
    this.#differences.push({
      kind,
      path: [...where, path, ...(detail === undefined ? [] : [detail])].filter((part) => part !== "").join("/"),
      ...(a !== undefined && { a }),
      ...(b !== undefined && { b }),
      says: [...where, says].join(": "),
    });
  }

  /** What both sides can have. */
  #comparable = ({ kind }: Step): boolean => kind === "command" || (kind === "frames" ? this.#frames : this.#decisions);

  #taps(a: TapAccount, b: TapAccount): void {
    let left = a.steps.filter(this.#comparable);
    let right = b.steps.filter(this.#comparable);
    const unasked = [hadNoIssuer(left), hadNoIssuer(right)] as const;
    if (unasked[0] !== unasked[1]) {
      this.#note("issuer: only asked", unasked[1] ? this.#sides.a : this.#sides.b);
      left = left.flatMap(beforeIssuer);
      right = right.flatMap(beforeIssuer);
    }
    const { pairs, exact } = align(
      left.map(({ name }) => name),
      right.map(({ name }) => name),
    );
    if (!exact)
      this.#notes.push(
        `${this.#where === "" ? "" : `${this.#where}: `}too many commands differ to be aligned at once, so in pieces of ${PIECE}: what moved further is told as missing and as new`,
      );
    const before = this.#differences.length + this.#more;
    const together = rejoin(left, right, pairs);
    for (const { x, y, moved } of together) {
      if (x && y) {
        if (x.kind === "command") this.#commands++;
        if (moved)
          this.#add(
            "order",
            "order",
            {
              says: `comes after ${moved.a} in ${this.#sides.a}, after ${moved.b} in ${this.#sides.b}`,
            },
            x.name,
          );
        this.#steps(x, y);
      } else this.#alone((x ?? y)!, x ? this.#sides.a : this.#sides.b);
    }
    const quiet = this.#differences.length + this.#more === before;
    if (quiet) this.#times(a, b, "took", "the tap");
  }

  #alone(step: Step, side: string): void {
    const facts = step.facts();
    const answer = facts.find(({ path }) => path === "sw" || path === "says")?.value;
    const kind = step.kind === "decision" ? "decision" : step.kind === "frames" ? "frames" : "command";
    this.#add(kind, "", { says: `only in ${side}${answer === undefined ? "" : ` (${answer})`}` }, step.name);
  }

  #steps(x: Step, y: Step): void {
    const renamed = x.name !== y.name;
    if (renamed)
      this.#add("command", "", {
        a: x.name,
        b: y.name,
        says: `${x.name} in ${this.#sides.a} is ${y.name} in ${this.#sides.b}`,
      });
    const right = new Map(y.facts().map((fact) => [`${fact.part} ${fact.path}`, fact]));
    const frames: (readonly [Fact, Fact])[] = [];
    for (const fact of x.facts()) {
      const key = `${fact.part} ${fact.path}`;
      const other = right.get(key);
      right.delete(key);
      if (renamed && fact.path === "header") continue;
      if (fact.part === "frames") frames.push([fact, other ?? { ...fact, value: "none" }]);
      else if (other) this.#facts(fact, other, x);
      else this.#missing(fact, x, this.#sides.a);
    }
    for (const fact of right.values())
      if (fact.part === "frames") frames.push([{ ...fact, value: "none" }, fact]);
      else this.#missing(fact, y, this.#sides.b);
    if (this.#frames) this.#onTheAir(frames, x);
    this.#times(x, y, "took", undefined, x.name);
  }

  /** Which tags there are is told one by one. */
  #missing(fact: Fact, step: Step, side: string): void {
    if (fact.path === "order") return;
    if (fact.part === "decision" && fact.volatile !== undefined && this.options.strict !== true) this.#aside(fact);
    else this.#add(kindOf(fact), pathOf(fact), tellAlone(fact, step.scope, side), step.name);
  }

  #facts(x: Fact, y: Fact, step: Step): void {
    const differs = x.value !== y.value || (x.hidden !== undefined && y.hidden !== undefined && x.hidden !== y.hidden);
    if (!differs && x.volatile === y.volatile) return;
    if (x.path === "order" && sorted(x.value) !== sorted(y.value)) return;
    const unknown = x.value === undefined || y.value === undefined;
    if (x.volatile !== undefined && y.volatile !== undefined && (unknown || this.options.strict !== true)) {
      const free = x.part === "decision" || x.part === "frames"; // numbers and dates in words, of any length
      if (free || bytesOf(x) === bytesOf(y)) {
        this.#aside(x);
        return;
      }
    }
    for (const told of tellValues(x, y, step.scope, this.#sides)) this.#add(kindOf(x), pathOf(x), told, step.name);
  }

  #aside(fact: Fact): void {
    this.#setAside++;
    this.#names.add(shortName(fact));
  }

  /** How many frames there were follows from everything else, so it is only told where nothing else is. */
  #onTheAir(pairs: readonly (readonly [Fact, Fact])[], step: Step): void {
    const before = this.#differences.length + this.#more;
    for (const [x, y] of pairs) if (x.path !== "frames") this.#facts(x, y, step);
    if (this.#differences.length + this.#more > before) return;
    for (const [x, y] of pairs) if (x.path === "frames") this.#facts(x, y, step);
  }

  #times(
    x: Pick<Step, "took" | "compute">,
    y: Pick<Step, "took" | "compute">,
    path: string,
    what?: string,
    step?: string,
  ): void {
    const { took: left } = x;
    const { took: right } = y;
    if (!this.#tolerance || left === undefined || right === undefined || isWithin(left, right, this.#tolerance)) return;
    const computing =
      x.compute === undefined || y.compute === undefined
        ? ""
        : ` (the card computed for ${formatNanos(x.compute)} and ${formatNanos(y.compute)})`;
    const subject = what === undefined ? "" : `${what} `;
    this.#add(
      "time",
      path,
      {
        a: String(left),
        b: String(right),
        says: `${subject}took ${formatNanos(left)} in ${this.#sides.a}, ${formatNanos(right)} in ${this.#sides.b}${computing}`,
      },
      step,
    );
  }
}

const tapsText = (count: number): string => `${count} tap${count === 1 ? "" : "s"}`;
const sorted = (text: string | undefined): string => (text ?? "").split(" ").toSorted().join(" ");
const bytesOf = ({ value, volatile: volatileBytes }: Fact): number => volatileBytes ?? (value?.length ?? 0) / 2;
const pathOf = ({ part, path }: Fact): string => `${part}/${path}`;
const kindOf = ({ part, path }: Fact): DifferenceKind =>
  path === "sw" ? "status" : part === "frames" || part === "decision" ? part : path === "order" ? "order" : "data";

interface Together {
  readonly x?: Step;
  readonly y?: Step;
  /** It stands elsewhere: what comes before it on either side. */
  readonly moved?: Sides;
}

/** What is the same command in another place, and GENERATE AC that asks for something else, goes together after all. */
function rejoin(
  left: readonly Step[],
  right: readonly Step[],
  pairs: readonly { readonly a?: number; readonly b?: number }[],
): Together[] {
  const byName = new Map<string, number[]>();
  const byFamily = new Map<string, number[]>();
  const put = (map: Map<string, number[]>, key: string, index: number): void => {
    const list = map.get(key);
    if (list) list.push(index);
    else map.set(key, [index]);
  };
  for (const { a, b } of pairs) if (a === undefined) put(byName, right[b!]!.name, b!);
  const partners = new Map<number, number>();
  const taken = new Set<number>();
  const join = (map: Map<string, number[]>, key: string, a: number): void => {
    const b = map.get(key)?.shift();
    if (b === undefined) return;
    partners.set(a, b);
    taken.add(b);
  };
  for (const { a, b } of pairs) if (b === undefined) join(byName, left[a!]!.name, a!);
  for (const { a, b } of pairs)
    if (a === undefined && !taken.has(b!) && isGenerateAc(right[b!]!)) put(byFamily, GENERATE_AC, b!);
  for (const { a, b } of pairs)
    if (b === undefined && !partners.has(a!) && isGenerateAc(left[a!]!)) join(byFamily, GENERATE_AC, a!);

  return pairs.flatMap(({ a, b }): Together[] => {
    if (a !== undefined && b !== undefined) return [{ x: left[a]!, y: right[b]! }];
    if (a === undefined) return taken.has(b!) ? [] : [{ y: right[b!]! }];
    const partner = partners.get(a);
    if (partner === undefined) return [{ x: left[a]! }];
    const [x, y] = [left[a]!, right[partner]!];
    return x.name === y.name
      ? [{ x, y, moved: { a: comesAfter(left, a), b: comesAfter(right, partner) } }]
      : [{ x, y }];
  });
}

const GENERATE_AC = "GENERATE AC";
const isGenerateAc = ({ kind, name }: Step): boolean => kind === "command" && name.startsWith(GENERATE_AC);

const OUTCOME = "terminal.outcome";
/** How a payment ends where the terminal has nobody to ask: a card on a reader. */
const NOBODY_ASKED: ReadonlySet<string | undefined> = new Set(["online-request", "offline-agreed"]);

const hadNoIssuer = (steps: readonly Step[]): boolean =>
  steps.some(
    (step) =>
      step.name === OUTCOME && step.facts().some(({ path, value }) => path === "outcome" && NOBODY_ASKED.has(value)),
  );

/** A step as far as it has nothing to do with what an issuer says. */
function beforeIssuer(step: Step): Step[] {
  if (step.kind === "decision" && step.name.startsWith("issuer.")) return [];
  if (step.name !== OUTCOME) return [step];
  return [{ ...step, facts: () => step.facts().filter(({ path }) => path === "kernel") }];
}

/** Of the same kind, where there is one: commands after commands, decisions after decisions. */
const comesAfter = (steps: readonly Step[], index: number): string => {
  for (let i = index - 1; i >= 0; i--) if (steps[i]!.kind === steps[index]!.kind) return steps[i]!.name;
  return "nothing";
};

/** The first difference, in the order of what happened; undefined where there is none. */
export function firstDifference(
  a: Account,
  b: Account,
  options: CompareOptions = {},
): Pick<Difference, "path" | "says"> | undefined {
  const first = compareAccounts(a, b, { ...options, most: 1 }).differences[0];
  return first && { path: first.path, says: first.says };
}
