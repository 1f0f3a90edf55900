import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openTrace } from "../../src/trace/open.js";
import { transferTrace } from "../../src/trace/transfer.js";

/** Exchanges of a published test tap (github:binaryfoo/emv-bertlv contactless-mastercard), the records shortened. */
const TAP = [
  ["00A4040007A000000004101000", "6F1C8407A0000000041010A511500F505043204D434420303420207632309000"],
  ["80A8000002830000", "7716820259809410080101001001010118010200200102009000"],
  [
    "00B2011400",
    "703C57115413330089600044D141220101234091725A0854133300896000445F24031412315F25030401015F280200565F3401018C0C9F02069F03069F0902955F9000",
  ],
] as const;

const EXCHANGES = 100_000;
const ROUNDS = 3;

/** Of a process of its own, so that nothing else counts: time in milliseconds, memory of the whole process in megabytes. */
interface Measured {
  readonly count: number;
  readonly millis: number;
  readonly cpuMillis: number;
  readonly megabytes: number;
}

/**
 * Brings a pasted log of 100,000 exchanges with times in: into a masked trace file, and into memory as `trace show` does. The best of three rounds in
 * time, the worst in memory. For the benchmark `inspect`; bars: `importMillis` at most 4000, `importMegabytes` at most 300.
 */
export async function measureImport(): Promise<{
  readonly importMillis: number;
  readonly importCpuMillis: number;
  readonly importMegabytes: number;
  readonly openMillis: number;
  readonly openMegabytes: number;
}> {
  const folder = await mkdtemp(join(tmpdir(), "tapbench-bench-"));
  try {
    const log = join(folder, "pasted.log");
    await writeLog(log);
    const run = async (what: "import" | "open"): Promise<Measured> => {
      const argv = [fileURLToPath(import.meta.url), what, log, join(folder, "trace.jsonl")];
      const { stdout } = await promisify(execFile)(process.execPath, argv, { timeout: 120_000 });
      const measured = JSON.parse(stdout) as Measured;
      if (measured.count !== EXCHANGES) throw new Error(`${what} gave ${measured.count} exchanges, not ${EXCHANGES}`);
      return measured;
    };
    const rounds = { import: [] as Measured[], open: [] as Measured[] };
    for (let i = 0; i < ROUNDS; i++) for (const what of ["import", "open"] as const) rounds[what].push(await run(what));
    const best = (list: readonly Measured[], key: "millis" | "cpuMillis" = "millis"): number =>
      Math.min(...list.map((each) => each[key]));
    const worst = (list: readonly Measured[]): number => Math.max(...list.map(({ megabytes }) => megabytes));
    return {
      importMillis: best(rounds.import),
      importCpuMillis: best(rounds.import, "cpuMillis"),
      importMegabytes: worst(rounds.import),
      openMillis: best(rounds.open),
      openMegabytes: worst(rounds.open),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function writeLog(path: string): Promise<void> {
  const file = await open(path, "w");
  try {
    let chunk = "";
    for (let i = 0; i < EXCHANGES; i++) {
      const [command, response] = TAP[i % TAP.length]!;
      chunk += `[${clock(i * 15)}] reader > ${command}\n[${clock(i * 15 + 12)}] reader < ${response}\n`;
      if (chunk.length < 1 << 20) continue;
      await file.write(chunk);
      chunk = "";
    }
    await file.write(chunk);
  } finally {
    await file.close();
  }
}

const clock = (millis: number): string => new Date(millis).toISOString().slice(11, 23);

async function measured(what: string, log: string, to: string): Promise<Measured> {
  const source = (): AsyncIterable<Uint8Array> => createReadStream(log);
  const start = performance.now();
  const before = process.cpuUsage();
  const count =
    what === "import" ? (await transferTrace(source, to)).exchanges : (await openTrace(source())).records.length;
  const millis = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  return { count, millis, cpuMillis: (user + system) / 1000, megabytes: process.resourceUsage().maxRSS / 1024 };
}

const [, main, what = "", log = "", to = ""] = process.argv;
if (main === fileURLToPath(import.meta.url)) process.stdout.write(JSON.stringify(await measured(what, log, to)));
