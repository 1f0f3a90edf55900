import { describe, expect, test } from "vitest";
import {
  activateTypeA,
  haltTypeA,
  inventory,
  requestTypeA,
  selectTypeA,
} from "../../../src/protocols/iso14443/poller.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import {
  block,
  codeOf,
  crcOf,
  field,
  follow,
  lone,
  PHONE,
  plain,
  raw,
  READER,
  short,
  spoilt,
  type Line,
} from "./kit.js";

/*
 * Two recorded activations, frame by frame with their CRCs.
 * Phone: a payment terminal and Apple Pay, from a public write-up of a sniffed purchase (Proxmark listing).
 * Band: a DESFire card read with libnfc's nfc-anticol (public paste of its output).
 */
const PHONE_TRACE: readonly Line[] = [
  ["52", raw("04 00")],
  ["93 20", raw("08 FE E4 EC FE")],
  ["93 70 08 FE E4 EC FE DD 6E", raw("20 FC 70")],
  ["E0 80 31 73", raw("05 78 80 70 02 A5 46")],
];
const DESFIRE_TRACE: readonly Line[] = [
  ["52", raw("44 03")],
  ["93 20", raw("88 04 63 19 F6")],
  ["93 70 88 04 63 19 F6 1C 41", raw("24 D8 36")],
  ["95 20", raw("82 CC 22 80 EC")],
  ["95 70 82 CC 22 80 EC 4C A6", raw("20 FC 70")],
  ["E0 50 BC A5", raw("06 75 77 81 02 80 02 F0")],
  [""], // SFGI 1: the reader keeps still for a while
];

test("the test's own CRC_A gives the bytes of known frames", () => {
  // HLTA and RATS as every reader's log shows them; SELECT and SAK from the phone's trace.
  expect(hex(crcOf(unhex("5000")))).toBe("57CD");
  expect(hex(crcOf(unhex("E080")))).toBe("3173");
  expect(hex(crcOf(unhex("937008FEE4ECFE")))).toBe("DD6E");
  expect(hex(crcOf(unhex("20")))).toBe("FC70");
});

describe("the reader", () => {
  test("activates a phone as the recorded terminal did", () => {
    const card = follow(activateTypeA(READER), PHONE_TRACE);
    expect(hex(card.uid)).toBe("08FEE4EC");
    expect(card.sak).toBe(0x20);
    expect(card.atqa).toBe(0x0004);
    expect(hex(card.ats)).toBe("0578807002");
  });

  test("sends the recorded SELECT PPSE after it, and reads the recorded answer", () => {
    const card = follow(activateTypeA(READER), PHONE_TRACE);
    const reply = follow(card.link.exchange(unhex("00A404000E325041592E5359532E444446303100")), [
      [
        "02 00A404000E325041592E5359532E444446303100 E042",
        raw("02 6F23840E325041592E5359532E4444463031A511BF0C0E610C4F07A00000000310108701019000 4BB3"),
      ],
    ]);
    expect(hex(reply.answer)).toBe("6F23840E325041592E5359532E4444463031A511BF0C0E610C4F07A00000000310108701019000");
  });

  test("activates a card with seven UID bytes as libnfc did", () => {
    const card = follow(activateTypeA({ ...READER, fsdi: 5 }), DESFIRE_TRACE);
    expect(hex(card.uid)).toBe("04631982CC2280");
    expect(card.sak).toBe(0x20);
    expect(hex(card.ats)).toBe("067577810280");
  });

  test("puts ten UID bytes together from three cascade levels", () => {
    const { uid, sak } = follow(selectTypeA(0), [
      ["93 20", raw("88 01 02 03 88")],
      [plain("93 70 88 01 02 03 88") + hex(crcOf(unhex("93708801020388"))), block("04")],
      ["95 20", raw("88 04 05 06 8F")],
      [plain("95 70 88 04 05 06 8F") + hex(crcOf(unhex("9570880405068F"))), block("04")],
      ["97 20", raw("07 08 09 0A 0C")],
      [plain("97 70 07 08 09 0A 0C") + hex(crcOf(unhex("97700708090A0C"))), block("20")],
    ]);
    expect(hex(uid)).toBe("0102030405060708090A");
    expect(sak).toBe(0x20);
  });

  test("sends HLTA 50 00 57 CD and takes silence for consent", () => {
    expect(follow(haltTypeA(), [["50 00 57 CD"]])).toBeUndefined();
  });

  test("sends REQA and WUPA in seven bits", () => {
    for (const [command, bytes] of [
      [0x26, "26"],
      [0x52, "52"],
    ] as const) {
      const turn = requestTypeA(command).next().value;
      expect(turn).toMatchObject({ send: [{ bits: 7, bytes: unhex(bytes) }] });
    }
  });

  test("asks again for a UID whose check byte is wrong, from the first bit on", () => {
    const { uid } = follow(selectTypeA(1), [
      ["93 20", raw("08 FE E4 EC FF")],
      ["93 20", raw("08 FE E4 EC FE")],
      ["93 70 08 FE E4 EC FE DD 6E", raw("20 FC 70")],
    ]);
    expect(hex(uid)).toBe("08FEE4EC");
  });

  test.each([
    ["a wrong BCC throughout", [["93 20", raw("08 FE E4 EC FF")]], "iso14443/transmission"],
    ["no UID", [["93 20"]], "iso14443/no-answer"],
    ["a UID that is too short", [["93 20", raw("08 FE E4 EC")]], "iso14443/transmission"],
    ["a UID that is too long", [["93 20", raw("08 FE E4 EC FE 00")]], "iso14443/transmission"],
    [
      "a SAK with a wrong CRC",
      [
        ["93 20", raw("08 FE E4 EC FE")],
        ["93 70 08 FE E4 EC FE DD 6E", raw("20 FC 71")],
      ],
      "iso14443/transmission",
    ],
    ["no SAK", [["93 20", raw("08 FE E4 EC FE")], ["93 70 08 FE E4 EC FE DD 6E"]], "iso14443/no-answer"],
    [
      "a SAK of two bytes",
      [
        ["93 20", raw("08 FE E4 EC FE")],
        ["93 70 08 FE E4 EC FE DD 6E", block("20 00")],
      ],
      "iso14443/protocol",
    ],
    [
      "a SAK that announces more of a UID without cascade tag",
      [
        ["93 20", raw("08 FE E4 EC FE")],
        ["93 70 08 FE E4 EC FE DD 6E", block("24")],
      ],
      "iso14443/protocol",
    ],
  ] as const)("names %s", (_, lines, code) => {
    expect(codeOf(() => follow(selectTypeA(0), lines))).toBe(code);
  });

  test("names a fourth cascade level", () => {
    const level = (sel: string): Line[] => [
      [`${sel} 20`, raw("88 01 02 03 88")],
      [plain(`${sel} 70 88 01 02 03 88`) + hex(crcOf(unhex(`${sel}708801020388`))), block("04")],
    ];
    expect(codeOf(() => follow(selectTypeA(0), [...level("93"), ...level("95"), ...level("97")]))).toBe(
      "iso14443/protocol",
    );
  });

  test("names an empty field after WUPA, and WUPA, and WUPA", () => {
    expect(codeOf(() => follow(activateTypeA(READER), [["52"], ["52"], ["52"]]))).toBe("iso14443/no-card");
  });

  test("sends no RATS to a card whose SAK has no ISO-DEP", () => {
    const memory: readonly Line[] = [
      ["52", raw("04 00")],
      ["93 20", raw("08 FE E4 EC FE")],
      ["93 70 08 FE E4 EC FE DD 6E", block("08")],
    ];
    expect(codeOf(() => follow(activateTypeA(READER), memory))).toBe("iso14443/not-iso-dep");
  });

  test("sends RATS again when the ATS was lost or damaged (what comes after that: restart.test.ts)", () => {
    const start = PHONE_TRACE.slice(0, 3);
    const ats = raw("05 78 80 70 02 A5 46");
    const rats = "E0 80 31 73";
    expect(follow(activateTypeA(READER), [...start, [rats], [rats, spoilt(ats)], [rats, ats]]).sak).toBe(0x20);
  });
});

describe("the card", () => {
  test("answers the recorded commands of the terminal with the recorded bytes", () => {
    const card = lone("08FEE4EC");
    const heard = [
      card.hear(short(0x52)),
      card.hear(raw("93 20")),
      card.hear(raw("93 70 08 FE E4 EC FE DD 6E")),
      card.hear(raw("E0 80 31 73")),
    ];
    expect(heard).toEqual(["0400", "08FEE4ECFE", "20FC70", "0578807002A546"]);
  });

  test("with seven UID bytes answers level by level", () => {
    const card = lone("04631982CC2280", { atqa: 0x0344 });
    const heard = [
      card.hear(short(0x26)),
      card.hear(raw("93 20")),
      card.hear(raw("93 70 88 04 63 19 F6 1C 41")),
      card.hear(raw("95 20")),
      card.hear(raw("95 70 82 CC 22 80 EC 4C A6")),
    ];
    // SAK 04 where the recorded card says 24: only bit 3 has a meaning at this level. DA 17 is its CRC_A.
    expect(heard).toEqual(["4403", "88046319F6", "04DA17", "82CC2280EC", "20FC70"]);
  });

  test.each([
    ["08FEE4EC", 4],
    ["04631982CC2280", 6],
    ["0102030405060708090A", 8],
  ])("%s is found by a reader over the air", (uid, selections) => {
    const world = field([{ uid }]);
    const [found] = world.run(inventory(0));
    expect(hex(found!.uid)).toBe(uid);
    const levels = world.said().filter((line) => /^pcd 9[357]/.test(line));
    expect(levels).toHaveLength(selections - 2);
  });

  test("without ISO-DEP in its SAK leaves RATS unanswered", () => {
    const card = lone("08FEE4EC", { sak: 0x08 });
    card.select();
    expect(card.hear(raw("E0 80 31 73"))).toBeUndefined();
    expect(card.state.phase).toBe("idle");
  });

  test("sends the most significant byte of ATQA last", () => {
    expect(lone("08000000", { ...PHONE, atqa: 0x0348 }).hear(short(0x26))).toBe("4803");
  });
});
