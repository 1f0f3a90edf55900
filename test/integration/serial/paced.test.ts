import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { RealTime } from "../../../emulator/faces/real-time.js";
import { openSerialFace, type SerialFace } from "../../../emulator/faces/serial.js";
import { Sim } from "../../../emulator/sim/sim.js";
import type { LineOptions } from "../../../emulator/uart/line.js";
import { consoleFraming } from "../../../src/protocols/smp/console-frames.js";
import { monotonicClock } from "../../../src/transport/clock.js";
import { nativeSerial } from "../../../src/transport/serial/native-driver.js";
import { openSerial } from "../../../src/transport/serial/port.js";
import { ascii, hex } from "../../../src/util/bytes.js";
import { framerOf } from "../../../src/util/framing.js";
import type { MessageWire } from "../../../src/util/message-wire.js";
import { MS, SECOND } from "../../../src/util/time.js";
import { testFolder } from "../../support/echo-pty.js";
import { receiveOn } from "../../support/ends-of-wires.js";
import { missing } from "../../support/wires.js";

let folder: Awaited<ReturnType<typeof testFolder>>;
let face: SerialFace | undefined;
let wire: MessageWire | undefined;
beforeAll(async () => {
  folder = await testFolder();
});
afterAll(() => folder.remove());
afterEach(async () => {
  await wire?.close();
  await face?.close();
});

let count = 0;
async function connected(uart: LineOptions | undefined) {
  const link = join(folder.path, `uart-${++count}`);
  const framer = () => framerOf(consoleFraming());
  const sim = new Sim();
  face = await openSerialFace({
    sim,
    time: new RealTime(sim),
    link,
    uart,
    framer: framer(),
    message: (message) => face!.send(message),
  });
  const driver = nativeSerial();
  wire = await openSerial(
    { path: link, baud: 115_200, driver, clock: monotonicClock(), framer: framer() },
    { within: 5 * SECOND },
  );
  return { wire, face, received: receiveOn(wire) };
}

describe.skipIf(missing("serial"))("an emulated UART", () => {
  test("at 115,200 baud a message and its answer take the time of their bytes", async () => {
    const { wire, received } = await connected({ baud: 115_200 });
    const message = new Uint8Array(600);
    // 604 bytes in all: six lines of 93 and one of 46 (three of them padding's), 127 and 67 bytes long.
    const bytes = 6 * 127 + 67;
    const start = performance.now();
    await wire.send(message);
    expect(hex(await received.next())).toBe(hex(message));
    const took = performance.now() - start;
    const onTheLine = (2 * bytes * 10 * 1000) / 115_200;
    expect(took).toBeGreaterThan(onTheLine - 1);
    // This machine may be busy with other things meanwhile.
    expect(took).toBeLessThan(onTheLine + 500);
    expect(face!.counters()?.fromHost).toMatchObject({ delivered: bytes, overruns: 0 });
  });

  test("a FIFO that is too small for the firmware's pace loses bytes, and the frame with them", async () => {
    const { wire, face } = await connected({ baud: 1_000_000, fifo: 16, latency: 2 * MS });
    const heard = new Promise<void>((resolve) => {
      const look = (): void => {
        const { fromHost } = face.counters()!;
        if (fromHost.delivered + fromHost.overruns >= 127) resolve();
        else setImmediate(look);
      };
      look();
    });
    await wire.send(new Uint8Array(200));
    await heard;
    expect(face.counters()!.fromHost.overruns).toBeGreaterThan(100);
  });

  test("log lines go beside the messages", async () => {
    const lines: string[] = [];
    const { wire, received, face } = await connected(undefined);
    wire.watchText!((line) => lines.push(line));
    face.write(ascii("[00:00:00.000,000] <inf> band: booted\r\n"));
    await wire.send(ascii("ping"));
    expect(hex(await received.next())).toBe(hex(ascii("ping")));
    expect(lines).toEqual(["[00:00:00.000,000] <inf> band: booted"]);
    expect(face.counters()).toBeUndefined();
  });
});
