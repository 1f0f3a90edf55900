import { fileURLToPath } from "node:url";
import { openBench } from "../../src/bench/bench.js";
import { contactlessExchanges } from "../../src/inspect/exchanges.js";
import { memoryTrace } from "../../src/trace/memory.js";
import { monotonicClock } from "../../src/transport/clock.js";
import { nativePcsc } from "../../src/transport/pcsc/native-driver.js";
import { PcscReader } from "../../src/transport/pcsc/reader.js";
import { PcscSession } from "../../src/transport/pcsc/session.js";
import { unhex } from "../../src/util/bytes.js";
import { SECOND } from "../../src/util/time.js";
import { emulationOf } from "../support/emulation.js";
import { SELECT_ECHO } from "../support/echo-applet.js";
import { READER } from "../support/pcsc-client.js";
import { startPcscd, type Pcscd } from "../support/pcscd.js";
import { wires } from "../support/wires.js";
import { median } from "./measure.js";

export const description =
  "an emulated band behind pcscd: APDUs there and back, and a CDA tap beside the same in process";

const PATIENCE = { within: 10 * SECOND };
const REQUEST = { amount: 1n, terminal: "shop" } as const;
/** `80 10 P1 P2`: the echo applet answers that many bytes, and the status word. */
const ANSWER_16 = unhex("8010000E0E");
const ANSWER_258 = unhex("8010010000");
const ROUNDS = 9;
const NEEDS: readonly string[] = ["pcsc", "nfc-pcsc"];
/** Programs that are built as this one is. */
const built = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

export async function run({ seconds }: { seconds: number }) {
  for (const { name, probe, install } of wires.filter(({ name }) => NEEDS.includes(name))) {
    const lack = probe();
    if (lack === undefined) continue;
    process.stderr.write(`pcsc: skipped, ${name} is missing: ${lack}; to get it: ${install}\n`);
    return { figures: {}, bars: [] };
  }
  const pcscd = await startPcscd();
  try {
    const rates = await exchanges(pcscd, seconds);
    const taps = await wholeTaps(pcscd, seconds);
    const { sizes, ...figures } = taps;
    // An exchange costs what its length says, on the line through the two that were measured.
    const [short, long] = [1000 / rates.roundTripsPerSecond16, 1000 / rates.roundTripsPerSecond258];
    const wire = sizes.reduce((sum, bytes) => sum + short + ((long - short) * (bytes - 16)) / (258 - 16), 0);
    const ofInProcessAndRoundTrips = figures.tapMillis / (figures.inProcessMillis + wire);
    return {
      figures: { ...rates, ...figures, roundTripsOfATapMillis: wire, ofInProcessAndRoundTrips },
      bars: [
        { key: "roundTripsPerSecond16", atLeast: 2500 },
        { key: "roundTripsPerSecond258", atLeast: 2500 },
        { key: "ofInProcessAndRoundTrips", atMost: 1.5 },
      ],
    };
  } finally {
    await pcscd.close();
  }
}

/** Medians of rounds that take turns, so that a machine whose speed drifts drifts for both. */
async function exchanges(pcscd: Pcscd, seconds: number) {
  const card = emulationOf(pcscd.spawn(process.execPath, [built("test/support/echo-card.js")]));
  await card.next("ready");
  const session = new PcscSession(nativePcsc({ socket: pcscd.socket }), monotonicClock());
  try {
    const reader = new PcscReader(session, READER);
    await reader.connect(PATIENCE);
    await reader.transmit(unhex(SELECT_ECHO), PATIENCE);
    const rateOf = async (command: Uint8Array, answer: number, millis: number): Promise<number> => {
      const start = performance.now();
      let count = 0;
      for (; performance.now() - start < millis; count++) {
        const { length } = await reader.transmit(command, PATIENCE);
        if (length !== answer) throw new Error(`the card answered ${length} bytes, not ${answer}`);
      }
      return (count * 1000) / (performance.now() - start);
    };
    const slice = (seconds * 1000) / ROUNDS;
    await rateOf(ANSWER_16, 16, 10 * slice);
    await rateOf(ANSWER_258, 258, 10 * slice);
    const rates: Record<"16" | "258", number[]> = { "16": [], "258": [] };
    for (let i = 0; i < ROUNDS; i++) {
      rates["16"].push(await rateOf(ANSWER_16, 16, slice));
      rates["258"].push(await rateOf(ANSWER_258, 258, slice));
    }
    return { roundTripsPerSecond16: median(rates["16"]), roundTripsPerSecond258: median(rates["258"]) };
  } finally {
    await session.close();
    await card.stop();
  }
}

async function wholeTaps(pcscd: Pcscd, seconds: number) {
  const emulate = ["emulate", "band-s1", "--seed", "7", "--pcsc", "--json-lines"];
  const band = emulationOf(pcscd.spawn(process.execPath, [built("src/cli/main.js"), ...emulate]));
  await band.next("ready");
  const bench = await openBench({ seed: "7", pcsc: nativePcsc({ socket: pcscd.socket }) });
  const emulated = await bench.open("emu:band-s1");
  await bench.provision(emulated, "k2-credit");
  const inProcess = await bench.prepareTap(emulated, REQUEST);
  const sizes = await responsesOfATap();
  const onReader = await bench.open("pcsc:00 00");
  if (onReader.kind !== "card") throw new Error("no reader");
  try {
    const times: Record<"inProcess" | "tap" | "withPowerUp", number[]> = { inProcess: [], tap: [], withPowerUp: [] };
    const begin = performance.now();
    const [settled, end] = [begin + 4000 * seconds, begin + 8000 * seconds];
    for (let i = 0; i < 3 || performance.now() < end; i++) {
      const start = performance.now();
      if (inProcess().outcome !== "approved") throw new Error("a tap in process was not approved");
      const between = performance.now();
      const report = await bench.tapCard(onReader, REQUEST);
      if (report.outcome !== "online-request" || report.odaStatus !== "ok")
        throw new Error(`a tap ended ${report.outcome}`);
      if (report.apdus !== sizes.length) throw new Error(`a tap took ${report.apdus} commands, not ${sizes.length}`);
      if (i >= 2 && start < settled) continue; // the compiler is still at work
      times.inProcess.push(between - start);
      times.tap.push(report.total / 1e6);
      times.withPowerUp.push(performance.now() - between);
    }
    return {
      sizes,
      commands: sizes.length,
      inProcessMillis: median(times.inProcess),
      tapMillis: median(times.tap),
      tapWithPowerUpMillis: median(times.withPowerUp),
    };
  } finally {
    await onReader.close();
    await band.stop();
  }
}

/** Bytes of each response of the same tap, from a trace. */
async function responsesOfATap(): Promise<readonly number[]> {
  const tracer = memoryTrace();
  const bench = await openBench({ seed: "7", tracer });
  const device = await bench.open("emu:band-s1");
  await bench.provision(device, "k2-credit");
  await bench.tap(device, REQUEST);
  return contactlessExchanges(tracer.records).map(({ response }) => response.length);
}
