import type { ApduRecord } from "../util/tracer.js";
import { maskApdus, pansInApdus, type MaskedApdu } from "./mask-apdu.js";
import { blank, knownPans } from "./sensitive.js";

export interface LiveMask {
  /** One exchange more. Returns what can be shown now: nothing while data is spread over exchanges that are still to come. */
  push(exchange: MaskedApdu): readonly MaskedApdu[];
  /** What is left, at the end. */
  flush(): readonly MaskedApdu[];
}

/** PC/SC readers answer this class themselves. */
const CLA_READER = 0xff;
const INS_STORE_DATA = 0xe2;
const MAX_WAITING = 256;

/** Masks exchanges as they come, as `maskApdus` does afterwards. `pans`: those that are known before; it learns those that it meets. */
export function liveMask(pans: Iterable<string>): LiveMask {
  const known = new Set(pans);
  let waiting: ApduRecord[] = [];
  const flush = (): readonly MaskedApdu[] => {
    const group = waiting;
    waiting = [];
    for (const pan of pansInApdus(group)) known.add(pan);
    return maskApdus(group, knownPans(known), false);
  };
  return {
    push(exchange) {
      if (exchange.command[0] === CLA_READER) return [...flush(), ownOfReader(exchange)];
      waiting.push({ layer: "apdu", at: 0, took: 0, via: "contactless", ...exchange });
      return goesOn(exchange) && waiting.length < MAX_WAITING ? [] : flush();
    },
    flush,
  };
}

/** More of the same command, or of its answer, is to come. */
function goesOn({ command, response }: MaskedApdu): boolean {
  const [cla = 0, ins = 0, p1 = 0] = command;
  if (response.at(-2) === 0x61) return true;
  return ins === INS_STORE_DATA ? (p1 & 0x80) === 0 : (cla & 0x10) !== 0;
}

/** What a reader is told may be keys; what it answers is not about the account. */
function ownOfReader({ command, response }: MaskedApdu): MaskedApdu {
  const shown = Uint8Array.from(command);
  blank(shown, 5);
  return { command: shown, response };
}
