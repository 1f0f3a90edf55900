import { ascii, hex } from "../util/bytes.js";
import type { ApduRecord, TraceRecord } from "../util/tracer.js";

const DIRECTORY = hex(ascii("2PAY.SYS.DDF01"));
const INS_SELECT = 0xa4;

export const isContactless = (record: TraceRecord): record is ApduRecord =>
  record.layer === "apdu" && record.via === "contactless";

const isSelect = (record: TraceRecord): boolean => isContactless(record) && record.command[1] === INS_SELECT;
const isDirectory = (record: TraceRecord): boolean =>
  isContactless(record) && record.command[1] === INS_SELECT && hex(record.command.subarray(5)).startsWith(DIRECTORY);

/**
 * The records of the last tap: from where a terminal said that a payment begins, else from the field on, else, in logs of APDUs, from the
 * selection of the directory or of the first application. All of them where none of that is there.
 */
export function lastTap(records: readonly TraceRecord[]): readonly TraceRecord[] {
  const begin = records.findLastIndex((record) => record.layer === "terminal" && record.rule === "terminal.begin");
  if (begin >= 0) return records.slice(begin);
  const onAir = records.findLastIndex((record) => record.layer === "frame" || isContactless(record));
  if (onAir < 0) return records;
  const on = records.slice(0, onAir).findLastIndex((record) => record.layer === "field" && record.on);
  if (on >= 0) return records.slice(on);
  const directory = records.findLastIndex(isDirectory);
  if (directory >= 0) return records.slice(directory);
  let select = records.findLastIndex(isSelect);
  while (select > 0 && isSelect(records[select - 1]!)) select--; // candidates that were refused before
  return records.slice(Math.max(0, select));
}
