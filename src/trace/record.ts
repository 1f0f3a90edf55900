import { hex, unhex } from "../util/bytes.js";
import { isTapbenchError } from "../util/errors.js";
import type { ApduRecord, FieldRecord, FrameRecord, RuleRecord, TraceRecord } from "../util/tracer.js";
import { traceError } from "./errors.js";

/** One record as one line of JSON, keys always in the same order, bytes as upper-case hex, times as whole nanoseconds. */
export function encodeRecord(record: TraceRecord): string {
  switch (record.layer) {
    case "field":
      return JSON.stringify({ layer: record.layer, at: record.at, on: record.on });
    case "frame":
      return JSON.stringify({
        layer: record.layer,
        at: record.at,
        took: record.took,
        from: record.from,
        bytes: hex(record.bytes),
        bits: record.bits,
        kbps: record.kbps,
        fault: record.fault,
      });
    case "apdu":
      return JSON.stringify({
        layer: record.layer,
        at: record.at,
        took: record.took,
        command: hex(record.command),
        response: hex(record.response),
        compute: record.compute,
        via: record.via,
      });
    default:
      return JSON.stringify({
        layer: record.layer,
        at: record.at,
        rule: record.rule,
        says: record.says,
        data: record.data,
      });
  }
}

type Fields = Readonly<Record<string, unknown>>;

class Unfit extends Error {}

const need = <T>(fields: Fields, name: string, what: string, fits: (value: unknown) => value is T): T => {
  const value = fields[name];
  if (!fits(value)) throw new Unfit(`"${name}" is not ${what}`);
  return value;
};

const isTime = (value: unknown): value is number => typeof value === "number" && Number.isSafeInteger(value);
const isCount = (value: unknown): value is number => isTime(value) && value >= 0;
const isRate = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value) && value > 0;
const isText = (value: unknown): value is string => typeof value === "string";
const isFlag = (value: unknown): value is boolean => typeof value === "boolean";
const oneOf =
  <const T extends string>(...words: readonly T[]) =>
  (value: unknown): value is T =>
    words.includes(value as T);

const time = (fields: Fields, name: string): number => need(fields, name, "a time in whole nanoseconds", isTime);
const bytes = (fields: Fields, name: string): Uint8Array => {
  const text = need(fields, name, "a hex string", isText);
  try {
    return unhex(text);
  } catch (error) {
    if (isTapbenchError(error)) throw new Unfit(`"${name}" is not hex`);
    throw error;
  }
};

const field = (f: Fields): FieldRecord => ({
  layer: "field",
  at: time(f, "at"),
  on: need(f, "on", "true or false", isFlag),
});

function frame(f: Fields): FrameRecord {
  const fault =
    f.fault === undefined ? undefined : need(f, "fault", "a known fault", oneOf("lost", "corrupted", "collision"));
  const record: FrameRecord = {
    layer: "frame",
    at: time(f, "at"),
    took: time(f, "took"),
    from: need(f, "from", '"pcd" or "picc"', oneOf("pcd", "picc")),
    bytes: bytes(f, "bytes"),
    bits: need(f, "bits", "a count", isCount),
    kbps: need(f, "kbps", "a bit rate", isRate),
    ...(fault !== undefined && { fault }),
  };
  if (record.bits > record.bytes.length * 8) throw new Unfit('"bits" is more than the bytes hold');
  return record;
}

const apdu = (f: Fields): ApduRecord => ({
  layer: "apdu",
  at: time(f, "at"),
  took: time(f, "took"),
  command: bytes(f, "command"),
  response: bytes(f, "response"),
  ...(f.compute !== undefined && { compute: time(f, "compute") }),
  via: need(f, "via", '"contactless" or "wired"', oneOf("contactless", "wired")),
});

const isData = (value: unknown): value is Record<string, string | number | boolean> =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((entry) => isText(entry) || isFlag(entry) || typeof entry === "number");

const rule = (f: Fields, layer: RuleRecord["layer"]): RuleRecord => ({
  layer,
  at: time(f, "at"),
  rule: need(f, "rule", "a name", isText),
  says: need(f, "says", "a sentence", isText),
  ...(f.data !== undefined && { data: need(f, "data", "an object of words and numbers", isData) }),
});

/**
 * One line back to its record; keys that are not known are left out. Nothing comes back for a layer that is not known.
 * @throws `trace/bad-line` when it is no JSON object, `trace/bad-record` when a field does not fit
 */
export function decodeRecord(line: string, lineNumber: number): TraceRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw traceError("bad-line", `line ${lineNumber} is not JSON`, { line: lineNumber }, error);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw traceError("bad-line", `line ${lineNumber} is not a JSON object`, { line: lineNumber });
  const fields = value as Fields;
  try {
    switch (fields.layer) {
      case "field":
        return field(fields);
      case "frame":
        return frame(fields);
      case "apdu":
        return apdu(fields);
      case "entry":
      case "kernel":
      case "terminal":
      case "issuer":
      case "wallet":
        return rule(fields, fields.layer);
      default:
        return undefined;
    }
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    throw traceError("bad-record", `line ${lineNumber}: ${error.message}`, { line: lineNumber });
  }
}
