import { roomFor } from "../util/bytes.js";
import type { Random } from "../util/random.js";
import { codecError } from "./errors.js";
import type { Kind } from "./fields.js";

export type Fields = Readonly<Record<string, readonly [kind: Kind<unknown>, description: string]>>;

type KindOf<T> = T extends readonly [Kind<infer V>, string] ? V : never;
/** The value that a declaration describes: fields that may be absent are optional. */
export type ValueOf<F extends Fields> = {
  readonly [K in keyof F as undefined extends KindOf<F[K]> ? never : K]: KindOf<F[K]>;
} & {
  readonly [K in keyof F as undefined extends KindOf<F[K]> ? K : never]?: KindOf<F[K]>;
};

/** One declaration: encode, decode, what people read, the documentation table, the fuzzer's samples. */
export interface Message<V> {
  readonly name: string;
  /** Document and clause. */
  readonly source: string;
  encode(value: V): Uint8Array;
  /** @throws only `codec/...`: truncated, trailing, too-long, too-many, bad-value, bad-length */
  decode(bytes: Uint8Array): V;
  /** Field by field, for trees and traces. */
  render(value: V): readonly { readonly field: string; readonly description: string; readonly text: string }[];
  /** Rows of the documentation table. */
  readonly table: readonly { readonly field: string; readonly type: string; readonly description: string }[];
  sample(random: Random): V;
}

/** What a declared message carries: `MessageValue<typeof Ats>`. */
export type MessageValue<M> = M extends Message<infer V> ? V : never;

/** To begin with; most messages are shorter. */
const ROOM = 32;

export function message<const F extends Fields>(name: string, source: string, fields: F): Message<ValueOf<F>> {
  type V = ValueOf<F>;
  const rows = Object.entries(fields).map(([field, [kind, description]]) => ({ field, kind, description }));
  return {
    name,
    source,
    encode(value) {
      const out = { bytes: roomFor(ROOM), at: 0 };
      const all = value as Readonly<Record<string, unknown>>;
      for (const { field, kind } of rows) kind.encode(all[field], out, all);
      return out.bytes.subarray(0, out.at);
    },
    decode(bytes) {
      const reader = { bytes, at: 0 };
      const value: Record<string, unknown> = {};
      for (const { field, kind } of rows) {
        const decoded = kind.decode(reader, value);
        if (decoded !== undefined) value[field] = decoded;
      }
      if (reader.at < bytes.length)
        throw codecError("trailing", `${name}: ${bytes.length - reader.at} byte(s) behind the end`, {
          name,
          offset: reader.at,
        });
      return value as V;
    },
    render: (value) =>
      rows.map(({ field, kind, description }) => ({
        field,
        description,
        text: kind.render((value as Record<string, unknown>)[field]),
      })),
    table: rows.map(({ field, kind, description }) => ({ field, type: kind.type, description })),
    sample(random) {
      const value: Record<string, unknown> = {};
      for (const { field, kind } of rows) {
        const sampled = kind.sample(random, value);
        if (sampled !== undefined) value[field] = sampled;
      }
      return value as V;
    },
  };
}
