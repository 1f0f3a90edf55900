import { unhex } from "../util/bytes.js";
import { isTapbenchError } from "../util/errors.js";
import { inspectError } from "./errors.js";
import type { Exchange } from "./exchanges.js";

/** A tap that another tool recorded: APDUs only, without times or frames. */
export interface RecordedTap {
  readonly name: string;
  readonly exchanges: readonly Exchange[];
}

const MAX_CHARACTERS = 16 << 20;
const MAX_EXCHANGES = 100_000;

/** Whether the text looks like `{ "exchanges": [...] }` on one or many lines, and not like a trace of ours. */
export const looksLikeTap = (text: string): boolean => /^\s*\{/.test(text) && /"exchanges"\s*:/.test(text);

/**
 * Reads `{ "name": ..., "exchanges": [{ "c": hex, "r": hex }, ...] }`; other keys are left alone.
 * @throws `inspect/too-large`, `inspect/bad-tap` with the number of the exchange, `inspect/no-exchanges`
 */
export function importTap(text: string): RecordedTap {
  if (text.length > MAX_CHARACTERS)
    throw inspectError("too-large", `a recorded tap of ${text.length} characters; ${MAX_CHARACTERS} are the limit`, {
      length: text.length,
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw inspectError("bad-tap", `the recorded tap is not JSON: ${(error as Error).message}`, {}, error);
  }
  const fields = (typeof value === "object" && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  const list = fields["exchanges"];
  if (!Array.isArray(list)) throw inspectError("bad-tap", 'a recorded tap has a list "exchanges" of { "c", "r" }', {});
  if (list.length === 0) throw inspectError("no-exchanges", "the recorded tap has no exchanges", {});
  if (list.length > MAX_EXCHANGES)
    throw inspectError("too-large", `a recorded tap of ${list.length} exchanges; ${MAX_EXCHANGES} are the limit`, {
      exchanges: list.length,
    });
  const name = typeof fields["name"] === "string" ? fields["name"] : "";
  return { name, exchanges: list.map((entry, index) => exchangeOf(entry, index + 1)) };
}

function exchangeOf(entry: unknown, number: number): Exchange {
  const fields = (typeof entry === "object" && entry !== null ? entry : {}) as Readonly<Record<string, unknown>>;
  const part = (key: "c" | "r", least: number): Uint8Array => {
    const text = fields[key];
    const what = key === "c" ? "command" : "response";
    if (typeof text !== "string")
      throw inspectError("bad-tap", `exchange ${number} has no ${what}: "${key}" should be a hex string`, {
        exchange: number,
        key,
      });
    let bytes: Uint8Array;
    try {
      bytes = unhex(text);
    } catch (error) {
      if (!isTapbenchError(error)) throw error;
      throw inspectError(
        "bad-tap",
        `the ${what} of exchange ${number}: ${error.message}`,
        { ...error.context, exchange: number, key },
        error,
      );
    }
    if (bytes.length < least)
      throw inspectError(
        "bad-tap",
        `the ${what} of exchange ${number} has ${bytes.length} bytes; ${least} are the least`,
        { exchange: number, key },
      );
    return bytes;
  };
  return { command: part("c", 4), response: part("r", 2) };
}
