import { describe, expect, test } from "vitest";
import { FaultPlan, parseFault, type FaultTarget } from "../../../emulator/rf/faults.js";
import type { Frame } from "../../../src/protocols/iso14443/frame.js";
import { unhex } from "../../../src/util/bytes.js";
import { TapbenchError } from "../../../src/util/errors.js";
import { seededRandom } from "../../../src/util/random.js";

const command = (moment: string, name: string, nth = 1) => ({ kind: "command", moment, command: name, nth });

describe("a fault as it is written", () => {
  test.each([
    ["field-loss@before:gpo", { kind: "field-loss" }, command("before", "gpo")],
    ["field-loss@in:select-ppse", { kind: "field-loss" }, command("in", "select-ppse")],
    ["field-loss@after:read-record#3", { kind: "field-loss" }, command("after", "read-record", 3)],
    ["noise@in:any", { kind: "noise", frames: 1 }, command("in", "any")],
    ["noise:2@in:generate-ac", { kind: "noise", frames: 2 }, command("in", "generate-ac")],
    ["lost:10000@in:select", { kind: "lost", frames: 10_000 }, command("in", "select")],
    ["lost@IN:Select-AID", { kind: "lost", frames: 1 }, command("in", "select-aid")],
    ["delay:5ms@in:gpo", { kind: "delay", by: 5_000_000 }, command("in", "gpo")],
    ["delay:300us@in:read-record", { kind: "delay", by: 300_000 }, command("in", "read-record")],
    ["power-cut@in:gpo", { kind: "power-cut", operation: 1 }, command("in", "gpo")],
    ["power-cut:7@in:gpo#2", { kind: "power-cut", operation: 7 }, command("in", "gpo", 2)],
    ["power-cut:1:3@in:gpo", { kind: "power-cut", operation: 1, kept: 3 }, command("in", "gpo")],
    ["noisy:0.05@all", { kind: "noisy", probability: 0.05 }, { kind: "all" }],
    ["noisy:1@all", { kind: "noisy", probability: 1 }, { kind: "all" }],
    ["noisy:.5@all", { kind: "noisy", probability: 0.5 }, { kind: "all" }],
  ])("%s", (text, what, where) => {
    expect(parseFault(text)).toEqual({ what, where, text });
  });

  test.each([
    "",
    "@",
    "field-loss",
    "field-loss@",
    "@in:gpo",
    "field-loss@in:gpo@all",
    "field-loss:1@in:gpo",
    "field-loss@gpo",
    "field-loss@during:gpo",
    "field-loss@in:",
    "field-loss@in:unknown",
    "field-loss@in:constructor",
    "field-loss@in:gpo#0",
    "field-loss@in:gpo#",
    "field-loss@in:gpo#-1",
    "field-loss@in:gpo#99999",
    "field-loss@all",
    "noise:0@in:gpo",
    "noise:-1@in:gpo",
    "noise:1.5@in:gpo",
    "noise:0x10@in:gpo",
    "noise:1e2@in:gpo",
    "noise: 3@in:gpo",
    "noise:@in:gpo",
    "noise:10001@in:gpo",
    "noise:1:2@in:gpo",
    "noise@before:gpo",
    "lost@after:gpo",
    "delay@in:gpo",
    "delay:5@in:gpo",
    "delay:5s@in:gpo",
    "delay:1.5ms@in:gpo",
    "delay:9999999ms@in:gpo",
    "delay:5ms@before:gpo",
    "power-cut:0@in:gpo",
    "power-cut:1:0@in:gpo",
    "power-cut:1:2:3@in:gpo",
    "power-cut@after:gpo",
    "noisy@all",
    "noisy:0@all",
    "noisy:1.1@all",
    "noisy:x@all",
    "noisy:0.5@in:gpo",
    "earthquake@in:gpo",
    "toString@in:gpo",
    "FIELD-LOSS@in:gpo",
  ])("'%s' is none, and the message says what one is", (text) => {
    let error: unknown;
    try {
      parseFault(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(TapbenchError);
    const { code, message } = error as TapbenchError;
    expect(code).toBe("emulator/bad-fault");
    expect(message).toContain("power-cut:<operation>");
    expect(message).toContain("select-ppse | select-aid | gpo");
  });
});

describe("a plan", () => {
  const APDU = {
    ppse: "00A404000E325041592E5359532E444446303100",
    aid: "00A4040007A000000004101000",
    gpo: "80A8000002830000",
    record: "00B2011400",
  };

  function target({ cutComes = true } = {}) {
    const log: string[] = [];
    let disturbance: ((frame: Frame) => Frame | undefined) | undefined;
    const made: FaultTarget = {
      fieldOff: () => log.push("field off"),
      whenDelivered: (run) => {
        if (run) run();
      },
      disturb: (next) => {
        disturbance = next;
      },
      delay: (by) => log.push(`delay ${by}`),
      cutPower: (cut) => {
        log.push(`cut ${JSON.stringify(cut)}`);
        return cut === undefined && !cutComes;
      },
    };
    return { made, log, pass: (frame: Frame) => (disturbance ? disturbance(frame) : frame) };
  }
  const plan = (to: FaultTarget, ...faults: string[]): FaultPlan =>
    new FaultPlan(faults.map(parseFault), to, seededRandom("plan"));
  const FRAME: Frame = { bytes: unhex("0201020304"), bits: 40, rate: 1 };

  test("strikes at the command that was named, the time that was named, and takes back what it set", () => {
    const { made, log } = target();
    const faults = plan(made, "delay:1ms@in:read-record#2", "field-loss@after:gpo", "power-cut:2:5@in:select-aid");
    const idle = ["delay 0", "cut undefined"];
    faults.command(unhex(APDU.ppse))();
    expect(log).toEqual([]);
    faults.command(unhex(APDU.aid))();
    expect(log.splice(0)).toEqual(['cut {"inside":2,"kept":5}', ...idle]);
    faults.command(unhex(APDU.gpo))();
    expect(log.splice(0)).toEqual([...idle, "field off"]);
    faults.command(unhex(APDU.record))();
    expect(log).toEqual([]);
    faults.command(unhex(APDU.record))();
    faults.command(unhex(APDU.record))();
    expect(log).toEqual(["delay 1000000", ...idle]);
    expect(faults.report()).toEqual([
      { fault: "delay:1ms@in:read-record#2", struck: true },
      { fault: "field-loss@after:gpo", struck: true },
      { fault: "power-cut:2:5@in:select-aid", struck: true },
    ]);
  });

  test("a power cut for an operation that did not come has not struck", () => {
    const { made, log } = target({ cutComes: false });
    const faults = plan(made, "power-cut:99@in:gpo");
    faults.command(unhex(APDU.gpo))();
    expect(log[0]).toBe('cut {"before":99}');
    expect(faults.report()).toEqual([{ fault: "power-cut:99@in:gpo", struck: false }]);
  });

  test("noise in a command comes on top of the noise that is everywhere, and counts as struck once a frame was hit", () => {
    const { made, pass } = target();
    const faults = plan(made, "noisy:1@all", "lost:1@in:gpo");
    const over = faults.command(unhex(APDU.gpo));
    expect(faults.report().map(({ struck }) => struck)).toEqual([false, false]);
    expect(pass(FRAME)).toBeUndefined();
    expect(pass(FRAME)?.damaged).toBe(true);
    expect(faults.report().map(({ struck }) => struck)).toEqual([true, true]);
    over();
    expect(pass(FRAME)?.damaged).toBe(true);
  });

  test("noise flips one bit of so many frames, and loss swallows them", () => {
    const { made, pass } = target();
    const over = plan(made, "noise:2@in:gpo").command(unhex(APDU.gpo));
    const flipped = [pass(FRAME), pass(FRAME)].map((frame) =>
      [...frame!.bytes].map((byte, i) => (byte ^ FRAME.bytes[i]!).toString(2).replaceAll("0", "")).join(""),
    );
    expect(flipped).toEqual(["1", "1"]);
    expect(pass(FRAME)).toBe(FRAME);
    over();
    expect(FRAME.bytes).toEqual(unhex("0201020304"));

    const lossy = plan(made, "lost@in:gpo").command(unhex(APDU.gpo));
    expect([pass(FRAME), pass(FRAME)]).toEqual([undefined, FRAME]);
    lossy();
  });

  test("steady noise is there from the start, and between commands; it counts as struck once it hit", () => {
    const { made, pass } = target();
    const faults = plan(made, "noisy:1@all");
    expect(faults.report()).toEqual([{ fault: "noisy:1@all", struck: false }]);
    expect(pass(FRAME)?.damaged).toBe(true);
    faults.command(unhex(APDU.gpo))();
    expect(pass(FRAME)?.damaged).toBe(true);
    expect(faults.report()).toEqual([{ fault: "noisy:1@all", struck: true }]);
  });
});
