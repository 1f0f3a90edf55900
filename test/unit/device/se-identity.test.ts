import { describe, expect, test } from "vitest";
import { nameOf, readIdentity, type ElementIdentity } from "../../../src/device/se/identity.js";
import {
  decodeKeyInformation,
  decodeRecognition,
  decodeResources,
  keyTypeName,
  objectIdentifier,
} from "../../../src/device/se/recognition.js";
import { encodeCommand } from "../../../src/protocols/iso7816/apdu.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { answerWith } from "../../../src/util/dialogue.js";

/** Card recognition data of real cards: GlobalPlatformPro, TestParseTags.java (2022). */
const JCOP =
  "664C734A06072A864886FC6B01600C060A2A864886FC6B02020101630906072A864886FC6B03640B06092A864886FC6B040215650B06092B8510864864020103660C060A2B060104012A026E0102";
const TWO_PROTOCOLS =
  "6657735506072A864886FC6B01600B06092A864886FC6B020202630906072A864886FC6B03640B06092A864886FC6B040370640B06092A864886FC6B048000650A06082A864886FC6B0504660C060A2B060104012A026E0103";

describe("card recognition data", () => {
  test("of a card with SCP02", () => {
    expect(decodeRecognition(unhex(JCOP))).toEqual({
      version: "2.1.1",
      protocols: [{ scp: 2, i: 0x15 }],
      others: ["1.3.656.840.100.2.1.3", "1.3.6.1.4.1.42.2.110.1.2"],
    });
  });
  test("of a card with SCP03 and SCP80", () => {
    expect(decodeRecognition(unhex(TWO_PROTOCOLS))).toMatchObject({
      version: "2.2",
      protocols: [
        { scp: 3, i: 0x70 },
        { scp: 0x80, i: 0x00 },
      ],
    });
  });
  test.each(["", "00", "6600", "664C", JCOP.slice(0, -2), "66047302060080", "9F7F00"])("%s is none", (data) => {
    const decoded = decodeRecognition(unhex(data));
    expect(decoded?.protocols ?? []).toEqual([]);
  });
});

// ITU-T X.690, 8.19.5: {2 999 3} is 88 37 03; the others by hand.
test.each([
  ["883703", [2, 999, 3]],
  ["2A864886FC6B", [1, 2, 840, 114283]],
  ["2B", [1, 3]],
  ["8837", [2, 999]],
  ["88", undefined],
  ["", undefined],
  ["2AFFFFFFFFFFFFFFFFFF7F", undefined],
])("object identifier %s", (bytes, arcs) => {
  expect(objectIdentifier(unhex(bytes))).toEqual(arcs);
});

test("key information, basic and extended", () => {
  // cryptnox-id-cli, tests of its remote commands (2025).
  expect(decodeKeyInformation(unhex("E012C00401018010C00402018010C00403018010"))).toEqual([
    { id: 1, version: 1, type: 0x80, length: 16 },
    { id: 2, version: 1, type: 0x80, length: 16 },
    { id: 3, version: 1, type: 0x80, length: 16 },
  ]);
  // Table 11-27: FF, type, two bytes of length, usage, access.
  expect(decodeKeyInformation(unhex("E00BC0090171FF8800200118020100".slice(0, 26)))).toEqual([
    { id: 1, version: 0x71, type: 0x88, length: 0x20 },
  ]);
  expect(decodeKeyInformation(unhex("E004C0020101"))).toBeUndefined();
  expect(decodeKeyInformation(unhex("C00401018010"))).toBeUndefined();
  expect([keyTypeName(0x88), keyTypeName(0x80), keyTypeName(0x55)]).toEqual(["AES", "DES", "type 55"]);
});

test("extended card resources", () => {
  // ETSI TS 102 226, 8.2.1.7: 81 applications, 82 non-volatile, 83 volatile memory.
  expect(decodeResources(unhex("FF210D81010482040001334083020C00"))).toEqual({
    applications: 4,
    nonVolatile: 0x13340,
    volatile: 0x0c00,
  });
  expect(decodeResources(unhex("FF2100"))).toEqual({});
  expect(decodeResources(unhex("810104"))).toBeUndefined();
});

/** openjavacard-tools, GPLifeCycleTest.java (2018). */
const CPLC = "479050384791007833003332A0B1C2D3ABCD4812333900000000060F2032A0B1C2D30000000000000000";

describe("what an element is known by", () => {
  const nothing: ElementIdentity = { garbled: [] };
  test.each<[string, ElementIdentity, object, string, boolean]>([
    ["CPLC", { ...nothing, cplc: unhex(CPLC) }, {}, "cplc-4790-5038-3332-a0b1c2d3-abcd", true],
    [
      "a CPLC that nobody wrote",
      { ...nothing, cplc: new Uint8Array(42), diversification: unhex("5442289A604F88800000") },
      {},
      "kdd-5442289a604f88800000",
      true,
    ],
    [
      "image number",
      { ...nothing, issuer: unhex("DEAD"), image: unhex("3D5F8004132EDA") },
      {},
      "cin-dead-3d5f8004132eda",
      true,
    ],
    ["UID", nothing, { uid: unhex("04A1B2C3D4E5F6") }, "uid-04a1b2c3d4e5f6", true],
    // SHA-256 of the bytes 3B 80 80 01 01, its first half, by sha256sum.
    [
      "a random UID is none",
      nothing,
      { uid: unhex("08112233"), atr: unhex("3B80800101") },
      "atr-ed4753df8ffd43e8cfe98884f569156e",
      false,
    ],
  ])("%s", (_, identity, facts, name, unique) => {
    expect(nameOf(identity, facts)).toEqual({ name, unique });
  });
});

describe("asking an element who it is", () => {
  /** What it answers, by the command in hex; anything else is 6A88. */
  const asked = (answers: Readonly<Record<string, string>>) => {
    const sent: string[] = [];
    const identity = answerWith(readIdentity(), (command) => {
      const bytes = hex(encodeCommand(command));
      sent.push(bytes);
      const answer = unhex(answers[bytes] ?? "6A88");
      return {
        answer: { data: answer.subarray(0, -2), sw: (answer.at(-2)! << 8) | answer.at(-1)! },
        took: 0,
      };
    });
    return { identity, sent };
  };

  // fdsm, FidesmoCardTest.java (2023): the answer to SELECT.
  const SELECTED = "6F108408A000000151000000A5049F6501FF9000";

  test("takes what there is", () => {
    const { identity, sent } = asked({
      "00A4040000": SELECTED,
      "80CA9F7F00": `9F7F2A${CPLC}9000`,
      "80CA006600": `${JCOP}9000`,
      "80CA00C100": "C10200049000",
    });
    expect(identity).toMatchObject({
      domain: unhex("A000000151000000"),
      cplc: unhex(CPLC),
      recognition: { version: "2.1.1" },
      sequence: 4,
      garbled: [],
    });
    expect(identity).not.toHaveProperty("keys");
    expect(sent[0]).toBe("00A4040000");
  });

  test("tries the names of issuer domains, and class 00 where 80 is not taken", () => {
    const { identity, sent } = asked({
      "00A4040008A00000015100000000": SELECTED,
      "80CA9F7F00": "6E00",
      "00CA9F7F00": `9F7F2A${CPLC}9000`,
    });
    expect(identity.cplc).toEqual(unhex(CPLC));
    expect(sent.slice(0, 4)).toEqual(["00A4040000", "00A4040008A00000015100000000", "80CA9F7F00", "00CA9F7F00"]);
  });

  test("names what makes no sense, and goes on", () => {
    const { identity } = asked({
      "00A4040000": "DEADBEEF9000",
      "80CA9F7F00": "9F7F2A00009000",
      "80CA006600": "FFFFFFFF9000",
      "80CA00E000": "E0039000",
      "80CAFF2100": "FF2103810104" + "9000",
    });
    expect(identity.garbled).toEqual(["9F7F", "66", "E0"]);
    expect(identity.resources).toEqual({ applications: 4 });
    expect(identity).not.toHaveProperty("domain");
  });

  test("without a security domain there is nothing to manage", () => {
    expect(() => asked({})).toThrow(expect.objectContaining({ code: "se/no-domain" }));
  });
});
