import { concat } from "../util/bytes.js";
import type { TraceHeader } from "../trace/header.js";
import type { ApduRecord, TraceRecord } from "../util/tracer.js";

/** A command and its answer, as bytes. What recorded taps and traces have in common. */
export interface Exchange {
  readonly command: Uint8Array;
  readonly response: Uint8Array;
}

/**
 * The interface on which a trace has its taps: the contactless one, and the wired one for logs of other tools in which all exchanges are on it. In traces of
 * ours, wired exchanges put cards into devices.
 */
export function tappedInterface({ source }: TraceHeader, records: Iterable<TraceRecord>): ApduRecord["via"] {
  if (source === undefined) return "contactless";
  let via: ApduRecord["via"] = "contactless";
  for (const record of records) {
    if (record.layer !== "apdu") continue;
    if (record.via === "contactless") return "contactless";
    via = "wired";
  }
  return via;
}

/** The exchanges of one interface, in order. */
export function exchangesOver(via: ApduRecord["via"], records: Iterable<TraceRecord>): Exchange[] {
  const found: Exchange[] = [];
  for (const record of records)
    if (record.layer === "apdu" && record.via === via)
      found.push({ command: record.command, response: record.response });
  return found;
}

/** Those of the contactless one. */
export const contactlessExchanges = (records: Iterable<TraceRecord>): Exchange[] =>
  exchangesOver("contactless", records);

const GET_RESPONSE = 0xc0;

/** Puts answers together that came in parts: GET RESPONSE after 61xx, the repeated command after 6Cxx (ISO/IEC 7816-4 5.3.4). */
export function wholeExchanges(exchanges: Iterable<Exchange>): Exchange[] {
  const whole: Exchange[] = [];
  for (const exchange of exchanges) {
    const last = whole.at(-1);
    const sw1 = last && last.response.length >= 2 ? last.response[last.response.length - 2]! : 0;
    if (last && sw1 === 0x61 && exchange.command[1] === GET_RESPONSE)
      whole[whole.length - 1] = {
        command: last.command,
        response: concat(last.response.subarray(0, -2), exchange.response),
      };
    else if (last && sw1 === 0x6c && exchange.command[1] === last.command[1]) whole[whole.length - 1] = exchange;
    else whole.push(exchange);
  }
  return whole;
}
