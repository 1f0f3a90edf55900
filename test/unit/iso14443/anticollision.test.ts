import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { superpose } from "../../../emulator/rf/air.js";
import { inventory, selectTypeA } from "../../../src/protocols/iso14443/poller.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { crcOf, field, follow, lone, raw, short } from "./kit.js";

/** The first `bits` bits of these bytes, as they are on the air. */
const partial = (text: string, bits: number) => {
  const bytes = unhex(text);
  return { bytes, bits, rate: 1 as const };
};

describe("a card answers a split UID", () => {
  // UID 08 FE E4 EC, BCC FE. On the air, least significant bit first: 0001 0000 | 0111 1111 | 0010 0111 | 0011 0111 | 0111 1111.
  test.each([
    [0, "93 20", "08FEE4ECFE", 40],
    [4, "93 24 08", "E04FCEEE0F", 36], // from bit 5 of 08: 0000 0111 | 1111 0010 | 0111 0011 | 0111 0111 | 1111
    [8, "93 30 08", "FEE4ECFE", 32],
    [9, "93 31 08 00", "7F72767F", 31],
    [12, "93 34 08 0E", "4FCEEE0F", 28],
    [32, "93 60 08 FE E4 EC", "FE", 8],
    [39, "93 67 08 FE E4 EC 7E", "01", 1],
  ] as [number, string, string, number][])("that shows %i bits", (known, command, rest, bits) => {
    const card = lone("08FEE4EC");
    card.hear(short(0x26));
    const answer = card.heard(partial(command.replaceAll(" ", ""), 16 + known));
    expect(answer).toMatchObject({ bits });
    expect(hex(answer!.bytes)).toBe(rest);
  });

  test.each([
    ["another bit", "93 24 09", 20],
    ["fewer bits than NVB says", "93 24 08", 19],
    ["another level", "95 20", 16],
    ["an NVB below 2 bytes", "93 10", 16],
    ["eight bits in NVB's lower half", "93 28 08", 24],
  ])("not with %s", (_, command, bits) => {
    const card = lone("08FEE4EC");
    card.hear(short(0x26));
    expect(card.heard(partial(command.replaceAll(" ", ""), bits))).toBeUndefined();
    expect(card.state.phase).toBe("idle");
  });

  test("SELECT needs NVB 70", () => {
    const card = lone("08FEE4EC");
    card.hear(short(0x26));
    // 93 68 with 40 bits and a right CRC (8F 5D is not looked at): eight bits are a byte, and NVB writes them so.
    expect(card.hear(raw("93 68 08 FE E4 EC FE 8F 5D"))).toBeUndefined();
  });
});

describe("the reader resolves collisions", () => {
  test("takes the card whose bit is 1, in the frames of the bits so far", () => {
    // 08 FE E4 EC (BCC FE) and 08 FE E4 E8 (BCC FA): differ first in bit 3 of the fourth byte, bit 26 of the answer.
    const answer = superpose([
      { frame: raw("08FEE4ECFE"), start: 7 },
      { frame: raw("08FEE4E8FA"), start: 7 },
    ]);
    expect(answer.collision).toBe(26);
    const { uid } = follow(selectTypeA(0), [
      ["93 20", answer],
      // 27 bits are known: NVB 53, the fourth byte holds bits 00 and the 1 taken.
      ["93 53 08 FE E4 04", { bytes: unhex("DD1F"), bits: 13, rate: 1 }],
      ["93 70 08 FE E4 EC FE DD 6E", raw("20 FC 70")],
    ]);
    expect(hex(uid)).toBe("08FEE4EC");
  });

  test.each(Array.from({ length: 32 }, (_, bit) => bit))("of two UIDs that differ in bit %i", (bit) => {
    const uid = unhex("15A25B4C");
    const other = uid.slice();
    other[bit >> 3]! ^= 1 << (bit & 7);
    const world = field([{ uid: hex(uid) }, { uid: hex(other) }]);
    const found = world.run(inventory(0)).map((card) => hex(card.uid));
    expect(found.toSorted()).toEqual([hex(uid), hex(other)].toSorted());
    // The card with a 1 there comes first (ISO/IEC 14443-3 6.5.3.3 recommends it).
    expect(unhex(found[0]!)[bit >> 3]! & (1 << (bit & 7))).not.toBe(0);
    expect(world.frames().find(({ fault }) => fault === "collision")).toBeDefined();
  });

  test("of two, and reads 93 20 answered with a collision, then the bits of one card", () => {
    const world = field([{ uid: "01020304" }, { uid: "01020344" }]);
    world.run(inventory(0));
    expect(world.said().slice(2, 8)).toEqual([
      "pcd 9320",
      "picc 0102034444", // 04 and 44 one over the other; BCC 04 and 44
      "pcd 935701020344", // 31 bits: NVB 57; bit 6 of the last byte taken as 1
      "picc 8800", // its bit 7 and BCC 44, nine bits
      `pcd 93700102034444${hex(crcOf(unhex("93700102034444")))}`,
      "picc 20FC70",
    ]);
  });

  test("of 7-byte UIDs with the same first level, in the second", () => {
    const uids = ["04112233445566", "04112233445567", "041122AA000000"];
    const world = field(uids.map((uid) => ({ uid })));
    const found = world.run(inventory(0)).map((card) => hex(card.uid));
    expect(found.toSorted()).toEqual(uids.toSorted());
  });

  test("of UIDs of 4, 7 and 10 bytes at once", () => {
    const uids = ["08AABBCC", "04112233445566", "05112233445566778899", "04112233445567"];
    const world = field(uids.map((uid) => ({ uid })));
    const found = world.run(inventory(0)).map((card) => hex(card.uid));
    expect(found.toSorted()).toEqual(uids.toSorted());
  });

  test("stops at the number of cards it was told", () => {
    const world = field(["01020304", "05060708", "090A0B0C"].map((uid) => ({ uid })));
    expect(world.run(inventory(0, 2))).toHaveLength(2);
  });

  test("two cards with one UID look like one", () => {
    const world = field([{ uid: "01020304" }, { uid: "01020304" }]);
    expect(world.run(inventory(0)).map((card) => hex(card.uid))).toEqual(["01020304"]);
  });
});

/** UIDs as ISO/IEC 14443-3 6.5.4 allows them: 88 is the cascade tag and starts no level. */
const anyUid = fc
  .tuple(fc.constantFrom(4, 7, 10), fc.uint8Array({ minLength: 10, maxLength: 10 }))
  .map(([length, bytes]) => bytes.slice(0, length))
  .filter((uid) => [0, 3, 6].every((i) => uid[i] !== 0x88))
  .map(hex);
const common = fc
  .tuple(
    fc.uint8Array({ minLength: 3, maxLength: 3 }),
    fc.uniqueArray(fc.integer({ min: 0, max: 255 }), { maxLength: 8 }),
  )
  .filter(([prefix]) => prefix[0] !== 0x88)
  .map(([prefix, ends]) => ends.map((end) => hex(Uint8Array.of(...prefix, end))));

test("inventory finds exactly the cards that are there", () => {
  fc.assert(
    fc.property(fc.uniqueArray(anyUid, { maxLength: 6 }), common, (some, alike) => {
      const uids = [...new Set([...some, ...alike])].slice(0, 8);
      const world = field(uids.map((uid) => ({ uid })));
      const found = world.run(inventory(0)).map((card) => hex(card.uid));
      expect(found.toSorted()).toEqual(uids.toSorted());
    }),
    { seed: 14_443, numRuns: 300 },
  );
});
