import { describe, expect, test } from "vitest";
import type { Frame } from "../../../src/protocols/iso14443/frame.js";
import { block, lone, raw, short, spoilt } from "./kit.js";

/*
 * The states of a type A card, ISO/IEC 14443-3 6.3. What does not belong leads to IDLE or, for a card that was woken from HALT, back to HALT.
 */
const UID = "08FEE4EC";
const REQA = short(0x26);
const WUPA = short(0x52);
const ANTICOLLISION = raw("93 20");
const SELECT = raw("93 70 08 FE E4 EC FE DD 6E");
const HLTA = raw("50 00 57 CD");
const RATS = raw("E0 80 31 73");
const DESELECT = block("C2");
const SELECT_OTHER = block("93 70 08 FE E4 ED FF");

const after = (frames: readonly Frame[], sak = 0x20): { phase: string; woken: boolean; last: string | undefined } => {
  const card = lone(UID, { sak });
  let last: string | undefined;
  for (const frame of frames) {
    card.wait(1_000_000);
    last = card.hear(frame);
  }
  return { phase: card.state.phase, woken: card.state.woken, last };
};

const TO_HALT = [REQA, SELECT, HLTA];

describe("a card that has just got power", () => {
  test.each([
    ["REQA", [REQA], "ready", "0400"],
    ["WUPA", [WUPA], "ready", "0400"],
    ["REQA, anticollision", [REQA, ANTICOLLISION], "ready", "08FEE4ECFE"],
    ["REQA, SELECT", [REQA, SELECT], "active", "20FC70"],
    ["REQA, SELECT, RATS", [REQA, SELECT, RATS], "protocol", "0578807002A546"],
    ["REQA, SELECT, HLTA", TO_HALT, "halt", undefined],
    ["SELECT", [SELECT], "idle", undefined],
    ["HLTA", [HLTA], "idle", undefined],
    ["RATS", [RATS], "idle", undefined],
    ["a command of 7 bits that is none", [short(0x35)], "idle", undefined],
    ["REQA in 8 bits", [raw("26")], "idle", undefined],
    ["REQA, REQA", [REQA, REQA], "idle", undefined],
    ["REQA, WUPA", [REQA, WUPA], "idle", undefined],
    ["REQA, HLTA", [REQA, HLTA], "idle", undefined],
    ["REQA, RATS", [REQA, RATS], "idle", undefined],
    ["REQA, SELECT of another card", [REQA, SELECT_OTHER], "idle", undefined],
    ["REQA, damaged SELECT", [REQA, spoilt(SELECT, 70)], "idle", undefined],
    ["REQA, SELECT, REQA", [REQA, SELECT, REQA], "idle", undefined],
    ["REQA, SELECT, WUPA", [REQA, SELECT, WUPA], "idle", undefined],
    ["REQA, SELECT, SELECT", [REQA, SELECT, SELECT], "idle", undefined],
    ["REQA, SELECT, a block", [REQA, SELECT, block("02 00A40400")], "idle", undefined],
    ["REQA, SELECT, HLTA with another parameter", [REQA, SELECT, block("50 01")], "idle", undefined],
    ["REQA, REQA, REQA", [REQA, REQA, REQA], "ready", "0400"],
    ["REQA, SELECT, RATS, DESELECT", [REQA, SELECT, RATS, DESELECT], "halt", "C2E0B4"],
    // A card that was activated does not answer a second RATS, and no REQA or WUPA brings it out of its protocol.
    ["REQA, SELECT, RATS, RATS", [REQA, SELECT, RATS, RATS], "protocol", undefined],
    ["REQA, SELECT, RATS, WUPA", [REQA, SELECT, RATS, WUPA], "protocol", undefined],
    ["REQA, SELECT, RATS, HLTA", [REQA, SELECT, RATS, HLTA], "protocol", undefined],
  ] as const)("after %s", (_, frames, phase, last) => {
    expect(after(frames)).toEqual({ phase, woken: false, last });
  });
});

describe("a card that was halted", () => {
  test.each([
    ["REQA", [REQA], "halt", false, undefined],
    ["anticollision", [ANTICOLLISION], "halt", false, undefined],
    ["SELECT", [SELECT], "halt", false, undefined],
    ["WUPA", [WUPA], "ready", true, "0400"],
    ["WUPA, REQA", [WUPA, REQA], "halt", true, undefined],
    ["WUPA, WUPA", [WUPA, WUPA], "halt", true, undefined],
    ["WUPA, SELECT of another card", [WUPA, SELECT_OTHER], "halt", true, undefined],
    ["WUPA, SELECT", [WUPA, SELECT], "active", true, "20FC70"],
    ["WUPA, SELECT, REQA", [WUPA, SELECT, REQA], "halt", true, undefined],
    ["WUPA, SELECT, a block", [WUPA, SELECT, block("02 00A40400")], "halt", true, undefined],
    ["WUPA, SELECT, HLTA", [WUPA, SELECT, HLTA], "halt", false, undefined],
    ["WUPA, SELECT, RATS", [WUPA, SELECT, RATS], "protocol", true, "0578807002A546"],
    ["WUPA, REQA, WUPA", [WUPA, REQA, WUPA], "ready", true, "0400"],
  ] as const)("after %s", (_, frames, phase, woken, last) => {
    expect(after([...TO_HALT, ...frames])).toEqual({ phase, woken, last });
  });

  test("by DESELECT ignores REQA and answers WUPA", () => {
    const toHalt = [REQA, SELECT, RATS, DESELECT];
    expect(after([...toHalt, REQA])).toMatchObject({ phase: "halt", last: undefined });
    expect(after([...toHalt, WUPA])).toMatchObject({ phase: "ready", last: "0400" });
  });
});

describe("a damaged RATS", () => {
  test("may be repeated where the card has ISO-DEP (ISO/IEC 14443-4 5.6.1.2)", () => {
    expect(after([REQA, SELECT, spoilt(RATS), RATS])).toMatchObject({ phase: "protocol", last: "0578807002A546" });
  });

  test("sends a card without ISO-DEP to IDLE", () => {
    expect(after([REQA, SELECT, spoilt(RATS)], 0x08)).toMatchObject({ phase: "idle" });
  });
});

test("without power nothing is remembered: a woken card starts at IDLE", () => {
  expect(lone(UID).state).toMatchObject({ phase: "idle", woken: false });
});
