import { hex } from "../util/bytes.js";
import type { Random } from "../util/random.js";
import { decodeCbor, encodeCbor, integer, isCborMap, numberOf, type CborMap, type CborValue } from "./cbor.js";
import type { CborLimits } from "./cbor-check.js";
import { codecError } from "./errors.js";

/** How one value of a CBOR map is read, written, shown, described and invented. */
export interface CborKind<T> {
  /** For the documentation table: `uint`, `bstr (at most 4096)`, ... */
  readonly type: string;
  /** `name` is for the error. @throws `codec/bad-value`, `codec/too-long`, `codec/too-many` */
  decode(value: CborValue, name: string): T;
  encode(value: T, name: string): CborValue;
  render(value: T): string;
  sample(random: Random): T;
}

export type CborFields = Readonly<Record<string, readonly [kind: CborKind<unknown>, description: string]>>;
type KindOf<T> = T extends readonly [CborKind<infer V>, string] ? V : never;
/** The value that a declaration describes: entries that may be absent are optional. */
export type CborValueOf<F extends CborFields> = {
  readonly [K in keyof F as undefined extends KindOf<F[K]> ? never : K]: KindOf<F[K]>;
} & {
  readonly [K in keyof F as undefined extends KindOf<F[K]> ? K : never]?: KindOf<F[K]>;
};

/** One declaration of a CBOR map: encode, decode, what people read, the documentation table, the fuzzer's samples. */
export interface CborMessage<V> {
  readonly name: string;
  /** Document and clause. */
  readonly source: string;
  encode(value: V): Uint8Array;
  /** The map itself, for a message that adds to it. */
  toMap(value: V): CborMap;
  /** Keys that the declaration does not know are left alone. @throws only `codec/...` */
  decode(bytes: Uint8Array, limits?: CborLimits): V;
  fromMap(map: CborMap): V;
  render(value: V): readonly { readonly field: string; readonly description: string; readonly text: string }[];
  readonly table: readonly { readonly field: string; readonly type: string; readonly description: string }[];
  sample(random: Random): V;
}

const wrong = (name: string, wanted: string): Error =>
  codecError("bad-value", `'${name}' should be ${wanted}`, { field: name });

const integerKind = (type: string, low: number, high: number): CborKind<number> => {
  const check = (value: CborValue, name: string): number => {
    const number = numberOf(value);
    if (number === undefined || !Number.isInteger(number) || number < low || number > high)
      throw wrong(name, `a whole number from ${low} to ${high}`);
    return number;
  };
  return {
    type,
    decode: check,
    encode: (value, name) => integer(check(value, name)),
    render: String,
    sample: (random) => Math.max(low, Math.min(high, random.below(2 ** (1 + random.below(31))))),
  };
};

/** An unsigned integer up to `most`. */
export const uint = (most = Number.MAX_SAFE_INTEGER): CborKind<number> => integerKind("uint", 0, most);
/** A signed integer of 32 bits. */
export const int32: CborKind<number> = integerKind("int", -(2 ** 31), 2 ** 31 - 1);

/** Text of at most `most` characters. */
export const text = (most: number): CborKind<string> => {
  const check = (value: CborValue, name: string): string => {
    if (typeof value !== "string") throw wrong(name, "a text");
    if (value.length > most)
      throw codecError("too-long", `'${name}' has ${value.length} characters, more than ${most}`, { field: name });
    return value;
  };
  return {
    type: `tstr (at most ${most})`,
    decode: check,
    encode: check,
    render: (value) => JSON.stringify(value),
    sample: (random) =>
      Array.from({ length: random.below(Math.min(most, 12) + 1) }, () =>
        String.fromCharCode(97 + random.below(26)),
      ).join(""),
  };
};

/** Bytes, at most `most`. */
export const blob = (most: number): CborKind<Uint8Array> => {
  const check = (value: CborValue, name: string): Uint8Array => {
    if (!(value instanceof Uint8Array)) throw wrong(name, "a byte string");
    if (value.length > most)
      throw codecError("too-long", `'${name}' has ${value.length} bytes, more than ${most}`, { field: name });
    return value;
  };
  return {
    type: `bstr (at most ${most})`,
    decode: check,
    encode: check,
    render: hex,
    sample: (random) => random.bytes(random.below(Math.min(most, 24) + 1)),
  };
};

export const flag: CborKind<boolean> = {
  type: "bool",
  decode(value, name) {
    if (typeof value !== "boolean") throw wrong(name, "true or false");
    return value;
  },
  encode: (value) => value,
  render: String,
  sample: (random) => random.below(2) === 1,
};

/** One of the words. */
export const word = <const W extends readonly string[]>(...words: W): CborKind<W[number]> => {
  const check = (value: CborValue, name: string): W[number] => {
    if (typeof value !== "string" || !words.includes(value)) throw wrong(name, `one of ${words.join(", ")}`);
    return value;
  };
  return {
    type: `tstr: ${words.join(", ")}`,
    decode: check,
    encode: check,
    render: (value) => value,
    sample: (random) => words[random.below(words.length)]!,
  };
};

export const listOf = <T>(of: CborKind<T>, most: number): CborKind<readonly T[]> => ({
  type: `[ ${of.type} ] (at most ${most})`,
  decode(value, name) {
    if (!Array.isArray(value)) throw wrong(name, "an array");
    if (value.length > most) throw codecError("too-many", `'${name}' has more than ${most} entries`, { field: name });
    return (value as readonly CborValue[]).map((each) => of.decode(each, name));
  },
  encode(values, name) {
    if (values.length > most) throw codecError("too-many", `'${name}' has more than ${most} entries`, { field: name });
    return values.map((each) => of.encode(each, name));
  },
  render: (values) => `[${values.map((each) => of.render(each)).join(", ")}]`,
  sample: (random) => Array.from({ length: random.below(Math.min(most, 4) + 1) }, () => of.sample(random)),
});

/** A map from any text to values of one kind. */
export const mapOf = <T>(of: CborKind<T>, most: number): CborKind<Readonly<Record<string, T>>> => ({
  type: `{ tstr: ${of.type} } (at most ${most})`,
  decode(value, name) {
    if (!isCborMap(value)) throw wrong(name, "a map");
    const entries = Object.entries(value);
    if (entries.length > most) throw codecError("too-many", `'${name}' has more than ${most} entries`, { field: name });
    return Object.fromEntries(entries.map(([key, each]) => [key, of.decode(each, key)]));
  },
  encode: (values) => Object.fromEntries(Object.entries(values).map(([key, each]) => [key, of.encode(each, key)])),
  render: (values) =>
    `{${Object.entries(values)
      .map(([key, each]) => `${key}: ${of.render(each)}`)
      .join(", ")}}`,
  sample: (random) =>
    Object.fromEntries(
      Array.from({ length: random.below(Math.min(most, 3) + 1) }, (_, i) => [`k${i}`, of.sample(random)]),
    ),
});

/** A map with known keys. */
export function record<const F extends CborFields>(fields: F): CborKind<CborValueOf<F>> {
  const rows = rowsOf(fields);
  return {
    type: `{ ${rows.map(({ field, kind }) => `${field}: ${kind.type}`).join(", ")} }`,
    decode(value, name) {
      if (!isCborMap(value)) throw wrong(name, "a map");
      return readRows(rows, value) as CborValueOf<F>;
    },
    encode: (value) => writeRows(rows, value),
    render: (value) =>
      `{${renderRows(rows, value)
        .map(({ field, text }) => `${field}: ${text}`)
        .join(", ")}}`,
    sample: (random) => sampleRows(rows, random) as CborValueOf<F>,
  };
}

/** May be absent. */
export const maybe = <T>(of: CborKind<T>): CborKind<T | undefined> => ({
  type: `${of.type}, optional`,
  decode: (value, name) => (value === undefined ? undefined : of.decode(value, name)),
  encode: (value, name) => (value === undefined ? undefined : of.encode(value, name)),
  render: (value) => (value === undefined ? "-" : of.render(value)),
  sample: (random) => (random.below(2) === 0 ? undefined : of.sample(random)),
});

/** The first kind that takes the value. */
export const either = <A, B>(
  one: CborKind<A>,
  other: CborKind<B>,
  isOne: (value: A | B) => value is A,
): CborKind<A | B> => ({
  type: `${one.type} or ${other.type}`,
  decode: (value, name) => (isOne(value as A | B) ? one.decode(value, name) : other.decode(value, name)),
  encode: (value, name) => (isOne(value) ? one.encode(value, name) : other.encode(value, name)),
  render: (value) => (isOne(value) ? one.render(value) : other.render(value)),
  sample: (random) => (random.below(2) === 0 ? one.sample(random) : other.sample(random)),
});

interface Row {
  readonly field: string;
  readonly kind: CborKind<unknown>;
  readonly description: string;
}

const rowsOf = (fields: CborFields): readonly Row[] =>
  Object.entries(fields).map(([field, [kind, description]]) => ({ field, kind, description }));

function readRows(rows: readonly Row[], map: CborMap): object {
  const value: Record<string, unknown> = {};
  for (const { field, kind } of rows) {
    const decoded = kind.decode(Object.hasOwn(map, field) ? map[field] : undefined, field);
    if (decoded !== undefined) value[field] = decoded;
  }
  return value;
}

function writeRows(rows: readonly Row[], value: object): CborMap {
  const map: Record<string, CborValue> = {};
  for (const { field, kind } of rows) {
    const encoded = kind.encode((value as Record<string, unknown>)[field], field);
    if (encoded !== undefined) map[field] = encoded;
  }
  return map;
}

const renderRows = (rows: readonly Row[], value: object) =>
  rows.map(({ field, kind, description }) => ({
    field,
    description,
    text: kind.render((value as Record<string, unknown>)[field]),
  }));

function sampleRows(rows: readonly Row[], random: Random): object {
  const value: Record<string, unknown> = {};
  for (const { field, kind } of rows) {
    const sampled = kind.sample(random);
    if (sampled !== undefined) value[field] = sampled;
  }
  return value;
}

const asMap = (name: string, value: CborValue): CborMap => {
  if (isCborMap(value)) return value;
  throw codecError("bad-value", `${name}: a CBOR map is expected`, { name });
};

/** A message that is a map with these keys. No bytes at all count as the empty map. */
export function cborMessage<const F extends CborFields>(
  name: string,
  source: string,
  fields: F,
): CborMessage<CborValueOf<F>> {
  const rows = rowsOf(fields);
  const toMap = (value: CborValueOf<F>): CborMap => writeRows(rows, value);
  const fromMap = (map: CborMap): CborValueOf<F> => readRows(rows, map) as CborValueOf<F>;
  return {
    name,
    source,
    toMap,
    fromMap,
    encode: (value) => encodeCbor(toMap(value)),
    decode: (bytes, limits) => fromMap(bytes.length === 0 ? {} : asMap(name, decodeCbor(bytes, limits))),
    render: (value) => renderRows(rows, value),
    table: rows.map(({ field, kind, description }) => ({ field, type: kind.type, description })),
    sample: (random) => sampleRows(rows, random) as CborValueOf<F>,
  };
}

/** A message whose keys are names of things, all of one kind; `besides` are keys that mean something else. */
export function cborNames<T>(
  name: string,
  source: string,
  [kind, description]: readonly [CborKind<T>, string],
  most: number,
  besides: readonly string[],
): CborMessage<Readonly<Record<string, T>>> {
  const of = mapOf(kind, most);
  const toMap = (value: Readonly<Record<string, T>>): CborMap => of.encode(value, name) as CborMap;
  const fromMap = (map: CborMap): Readonly<Record<string, T>> =>
    of.decode(Object.fromEntries(Object.entries(map).filter(([key]) => !besides.includes(key))), name);
  return {
    name,
    source,
    toMap,
    fromMap,
    encode: (value) => encodeCbor(toMap(value)),
    decode: (bytes, limits) => fromMap(bytes.length === 0 ? {} : asMap(name, decodeCbor(bytes, limits))),
    render: (value) => Object.entries(value).map(([field, each]) => ({ field, description, text: kind.render(each) })),
    table: [{ field: "<name>", type: kind.type, description }],
    sample: (random) => of.sample(random),
  };
}
