import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { IMPORTS } from "../../src/trace/open.js";
import type { Imported, ImportFormat } from "../../src/trace/import/format.js";
import { hex } from "../../src/util/bytes.js";
import type { TraceRecord } from "../../src/util/tracer.js";

/** Logs of other tools, typed in, and the format that each of them is. */
export const SAMPLES: Readonly<Record<string, string>> = {
  "pasted-arrows": "apdu-log",
  "pasted-labels": "apdu-log",
  "pasted-broken": "apdu-log",
  apdu4j: "globalplatformpro",
  globalplatformpro: "globalplatformpro",
  "nci-hce": "nci-log",
  "nci-reader": "nci-log",
  "pcsc-spy": "pcsc-spy",
  proxmark3: "proxmark3",
  "proxmark3-us": "proxmark3",
};

export const samplePath = (name: string): string =>
  fileURLToPath(new URL(`../unit/trace/import/samples/${name}.txt`, import.meta.url));

export const sampleBytes = (name: string): Uint8Array => new Uint8Array(readFileSync(samplePath(name)));

export const formatNamed = (name: string): ImportFormat => IMPORTS.find((each) => each.name === name)!;

/** What an importer makes of a file that comes in pieces. */
export interface Brought extends Imported {
  readonly records: readonly TraceRecord[];
  /** Command and response of each exchange, as hex. */
  readonly exchanges: readonly string[];
}

export function bringIn(format: ImportFormat, pieces: Iterable<Uint8Array>): Brought {
  const records: TraceRecord[] = [];
  const importer = format.start((record) => void records.push(record));
  for (const piece of pieces) importer.push(piece);
  const told = importer.end();
  const exchanges = records.flatMap((record) =>
    record.layer === "apdu" ? [`${hex(record.command)} ${hex(record.response)}`] : [],
  );
  return { ...told, records, exchanges };
}

const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));

/** The same for text. */
export const bringInText = (name: string, text: string): Brought => bringIn(formatNamed(name), [latin1(text)]);
