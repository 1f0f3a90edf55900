import { describe, expect, test } from "vitest";
import { ManagedDevice, type ManagementEvent } from "../../../src/device/management.js";
import { os } from "../../../src/protocols/smp/groups/os.js";
import { shell } from "../../../src/protocols/smp/groups/shell.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { TapbenchError } from "../../../src/util/errors.js";
import type { MessageWire } from "../../../src/util/message-wire.js";
import { MS, SECOND, type Clock } from "../../../src/util/time.js";
import { managed } from "../../support/managed-device.js";

const code = (name: string): Error => expect.objectContaining({ code: name }) as Error;
const PATIENCE = { within: SECOND };

/** A managed device on a wire where answers come while a message is sent: when somebody waits, nothing more comes and time is up. */
function open(answers: (message: Uint8Array) => readonly Uint8Array[] = (message) => [message]) {
  const { sim, mcu, device } = managed();
  const sent: string[] = [];
  let events: Parameters<MessageWire["open"]>[0] | undefined;
  let tell: (line: string) => void = () => {};
  const port = mcu.attach({
    name: "wire",
    send: (message) => {
      for (const each of answers(message)) events!.message(each, sim.now);
    },
    log: (line) => tell(line),
  });
  const wire: MessageWire = {
    name: "test wire",
    state: "open",
    open: (to) => {
      events = to;
    },
    send: async (message) => {
      sent.push(hex(message));
      port.receive(message);
      sim.runUntil(sim.now + SECOND);
      return sim.now;
    },
    close: async () => events!.closed(new TapbenchError("transport/closed", "the wire was closed")),
    watchText: (told) => {
      tell = told;
      return () => {
        tell = () => {};
      };
    },
  };
  const clock: Clock = {
    now: () => sim.now,
    after: (delay, run) => {
      const timer = setImmediate(() => {
        sim.runUntil(sim.now + delay);
        run();
      });
      return () => clearImmediate(timer);
    },
  };
  return {
    host: new ManagedDevice(wire, clock),
    device,
    mcu,
    sim,
    sent,
    break: () => events!.closed(new TapbenchError("transport/gone", "unplugged")),
  };
}

describe("a managed device", () => {
  test("answers requests; its buffers are asked for once", async () => {
    const { host, sent } = open();
    expect(host.name).toBe("test wire");
    expect(await host.request(os.echo, { d: "hi" })).toEqual({ r: "hi" });
    expect(await host.parameters()).toEqual({ bufferBytes: 512, bufferCount: 4 });
    await host.parameters();
    expect(sent).toEqual(["0A00000600000000A16164626869", "0800000100000106A0"]);
    await expect(host.request(os.dateTime, {})).rejects.toThrow(code("smp/refused"));
  });

  test("carries APDUs to its secure element, long ones in pieces", async () => {
    const { host, device, sim } = open();
    const before = sim.now;
    const long = unhex(`80E28000FF${"5A".repeat(255)}00`);
    for (const apdu of [unhex("80CA9F7F00"), long]) {
      const { answer, took, from, until } = await host.apdu(apdu, PATIENCE);
      expect(answer).toEqual(device.wired(apdu).response);
      expect(took).toBeGreaterThan(0);
      expect(from).toBeGreaterThanOrEqual(before);
      expect(until).toBeGreaterThan(from);
    }
  });

  test("takes files and gives them back", async () => {
    const { host } = open();
    const data = new Uint8Array(5000).map((_, i) => i);
    const told: number[] = [];
    await host.upload("/lfs/a", data, { progress: (done) => told.push(done) });
    expect(told.at(-1)).toBe(5000);
    expect(await host.download("/lfs/a")).toEqual(data);
  });

  test("a device that does not tell its buffers gets one request at a time", async () => {
    // The answer to the question for parameters becomes {"rc": 8}.
    const { host, sent } = open((message) => [
      message[7] === 6 ? unhex(`090000050000${hex(message.subarray(6, 8))}A162726308`) : message,
    ]);
    expect(await host.parameters()).toEqual({ bufferBytes: 384, bufferCount: 1 });
    await host.upload("/lfs/a", new Uint8Array(1000));
    expect(Math.max(...sent.map((bytes) => bytes.length / 2))).toBeLessThanOrEqual(384);
  });

  test("conversations at the same time do not disturb each other", async () => {
    const { host } = open();
    const answers = await Promise.all(["a", "b", "c"].map((d) => host.request(os.echo, { d })));
    expect(answers).toEqual([{ r: "a" }, { r: "b" }, { r: "c" }]);
  });

  test("silence ends in words, and a late answer is an event", async () => {
    let late: Uint8Array | undefined;
    const { host } = open((message) => {
      const before = late;
      late = message;
      return before ? [before, message] : [];
    });
    const events: ManagementEvent[] = [];
    const stop = host.watch((event) => events.push(event));
    await expect(host.request(shell.run, { argv: ["version"] }, { within: MS })).rejects.toThrow(code("smp/no-answer"));
    await host.request(os.echo, { d: "" });
    expect(events.map(({ kind }) => kind)).toEqual(["stray"]);
    stop();
    await host.request(os.echo, { d: "" });
    expect(events).toHaveLength(1);
  });

  test("what it logs is an event", async () => {
    const { host, sim } = open();
    const lines: string[] = [];
    host.watch((event) => event.kind === "log" && lines.push(event.line));
    await host.request(os.reset, {});
    sim.runUntil(sim.now + SECOND);
    expect(lines).toEqual(["[00:00:00.000,000] <inf> mcu: boot 2"]);
  });

  test("an abort ends a request with its reason; a wire that broke ends it with its own", async () => {
    const { host, break: breakWire } = open(() => []);
    const controller = new AbortController();
    const request = host.request(os.echo, { d: "" }, { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(request).rejects.toThrow("enough");
    breakWire();
    await expect(host.request(os.echo, { d: "" })).rejects.toThrow(code("transport/gone"));
  });

  test("is closed with its wire", async () => {
    const { host } = open();
    await host.close();
    await expect(host.request(os.echo, { d: "" })).rejects.toThrow(code("transport/closed"));
  });
});
