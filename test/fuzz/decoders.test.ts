import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromBcd, fromCompressed } from "../../src/codec/bcd.js";
import { dolLength, parseDol, splitDol } from "../../src/codec/dol.js";
import { parseTlv, tlv, type Tlv } from "../../src/codec/tlv.js";
import {
  CdaDynamicData,
  IccCertificate,
  IssuerCertificate,
  SignedDynamicData,
  SignedStaticData,
} from "../../src/emv/certificate-data.js";
import { parseTrack1, parseTrack2 } from "../../src/emv/track.js";
import { decodeBytes, renderDecoded } from "../../src/inspect/decode.js";
import { tlvTree } from "../../src/inspect/tree.js";
import { Ats, atsParameters, Hlta, Pps, Rats, Select } from "../../src/protocols/iso14443/messages.js";
import { decodeAtr } from "../../src/protocols/iso7816/atr.js";
import { decodeCommand, decodeResponse, encodeCommand } from "../../src/protocols/iso7816/apdu.js";
import { concat, equalBytes, hex, unhex } from "../../src/util/bytes.js";
import { seededRandom } from "../../src/util/random.js";
import { mutated, onlyOurErrors } from "./mutate.js";

const RUNS = { numRuns: 400 };

/** Real answers, typed from public taps (binaryfoo/emv-bertlv, contactless-mastercard-in.txt and contactless-msd-in.txt). */
const ANSWERS = [
  "6F1C8407A0000000041010A511500F505043204D434420303420763220309000",
  "7716820259809410080101001001010118010200200102009000",
  "6F218407A0000000041010A516500A49443335312076312031BF0C075F5004746F746F9000",
  "770A820200009404080101009000",
  "770F9F610201F59F600201F59F3602000B9000",
  "7009FF8105049C0101009F3600",
].map(unhex);
const TLV = ANSWERS.map((answer) => answer.subarray(0, -2));

/** A declaration whose value's type does not matter here. */
interface AnyMessage {
  readonly name: string;
  sample(random: ReturnType<typeof seededRandom>): unknown;
  decode(bytes: Uint8Array): unknown;
  encode(value: never): Uint8Array;
  render(value: never): readonly unknown[];
  readonly table: readonly unknown[];
}

describe("declared messages", () => {
  const messages: readonly AnyMessage[] = [
    Ats,
    Rats,
    Pps,
    Select,
    Hlta,
    IssuerCertificate,
    IccCertificate,
    SignedStaticData,
    SignedDynamicData,
    CdaDynamicData,
  ];

  test.each(messages.map((message) => [message.name, message] as const))("%s", (name, message) => {
    const samples = Array.from({ length: 20 }, (_, i) =>
      message.encode(message.sample(seededRandom(`${name}/${i}`)) as never),
    );
    fc.assert(
      fc.property(mutated(samples), (bytes) => {
        const value = onlyOurErrors(() => message.decode(bytes), /^codec\//);
        if (value === undefined) return;
        // What was accepted can be shown, and written again to something that means the same.
        expect(message.render(value as never).length).toBe(message.table.length);
        const again = message.encode(value as never);
        expect(equalBytes(message.encode(message.decode(again) as never), again)).toBe(true);
      }),
      RUNS,
    );
  });

  test("ATS parameters", () => {
    const samples = ["0578807002", "097877700231C173C8", "01", "0275", "0D788070020031C173C8400090"].map(unhex);
    fc.assert(
      fc.property(mutated(samples), (bytes) => {
        const parameters = onlyOurErrors(() => atsParameters(bytes), /^iso14443\/bad-ats$/);
        if (parameters) expect(parameters.fsc).toBeGreaterThanOrEqual(16);
      }),
      RUNS,
    );
  });
});

describe("BER-TLV", () => {
  const total = (objects: readonly Tlv[]): number =>
    objects.reduce((sum, { value, children }) => sum + 1 + (children ? total(children) : value.length), 0);

  test("parseTlv takes it or names what is wrong, at an offset inside", () => {
    fc.assert(
      fc.property(mutated([...TLV, ...ANSWERS]), (bytes) => {
        const objects = onlyOurErrors(
          () => parseTlv(bytes),
          /^codec\/(truncated|bad-tag|bad-length|too-deep|too-many)$/,
        );
        if (objects) {
          expect(total(objects)).toBeLessThanOrEqual(bytes.length);
          const written = concat(...objects.map(({ tag, value }) => tlv(tag, value)));
          expect(parseTlv(written).map(({ tag, value }) => [tag, hex(value)])).toEqual(
            objects.map(({ tag, value }) => [tag, hex(value)]),
          );
        }
      }),
      { numRuns: 1500 },
    );
  });

  test("nested as deep as the bytes allow", () => {
    for (const tag of [0x70, 0xbf0c, 0x61])
      for (const depth of [17, 200, 5000]) {
        const one = tlv(tag, new Uint8Array()).subarray(0, -1);
        const bytes = concat(...Array.from({ length: depth }, () => Uint8Array.of(...one, 0x7f)));
        onlyOurErrors(() => parseTlv(bytes), /^codec\//);
        expect(tlvTree(bytes).problem?.code).toMatch(/^codec\//);
      }
  });

  test("the tree shows something of everything, and throws nothing", () => {
    fc.assert(
      fc.property(mutated([...TLV, ...ANSWERS]), fc.constantFrom(undefined, "c2", "c3", "none"), (bytes, scope) => {
        const how = scope === undefined ? {} : { scope };
        const { problem, nodes } = tlvTree(bytes, how);
        if (problem) expect(problem.code).toMatch(/^codec\//);
        else expect(nodes.length).toBe(parseTlv(bytes).length);
        const decoded = onlyOurErrors(() => decodeBytes(bytes, how), /^inspect\/nothing-to-decode$/);
        if (decoded) for (const line of renderDecoded(decoded)) expect(line).not.toMatch(/undefined|NaN|\[object/);
      }),
      { numRuns: 1500 },
    );
  });
});

test("data object lists", () => {
  const samples = ["9F02069F03069F1A0295055F2A029A039C019F3704", "9F66049F02069F37045F2A02", "DF810C019F4E14"].map(
    unhex,
  );
  fc.assert(
    fc.property(mutated(samples), fc.uint8Array({ maxLength: 64 }), (bytes, data) => {
      const list = onlyOurErrors(() => parseDol(bytes), /^codec\//);
      if (!list) return;
      const split = onlyOurErrors(() => splitDol(list, data), /^codec\/bad-length$/);
      expect(split === undefined).toBe(data.length !== dolLength(list));
    }),
    RUNS,
  );
});

test("command APDUs: what is taken is written back as it was, but for the form of its lengths", () => {
  const samples = [
    "00A4040007A000000004101000",
    "80A8000002830000",
    "00B2011400",
    "00A40400",
    "00A40400000002ABAB0000",
    "00A40400000000",
  ].map(unhex);
  fc.assert(
    fc.property(mutated(samples), (bytes) => {
      const command = onlyOurErrors(() => decodeCommand(bytes), /^iso7816\/(short|bad)-command$/);
      if (command) expect(hex(encodeCommand(command))).toBe(hex(bytes));
    }),
    { numRuns: 1500 },
  );
});

test("answers to reset: decoded whole, or refused at an offset inside", () => {
  const samples = [
    "3B8F8001804F0CA000000306030001000000006A",
    "3BF81300008131FE454A434F5076323431B7",
    "3B6E000080318066B0840C016E0183009000",
  ].map(unhex);
  fc.assert(
    fc.property(mutated(samples), (bytes) => {
      const atr = onlyOurErrors(() => decodeAtr(bytes), /^iso7816\/bad-atr$/);
      if (!atr) return;
      expect(2 + atr.interfaceBytes.length + atr.historical.length + (atr.tck ? 1 : 0)).toBe(bytes.length);
      for (const line of renderDecoded(decodeBytes(bytes, { as: "atr" }))) expect(line).not.toMatch(/undefined|NaN/);
    }),
    RUNS,
  );
});

test("data of a list, whatever the list and the data are", () => {
  fc.assert(
    fc.property(
      mutated(["9F38069F66049F0206", "9F02069F03069F1A02"].map(unhex)),
      fc.uint8Array({ maxLength: 40 }),
      (dol, data) => {
        const decoded = onlyOurErrors(() => decodeBytes(data, { as: "dol", dol }), /^inspect\/nothing-to-decode$/);
        if (decoded) for (const line of renderDecoded(decoded)) expect(line).not.toMatch(/undefined|NaN|\[object/);
      },
    ),
    RUNS,
  );
});

test("response APDUs", () => {
  fc.assert(
    fc.property(mutated(ANSWERS), (bytes) => {
      const response = onlyOurErrors(() => decodeResponse(bytes), /^iso7816\/short-response$/);
      expect(response === undefined).toBe(bytes.length < 2);
    }),
    RUNS,
  );
});

test("packed digits", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
      for (const read of [fromBcd, fromCompressed])
        expect(onlyOurErrors(() => read(bytes), /^codec\/bad-digit$/) ?? "").toMatch(/^[0-9]*$/);
    }),
    RUNS,
  );
});

test("tracks are decoded or not, never half", () => {
  const samples = ["5413330089600044D14122010123409172", "374245001741007D181270213101234500000F"].map(unhex);
  const text = [Buffer.from("B5413330056003511^CUST IMP MC 351/^14121010677505000")];
  fc.assert(
    fc.property(mutated(samples), mutated(text), (two, one) => {
      for (const track of [parseTrack2(two), parseTrack1(one)])
        if (track)
          expect(`${track.pan} ${track.expiry} ${track.serviceCode}`).toMatch(/^[0-9]{8,19} [0-9]{4} [0-9]{3}$/);
    }),
    RUNS,
  );
});
