import { describe, expect, test } from "vitest";
import { PutKey } from "../../../src/protocols/gp/messages.js";
import { seededRandom } from "../../../src/util/random.js";
import { hex, unhex } from "../../../src/util/bytes.js";

/** The key check value that tools print for the key 404142...4F with triple DES: 8BAF47 (GlobalPlatformPro's logs). */
const ENTRY = "8010" + "00112233445566778899AABBCCDDEEFF" + "038BAF47";

describe("PUT KEY's data", () => {
  const keys = Array.from({ length: 3 }, () => ({
    type: "des" as const,
    value: unhex("00112233445566778899AABBCCDDEEFF"),
    check: unhex("8BAF47"),
  }));

  test("is a version, and of each key type, length and value, length and check value (tables 11-67 and 11-68)", () => {
    expect(hex(PutKey.encode({ version: 0x20, keys }))).toBe(`20${ENTRY.repeat(3)}`);
    expect(PutKey.decode(unhex(`20${ENTRY.repeat(3)}`))).toEqual({ version: 0x20, keys });
  });

  test("shows people no key", () => {
    expect(PutKey.render({ version: 0x20, keys })[1]!.text).toBe(
      `[${Array.from({ length: 3 }, () => "type des, value 16 bytes, check 8BAF47").join(", ")}]`,
    );
  });

  test("reads back what it invents", () => {
    for (let i = 0; i < 50; i++) {
      const sample = PutKey.sample(seededRandom(`put key ${i}`));
      expect(PutKey.decode(PutKey.encode(sample))).toEqual(sample);
    }
  });

  test.each([
    ["an unknown type", "20" + "8510" + "00".repeat(16) + "00", "codec/bad-value"],
    ["a value that ends early", "20" + "8010" + "00".repeat(15), "codec/truncated"],
    ["a check value of four bytes", "20" + "8000" + "0400000000", "codec/too-long"],
  ])("%s is refused", (_, bytes, code) => {
    expect(() => PutKey.decode(unhex(bytes))).toThrow(expect.objectContaining({ code }) as Error);
  });
});
