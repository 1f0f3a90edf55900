import type { TraceHeader } from "../../../../src/trace/header.js";
import { traceHeader } from "../../../../src/trace/header.js";
import { accountOf } from "../../../../src/inspect/diff/read-account.js";
import type { Account } from "../../../../src/inspect/diff/account.js";
import { crcFrame } from "../../../../src/protocols/iso14443/frame.js";
import { unhex } from "../../../../src/util/bytes.js";
import type { ApduRecord, FrameRecord, RuleRecord, TraceRecord } from "../../../../src/util/tracer.js";

/*
 * A tap typed by hand after EMV 4.3 Book 3: no code of ours made its bytes, so that a changed byte is known to be what it is said to be.
 */

const MS = 1_000_000;

/** One exchange as it is typed: command, answer, milliseconds. */
export type Typed = readonly [command: string, response: string, ms?: number];

/** Spaces are for reading. */
const typed = (command: string, response: string): Typed => [command.replaceAll(" ", ""), response.replaceAll(" ", "")];

export const PPSE = typed("00A40400 0E 325041592E5359532E4444463031 00", "6F10 840E325041592E5359532E4444463031 9000");
/** PDOL: 9F66 (4), 9F37 (4). */
export const SELECT = typed(
  "00A40400 07 A0000000041010 00",
  "6F1D 8407A0000000041010 A512 500754455354494E47 9F38069F66049F3704 9000",
);
/** AIP 1980, AFL: SFI 1, records 1 and 2. */
export const GPO = typed("80A80000 0A 8308 B6204000 11223344 00", "770A 82021980 940408010200 9000");
/** Expires 2030-12-31; usage control FF00. */
export const RECORD_1 = typed("00B2010C 00", "700B 5F2403301231 9F0702FF00 9000");
/** CDOL1: 9F02 (6), 95 (5), 9A (3), 9F37 (4). */
export const RECORD_2 = typed("00B2020C 00", "700C 8C0A 9F0206 9505 9A03 9F3704 9000");
/** EUR 12.50, TVR 0000008000, 2026-06-15. ARQC, ATC 1, issuer application data of 18 bytes. */
export const GENERATE_AC = typed(
  "80AE8000 12 000000001250 0000008000 260615 11223344 00",
  "7729 9F270180 9F36020001 9F26080102030405060708 9F1012 0110 A00000000000 0000 0000000000000000 9000",
);

export const TAP: readonly Typed[] = [PPSE, SELECT, GPO, RECORD_1, RECORD_2, GENERATE_AC];

/** The same typed exchange with some digits replaced; fails where they are not in it. */
export function changed(typed: Typed, ...replacements: readonly (readonly [from: string, to: string])[]): Typed {
  let [command, response] = typed;
  for (const [from, to] of replacements) {
    const before = command + response;
    if (command.includes(from)) command = command.replace(from, to);
    else response = response.replace(from, to);
    if (command + response === before) throw new Error(`${from} is not in it`);
  }
  return typed[2] === undefined ? [command, response] : [command, response, typed[2]];
}

/** Exchanges 10 ms apart, each 5 ms long unless typed otherwise. */
export const exchanges = (typed: readonly Typed[], from = 0): ApduRecord[] =>
  typed.map(([command, response, ms = 5], index) => ({
    layer: "apdu",
    at: from + index * 10 * MS,
    took: Math.round(ms * MS),
    command: unhex(command),
    response: unhex(response),
    via: "contactless",
  }));

export const rule = (
  layer: RuleRecord["layer"],
  name: string,
  says: string,
  data?: RuleRecord["data"],
  at = 0,
): RuleRecord => ({ layer, at, rule: name, says, ...(data && { data }) });

/** A frame with its CRC_A. */
export const frame = (
  at: number,
  from: "pcd" | "picc",
  payload: string,
  more: Partial<Pick<FrameRecord, "fault" | "kbps">> = {},
): FrameRecord => {
  const { bytes, bits } = crcFrame(unhex(payload));
  return { layer: "frame", at, took: 1000, from, bytes, bits, kbps: 106, ...more };
};

export const MEASURED: TraceHeader["observed"] = { times: "measured", frames: false };
export const SIMULATED: TraceHeader["observed"] = { times: "simulated", frames: true };

export const account = (
  records: readonly TraceRecord[],
  observed: TraceHeader["observed"] = MEASURED,
  masked = false,
): Account =>
  accountOf({ header: traceHeader({ seed: "", profile: "", configuration: "", observed }, masked), records });

/** What `account` makes of typed exchanges. */
export const tapOf = (...typed: readonly Typed[]): Account => account(exchanges(typed));
