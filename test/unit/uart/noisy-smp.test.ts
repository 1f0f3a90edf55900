import { describe, expect, test } from "vitest";
import { Sim } from "../../../emulator/sim/sim.js";
import { UartLine } from "../../../emulator/uart/line.js";
import { consoleFraming } from "../../../src/protocols/smp/console-frames.js";
import { rawFraming } from "../../../src/protocols/smp/raw-frames.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { framerOf, type Framer } from "../../../src/util/framing.js";
import { seededRandom } from "../../../src/util/random.js";
import { MS } from "../../../src/util/time.js";

// OS echo of "hello" by hand, as in the tests of the framings.
const ECHO = unhex("0A00000900000100A161646568656C6C6F");
const ROUNDS = 500;

/** How many of `ROUNDS` messages, 50 ms from one to the next, arrive over a line that damages and loses bytes; and what else does. */
function overNoise(framer: () => Framer, seed: string) {
  const sim = new Sim();
  const [sender, receiver] = [framer(), framer()];
  const heard: string[] = [];
  const uart = new UartLine(sim, { baud: 115_200, noise: 0.003, loss: 0.002, random: seededRandom(seed) }, (bytes) =>
    heard.push(...receiver.receive(bytes, sim.now).messages.map(hex)),
  );
  for (let i = 0; i < ROUNDS; i++) {
    uart.send(sender.encode(ECHO));
    sim.runUntil(sim.now + 50 * MS);
  }
  const good = heard.filter((message) => message === hex(ECHO)).length;
  return { good, others: heard.length - good, counters: uart.counters };
}

describe("messages over a noisy UART", () => {
  test("console frames: none is changed, and those without a damaged byte arrive", () => {
    const { good, others, counters } = overNoise(() => framerOf(consoleFraming()), "7");
    expect(others).toBe(0);
    // 31 bytes, each good with probability 0.995: 85.6 % of 500 are 428; five standard deviations are 39.
    expect(Math.abs(good - 428)).toBeLessThan(39);
    expect(counters.damaged + counters.lost).toBeGreaterThan(40);
  });
  test("raw frames: nothing checks them, so some are changed, and a pause lets the next one be heard", () => {
    const { good } = overNoise(() => framerOf(rawFraming({ timeOut: 20 * MS, maxMessage: 2048 })), "7");
    // 17 bytes: 91.8 % of 500 are 459; five standard deviations are 31.
    expect(Math.abs(good - 459)).toBeLessThan(31);
  });
});
