import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkCbor } from "../../../src/codec/cbor-check.js";
import { decodeCbor, encodeCbor, type CborValue } from "../../../src/codec/cbor.js";
import { decodeAnswer } from "../../../src/protocols/smp/answer.js";
import { commandOf, GROUPS } from "../../../src/protocols/smp/groups.js";
import { decodeSmp, encodeSmp, OP } from "../../../src/protocols/smp/header.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { seededRandom, type Random } from "../../../src/util/random.js";
import { SECOND } from "../../../src/util/time.js";
import { managed } from "../../support/managed-device.js";
import { mutated, onlyOurErrors } from "../mutate.js";

/** In CI together some 10^5 messages; longer runs are a number away. */
const CASES = 100_000;

const all = GROUPS.flatMap(({ commands }) => commands);
const frame = (random: Random, name = random.below(all.length)): Uint8Array => {
  const command = all[name]!;
  const sample = command.request.sample(random) as object;
  // Most file names are none: a few that are.
  const request = command.group === 8 && "name" in sample ? { ...sample, name: `/lfs/${random.below(3)}` } : sample;
  const data = command.request.encode(request);
  const [version, sequence] = [1 + random.below(2), random.below(256)];
  return encodeSmp({ op: OP[command.op], version, group: command.group, sequence, command: command.id, data });
};

/** What lengths and counts turn on, in CBOR and in the header. */
const BOMBS = [
  "9F".repeat(200),
  "81".repeat(200),
  "BF6161".repeat(60),
  "A1616100".repeat(40),
  "BBFFFFFFFFFFFFFFFF",
  "5BFFFFFFFFFFFFFFFF",
  "7AFFFFFFFF",
  "A2616400616400",
  "A1640000000000",
  `B818${"61610000".repeat(24)}`,
  "C249010000000000000000",
  "A1616460".repeat(9),
].map(unhex);

function change(random: Random, message: Uint8Array): Uint8Array {
  const out = message.slice();
  switch (random.below(7)) {
    case 0: // some bits
      for (let i = 0; i <= random.below(4); i++) out[random.below(out.length)]! ^= 1 << random.below(8);
      return out;
    case 1: // cut
      return out.subarray(0, random.below(out.length + 1));
    case 2: // another command, group or operation with these data
      out[[0, 4, 5, 7][random.below(4)]!] = random.below(256);
      return out;
    case 3: {
      // a bomb for data, with a length that fits
      const bomb = BOMBS[random.below(BOMBS.length)]!;
      return encodeSmp({ ...decodeSmp(message), data: bomb });
    }
    case 4: {
      // bytes put in, with a length that fits
      const at = 8 + random.below(out.length - 7);
      const data = Uint8Array.of(...out.subarray(8, at), ...random.bytes(random.below(9)), ...out.subarray(at));
      return encodeSmp({ ...decodeSmp(message), data });
    }
    case 5: // anything
      return random.bytes(random.below(80));
    default:
      return out;
  }
}

/** Bytes that a value holds, to see that it does not grow. */
function weight(value: unknown): number {
  if (value instanceof Uint8Array) return value.length;
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 8;
  return Object.entries(value).reduce((sum, [key, each]) => sum + key.length + weight(each), 0);
}

/** No longer than a buffer, a response's operation, and the request's sequence, group and command. */
const fits = (answer: Uint8Array, request: Uint8Array): boolean =>
  answer.length <= 512 && (answer[0]! & 1) === 1 && [4, 5, 6, 7].every((at) => answer[at] === request[at]);

describe("the device", () => {
  test(`${CASES} messages, whole and broken: each is answered as a request or left alone, and nothing grows`, () => {
    // Little storage: it is full, and packed, often.
    const partitions = { settings: { offset: 0, bytes: 8192 }, files: { offset: 8192, bytes: 8192 } };
    const flash = { bytes: 16_384, sectorBytes: 1024, writeBytes: 4, partitions };
    const { sim, mcu, host } = managed({ flash });
    const answers: Uint8Array[] = [];
    let last: Uint8Array | undefined;
    const port = mcu.attach({
      name: "fuzz",
      send: (message) => {
        last = message;
        if (answers.length < 2000) answers.push(message);
      },
    });
    const random = seededRandom("fuzz/listener");
    let answered = 0;
    let heaviest = 0;
    const unfit: string[] = [];
    for (let i = 0; i < CASES; i++) {
      const message = change(random, frame(random));
      last = undefined;
      port.receive(message);
      if (i % 16 === 15) sim.runUntil(sim.now + 2 * SECOND);
      else sim.runUntil(sim.now + SECOND / 4);
      if (last) {
        answered++;
        if (!fits(last, message)) unfit.push(`${hex(message)} -> ${hex(last)}`);
      }
      if (i % 1000 === 0) heaviest = Math.max(heaviest, weight(mcu.state));
    }
    expect(unfit).toEqual([]);
    expect(answered).toBeGreaterThan(CASES / 4);
    // 64 settings of 288 bytes, 64 lines of 200, one long command, counters.
    expect(heaviest).toBeLessThan(64 * 300 + 64 * 240 + 70_000 + 8000);
    expect(mcu.state.log.length).toBeLessThanOrEqual(64);
    expect(mcu.state.busy.length).toBeLessThanOrEqual(4);
    expect(sim.idle).toBe(true);
    // Every answer is well-formed, and its command's declaration or an error.
    for (const answer of answers) {
      const message = decodeSmp(answer);
      const command = commandOf(message);
      checkCbor(message.data);
      if (command) decodeAnswer(command, message.data);
    }
    sim.runUntil(sim.now + 2 * SECOND);
    expect(host("after").raw("0A00000600000100A16164626869")).toBe("0B00000600000100A16172626869");
  }, 120_000);
});

describe("decoders", () => {
  const random = seededRandom("fuzz/decoders");
  const frames = Array.from({ length: 60 }, (_, i) => frame(random, i % all.length));
  const codes =
    /^codec\/(truncated|trailing|too-long|too-deep|too-many|bad-tag|bad-length|bad-value|bad-text|duplicate-key)$/;

  test("what the check lets through is decoded, the same as written again", () => {
    fc.assert(
      fc.property(mutated([...frames.map((bytes) => bytes.subarray(8)), ...BOMBS]), (bytes) => {
        const value = onlyOurErrors(() => decodeCbor(bytes), codes);
        if (value === undefined) return;
        // Bytes are compared: a zero of a float may be negative, and is written as the integer.
        const written = encodeCbor(value);
        expect(hex(encodeCbor(decodeCbor(written)))).toBe(hex(written));
      }),
      { numRuns: 3000 },
    );
  });

  test("any value that is written is read", () => {
    const leaf = fc.oneof(
      fc.integer(),
      fc.string(),
      fc.boolean(),
      fc.constant(null),
      fc.uint8Array({ maxLength: 40 }),
    ) as fc.Arbitrary<CborValue>;
    const { value } = fc.letrec<{ value: CborValue }>((tie) => ({
      value: fc.oneof(
        { depthSize: "small", withCrossShrink: true, maxDepth: 4 },
        leaf,
        fc.array(tie("value"), { maxLength: 5 }),
        fc.dictionary(
          fc.string().filter((key) => key !== "__proto__"),
          tie("value"),
          { maxKeys: 20, noNullPrototype: true },
        ),
      ),
    }));
    fc.assert(
      fc.property(value, (written) => {
        expect(decodeCbor(encodeCbor(written))).toEqual(written);
      }),
      { numRuns: 1000 },
    );
  });

  test("messages", () => {
    fc.assert(
      fc.property(mutated(frames), (bytes) => {
        const message = onlyOurErrors(() => decodeSmp(bytes), /^(codec\/truncated|smp\/bad-length)$/);
        if (!message) return;
        const command = commandOf(message);
        if (command) onlyOurErrors(() => command.request.decode(message.data), codes);
        if (command) onlyOurErrors(() => decodeAnswer(command, message.data), codes);
      }),
      { numRuns: 2000 },
    );
  });
});
