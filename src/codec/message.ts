import { roomFor } from "../util/bytes.js";
import type { Random } from "../util/random.js";
import { codecError } from "./errors.js";
import { group, type Fields, type ValueOf } from "./fields.js";

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
  const whole = group(fields);
  const rows = Object.entries(fields).map(([field, [kind, description]]) => ({ field, kind, description }));
  return {
    name,
    source,
    encode(value) {
      const out = { bytes: roomFor(ROOM), at: 0 };
      whole.encode(value, out, {});
      return out.bytes.subarray(0, out.at);
    },
    decode(bytes) {
      const reader = { bytes, at: 0 };
      const value = whole.decode(reader, {});
      if (reader.at < bytes.length)
        throw codecError("trailing", `${name}: ${bytes.length - reader.at} byte(s) behind the end`, {
          name,
          offset: reader.at,
        });
      return value;
    },
    render: (value) =>
      rows.map(({ field, kind, description }) => ({
        field,
        description,
        text: kind.render((value as Record<string, unknown>)[field]),
      })),
    table: rows.map(({ field, kind, description }) => ({ field, type: kind.type, description })),
    sample: (random) => whole.sample(random, {}),
  };
}
