import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSerialFace } from "../../emulator/faces/serial.js";
import { RealTime } from "../../emulator/faces/real-time.js";
import { Sim } from "../../emulator/sim/sim.js";
import { openBench } from "../../src/bench/bench.js";
import { framingNamed } from "../../src/bench/managed.js";
import { element } from "../../src/protocols/smp/groups/element.js";
import { os } from "../../src/protocols/smp/groups/os.js";
import { encodeCommand } from "../../src/protocols/iso7816/apdu.js";
import { consoleFraming } from "../../src/protocols/smp/console-frames.js";
import { monotonicClock } from "../../src/transport/clock.js";
import { nativeSerial } from "../../src/transport/serial/native-driver.js";
import { openSerial } from "../../src/transport/serial/port.js";
import { ascii, hex } from "../../src/util/bytes.js";
import { SECOND } from "../../src/util/time.js";
import { testFolder, testPty } from "../support/echo-pty.js";
import { receiveOn } from "../support/ends-of-wires.js";
import { missing } from "../support/wires.js";

const PATIENCE = { within: 10 * SECOND };
const SELECT_PPSE = encodeCommand({ cla: 0, ins: 0xa4, p1: 4, p2: 0, data: ascii("2PAY.SYS.DDF01"), le: 256 });
const framing = framingNamed("console");

describe.skipIf(missing("serial"))("unplugged on a serial port", () => {
  let folder: Awaited<ReturnType<typeof testFolder>>;
  beforeAll(async () => {
    folder = await testFolder();
  });
  afterAll(() => folder.remove());

  // A response of 300 bytes is five lines on the console: the plug goes before the first of them, between any two, and after half a line.
  const lines = Buffer.from(consoleFraming().encode(new Uint8Array(300)))
    .toString("latin1")
    .split(/(?<=\n)/);
  const cuts = lines.flatMap((_, n) => [`${n}`, `${n}.5`]);
  test.each(cuts)("after %s lines of a response: nothing is taken for a message, and the loss is told", async (cut) => {
    const link = join(folder.path, `cut-${cut}`);
    const whole = Math.floor(Number(cut));
    const half = Number(cut) === whole ? "" : lines[whole]!.slice(0, 40);
    const sent = lines.slice(0, whole).join("") + half;
    const device = await testPty(link, (_, pty) => void (sent !== "" && pty.write(ascii(sent))));
    const settings = { driver: nativeSerial(), clock: monotonicClock(), path: link, baud: 115_200, framer: framing() };
    const wire = await openSerial(settings, PATIENCE);
    const received = receiveOn(wire);
    const heard = device.next();
    await wire.send(Uint8Array.of(1));
    await heard;
    await device.close();
    expect(await received.gone).toMatchObject({ code: "transport/unplugged" });
    expect(received.messages).toEqual([]);
    await wire.close();
  });

  test("after each message of an exchange with the element: opened again, it answers as before", async () => {
    const bench = await openBench();
    const band = await bench.open("emu:band-s1");
    await bench.provision(band, "k2-credit");
    const link = join(folder.path, "band");
    let shown = await bench.showManagement(band, { serial: { link, framing } });
    const device = await bench.manage(await bench.open(`serial:${link}`));
    const answer = hex((await device.management.apdu(SELECT_PPSE, PATIENCE)).answer);
    expect(answer).toMatch(/^6F.*9000$/);
    try {
      for (let round = 0; round < 5; round++) {
        // It goes while a request is on its way: at once, or with its answer.
        const asked = device.management.request(os.echo, { d: "x".repeat(100 * round) });
        const settled = expect(
          asked.then(
            ({ r }) => r.length,
            (error: { code: string }) => error.code,
          ),
        ).resolves.toSatisfy((came: unknown) => came === 100 * round || came === "transport/unplugged");
        if (round % 2 === 1) await settled;
        await shown.close();
        await settled;
        await expect(device.management.request(os.echo, { d: "?" })).rejects.toMatchObject({
          code: "transport/unplugged",
        });
        shown = await bench.showManagement(band, { serial: { link, framing } });
        await device.reconnect(PATIENCE);
        await device.management.request(element.reset, {});
        expect(hex((await device.management.apdu(SELECT_PPSE, PATIENCE)).answer)).toBe(answer);
      }
    } finally {
      await device.close();
      await shown.close();
    }
  });

  test("two emulators cannot have one link, and the first goes on", async () => {
    const link = join(folder.path, "one");
    const sim = new Sim();
    const common = { sim, time: new RealTime(sim), link, message() {} };
    const first = await openSerialFace({ ...common, framer: framing() });
    await expect(openSerialFace({ ...common, framer: framing() })).rejects.toMatchObject({
      code: "emulator/link-taken",
    });
    expect(first.path).toBe(link);
    await first.close();
  });
});
