import { expect, test } from "vitest";
import { activateTypeA } from "../../src/protocols/iso14443/poller.js";
import { leastAirTime } from "../../src/protocols/iso14443/timing.js";
import { describeVectors } from "../support/vectors.js";
import { field, READER } from "../unit/iso14443/kit.js";

interface Row {
  readonly log: string;
  readonly apdus: number;
  readonly bytes_c: number;
  readonly bytes_r: number;
  readonly min_ms_106: number;
  readonly min_ms_212: number;
  readonly min_ms_424: number;
  readonly min_ms_848: number;
}
interface Data {
  readonly rows: readonly Row[];
}

/** APDUs over 253 bytes need a second block. M/Chip: the record with the issuer certificate; contact: two long commands. */
const CHAINED: Readonly<Record<string, number>> = {
  "bertlv-contactless-mastercard": 1,
  "bertlv-contact-mastercard": 2,
};

/** The file gives sums only. Time is linear in bytes and blocks, so any split into that many APDUs and blocks takes as long. */
function split(sum: number, parts: number, long = 0): number[] {
  const longs = Array.from({ length: long }, () => 300);
  const left = parts - long;
  const part = Math.floor((sum - 300 * long) / left);
  const shorts = Array.from({ length: left }, (_, i) => (i < left - 1 ? part : sum - 300 * long - part * (left - 1)));
  return [...longs, ...shorts];
}

function apdusOf({ log, apdus, bytes_c, bytes_r }: Row): { command: number; response: number }[] {
  const long = CHAINED[log] ?? 0;
  const commandsAreLong = bytes_c > bytes_r;
  const responses = split(bytes_r, apdus, commandsAreLong ? 0 : long);
  return split(bytes_c, apdus, commandsAreLong ? long : 0).map((command, i) => ({ command, response: responses[i]! }));
}

const RATES = [1, 2, 4, 8] as const;
const figure = (row: Row, rate: (typeof RATES)[number]): number =>
  ({ 1: row.min_ms_106, 2: row.min_ms_212, 4: row.min_ms_424, 8: row.min_ms_848 })[rate];

/**
 * The file counts no PPS; a simulated tap above 106 kbit/s has one: 5 and 3 bytes at 106 kbit/s, (47 + 29) * 128/fc, and two delays of
 * 1236/fc and 6780/fc: 17,744/fc.
 */
const PPS_MS = 1.308_555;

describeVectors<Data>("timing_min_onair", ({ rows }) => {
  test.each(rows)("$log: the formula agrees with the file to a tenth of a millisecond", (row) => {
    for (const rate of RATES) {
      const ms = leastAirTime(apdusOf(row), rate) / 1e6;
      expect(Math.abs(ms - figure(row, rate)), `${rate * 106} kbit/s: ${ms}`).toBeLessThanOrEqual(0.0501);
    }
  });

  test.each(rows)("$log: a simulated tap without computing takes as long, within 1 %", (row) => {
    const apdus = apdusOf(row);
    for (const rate of RATES) {
      let next = 0;
      const app = () => ({ response: new Uint8Array(apdus[next++]!.response), took: 0 });
      const rates = rate === 1 ? [1 as const] : ([1, rate] as const);
      // An ATS of six bytes, as the file assumes: one historical byte.
      const card = { toCard: rates, toReader: rates, sameRates: false, historical: Uint8Array.of(0x80) };
      const world = field([{ uid: "08FEE4EC", card, app }]);
      const { link, ats } = world.run(activateTypeA({ ...READER, maxRate: rate }));
      expect(ats).toHaveLength(6);
      for (const { command } of apdus) world.run(link.exchange(new Uint8Array(command)));
      const frames = world.frames();
      const [first, last] = [frames[0]!, frames.at(-1)!];
      // The file counts the delay after the last answer, too.
      const ms = (last.at + last.took + 500_000 - first.at) / 1e6 - (rate === 1 ? 0 : PPS_MS);
      expect(Math.abs(ms / figure(row, rate) - 1), `${rate * 106} kbit/s: ${ms}`).toBeLessThan(0.01);
    }
  });
});
