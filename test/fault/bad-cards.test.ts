import { beforeAll, describe, expect, test } from "vitest";
import type { DeviceSnapshot, EmulatedDevice } from "../../emulator/device.js";
import { openBench } from "../../src/bench/bench.js";
import { caKeysOf } from "../../src/emv/oda.js";
import { loadProfile } from "../../src/profiles/load.js";
import { crcFrame } from "../../src/protocols/iso14443/frame.js";
import type { CardApp } from "../../src/protocols/iso14443/isodep-listener.js";
import type { TypeAState } from "../../src/protocols/iso14443/listener.js";
import { concat, unhex } from "../../src/util/bytes.js";
import type { Listener } from "../../src/util/dialogue.js";
import type { Frame } from "../../src/protocols/iso14443/frame.js";
import { add, at, commandOf, flip, nested, OK, set, twice, without, type Change } from "../support/changed-answers.js";
import { tapCard, type Tap, type TappedCard } from "../support/tapped-card.js";

/*
 * Cards that are broken, or hostile. Each is a good card whose answers are changed on the way, and goes through the reader's own dialogue over
 * simulated air. Beside each stands what the tap comes to: an outcome, or the code of an error.
 */

const AT = new Date("2026-06-15T10:00:00Z");
let device: EmulatedDevice;
let good: DeviceSnapshot;
let tap: Tap;

beforeAll(async () => {
  const bench = await openBench({ seed: "bad cards", at: AT });
  const opened = await bench.open("emu:band-s1");
  await bench.provision(opened, "k2-credit");
  device = opened.emulated;
  good = device.snapshot();
  tap = { terminal: await loadProfile("terminal", "shop"), caKeys: caKeysOf(bench.issuer.caPublicKeys()), at: AT };
});

const changed =
  (change: Change): CardApp =>
  (apdu) => {
    const answer = device.element.process(apdu, "contactless")!;
    const response = change(answer.response, commandOf(apdu), apdu);
    return response === undefined
      ? undefined
      : { response: typeof response === "string" ? unhex(response) : response, took: answer.took };
  };
function comesTo(card: TappedCard): string {
  device.picc.powerOff();
  device.restore(good);
  return tapCard(card, tap);
}
const run = (change: Change): string => comesTo({ app: changed(change) });

test("the good card, unchanged", () => {
  expect(run((answer) => answer)).toBe("online-request cda ok");
});

describe("a card that says nothing to", () => {
  test.each([
    ["ppse", "try-again time-out"],
    ["select", "try-again time-out"],
    ["gpo", "end-application time-out"],
    ["record", "end-application time-out"],
    ["ac", "end-application time-out"],
  ] as const)("%s: %s", (command, outcome) => {
    expect(run(at(command, () => undefined))).toBe(outcome);
  });
});

describe("a card that answers 6F00 to", () => {
  test.each([
    ["ppse", "end-application no-ppse 6F00"],
    ["select", "end-application status-bytes 6F00"],
    ["gpo", "end-application status-bytes 6F00"],
    ["record", "end-application status-bytes 6F00"],
    ["ac", "end-application status-bytes 6F00"],
  ] as const)("%s: %s", (command, outcome) => {
    expect(run(at(command, () => "6F00"))).toBe(outcome);
  });
  test("everything", () => {
    expect(run(() => "6F00")).toBe("end-application no-ppse 6F00");
  });
});

const EACH = ["ppse", "select", "gpo", "record", "ac"] as const;
/** One answer, to each command in turn. */
const everywhere = (change: (answer: Uint8Array) => Uint8Array | string): string[] =>
  EACH.map((command) => run(at(command, change)));

describe("every answer in turn, in the order PPSE, SELECT, GPO, READ RECORD, GENERATE AC", () => {
  const times = (count: number, outcome: string): string[] => Array<string>(count).fill(outcome);
  const NO_RESPONSE = [...times(2, "try-again protocol"), ...times(3, "end-application protocol")];
  const UNREADABLE = ["end-application ppse-fault", ...times(4, "end-application parsing-error")];
  const cases: readonly (readonly [string, (answer: Uint8Array) => Uint8Array | string, readonly string[]])[] = [
    ["empty", () => "", NO_RESPONSE],
    ["one byte", () => "90", NO_RESPONSE],
    ["a status word alone", () => "9000", UNREADABLE],
    ["garbage, and 9000", () => "DEADBEEF0123459000", UNREADABLE],
    [
      "garbage, and a status word that nobody knows",
      () => "DEADBEEF",
      ["end-application no-ppse BEEF", ...times(4, "end-application status-bytes BEEF")],
    ],
    ["cut off in the middle", (answer) => concat(answer.subarray(0, answer.length >> 1), OK), UNREADABLE],
    ["cut off by a byte", (answer) => concat(answer.subarray(0, -3), OK), UNREADABLE],
    [
      "a length of four bytes",
      (answer) => concat(answer.subarray(0, 1), unhex("84FFFFFFFF"), answer.subarray(2)),
      UNREADABLE,
    ],
    ["a length without end", (answer) => concat(answer.subarray(0, 1), unhex("80"), answer.subarray(2)), UNREADABLE],
    [
      "twice",
      (answer) => concat(answer.subarray(0, -2), answer),
      ["online-request cda ok", ...times(4, "end-application parsing-error")],
    ],
    ["nested a hundred deep", add(nested(100)), UNREADABLE],
    ["nested nine deep", add(nested(9)), UNREADABLE],
    [
      "an object that nobody knows",
      add("DF7F03010203"),
      [...times(3, "online-request cda ok"), ...times(2, "end-application cam-failed")],
    ],
    [
      "4,000 bytes of padding",
      (answer) => concat(new Uint8Array(4_000), answer),
      [...times(2, "online-request cda ok"), ...times(3, "end-application parsing-error")],
    ],
    ["a thousand empty objects", add("DF0100".repeat(1_000)), UNREADABLE],
  ];
  test.each(cases)("%s", (_, change, outcomes) => {
    expect(everywhere(change)).toEqual(outcomes);
  });
});

describe("an object is missing", () => {
  test.each([
    ["84", "select", "end-application card-data-missing 84"],
    ["82", "gpo", "end-application card-data-missing 82"],
    ["94", "gpo", "end-application card-data-missing 94"],
    ["5A", "record", "end-application card-data-missing 5A"],
    ["5F24", "record", "end-application card-data-missing 5F24"],
    ["8C", "record", "end-application card-data-missing 8C"],
    ["8E", "record", "end-application cam-failed"],
    ["8F", "record", "declined cda missing"],
    ["90", "record", "declined cda missing"],
    ["9F32", "record", "declined cda missing"],
    ["9F46", "record", "declined cda missing"],
    ["9F47", "record", "declined cda missing"],
    ["9F48", "record", "end-application cam-failed"],
    ["9F4A", "record", "declined cda missing"],
    ["9F27", "ac", "end-application card-data-missing 9F27"],
    ["9F36", "ac", "end-application card-data-missing 9F36"],
    ["9F4B", "ac", "end-application card-data-missing 9F26"],
    ["9F10", "ac", "end-application cam-failed"],
    ["4F", "ppse", "end-application empty-candidate-list"],
    ["BF0C", "ppse", "end-application ppse-fault"],
  ] as const)("%s in the answer to %s", (tag, command, outcome) => {
    expect(run(at(command, without(parseInt(tag, 16))))).toBe(outcome);
  });
});

describe("an object comes twice", () => {
  test.each([
    ["82", "gpo", "end-application parsing-error 82"],
    ["94", "gpo", "end-application parsing-error 94"],
    ["5A", "record", "end-application parsing-error 5A"],
    ["5F24", "record", "end-application parsing-error 5F24"],
    ["8C", "record", "end-application parsing-error 8C"],
    ["9F27", "ac", "end-application parsing-error 9F27"],
    ["9F36", "ac", "end-application parsing-error 9F36"],
    ["9F4B", "ac", "end-application parsing-error 9F4B"],
    ["84", "select", "end-application parsing-error 84"],
  ] as const)("%s in the answer to %s", (tag, command, outcome) => {
    expect(run(at(command, twice(parseInt(tag, 16))))).toBe(outcome);
  });
});

describe("an object is wrong", () => {
  const cases: readonly (readonly [string, Change, string])[] = [
    ["an AFL of three bytes", at("gpo", set(0x94, "100101")), "end-application card-data-error 94"],
    ["an empty AFL", at("gpo", set(0x94, "")), "end-application card-data-missing 94"],
    ["an AFL with file 0", at("gpo", set(0x94, "00010100")), "end-application card-data-error 94"],
    ["an AFL with file 31", at("gpo", set(0x94, "F8010100")), "end-application card-data-error 94"],
    ["an AFL that starts with record 0", at("gpo", set(0x94, "10000100")), "end-application card-data-error 94"],
    ["an AFL that ends before it starts", at("gpo", set(0x94, "10020100")), "end-application card-data-error 94"],
    [
      "an AFL with more signed records than records",
      at("gpo", set(0x94, "10010102")),
      "end-application card-data-error 94",
    ],
    ["an AFL with 255 records", at("gpo", set(0x94, "1001FF00")), "end-application card-data-error 94"],
    ["an AFL with a record that is not there", at("gpo", set(0x94, "10010200")), "end-application status-bytes 6A83"],
    ["an AFL without the certificates", at("gpo", set(0x94, "10010101")), "declined cda missing"],
    ["an AFL that signs nothing", at("gpo", set(0x94, "1001010018010200" + "20010200")), "end-application cam-failed"],
    ["an AIP without EMV mode", at("gpo", set(0x82, "1B00")), "end-application magstripe-not-supported"],
    [
      "an AIP without CDA: it goes online without a proof, and the issuer's check remains",
      at("gpo", set(0x82, "1A80")),
      "online-request",
    ],
    ["an AIP of three bytes", at("gpo", set(0x82, "1B8000")), "end-application parsing-error 82"],
    ["an expiry date in the past", at("record", set(0x5f24, "250630")), "end-application cam-failed"],
    ["an expiry date that is none", at("record", set(0x5f24, "FFFFFF")), "end-application cam-failed"],
    ["another account", at("record", flip(0x5a, 7)), "end-application cam-failed"],
    ["a CDOL1 that is cut off", at("record", set(0x8c, "9F02")), "end-application parsing-error 8C"],
    ["a CDOL1 that asks for 300 bytes", at("record", set(0x8c, "9F02FF9F03FF")), "end-application card-data-error 8C"],
    ["a CVM list of odd length", at("record", set(0x8e, "0000000000000000420300")), "end-application cam-failed"],
    ["a tag list that asks for more", at("record", set(0x9f4a, "8294")), "end-application card-data-error 9F4A"],
    ["an unknown CA key", at("record", set(0x8f, "01")), "declined cda missing"],
    ["a forged issuer certificate", at("record", flip(0x90, 20)), "end-application cam-failed"],
    ["a forged issuer certificate, in its last byte", at("record", flip(0x90, 247)), "end-application cam-failed"],
    ["an issuer certificate that is too short", at("record", set(0x90, "6A02")), "end-application cam-failed"],
    ["another issuer exponent", at("record", set(0x9f32, "010001")), "end-application cam-failed"],
    ["a forged card certificate", at("record", flip(0x9f46, 20)), "end-application cam-failed"],
    ["a forged card key remainder", at("record", flip(0x9f48, 3)), "end-application cam-failed"],
    ["a forged signature", at("ac", flip(0x9f4b, 0)), "end-application cam-failed"],
    ["a signature that is too short", at("ac", set(0x9f4b, "00")), "end-application cam-failed"],
    [
      "another cryptogram type than was signed: TC",
      at("ac", set(0x9f27, "40")),
      "end-application card-data-error 9F27",
    ],
    ["another cryptogram type than was signed: AAC", at("ac", set(0x9f27, "00")), "end-application cam-failed"],
    ["another transaction counter than was signed", at("ac", set(0x9f36, "0002")), "end-application cam-failed"],
    ["issuer application data that were not signed", at("ac", flip(0x9f10, 5)), "end-application cam-failed"],
    ["a directory entry with a short name", at("ppse", set(0x4f, "A0000000")), "end-application empty-candidate-list"],
    [
      "a directory entry of another scheme",
      at("ppse", set(0x4f, "A0000000031010")),
      "end-application empty-candidate-list",
    ],
    [
      "a directory entry that is not on the card",
      at("ppse", set(0x4f, "A0000000049999")),
      "end-application status-bytes 6A82",
    ],
    ["a directory entry for another kernel", at("ppse", set(0x9f2a, "03")), "end-application empty-candidate-list"],
    ["a PDOL that is cut off", at("select", add("9F3803" + "9F1A02")), "end-application parsing-error 9F38"],
  ];
  test.each(cases)("%s", (_, change, outcome) => {
    expect(run(change)).toBe(outcome);
  });
});

describe("a card that never comes to an end", () => {
  const cases: readonly (readonly [string, () => string | Uint8Array, string])[] = [
    ["announces more and more bytes", () => "6161616100", "try-again protocol"],
    ["announces more bytes and has none", () => "6110", "try-again protocol"],
    ["never likes Le", () => "6C10", "end-application no-ppse 6C10"],
    ["answers with 70,000 bytes", () => new Uint8Array(70_000), "try-again protocol"],
  ];
  test.each(cases)("%s", (_, answer, outcome) => {
    expect(run(answer)).toBe(outcome);
  });
});

describe("a radio that misbehaves", () => {
  type CardListener = Listener<TypeAState, Frame, Frame>;
  const resend =
    (change: (frame: Frame) => Frame, late = 0) =>
    (listener: CardListener): CardListener =>
    (state, input, now) => {
      const step = listener(state, input, now);
      return { ...step, send: step.send.map(({ out, after }) => ({ out: change(out), after: after + late })) };
    };
  const block = (pcb: number) =>
    resend((frame) => ((frame.bytes[0]! & 0xfe) === 0x02 && frame.bits > 40 ? crcFrame(Uint8Array.of(pcb)) : frame));
  const unchanged = (frame: Frame): Frame => frame;
  const cases: readonly (readonly [string, Omit<TappedCard, "app">, string])[] = [
    ["it is not there", { wrap: () => (state) => ({ state, send: [] }) }, "iso14443/no-card"],
    ["it has no ISO-DEP", { radio: { sak: 0x00 } }, "iso14443/not-iso-dep"],
    ["all its frames come 50 ms late", { wrap: resend(unchanged, 50_000_000) }, "iso14443/no-card"],
    [
      "its blocks come 50 ms late",
      {
        wrap: (listener) => (state, input, now) =>
          resend(unchanged, state.phase === "protocol" ? 50_000_000 : 0)(listener)(state, input, now),
      },
      "online-request cda ok",
    ],
    [
      "its blocks come 150 ms late",
      {
        wrap: (listener) => (state, input, now) =>
          resend(unchanged, state.phase === "protocol" ? 150_000_000 : 0)(listener)(state, input, now),
      },
      "try-again time-out",
    ],
    ["all its frames are damaged", { wrap: resend((frame) => ({ ...frame, damaged: true })) }, "iso14443/transmission"],
    [
      "its blocks have a wrong CRC",
      {
        wrap: resend((frame) =>
          frame.bits > 80 ? { ...frame, bytes: frame.bytes.map((byte) => byte ^ 0x10) } : frame,
        ),
      },
      "try-again transmission",
    ],
    [
      "its ATS is longer than it says",
      { wrap: resend((frame) => (frame.bytes[0] === 0x05 ? crcFrame(unhex("0278807002AABB")) : frame)) },
      "iso14443/bad-ats",
    ],
    ["it answers with an R block", { wrap: block(0xa2) }, "try-again protocol"],
    ["it answers with an S(DESELECT)", { wrap: block(0xc2) }, "try-again protocol"],
    [
      "it answers with a block number of another time",
      {
        wrap: resend((frame) =>
          (frame.bytes[0]! & 0xfe) === 0x02 && frame.bits > 40
            ? crcFrame(concat(Uint8Array.of(frame.bytes[0]! ^ 1), frame.bytes.subarray(1, -2)))
            : frame,
        ),
      },
      "try-again protocol",
    ],
    [
      "it asks for more time without end",
      { wrap: resend((frame) => ((frame.bytes[0]! & 0xfe) === 0x02 ? crcFrame(unhex("F23B")) : frame)) },
      "try-again time-out",
    ],
    [
      "it asks for no more time",
      { wrap: resend((frame) => ((frame.bytes[0]! & 0xfe) === 0x02 ? crcFrame(unhex("F200")) : frame)) },
      "try-again protocol",
    ],
    [
      "it chains for ever",
      {
        wrap: resend((frame) =>
          (frame.bytes[0]! & 0xee) === 0x02 && frame.bits > 40
            ? crcFrame(concat(Uint8Array.of(frame.bytes[0]! | 0x10), frame.bytes.subarray(1, -2)))
            : frame,
        ),
      },
      "try-again time-out",
    ],
  ];
  test.each(cases)("%s", (_, card, outcome) => {
    expect(comesTo({ app: changed((answer) => answer), ...card })).toBe(outcome);
  });
});

describe("a card of another time", () => {
  test.each([
    ["on its first day", "2026-06-01", "online-request cda ok"],
    ["a day before that", "2026-05-31", "online-request cda ok"],
    ["on its last day", "2029-06-30", "online-request cda ok"],
    ["a day after that", "2029-07-01", "end-application cam-failed"],
    ["years after that", "2040-01-01", "end-application cam-failed"],
  ])("%s", (_, day, outcome) => {
    device.picc.powerOff();
    device.restore(good);
    const card = { app: changed((answer) => answer) };
    expect(tapCard(card, { ...tap, at: new Date(`${day}T10:00:00Z`) })).toBe(outcome);
  });
});

test("whatever a bad card did, the good one pays next", () => {
  run(at("ac", () => "6F00"));
  expect(run((answer) => answer)).toBe("online-request cda ok");
});
