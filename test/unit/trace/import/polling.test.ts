import { expect, test } from "vitest";
import { polling } from "../../../../src/trace/import/polling.js";
import { unhex } from "../../../../src/util/bytes.js";

/** A card with a UID of 7 bytes, one collision: the frames' forms are those of ISO/IEC 14443-3 6.4 and 6.5. */
const FRAMES: readonly (readonly ["pcd" | "picc", string, boolean, number?])[] = [
  ["pcd", "26", false, 7],
  ["picc", "4403", false],
  ["pcd", "9320", false, 16], // NVB 20: two whole bytes
  ["picc", "8804C74F04", false],
  ["pcd", "93358804", false, 29], // NVB 35: three bytes and five bits
  ["picc", "C74F04", false],
  ["pcd", "93708804C74F04A1B2", true],
  ["picc", "04DA17", true],
  ["pcd", "E0803173", true],
  ["picc", "097877700231C173C8449C", true],
  ["pcd", "0A", false, 7],
  ["pcd", "500057CD", true],
  ["pcd", "30044A4B", true],
  ["picc", "0A", false],
  ["picc", "C2E0", true],
];

test("says which frames have a CRC, and which are not whole bytes", () => {
  const place = polling();
  for (const [from, bytes, hasCrc, bits] of FRAMES) {
    const seen = place.see(from, unhex(bytes));
    expect([bytes, seen.hasCrc, seen.bits]).toEqual([bytes, hasCrc, bits]);
  }
});

test("a bit count that does not fit the bytes is left out", () => {
  expect(polling().see("pcd", unhex("933588"))).toEqual({ hasCrc: false });
  expect(polling().see("pcd", unhex("93FF"))).toEqual({ hasCrc: false });
});

test("forgets what was asked when the field goes", () => {
  const place = polling();
  place.see("pcd", unhex("26"));
  place.reset();
  expect(place.see("picc", unhex("9000"))).toEqual({ hasCrc: true });
});
