import { openBench, type Bench } from "../../src/bench/bench.js";
import type { CardBenchDevice } from "../../src/bench/pcsc.js";
import { memoryTrace, type MemoryTrace } from "../../src/trace/memory.js";
import type { PcscDriver } from "../../src/transport/pcsc/driver.js";
import { nativePcsc } from "../../src/transport/pcsc/native-driver.js";
import type { Pcscd } from "./pcscd.js";

/** Called around each command that goes to a card, by its number in the tap: 1 is the first. */
export interface Meddler {
  before?: (count: number) => void | Promise<void>;
  after?: (count: number) => void | Promise<void>;
  count: number;
}

/** The native driver of a test's own pcscd, with somebody who can meddle between commands. */
export function meddledPcsc(pcscd: Pcscd, meddler: Meddler): PcscDriver {
  const driver = nativePcsc({ socket: pcscd.socket });
  return {
    ...driver,
    open: async (events, signal) => {
      const client = await driver.open(events, signal);
      return {
        ...client,
        async transmit(reader, apdu, room) {
          const count = ++meddler.count;
          await meddler.before?.(count);
          const response = await client.transmit(reader, apdu, room);
          await meddler.after?.(count);
          return response;
        },
      };
    },
  };
}

export interface BenchOnPcscd {
  readonly bench: Bench;
  readonly device: CardBenchDevice;
  readonly trace: MemoryTrace;
  readonly meddler: Meddler;
}

/** A bench of that seed with a reader of this pcscd open. Close the device. */
export async function benchOnPcscd(pcscd: Pcscd, seed: string, spec = "pcsc:00 00"): Promise<BenchOnPcscd> {
  const trace = memoryTrace();
  const meddler: Meddler = { count: 0 };
  const bench = await openBench({ seed, tracer: trace, pcsc: meddledPcsc(pcscd, meddler) });
  const device = await bench.open(spec);
  if (device.kind !== "card") throw new Error(`${spec} is no reader`);
  return { bench, device, trace, meddler };
}

export const SHOP = { amount: 1250n, terminal: "shop" } as const;
