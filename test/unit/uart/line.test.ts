import { describe, expect, test } from "vitest";
import { Sim } from "../../../emulator/sim/sim.js";
import { UartLine, type LineOptions } from "../../../emulator/uart/line.js";
import { concat, hex } from "../../../src/util/bytes.js";
import { seededRandom } from "../../../src/util/random.js";
import { MS, SECOND, US } from "../../../src/util/time.js";

const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);

function line(options: LineOptions) {
  const sim = new Sim();
  const arrived: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  const uart = new UartLine(sim, options, (bytes) => arrived.push({ at: sim.now, bytes }));
  const run = (): void => {
    while (sim.step());
  };
  return { sim, uart, arrived, run, all: () => concat(...arrived.map(({ bytes }) => bytes)) };
}

describe("a UART line", () => {
  // Ten bits a byte: 10 / 115,200 s = 86,805.56 ns a byte, which adds up to 868,055,556 ns for 10,000 bytes.
  test.each([
    [115_200, 1, 86_806],
    [115_200, 10_000, 868_055_556],
    [921_600, 10_000, 108_506_944],
    [9_600, 96, 100 * MS],
    [1_000_000, 1000, 10 * MS],
  ])("at %i baud, %i bytes take %i ns", (baud, count, time) => {
    const { sim, uart, run, all } = line({ baud });
    uart.send(counting(count));
    expect(uart.freeAt).toBe(time);
    run();
    expect(sim.now).toBe(time);
    expect(hex(all())).toBe(hex(counting(count)));
  });

  test("bytes that follow while it is busy lose no time, and a pause is a pause", () => {
    const { sim, uart, arrived, run } = line({ baud: 9600 });
    const byte = SECOND / 960;
    for (let i = 0; i < 3; i++) uart.send(Uint8Array.of(i));
    sim.runUntil(Math.round(2.5 * byte));
    uart.send(Uint8Array.of(3));
    run();
    sim.runUntil(SECOND);
    uart.send(Uint8Array.of(4));
    run();
    const times = [1, 2, 3, 4].map((n) => Math.round(n * byte));
    expect(arrived.map(({ at }) => at)).toEqual([...times, SECOND + Math.round(byte)]);
  });

  test("a receiver that is slow to look: what fits the FIFO is there, the rest is an overrun", () => {
    // 1 us a byte: within the 100 us of latency after the first, 100 more arrive.
    const { uart, arrived, run, all } = line({ baud: 10_000_000, fifo: 64, latency: 100 * US });
    uart.send(counting(101));
    run();
    expect(arrived.map(({ at, bytes }) => [at, bytes.length])).toEqual([[101 * US, 64]]);
    expect(hex(all())).toBe(hex(counting(64)));
    expect(uart.counters).toEqual({ delivered: 64, damaged: 0, lost: 0, overruns: 37, refused: 0 });
  });
  test("a receiver that is fast enough loses nothing", () => {
    const { uart, run, all } = line({ baud: 115_200, fifo: 16, latency: MS });
    uart.send(counting(5000));
    run();
    expect(hex(all())).toBe(hex(counting(5000)));
    expect(uart.counters.overruns).toBe(0);
  });

  test("noise and loss come from the seed, at about their rates", () => {
    const noisy = (seed: string) => {
      const { uart, run, all } = line({ baud: 115_200, noise: 0.01, loss: 0.02, random: seededRandom(seed) });
      uart.send(new Uint8Array(4000));
      run();
      return { text: hex(all()), counters: uart.counters };
    };
    const first = noisy("1");
    expect(noisy("1")).toEqual(first);
    expect(noisy("2").text).not.toBe(first.text);
    const { damaged, lost, delivered } = first.counters;
    expect(delivered + lost).toBe(4000);
    // Five standard deviations of a binomial count of 4,000.
    expect(Math.abs(lost - 80)).toBeLessThan(45);
    expect(Math.abs(damaged - 39)).toBeLessThan(32);
    // One bit each.
    expect(first.text.replace(/[^1248]/g, "")).toHaveLength(damaged);
    expect(first.text.replaceAll("0", "")).toHaveLength(damaged);
  });

  test("the sender's buffer is bounded", () => {
    const { uart, run, all } = line({ baud: 1_000_000_000 });
    uart.send(new Uint8Array(1_500_000));
    uart.send(Uint8Array.of(1));
    expect(uart.counters.refused).toBe(1_500_001 - 1_048_576);
    uart.clear();
    run();
    expect(all()).toHaveLength(0);
    uart.send(Uint8Array.of(7));
    run();
    expect(hex(all())).toBe("07");
  });
});
