import fc from "fast-check";
import { isTapbenchError } from "../../src/util/errors.js";

type Edit =
  | { readonly kind: "flip"; readonly at: number; readonly bit: number }
  | { readonly kind: "set"; readonly at: number; readonly value: number }
  | { readonly kind: "cut"; readonly at: number }
  | { readonly kind: "delete"; readonly at: number; readonly count: number }
  | { readonly kind: "insert"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "repeat"; readonly at: number; readonly count: number };

/** Values on which lengths and counts turn. */
const edgy = fc.constantFrom(0x00, 0x01, 0x1f, 0x20, 0x7f, 0x80, 0x81, 0x82, 0x84, 0x9f, 0xfe, 0xff);
const position = fc.nat({ max: 4096 });
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constant("flip" as const), at: position, bit: fc.nat({ max: 7 }) }),
  fc.record({ kind: fc.constant("set" as const), at: position, value: edgy }),
  fc.record({ kind: fc.constant("cut" as const), at: position }),
  fc.record({ kind: fc.constant("delete" as const), at: position, count: fc.integer({ min: 1, max: 8 }) }),
  fc.record({
    kind: fc.constant("insert" as const),
    at: position,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
  }),
  fc.record({ kind: fc.constant("repeat" as const), at: position, count: fc.integer({ min: 1, max: 40 }) }),
);

function apply(bytes: Uint8Array, change: Edit): Uint8Array {
  if (bytes.length === 0) return change.kind === "insert" ? change.bytes : bytes;
  const at = change.at % bytes.length;
  const splice = (remove: number, ...put: readonly number[]): Uint8Array =>
    Uint8Array.of(...bytes.subarray(0, at), ...put, ...bytes.subarray(at + remove));
  switch (change.kind) {
    case "flip":
      return splice(1, bytes[at]! ^ (1 << change.bit));
    case "set":
      return splice(1, change.value);
    case "cut":
      return bytes.subarray(0, at);
    case "delete":
      return splice(change.count);
    case "insert":
      return splice(0, ...change.bytes);
    case "repeat":
      return splice(0, ...bytes.subarray(at, at + change.count));
  }
}

/** One of the samples, changed in a few places; now and then bytes that have nothing to do with them. */
export const mutated = (samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    {
      weight: 9,
      arbitrary: fc
        .tuple(fc.constantFrom(...samples), fc.array(edit, { maxLength: 6 }))
        .map(([sample, edits]) => edits.reduce(apply, sample)),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  );

/** The same for text: samples changed at the level of their characters, and any text. */
export const mutatedText = (samples: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    {
      weight: 9,
      arbitrary: mutated(samples.map((text) => new TextEncoder().encode(text))).map((bytes) =>
        new TextDecoder().decode(bytes),
      ),
    },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 200 }) },
  );

/** Runs a decoder: it may give a value or throw one of our errors with an expected code; nothing else. */
export function onlyOurErrors<T>(run: () => T, codes: RegExp): T | undefined {
  try {
    return run();
  } catch (error) {
    if (isTapbenchError(error) && codes.test(error.code)) return undefined;
    throw error;
  }
}
