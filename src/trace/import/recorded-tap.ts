import { unhex } from "../../util/bytes.js";
import { isTapbenchError } from "../../util/errors.js";
import type { ApduRecord } from "../../util/tracer.js";
import { traceError } from "../errors.js";
import type { ImportFormat } from "./format.js";

/** A tap that another tool recorded: APDUs only, without times or frames. */
export interface RecordedTap {
  readonly name: string;
  readonly exchanges: readonly Pick<ApduRecord, "command" | "response">[];
}

const MAX_CHARACTERS = 16 << 20;
const MAX_EXCHANGES = 100_000;

/** Whether the text looks like `{ "exchanges": [...] }` on one or many lines, and not like a trace of ours. */
const looksLikeTap = (text: string): boolean => /^\s*\{/.test(text) && /"exchanges"\s*:/.test(text);

/** A tap in one JSON document. */
export const recordedTap: ImportFormat = {
  name: "recorded-tap",
  title: "recorded tap, JSON",
  recognises: (head) => looksLikeTap(Buffer.from(head).toString("latin1")),
  start(onRecord) {
    const decoder = new TextDecoder("utf-8");
    let text = "";
    return {
      push(piece) {
        text += decoder.decode(piece, { stream: true });
        if (text.length > MAX_CHARACTERS) throw tooLong(text.length);
      },
      end() {
        const { name, exchanges } = importTap(text + decoder.decode());
        for (const exchange of exchanges) onRecord({ layer: "apdu", at: 0, took: 0, ...exchange, via: "contactless" });
        return { name, observed: { times: "none", frames: false }, remarks: [] };
      },
    };
  },
};

const tooLong = (length: number): Error =>
  traceError("too-large", `a recorded tap has at most ${MAX_CHARACTERS} characters of JSON; split the file`, {
    length,
  });

/**
 * Reads `{ "name": ..., "exchanges": [{ "c": hex, "r": hex }, ...] }`; other keys are left alone.
 * @throws `trace/too-large`, `trace/bad-tap` with the number of the exchange, `trace/no-exchanges`
 */
export function importTap(text: string): RecordedTap {
  if (text.length > MAX_CHARACTERS) throw tooLong(text.length);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw traceError("bad-tap", `the recorded tap is not JSON: ${(error as Error).message}`, {}, error);
  }
  const fields = (typeof value === "object" && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  const list = fields["exchanges"];
  if (!Array.isArray(list)) throw traceError("bad-tap", 'a recorded tap has a list "exchanges" of { "c", "r" }', {});
  if (list.length === 0) throw traceError("no-exchanges", "the recorded tap has no exchanges", {});
  if (list.length > MAX_EXCHANGES)
    throw traceError("too-large", `a recorded tap of ${list.length} exchanges; ${MAX_EXCHANGES} are the limit`, {
      exchanges: list.length,
    });
  const name = typeof fields["name"] === "string" ? fields["name"] : "";
  return { name, exchanges: list.map((entry, index) => exchangeOf(entry, index + 1)) };
}

function exchangeOf(entry: unknown, number: number): RecordedTap["exchanges"][number] {
  const fields = (typeof entry === "object" && entry !== null ? entry : {}) as Readonly<Record<string, unknown>>;
  const part = (key: "c" | "r", least: number): Uint8Array => {
    const text = fields[key];
    const what = key === "c" ? "command" : "response";
    if (typeof text !== "string")
      throw traceError("bad-tap", `exchange ${number} has no ${what}: "${key}" should be a hex string`, {
        exchange: number,
        key,
      });
    let bytes: Uint8Array;
    try {
      bytes = unhex(text);
    } catch (error) {
      if (!isTapbenchError(error)) throw error;
      throw traceError(
        "bad-tap",
        `the ${what} of exchange ${number}: ${error.message}`,
        { ...error.context, exchange: number, key },
        error,
      );
    }
    if (bytes.length < least)
      throw traceError(
        "bad-tap",
        `the ${what} of exchange ${number} has ${bytes.length} bytes; ${least} are the least`,
        { exchange: number, key },
      );
    return bytes;
  };
  return { command: part("c", 4), response: part("r", 2) };
}
