import { describe, expect, test } from "vitest";
import { aesKey } from "../../../src/crypto/aes.js";
import { blocksOf, encrypted, groupsOf, storeCommands } from "../../../src/device/se/store-script.js";
import { encodeCommand } from "../../../src/protocols/iso7816/apdu.js";
import { hex, unhex } from "../../../src/util/bytes.js";

const commands = (
  data: string,
  room: number,
  format: Parameters<typeof groupsOf>[1] = "dgi",
  hidden = false,
): string[] =>
  storeCommands(blocksOf(groupsOf(unhex(data), format), room), format, hidden).map((one) => hex(encodeCommand(one)));

const bytes = (count: number, of = "AA"): string => of.repeat(count);

// P1: bit 8 the last block, bits 7 and 6 encryption, bits 5 and 4 the format (GlobalPlatform Card Specification 2.3.1, table 11-89).
describe("blocks", () => {
  test("whole groupings go together while they fit, and the last is marked", () => {
    expect(commands("010102AABB" + "0102011C" + "0103021234", 9)).toEqual([
      "80E2080009010102AABB0102011C",
      "80E28801050103021234",
    ]);
  });
  test("a long grouping begins a block of its own and goes on in the next", () => {
    expect(commands(`01010111010209${bytes(9)}01030122`, 8)).toEqual([
      "80E208000401010111",
      `80E2080108010209${bytes(5)}`,
      `80E2880208${bytes(4)}01030122`,
    ]);
  });
  test("what is whole after each of them", () => {
    const blocks = blocksOf(groupsOf(unhex(`01010111010209${bytes(9)}01030122`), "dgi"), 8);
    expect(blocks.map(({ whole }) => whole)).toEqual([1, 1, 3]);
  });
  test("lengths of three bytes", () => {
    const [group] = groupsOf(unhex(`8201FF0100${bytes(256)}`), "dgi");
    expect([group!.name, group!.value.length]).toEqual(["8201", 256]);
  });
  test("TLV objects", () => {
    expect(commands("4204DEADBEEF5F500141", 239, "berTlv")).toEqual(["80E290000A4204DEADBEEF5F500141"]);
  });
  test("data of no known format is cut where it has to be", () => {
    expect(commands(bytes(5), 2, "unspecified")).toEqual(["80E2000002AAAA", "80E2000102AAAA", "80E2800201AA"]);
  });
  test("encrypted groupings say so in P1", () => {
    expect(commands("010101AA", 239, "dgi", true)).toEqual(["80E2E80004010101AA"]);
  });
});

test("values are encrypted, and filled up where they are no whole blocks; headers are not", () => {
  // AES-128 CBC from zeros over 00..0F, and over DEADBEEF 80 00..00, by python3-cryptography; the keys that everybody knows.
  const dek = aesKey(unhex("404142434445464748494A4B4C4D4E4F"));
  const groups = encrypted(
    groupsOf(unhex("800010000102030405060708090A0B0C0D0E0F" + "900004DEADBEEF"), "dgi"),
    (value) => dek.encryptCbc(value),
    16,
  );
  expect(groups.map((group) => hex(group.bytes))).toEqual([
    "8000103D0FA4B855D2A5AA4954B8B5DF582A3A",
    "900010C6512BF326BB519E5E5786D84554DBD6",
  ]);
});

test.each([
  ["", "dgi"],
  ["0101", "dgi"],
  ["010102AA", "dgi"],
  ["0101FF01", "dgi"],
  ["0101FF0002AA", "dgi"],
  ["4204DEAD", "berTlv"],
  ["", "unspecified"],
] as const)("%s is no %s", (data, format) => {
  expect(() => groupsOf(unhex(data), format)).toThrow(expect.objectContaining({ code: "se/bad-personalisation-data" }));
});

test("more blocks than can be counted are refused before anything is sent", () => {
  expect(() => blocksOf(groupsOf(new Uint8Array(600), "unspecified"), 2)).toThrow(/300 blocks/);
  expect(() => groupsOf(new Uint8Array(65_281), "unspecified")).toThrow(/65280/);
});
