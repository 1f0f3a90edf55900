import fc from "fast-check";
import { expect, test } from "vitest";
import { maskRecords } from "../../src/trace/mask.js";
import { openTrace } from "../../src/trace/open.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { BIG, block, file, LITTLE, packet } from "../unit/trace/pcapng/capture.js";
import { mutated } from "./mutate.js";

const SAMPLES = [
  file(LITTLE.section, LITTLE.nanoInterface, LITTLE.wupa, LITTLE.atqa, block(4, "00".repeat(12)), LITTLE.wupa),
  file(BIG.section, BIG.interface, BIG.wupa, BIG.atqa, LITTLE.section, LITTLE.interface, LITTLE.atqa),
  file(
    LITTLE.section,
    LITTLE.nanoInterface,
    packet(0xfc, ""),
    packet(0xfa, "0200b2011400", 100),
    packet(0xfb, "126a", 200, "0100 0200 48690000 00000000"),
    packet(0xfe, "a36fc6", 300),
    packet(0xfb, "0383", 400),
    packet(0xfd, "", 500),
  ),
];

test("a capture is read as far as it goes, in any pieces, and no further", async () => {
  await fc.assert(
    fc.asyncProperty(mutated(SAMPLES), fc.integer({ min: 1, max: 64 }), async (bytes, size) => {
      // The sections' first four bytes decide what it is; here it always is a capture.
      const damaged = Uint8Array.from(bytes);
      if (damaged.length >= 4) damaged.set([0x0a, 0x0d, 0x0d, 0x0a]);
      else return;
      const attempt = async (pieces: readonly Uint8Array[]): Promise<unknown> => {
        try {
          const { records, problem, remarks } = await openTrace(pieces);
          return { records, remarks, problem: problem && [problem.code, problem.context] };
        } catch (error) {
          if (!isTapbenchError(error)) throw error;
          expect(error.code).toMatch(/^trace\/(bad-block|torn|no-frames)$/);
          return [error.code, error.context];
        }
      };
      const whole = await attempt([damaged]);
      const pieces = Array.from({ length: Math.ceil(damaged.length / size) }, (_, i) =>
        damaged.subarray(i * size, (i + 1) * size),
      );
      expect(await attempt(pieces)).toEqual(whole);
      if (typeof whole === "object" && whole !== null && "records" in whole) {
        const { records } = whole as Awaited<ReturnType<typeof openTrace>>;
        expect(maskRecords(records)).toHaveLength(records.length);
        for (const record of records) {
          expect(Number.isSafeInteger(record.at)).toBe(true);
          if (record.layer === "frame") expect(record.bits).toBeLessThanOrEqual(record.bytes.length * 8);
        }
      }
    }),
    { numRuns: 2000 },
  );
});
