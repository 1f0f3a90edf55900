import { MS, SECOND, US, type Nanos } from "../../util/time.js";

/** A time at the beginning of a line, and where the rest begins. */
export interface Stamp {
  /** Counted from the whole second of the first stamp. */
  readonly at: Nanos;
  readonly end: number;
}

type Groups = Readonly<Record<string, string | undefined>>;
interface Instant {
  readonly seconds: number;
  readonly nanos: Nanos;
}

/** Digits behind the decimal point, as nanoseconds. */
const fraction = (digits = ""): Nanos => Number(digits.slice(0, 9).padEnd(9, "0"));

function clock({ h, m, s, f, year, month, day }: Groups): Instant {
  const days = month === undefined ? 0 : Date.UTC(Number(year ?? 2000), Number(month) - 1, Number(day)) / 86_400_000;
  return { seconds: days * 86_400 + Number(h) * 3600 + Number(m) * 60 + Number(s), nanos: fraction(f) };
}

const counted =
  (unit: Nanos) =>
  ({ n, f }: Groups): Instant => {
    const whole = Number(n) * unit;
    return { seconds: 0, nanos: whole + Math.round((fraction(f) * unit) / SECOND) };
  };

const TIME = String.raw`(?<h>[01]?\d|2[0-3]):(?<m>[0-5]\d):(?<s>[0-5]\d|60)(?:[.,](?<f>\d{1,9}))?(?:Z|[+-]\d\d:?\d\d)?`;
const MONTH = String.raw`(?<month>0[1-9]|1[0-2])`;
const DAY = String.raw`(?<day>0[1-9]|[12]\d|3[01])`;

/** The shapes, in brackets or not; what follows is a blank, a tab, a colon, a dash or a bar. */
const SHAPES: readonly (readonly [shape: string, read: (groups: Groups) => Instant])[] = [
  [String.raw`(?<year>\d{4})[-/:]${MONTH}[-/:]${DAY}[T _-]${TIME}`, clock],
  [String.raw`${DAY}[./]${MONTH}[./](?<year>\d{4})[ T]${TIME}`, clock],
  [String.raw`${MONTH}-${DAY} ${TIME}`, clock], // logcat
  [TIME, clock],
  [
    String.raw`(?<n>\d{1,7}):(?<ms>\d{3}):(?<us>\d{3})`, // linux_libnfc-nci
    ({ n, ms, us }) => ({ seconds: Number(n), nanos: Number(ms) * MS + Number(us) * US }),
  ],
  [String.raw`\+?(?<n>\d{1,12})(?:\.(?<f>\d{1,9}))? ?ms`, counted(MS)],
  [String.raw`\+?(?<n>\d{1,15})(?:\.(?<f>\d{1,9}))? ?us`, counted(US)],
  [String.raw`(?<n>\d{1,10})\.(?<f>\d{3,9})(?: ?s)?`, ({ n, f }) => ({ seconds: Number(n), nanos: fraction(f) })],
];

const READERS = SHAPES.map(([shape, read]) => ({
  pattern: new RegExp(String.raw`^\s{0,20}[[(<]?\s{0,20}(?:${shape})\s{0,20}[\])]?(?=[\s:|-]|$)[\s:|-]?\s{0,20}`),
  read,
}));

/** No log is longer; what is, are two clocks. */
const LONGEST: Nanos = 30 * 86_400 * SECOND;
const HALF_A_DAY: Nanos = 43_200 * SECOND;

/** Reads the times that lines of one log begin with. A clock without a date that passes midnight goes on. */
export function stampReader(): (text: string) => Stamp | undefined {
  let last: (typeof READERS)[number] | undefined;
  let base: number | undefined;
  let previous: Nanos = 0;
  let midnights = 0;

  const from = (reader: (typeof READERS)[number], text: string): Stamp | undefined => {
    const match = reader.pattern.exec(text);
    if (!match) return undefined;
    last = reader;
    const groups = match.groups ?? {};
    const { seconds, nanos } = reader.read(groups);
    base ??= seconds;
    let at = (seconds - base) * SECOND + nanos + midnights;
    if (groups["h"] !== undefined && groups["month"] === undefined && at < previous - HALF_A_DAY) {
      midnights += 2 * HALF_A_DAY;
      at += 2 * HALF_A_DAY;
    }
    if (!Number.isSafeInteger(at) || Math.abs(at - previous) > LONGEST) return { at: previous, end: match[0].length };
    previous = at;
    return { at, end: match[0].length };
  };

  return (text) => {
    // Lines without a digit in front, which are most of a log's prose, are told at once.
    if (!/^[\s[(<+]*\d/.test(text)) return undefined;
    const stamp = last && from(last, text);
    if (stamp) return stamp;
    for (const reader of READERS) {
      const found = reader === last ? undefined : from(reader, text);
      if (found) return found;
    }
    return undefined;
  };
}
