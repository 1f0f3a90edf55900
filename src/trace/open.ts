import { concat } from "../util/bytes.js";
import { isTapbenchError, type TapbenchError } from "../util/errors.js";
import type { TraceRecord } from "../util/tracer.js";
import { traceHeader } from "./header.js";
import type { Imported, ImportFormat } from "./import/format.js";
import { recordedTap } from "./import/recorded-tap.js";
import { traceCollector, type ReadTrace } from "./reader.js";

/** What can be brought in besides traces of ours, in the order in which a file is tried. */
export const IMPORTS: readonly ImportFormat[] = [recordedTap];

/** A trace, whatever it was written by. */
export interface OpenedTrace extends ReadTrace {
  /** `tapbench`, or the name of a row of `IMPORTS`. */
  readonly format: string;
  /** What was odd and did not stop the reading. */
  readonly remarks: readonly string[];
}

const HEAD = 1 << 16;

/**
 * Reads a trace of ours, or what another tool recorded, told apart by what is in it. What could be read is returned, with the problem
 * that ended it.
 *
 * @throws `trace/not-a-trace` when it is no format that is known, `trace/newer-version`, and what an import throws before its first record
 */
export async function openTrace(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<OpenedTrace> {
  const head: Uint8Array[] = [];
  let length = 0;
  let reading: Reading | undefined;
  for await (const piece of source) {
    if (reading) {
      if (!reading.push(piece)) break;
      continue;
    }
    head.push(piece);
    length += piece.length;
    if (length < HEAD) continue;
    reading = begin(concat(...head));
    if (!reading.begun) break;
  }
  return (reading ?? begin(concat(...head))).end();
}

interface Reading {
  /** False once there is nothing more to read. */
  readonly begun: boolean;
  push(piece: Uint8Array): boolean;
  end(): OpenedTrace;
}

function begin(head: Uint8Array): Reading {
  const format = IMPORTS.find((each) => each.recognises(head.subarray(0, HEAD)));
  const reading = format ? importing(format) : ours();
  return { ...reading, begun: reading.push(head) };
}

function ours(): Omit<Reading, "begun"> {
  const collector = traceCollector();
  return { push: collector.push, end: () => ({ ...collector.end(), format: "tapbench", remarks: [] }) };
}

function importing(format: ImportFormat): Omit<Reading, "begun"> {
  const records: TraceRecord[] = [];
  const importer = format.start((record) => void records.push(record));
  let problem: TapbenchError | undefined;
  /** What was read before a problem is worth showing; without any of it, the problem is all there is to say. */
  const attempt = <T>(step: () => T): T | undefined => {
    try {
      return step();
    } catch (error) {
      if (!isTapbenchError(error) || records.length === 0) throw error;
      problem = error;
      return undefined;
    }
  };
  return {
    push(piece) {
      attempt(() => importer.push(piece));
      return problem === undefined;
    },
    end() {
      const told: Imported | undefined = problem ? undefined : attempt(() => importer.end());
      const stopped = problem ?? told?.problem;
      const observed = told?.observed ?? { times: "none", frames: records.some(({ layer }) => layer === "frame") };
      const identity = { seed: "", profile: told?.name ?? "", configuration: "", observed, source: format.name };
      return {
        header: traceHeader(identity, false),
        records,
        skipped: 0,
        format: format.name,
        remarks: told?.remarks ?? [],
        ...(stopped && { problem: stopped }),
      };
    },
  };
}
