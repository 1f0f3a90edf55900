import { entryPoint, type EntryInput, type EntryResult } from "../emv/entry/entry-point.js";
import type { CommandApdu, ResponseApdu } from "../protocols/iso7816/apdu.js";
import { exchange } from "../protocols/iso7816/poller.js";
import type { Frame } from "../protocols/iso14443/frame.js";
import type { TimedReply } from "../protocols/iso14443/isodep-poller.js";
import { activateTypeA, type ActivatedCard, type ReaderOptions } from "../protocols/iso14443/poller.js";
import { over, type Dialogue, type Reply } from "../util/dialogue.js";
import type { Nanos } from "../util/time.js";
import { terminalError } from "./errors.js";

/** Who wants to know of each APDU: a tracer, a fault plan. */
export interface TapObserver {
  /** A command is about to be sent. Returns what to call when it is over: with the reply, or without one when it failed. */
  command(apdu: Uint8Array): (reply?: TimedReply) => void;
}

export interface CardRead {
  readonly card: ActivatedCard;
  readonly result: EntryResult;
}

/**
 * One tap at the reader's end: activation, entry point, kernel, DESELECT. The field is on already; asking the issuer comes after.
 * Once a card is activated, what the link does is part of the outcome.
 *
 * @throws what activation throws: `iso14443/no-card`, `iso14443/no-answer`, ...
 */
export function* readCard(
  reader: ReaderOptions,
  entry: EntryInput,
  observer?: TapObserver,
): Dialogue<Frame, Frame, CardRead> {
  const card = yield* activateTypeA(reader);
  const result = yield* pay(entry, (apdu) => card.link.exchange(apdu), observer);
  const { outcome } = result;
  const linkLost = "error" in outcome && outcome.error?.l1 !== undefined;
  if (!linkLost) yield* card.link.deselect();
  return { card, result };
}

/**
 * The same where a reader has activated the card already and carries APDUs: all that can be seen is commands, answers, and when. `within`:
 * how long one answer may take.
 * @throws what the wire throws, unless kernels know it as a link error
 */
export function readActivated(
  entry: EntryInput,
  within: Nanos,
  observer?: TapObserver,
): Dialogue<Uint8Array, Uint8Array, EntryResult> {
  function* carry(apdu: Uint8Array): Dialogue<Uint8Array, Uint8Array, TimedReply> {
    const { at, sentAt, got } = yield { send: [apdu], within };
    if (!got) throw terminalError("no-answer", "the card gave no answer in time; present it again", {});
    return { answer: got, took: at - sentAt, from: sentAt, until: at };
  }
  return pay(entry, carry, observer);
}

/** Entry point and kernel over whatever carries one APDU. */
function pay<O, I>(
  entry: EntryInput,
  carry: (apdu: Uint8Array) => Dialogue<O, I, TimedReply>,
  observer: TapObserver | undefined,
): Dialogue<O, I, EntryResult> {
  function* bytesOver(apdu: Uint8Array): Dialogue<O, I, Reply<Uint8Array>> {
    const finished = observer?.command(apdu);
    let reply: TimedReply | undefined;
    try {
      reply = yield* carry(apdu);
      return reply;
    } finally {
      finished?.(reply);
    }
  }
  const commandOver = (command: CommandApdu): Dialogue<O, I, Reply<ResponseApdu>> => over(exchange(command), bytesOver);
  return over(entryPoint(entry), commandOver);
}
