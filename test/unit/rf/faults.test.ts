import { describe, expect, test } from "vitest";
import { FaultPlan, parseFault, type FaultTarget } from "../../../emulator/rf/faults.js";
import type { Frame } from "../../../src/protocols/iso14443/frame.js";
import { unhex } from "../../../src/util/bytes.js";
import { seededRandom } from "../../../src/util/random.js";
import { codeOf, raw } from "../iso14443/kit.js";

describe("a fault in words", () => {
  const at = (command: string, nth = 1, moment = "in") => ({ kind: "command", moment, command, nth });

  test.each([
    ["field-loss@before:gpo", { kind: "field-loss" }, at("gpo", 1, "before")],
    ["field-loss@after:read-record#3", { kind: "field-loss" }, at("read-record", 3, "after")],
    ["noise@in:any", { kind: "noise", frames: 1 }, at("any")],
    ["noise:2@in:generate-ac", { kind: "noise", frames: 2 }, at("generate-ac")],
    ["lost:4@in:SELECT-AID", { kind: "lost", frames: 4 }, at("select-aid")],
    ["delay:5ms@in:gpo", { kind: "delay", by: 5_000_000 }, at("gpo")],
    ["delay:300us@in:gpo", { kind: "delay", by: 300_000 }, at("gpo")],
    ["power-cut:3@in:gpo", { kind: "power-cut", operation: 3 }, at("gpo")],
    ["power-cut:3:2@in:gpo", { kind: "power-cut", operation: 3, kept: 2 }, at("gpo")],
    ["noisy:0.05@all", { kind: "noisy", probability: 0.05 }, { kind: "all" }],
  ])("%s", (text, what, where) => {
    expect(parseFault(text)).toEqual({ text, what, where });
  });

  test.each([
    "",
    "noise",
    "noise@",
    "@in:gpo",
    "noise@in:gpo@all",
    "noise@near:gpo",
    "noise@in:unknown",
    "noise@in:gpo#0x",
    "noise@before:gpo",
    "noise:0@in:gpo",
    "noise:1.5@in:gpo",
    "noise:1:2@in:gpo",
    "field-loss:1@in:gpo",
    "delay@in:gpo",
    "delay:5@in:gpo",
    "delay:5s@in:gpo",
    "noisy:0@all",
    "noisy:2@all",
    "noisy:0.5@in:gpo",
    "noise@all",
    "burnt@in:gpo",
  ])("that is none is named: '%s'", (text) => {
    expect(codeOf(() => parseFault(text))).toBe("emulator/bad-fault");
  });
});

/** Notes what a plan does. */
function target() {
  const done: string[] = [];
  let disturb: ((frame: Frame) => Frame | undefined) | undefined;
  let delivered: (() => void) | undefined;
  const it: FaultTarget = {
    fieldOff: () => done.push("off"),
    whenDelivered: (run) => (delivered = run),
    disturb: (disturbance) => (disturb = disturbance),
    delay: (by) => {
      if (by > 0) done.push(`delay ${by}`);
    },
    cutPower: (cut) => {
      if (cut) done.push(`cut ${JSON.stringify(cut)}`);
      return true;
    },
  };
  return { it, done, sends: (frame: Frame) => (disturb ? disturb(frame) : frame), deliver: () => delivered?.() };
}

const GPO = unhex("80A80000028300");
const READ = unhex("00B2010C00");
const FRAME = raw("02 A0 12 34");
const plan = (...texts: string[]) => {
  const bench = target();
  return { ...bench, plan: new FaultPlan(texts.map(parseFault), bench.it, seededRandom("faults")) };
};

describe("a fault plan", () => {
  test("strikes before, in and after the command it names, at the count it names", () => {
    const {
      plan: it,
      done,
      deliver,
    } = plan("field-loss@before:gpo", "field-loss@in:read-record#2", "field-loss@after:generate-ac");
    it.command(GPO)();
    expect(done).toEqual(["off"]);
    const first = it.command(READ);
    deliver();
    first();
    expect(done).toEqual(["off"]);
    const second = it.command(READ);
    deliver();
    second();
    deliver();
    expect(done).toEqual(["off", "off"]);
    const last = it.command(unhex("80AE90000100"));
    expect(done).toHaveLength(2);
    last();
    expect(done).toEqual(["off", "off", "off"]);
    expect(it.report().map(({ struck }) => struck)).toEqual([true, true, true]);
  });

  test("damages or swallows so many frames, during that command only", () => {
    const { plan: it, sends } = plan("noise:2@in:gpo", "lost:1@in:read-record");
    expect(sends(FRAME)).toBe(FRAME);
    const over = it.command(GPO);
    const [one, two] = [sends(FRAME), sends(FRAME)];
    for (const damaged of [one, two]) {
      expect(damaged).toMatchObject({ damaged: true, bits: 32 });
      const changed = damaged!.bytes.reduce(
        (sum, byte, i) => sum + (byte ^ FRAME.bytes[i]!).toString(2).replaceAll("0", "").length,
        0,
      );
      expect(changed).toBe(1);
    }
    expect(sends(FRAME)).toBe(FRAME);
    over();
    const then = it.command(READ);
    expect([sends(FRAME), sends(FRAME)]).toEqual([undefined, FRAME]);
    then();
    expect(sends(FRAME)).toBe(FRAME);
  });

  test("delays and cuts the power", () => {
    const { plan: it, done } = plan("delay:2ms@in:gpo", "power-cut:3@in:gpo", "power-cut:3:2@in:read-record");
    it.command(GPO)();
    it.command(READ)();
    expect(done).toEqual(["delay 2000000", 'cut {"before":3}', 'cut {"inside":3,"kept":2}']);
  });

  test("noise all through damages that share of the frames, the same ones for the same seed", () => {
    const damaged = (): number[] => {
      const { sends } = plan("noisy:0.25@all");
      return Array.from({ length: 400 }, (_, i) => i).filter(() => sends(FRAME) !== FRAME);
    };
    expect(damaged().length).toBeGreaterThan(70);
    expect(damaged().length).toBeLessThan(130);
    expect(damaged()).toEqual(damaged());
  });
});
