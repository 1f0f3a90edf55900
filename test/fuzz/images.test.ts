import fc from "fast-check";
import { expect, test } from "vitest";
import { imageFields, verdictFields } from "../../src/inspect/image-fields.js";
import { buildImage } from "../../src/protocols/mcuboot/build.js";
import { parseImage } from "../../src/protocols/mcuboot/image.js";
import { judgeImage } from "../../src/protocols/mcuboot/verify.js";
import { attempt } from "../../src/util/errors.js";
import { seededRandom } from "../../src/util/random.js";

const version = { major: 1, minor: 2, revision: 3, build: 0 };
const good = buildImage(new Uint8Array(300).fill(7), {
  version,
  random: seededRandom("fuzz"),
  securityCounter: 3,
  dependencies: [{ image: 1, version }],
  custom: [{ type: 0xa0, value: new Uint8Array(40) }],
});

/** Everything that reads an image: a value, or one of our own errors. */
function read(bytes: Uint8Array): boolean {
  const judged = attempt(() => {
    const image = parseImage(bytes);
    const verdict = judgeImage(image, { keys: [] });
    return { verdict, lines: [...imageFields(image), ...verdictFields(verdict)] };
  });
  return judged !== undefined && judged.verdict.objections.length === 0;
}

test("an image with bytes changed is read or refused, and is good only where nothing covers the change", () => {
  expect(read(good)).toBe(true);
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
      const changed = good.slice();
      changed[at]! ^= by;
      expect(read(changed)).toBe(false);
    }),
    { numRuns: 2000 },
  );
});

test("cut anywhere, or anything at all", () => {
  for (let length = 0; length < good.length; length++) expect(read(good.subarray(0, length))).toBe(false);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.uint8Array({ maxLength: 64 }), (tail, head) => {
      const bytes = new Uint8Array([...good.subarray(0, 32), ...tail]);
      bytes.set(head.subarray(0, 28), 4);
      expect(read(bytes)).toBe(false);
    }),
    { numRuns: 2000 },
  );
});
