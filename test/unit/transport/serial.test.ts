import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { consoleFraming } from "../../../src/protocols/smp/console-frames.js";
import { monotonicClock } from "../../../src/transport/clock.js";
import { transportError } from "../../../src/transport/errors.js";
import type { SerialConnection, SerialDriver, SerialEvents } from "../../../src/transport/serial/driver.js";
import { listDeviceFiles } from "../../../src/transport/serial/list.js";
import { nativeSerial } from "../../../src/transport/serial/native-driver.js";
import { openSerial, reopenSerial } from "../../../src/transport/serial/port.js";
import { framerOf } from "../../../src/util/framing.js";
import { MS, SECOND } from "../../../src/util/time.js";
import { receiveOn } from "../../support/ends-of-wires.js";

const clock = monotonicClock();
const PATIENCE = { within: 5 * SECOND };
const settings = (driver: SerialDriver) => ({
  driver,
  clock,
  path: "/dev/ttyACM0",
  baud: 115_200,
  framer: framerOf(consoleFraming()),
});
const never = new Promise<never>(() => {});

/** A port that does what the test says. */
function scripted(open: (attempt: number) => Promise<Partial<SerialConnection>>) {
  const told: { events?: SerialEvents; attempts: number; closed: number } = { attempts: 0, closed: 0 };
  const driver: SerialDriver = {
    list: async () => [],
    open: async () => ({
      start: (events) => void (told.events = events),
      write: async () => {},
      close: async () => void told.closed++,
      ...(await open(++told.attempts)),
    }),
  };
  return { driver, told };
}

describe("a serial port that is scripted", () => {
  test("comes back after a reset, with the faults of a start in between", async () => {
    const faults = ["no-port", "no-port", "no-permission", "busy", "failed"] as const;
    const { driver, told } = scripted(async (attempt) => {
      const fault = faults[attempt - 1];
      if (fault) throw transportError(fault, "not yet", {});
      return {};
    });
    const wire = await reopenSerial(settings(driver), PATIENCE);
    expect([told.attempts, wire.state]).toEqual([6, "open"]);
  });
  test("a missing driver does not come by waiting", async () => {
    const { driver, told } = scripted(async () => {
      throw transportError("driver-missing", "no driver", {});
    });
    await expect(reopenSerial(settings(driver), PATIENCE)).rejects.toMatchObject({ code: "transport/driver-missing" });
    expect(told.attempts).toBe(1);
  });
  test("a port that opens too late is closed again", async () => {
    let opens = (_: object): void => {};
    const { driver, told } = scripted(() => new Promise((resolve) => (opens = resolve)));
    await expect(openSerial(settings(driver), { within: 20 * MS })).rejects.toMatchObject({
      code: "transport/time-out",
    });
    opens({});
    await new Promise((resolve) => setImmediate(resolve));
    expect(told.closed).toBe(1);
  });
  test("a write without end: the deadline closes the port, and who listens is told once", async () => {
    const { driver, told } = scripted(async () => ({ write: () => never }));
    const wire = await openSerial(settings(driver), PATIENCE);
    const { gone } = receiveOn(wire);
    await expect(wire.send(Uint8Array.of(1), { within: 20 * MS })).rejects.toMatchObject({
      code: "transport/time-out",
    });
    expect([(await gone).code, wire.state, told.closed]).toEqual(["transport/time-out", "lost", 1]);
    await expect(wire.send(Uint8Array.of(1))).rejects.toMatchObject({ code: "transport/time-out" });
  });
  test("a signal ends the wait, not the port", async () => {
    const { driver, told } = scripted(async () => ({ write: () => never }));
    const wire = await openSerial(settings(driver), PATIENCE);
    const stop = new AbortController();
    const sending = wire.send(Uint8Array.of(1), { within: 60 * SECOND, signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(sending).rejects.toThrow("enough");
    expect([wire.state, told.closed]).toEqual(["open", 0]);
    await wire.close();
    expect([wire.state, told.closed]).toEqual(["closed", 1]);
  });
});

test("without the native packages the message says how to get them", async () => {
  const driver = nativeSerial(() => Promise.reject(new Error("Cannot find package '@serialport/stream'\nstack")));
  const expected = {
    code: "transport/driver-missing",
    message: expect.stringContaining("npm install @serialport/stream@13.0.0 @serialport/bindings-cpp@13.0.1") as string,
    context: { why: "Cannot find package '@serialport/stream'" },
  };
  await expect(driver.open({ path: "/dev/ttyACM0", baud: 115_200 })).rejects.toMatchObject(expected);
  await expect(driver.list()).rejects.toMatchObject(expected);
});

describe("ports without udev", () => {
  let dev: string;
  beforeAll(async () => {
    dev = await mkdtemp(join(tmpdir(), "tapbench-dev-"));
    await mkdir(join(dev, "serial/by-id"), { recursive: true });
    for (const name of ["ttyACM0", "ttyUSB1", "ttyS0", "tty", "ttyXR0", "null"]) await writeFile(join(dev, name), "");
    await symlink("../../ttyACM0", join(dev, "serial/by-id/usb-Maker_Band_S1_0001-if00"));
    await symlink("../../ttyXR0", join(dev, "serial/by-id/usb-Other-if00"));
    await symlink("../../ttyACM9", join(dev, "serial/by-id/usb-Gone-if00"));
  });
  afterAll(() => rm(dev, { recursive: true }));

  test("USB's, and whatever has a name of its own", async () => {
    expect(await listDeviceFiles(dev)).toEqual([
      { path: join(dev, "ttyACM0"), stable: join(dev, "serial/by-id/usb-Maker_Band_S1_0001-if00") },
      { path: join(dev, "ttyUSB1") },
      { path: join(dev, "ttyXR0"), stable: join(dev, "serial/by-id/usb-Other-if00") },
    ]);
  });
  test("no such folder: none", async () => expect(await listDeviceFiles(join(dev, "none"))).toEqual([]));
});
