import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RealTime } from "../../emulator/faces/real-time.js";
import { openSerialFace, type SerialFace } from "../../emulator/faces/serial.js";
import { Sim } from "../../emulator/sim/sim.js";
import type { LineOptions } from "../../emulator/uart/line.js";
import { openBench } from "../../src/bench/bench.js";
import { framingNamed } from "../../src/bench/managed.js";
import { consoleFraming } from "../../src/protocols/smp/console-frames.js";
import { os } from "../../src/protocols/smp/groups/os.js";
import { monotonicClock } from "../../src/transport/clock.js";
import { nativeSerial } from "../../src/transport/serial/native-driver.js";
import { openSerial } from "../../src/transport/serial/port.js";
import { unhex } from "../../src/util/bytes.js";
import { framerOf } from "../../src/util/framing.js";
import { SECOND } from "../../src/util/time.js";
import { missing } from "../support/wires.js";
import { median } from "./measure.js";

export const description =
  "the real serial driver on a pseudo-terminal: bare frames and SMP echo there and back, and how exact the paced UART is";

/** An OS echo request, as the SMP bench sends: 31 bytes on the console. Nobody reads it here, it comes back as it is. */
const FRAME = unhex("0A00000900000100A161646568656C6C6F");
/** The compiler takes its time with what SMP runs through. Both in the time that a benchmark is given. */
const WARM_UP = 4;
const MEASURED = 2;
const BAUD = 115_200;
/** 9,985 bytes on the line. */
const LONG = new Uint8Array(7306);

export async function run({ seconds }: { seconds: number }) {
  const lack = missing("serial");
  if (lack !== undefined) {
    process.stderr.write(`serial: skipped: ${lack}\n`);
    return { figures: {}, bars: [] };
  }
  const folder = await mkdtemp(join(tmpdir(), "tapbench-serial-"));
  try {
    const rates = await echoes(folder, seconds);
    const pacedOverExact = await onTerminal(join(folder, "paced"), { baud: BAUD }, (turn) => paced(turn, seconds));
    return {
      figures: { ...rates, pacedOverExact },
      bars: [{ key: "smpOfBare", atLeast: 0.7 }],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Turn = (message: Uint8Array) => Promise<void>;

async function onTerminal<T>(
  link: string,
  uart: LineOptions | undefined,
  measure: (turn: Turn) => Promise<T>,
): Promise<T> {
  const framer = () => framerOf(consoleFraming());
  const sim = new Sim();
  const face: SerialFace = await openSerialFace({
    sim,
    time: new RealTime(sim),
    link,
    uart,
    framer: framer(),
    message: (message) => face.send(message),
  });
  try {
    const driver = nativeSerial();
    const settings = { driver, clock: monotonicClock(), path: link, baud: BAUD, framer: framer() };
    const wire = await openSerial(settings, { within: 5 * SECOND });
    let came = (): void => {};
    wire.open({ message: () => came(), closed() {} });
    try {
      return await measure(async (message) => {
        const answer = new Promise<void>((resolve) => (came = resolve));
        await wire.send(message);
        await answer;
      });
    } finally {
      await wire.close();
    }
  } finally {
    await face.close();
  }
}

/**
 * Bare frames, and SMP echo with an emulated band, each on a terminal of its own in this process. They take turns, one by one, and the median of each
 * counts: a machine that is busy with other things holds both up in the same way, and the long waits that it makes now and then count for neither.
 */
async function echoes(folder: string, seconds: number) {
  const bench = await openBench();
  const link = join(folder, "band");
  const band = await bench.open("emu:band-s1");
  const shown = await bench.showManagement(band, { serial: { link, framing: framingNamed("console") } });
  const device = await bench.manage(await bench.open(`serial:${link}`));
  try {
    return await onTerminal(join(folder, "bare"), undefined, async (turn) => {
      const echo = async (): Promise<void> => void (await device.management.request(os.echo, { d: "hello" }));
      const [bare, smp]: [number[], number[]] = [[], []];
      const start = performance.now();
      const counts = start + seconds * 1000 * WARM_UP;
      const end = counts + seconds * 1000 * MEASURED;
      for (let now = start; now < end; now = performance.now()) {
        const took = [await millisOf(() => turn(FRAME)), await millisOf(echo)] as const;
        if (now < counts) continue;
        bare.push(took[0]);
        smp.push(took[1]);
      }
      return {
        bareFramesPerSecond: 1000 / median(bare),
        smpEchoesPerSecond: 1000 / median(smp),
        smpOfBare: median(bare) / median(smp),
      };
    });
  } finally {
    await device.close();
    await shown.close();
  }
}

async function millisOf(turn: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await turn();
  return performance.now() - start;
}

/** A message there and back takes the time of its bytes twice; how many times that it took. */
async function paced(turn: Turn, seconds: number): Promise<number> {
  const exact = (2 * consoleFraming().encode(LONG).length * 10) / BAUD;
  const ratios: number[] = [];
  for (let round = 0; round < Math.max(1, Math.round(seconds)); round++) {
    const start = performance.now();
    await turn(LONG);
    ratios.push((performance.now() - start) / 1000 / exact);
  }
  return median(ratios);
}
