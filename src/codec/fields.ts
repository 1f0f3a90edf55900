import { hex, roomFor, unhex } from "../util/bytes.js";
import type { Random } from "../util/random.js";
import { codecError } from "./errors.js";

/** Where a decoder stands. */
export interface Reader {
  readonly bytes: Uint8Array;
  at: number;
}

/** Where an encoder writes. */
export interface Writer {
  bytes: Uint8Array;
  at: number;
}

/** How one field of a message is read, written, shown, described and invented. */
export interface Kind<T> {
  /** For the documentation table: `u16be`, `4 bytes`, ... */
  readonly type: string;
  /** `earlier` holds the fields decoded so far. */
  decode(reader: Reader, earlier: Readonly<Record<string, unknown>>): T;
  encode(value: T, out: Writer, all: Readonly<Record<string, unknown>>): void;
  /** For people. */
  render(value: T): string;
  /** A legal value, for fuzzers and for trying things out. */
  sample(random: Random, earlier: Readonly<Record<string, unknown>>): T;
}

/** Goes on behind the next `length` bytes; where they start. */
const skip = (reader: Reader, length: number): number => {
  const from = reader.at;
  const end = from + length;
  if (end > reader.bytes.length)
    throw codecError(
      "truncated",
      `${length} byte(s) expected at offset ${from}, ${reader.bytes.length - from} are there`,
      { offset: from, expected: length },
    );
  reader.at = end;
  return from;
};

/** Fields in order: each a kind and what it means. */
export type Fields = Readonly<Record<string, readonly [kind: Kind<unknown>, description: string]>>;

type KindOf<T> = T extends readonly [Kind<infer V>, string] ? V : never;
/** The value that fields describe: those that may be absent are optional. */
export type ValueOf<F extends Fields> = {
  readonly [K in keyof F as undefined extends KindOf<F[K]> ? never : K]: KindOf<F[K]>;
} & {
  readonly [K in keyof F as undefined extends KindOf<F[K]> ? K : never]?: KindOf<F[K]>;
};

/** Claims room for the next `length` bytes; where they start. */
const claim = (out: Writer, length: number): number => {
  const from = out.at;
  const end = from + length;
  if (end > out.bytes.length) {
    const grown = roomFor(Math.max(end, 2 * out.bytes.length));
    grown.set(out.bytes);
    out.bytes = grown;
  }
  out.at = end;
  return from;
};

const put = (out: Writer, part: Uint8Array): void => {
  const from = claim(out, part.length);
  out.bytes.set(part, from);
};

const take = (reader: Reader, length: number): Uint8Array => {
  const from = skip(reader, length);
  return reader.bytes.subarray(from, from + length);
};

function integer(type: string, size: number, little: boolean): Kind<number> {
  const limit = 256 ** size;
  const weights = Array.from({ length: size }, (_, i) => 256 ** (little ? i : size - 1 - i));
  return {
    type,
    decode(reader) {
      const from = skip(reader, size);
      let value = 0;
      for (let i = 0; i < size; i++) value += reader.bytes[from + i]! * weights[i]!;
      return value;
    },
    encode(value, out) {
      if (!Number.isInteger(value) || value < 0 || value >= limit)
        throw codecError("bad-value", `${value} is not a ${type}`, { type });
      const from = claim(out, size);
      for (let i = 0; i < size; i++) out.bytes[from + i] = Math.floor(value / weights[i]!) % 256;
    },
    render: (value) =>
      `${value} (${value
        .toString(16)
        .toUpperCase()
        .padStart(size * 2, "0")})`,
    sample: (random) => random.below(limit),
  };
}

export const u8 = integer("u8", 1, false);
export const u16be = integer("u16be", 2, false);
export const u16le = integer("u16le", 2, true);
export const u24be = integer("u24be", 3, false);
export const u32be = integer("u32be", 4, false);
export const u32le = integer("u32le", 4, true);

/** Exactly `length` bytes. */
export const bytes = (length: number): Kind<Uint8Array> => ({
  type: `${length} byte${length === 1 ? "" : "s"}`,
  decode: (reader) => take(reader, length),
  encode(value, out) {
    if (value.length !== length)
      throw codecError("bad-length", `${length} bytes are needed, ${value.length} came`, { length, got: value.length });
    put(out, value);
  },
  render: hex,
  sample: (random) => random.bytes(length),
});

/** Everything up to the end, or up to `leaving` bytes before it. */
export const restBut = (leaving: number, max = 65_535): Kind<Uint8Array> => ({
  type: leaving ? `all but the last ${leaving} bytes` : "rest",
  decode(reader) {
    const length = reader.bytes.length - reader.at - leaving;
    if (length > max) throw codecError("too-long", `${length} bytes are over the limit of ${max}`, { length, max });
    return take(reader, Math.max(0, length));
  },
  encode(value, out) {
    if (value.length > max)
      throw codecError("too-long", `${value.length} bytes are over the limit of ${max}`, { length: value.length, max });
    put(out, value);
  },
  render: hex,
  sample: (random) => random.bytes(random.below(Math.min(max, 24) + 1)),
});

export const rest: Kind<Uint8Array> = restBut(0);

/** Bytes behind their own length. */
export const prefixed = (length: Kind<number>, max: number): Kind<Uint8Array> => ({
  type: `${length.type} length, then bytes (at most ${max})`,
  decode(reader, earlier) {
    const size = length.decode(reader, earlier);
    if (size > max)
      throw codecError("too-long", `a length of ${size} is over the limit of ${max}`, { length: size, max });
    return take(reader, size);
  },
  encode(value, out, all) {
    if (value.length > max)
      throw codecError("too-long", `${value.length} bytes are over the limit of ${max}`, { length: value.length, max });
    length.encode(value.length, out, all);
    put(out, value);
  },
  render: hex,
  sample: (random) => random.bytes(random.below(Math.min(max, 24) + 1)),
});

/** A constant that must be there. A value to encode may leave it out. */
export const literal = (value: string): Kind<Uint8Array | undefined> => {
  const expected = unhex(value);
  const size = expected.length;
  return {
    type: `constant ${value}`,
    decode(reader) {
      const at = skip(reader, size);
      for (let i = 0; i < size; i++)
        if (reader.bytes[at + i] !== expected[i])
          throw codecError(
            "bad-value",
            `${value} expected at offset ${at}, ${hex(reader.bytes.subarray(at, at + size))} found`,
            { offset: at, expected: value },
          );
      return expected;
    },
    encode: (_value, out) => put(out, expected),
    render: () => value,
    sample: () => expected,
  };
};

/** One of the named values; a number without a name is `codec/bad-value`. */
export function enumeration<const Names extends Readonly<Record<string, number>>>(
  of: Kind<number>,
  names: Names,
): Kind<keyof Names & string> {
  const byValue = new Map(Object.entries(names).map(([name, value]) => [value, name]));
  return {
    type: `${of.type}: ${Object.entries(names)
      .map(([name, value]) => `${value} ${name}`)
      .join(", ")}`,
    decode(reader, earlier) {
      const at = reader.at;
      const value = of.decode(reader, earlier);
      const name = byValue.get(value);
      if (name === undefined)
        throw codecError("bad-value", `${value} at offset ${at} is none of ${Object.keys(names).join(", ")}`, {
          offset: at,
          value,
        });
      return name;
    },
    encode(name, out, all) {
      const value = names[name];
      if (value === undefined)
        throw codecError("bad-value", `'${name}' is none of ${Object.keys(names).join(", ")}`, { name });
      of.encode(value, out, all);
    },
    render: (name) => name,
    sample: (random) => Object.keys(names)[random.below(byValue.size)]!,
  };
}

/** A part of an integer: `[lowest bit, width]`. */
export type BitRange = readonly [low: number, width: number];

/** Named parts of one integer. Bits that belong to no part must be zero when `strict`, and are zero when written. */
export function bitFields<const Parts extends Readonly<Record<string, BitRange>>>(
  of: Kind<number>,
  parts: Parts,
  strict = false,
): Kind<{ readonly [P in keyof Parts]: number }> {
  type Value = { readonly [P in keyof Parts]: number };
  const rows = Object.entries(parts).map(([name, [low, width]]) => ({
    name,
    low,
    width,
    weight: 2 ** low,
    limit: 2 ** width,
  }));
  const mask = rows.reduce((sum, { weight, limit }) => sum + (limit - 1) * weight, 0);
  const split = (value: number): Value => {
    const fields: Record<string, number> = {};
    for (const { name, weight, limit } of rows) fields[name] = Math.floor(value / weight) % limit;
    return fields as Value;
  };
  return {
    type: `${of.type} bits: ${rows.map(({ name, low, width }) => (width === 1 ? `b${low + 1} ${name}` : `b${low + width}-b${low + 1} ${name}`)).join(", ")}`,
    decode(reader, earlier) {
      const at = reader.at;
      const value = of.decode(reader, earlier);
      if (strict && (value & ~mask) !== 0)
        throw codecError("bad-value", `reserved bits are set at offset ${at}`, { offset: at, value });
      return split(value);
    },
    encode(value, out, all) {
      let sum = 0;
      for (const { name, width, weight, limit } of rows) {
        const part = value[name]!;
        if (!Number.isInteger(part) || part < 0 || part >= limit)
          throw codecError("bad-value", `${part} does not fit the ${width} bits of ${name}`, { name });
        sum += part * weight;
      }
      of.encode(sum, out, all);
    },
    render: (value) =>
      Object.entries(value)
        .map(([name, part]) => `${name} ${String(part)}`)
        .join(", "),
    sample: (random, earlier) => split(of.sample(random, earlier)),
  };
}

/** As many of `item` as there are until the end, at most `max`. */
export const many = <T>(item: Kind<T>, max: number): Kind<readonly T[]> => ({
  type: `${item.type}, repeated (at most ${max})`,
  decode(reader, earlier) {
    const items: T[] = [];
    while (reader.at < reader.bytes.length) {
      if (items.length === max) throw codecError("too-many", `more than ${max} entries`, { max });
      const before = reader.at;
      items.push(item.decode(reader, earlier));
      if (reader.at === before)
        throw codecError("bad-length", "an entry without bytes cannot be repeated", { offset: before });
    }
    return items;
  },
  encode(items, out, all) {
    if (items.length > max) throw codecError("too-many", `more than ${max} entries`, { max });
    for (const value of items) item.encode(value, out, all);
  },
  render: (items) => `[${items.map((value) => item.render(value)).join(", ")}]`,
  sample: (random, earlier) =>
    Array.from({ length: random.below(Math.min(max, 4) + 1) }, () => item.sample(random, earlier)),
});

/** There when bytes are left. Only at the end of a message. */
export const optional = <T>(of: Kind<T>): Kind<T | undefined> => ({
  ...when("bytes are left", (_earlier, reader) => reader === undefined || reader.at < reader.bytes.length, of),
  encode(value, out, all) {
    if (value !== undefined) of.encode(value, out, all);
  },
});

/**
 * There when `present` says so of the fields before it. Writing asks the same question, so a value where none belongs is
 * `codec/bad-value`, and so is a missing one.
 */
export const when = <T>(
  condition: string,
  present: (earlier: Readonly<Record<string, unknown>>, reader?: Reader) => boolean,
  of: Kind<T>,
): Kind<T | undefined> => ({
  type: `${of.type}, when ${condition}`,
  decode: (reader, earlier) => (present(earlier, reader) ? of.decode(reader, earlier) : undefined),
  encode(value, out, all) {
    if (value === undefined) {
      if (present(all)) throw codecError("bad-value", `a value is missing that is there when ${condition}`, {});
      return;
    }
    if (!present(all)) throw codecError("bad-value", `a value is only allowed when ${condition}`, {});
    of.encode(value, out, all);
  },
  render: (value) => (value === undefined ? "-" : of.render(value)),
  sample: (random, earlier) => (present(earlier) ? of.sample(random, earlier) : undefined),
});

/** Fields behind one another as one value: an entry of a list, a part of a message. They see each other, not what stands before the group. */
export function group<const F extends Fields>(fields: F): Kind<ValueOf<F>> {
  const rows = Object.entries(fields).map(([name, [kind]]) => ({ name, kind }));
  return {
    type: rows.map(({ name, kind }) => `${name} (${kind.type})`).join(", "),
    decode(reader) {
      const value: Record<string, unknown> = {};
      for (const { name, kind } of rows) {
        const decoded = kind.decode(reader, value);
        if (decoded !== undefined) value[name] = decoded;
      }
      return value as ValueOf<F>;
    },
    encode(value, out) {
      const all = value as Readonly<Record<string, unknown>>;
      for (const { name, kind } of rows) kind.encode(all[name], out, all);
    },
    render: (value) =>
      rows.map(({ name, kind }) => `${name} ${kind.render((value as Record<string, unknown>)[name])}`).join(", "),
    sample(random) {
      const value: Record<string, unknown> = {};
      for (const { name, kind } of rows) {
        const sampled = kind.sample(random, value);
        if (sampled !== undefined) value[name] = sampled;
      }
      return value as ValueOf<F>;
    },
  };
}
