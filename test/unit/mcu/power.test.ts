import { describe, expect, test } from "vitest";
import { files } from "../../../src/protocols/smp/groups/files.js";
import { os } from "../../../src/protocols/smp/groups/os.js";
import { settings } from "../../../src/protocols/smp/groups/settings.js";
import { shell } from "../../../src/protocols/smp/groups/shell.js";
import { statistics } from "../../../src/protocols/smp/groups/statistics.js";
import type { Command } from "../../../src/protocols/smp/command.js";
import { unhex } from "../../../src/util/bytes.js";
import { SECOND } from "../../../src/util/time.js";
import { managed } from "../../support/managed-device.js";

const HOUR = 3600 * SECOND;
/** Echo of "hi", version 2. */
const ECHO = "0A00000600000200A16164626869";
/** Reset, version 2. */
const RESET = "0A00000100000305A0";

function band() {
  const { sim, device, mcu, host } = managed();
  const at = host();
  const ask = <Q, A>(command: Command<Q, A>, request: Q): A => at.run(at.poller().ask(command, request));
  const uptime = (): string => ask(shell.run, { argv: ["uptime"] }).o;
  return { sim, device, mcu, at, ask, uptime };
}

describe("a snapshot in another run, whose time began anew", () => {
  test("uptime and clock go on where they stood", () => {
    const one = band();
    one.ask(os.setDateTime, { datetime: "2026-06-15T10:00:00Z" });
    one.sim.runUntil(9 * HOUR);
    const other = band();
    other.device.restore(structuredClone(one.device.snapshot()));
    // The snapshot is taken a millisecond later at most, and the question takes its time.
    expect(other.uptime()).toMatch(/^Uptime: 324000\d\d ms$/);
    expect(other.ask(os.dateTime, {}).datetime).toMatch(/^2026-06-15T18:59:59|^2026-06-15T19:00:00/);
    expect(other.sim.now).toBeLessThan(SECOND);
  });
});

describe("switched off and on", () => {
  test("it has booted anew: flash stays, what was in memory only is gone, in another run as well", () => {
    const one = band();
    one.ask(settings.write, { name: "kept", val: unhex("01") });
    one.ask(settings.save, {});
    one.ask(settings.write, { name: "lost", val: unhex("02") });
    one.ask(files.upload, { off: 0, name: "/lfs/a", data: unhex("0102"), len: 2 });
    one.ask(os.setDateTime, { datetime: "2026-06-15T10:00:00Z" });
    one.sim.runUntil(HOUR);
    one.device.powerOff();
    const snapshot = structuredClone(one.device.snapshot());
    const other = band();
    other.device.restore(snapshot);
    for (const { device, ask, uptime, mcu } of [one, other]) {
      device.powerOn();
      expect(mcu.state.log.map(({ text }) => text)).toEqual(["[00:00:00.000,000] <inf> mcu: boot 2"]);
      expect(uptime()).toMatch(/^Uptime: \d ms$/);
      expect(ask(settings.read, { name: "kept" })).toEqual({ val: unhex("01") });
      expect(() => ask(settings.read, { name: "lost" })).toThrow(/key not found/);
      expect(ask(files.status, { name: "/lfs/a" })).toEqual({ len: 2 });
      expect(() => ask(os.dateTime, {})).toThrow(/clock is not set/);
      expect(ask(statistics.show, { name: "files" }).fields["writes"]).toBe(0);
    }
  });

  test("without power it hears nothing, and neither an answer nor a reset on its way is left", () => {
    const { device, at, sim, mcu } = band();
    expect(at.raw(RESET)).toBe("0B00000100000305A0");
    const sent: string[] = [];
    const wire = mcu.attach({ name: "other", send: () => sent.push("answer") });
    wire.receive(unhex(ECHO));
    device.powerOff();
    // Idle: a snapshot is taken at once, and would not be while something is going to happen.
    expect(sim.next).toBeUndefined();
    expect(device.snapshot().profile).toBe("band-s1");
    expect(at.raw(ECHO)).toBeUndefined();
    expect([sent, mcu.state.boots]).toEqual([[], 1]);
    device.powerOn();
    expect(at.raw(ECHO)).toBe("0B00000600000200A16172626869");
    expect([sent, mcu.state.boots]).toEqual([[], 2]);
  });
});
