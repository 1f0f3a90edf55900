import { concat } from "../../util/bytes.js";
import type { Dialogue, Reply } from "../../util/dialogue.js";
import { SECOND, type Nanos } from "../../util/time.js";
import { BLOCK_OVERHEAD, blockFrame, MAX_WTXM, parseBlock, type Block } from "./block.js";
import { iso14443Error } from "./errors.js";
import { airTime, type Frame, type Rate } from "./frame.js";
import { ACTIVATION_FWT, FWT_MAX } from "./timing.js";

/** What activation has agreed on with a card. */
export interface IsoDepParameters {
  readonly fwt: Nanos;
  /** Largest frame the card takes. */
  readonly fsc: number;
  /** Rate of the frames to the card. */
  readonly rate: Rate;
  /** Present: blocks carry it. */
  readonly cid?: number | undefined;
  /** How often in a row an invalid or missing answer is asked for again (EMV Contactless Book D 10.3.5: 2). */
  readonly retries: number;
}

/** An answer, and when its exchange was on the air: from the command's first bit to the response's last. */
export interface TimedReply extends Reply<Uint8Array> {
  readonly from: Nanos;
  readonly until: Nanos;
}

/** One activated card, as the reader's protocol sees it. */
export interface IsoDepLink {
  /**
   * One APDU there and back.
   * @throws `iso14443/no-answer`, `iso14443/transmission`, `iso14443/protocol`, `iso14443/too-long`
   */
  exchange(apdu: Uint8Array): Dialogue<Frame, Frame, TimedReply>;
  /** Puts the card to HALT; whether it confirmed. */
  deselect(): Dialogue<Frame, Frame, boolean>;
}

/** Longest response that is put together: an extended APDU with its status word. */
const MAX_ANSWER = 65_538;
/** In all, a card may ask for this much more time in one exchange. */
const MAX_EXTENSION: Nanos = 60 * SECOND;

/** Reader side of the half-duplex block protocol, ISO/IEC 14443-4 7.5. Comments name its rules. */
export function isoDepPoller(p: IsoDepParameters): IsoDepLink {
  const { cid } = p;
  const size = p.fsc - BLOCK_OVERHEAD - (cid === undefined ? 0 : 1);
  const frame = (block: Block): Frame => blockFrame(block, p.rate);
  let number: 0 | 1 = 0; // rule A
  /** An exchange has begun and not come to its end: block numbers no longer tell an old answer from a new one. */
  let unfinished = false;
  const toggle = (): void => {
    number = number === 0 ? 1 : 0; // rule B
  };

  const received = (got: Frame | undefined): Block | undefined => {
    const block = got && parseBlock(got);
    return block && block.cid === cid ? block : undefined;
  };

  function* exchange(apdu: Uint8Array): Dialogue<Frame, Frame, TimedReply> {
    if (unfinished) throw iso14443Error("protocol", "the exchange before was broken off; select the card again", {});
    unfinished = true;
    let offset = 0;
    const nextPart = (): Frame => {
      const end = Math.min(offset + size, apdu.length);
      const inf = end - offset === apdu.length ? apdu : apdu.subarray(offset, end);
      return frame({ kind: "I", number, chaining: end < apdu.length, inf, cid });
    };
    let lastPart = nextPart();
    let out = lastPart;
    let within = p.fwt;
    const parts: Uint8Array[] = [];
    let length = 0;
    let extended = 0;
    let failures = 0;
    let repeats = 0;
    let askedAt = 0;
    let from: Nanos | undefined;

    const askAgain = (code: "no-answer" | "transmission" | "protocol", what: string): Frame => {
      if (++failures > p.retries)
        throw iso14443Error(code, `${what}, ${failures} times in a row; bring the device closer and try again`, {
          failures,
        });
      return frame({ kind: "R", number, nak: parts.length === 0, cid }); // rules 4 and 5
    };

    for (;;) {
      const wake = yield { send: [out], within };
      within = p.fwt;
      from ??= wake.sentAt - airTime(out);
      if (out === lastPart) askedAt = wake.sentAt;
      const block = received(wake.got);
      if (!block) {
        out = wake.got
          ? askAgain("transmission", "the card's answer was damaged")
          : askAgain("no-answer", "the card did not answer");
      } else if (block.kind === "WTX" && block.multiplier >= 1 && block.multiplier <= MAX_WTXM) {
        failures = 0;
        within = Math.min(p.fwt * block.multiplier, FWT_MAX);
        extended += within;
        if (extended > MAX_EXTENSION)
          throw iso14443Error("no-answer", "the card keeps asking for more time; reset the field", { extended });
        out = frame({ kind: "WTX", multiplier: block.multiplier, cid }); // rule 3
      } else if (block.kind === "R" && !block.nak && offset + size < apdu.length && block.number === number) {
        failures = repeats = 0;
        offset += size;
        toggle();
        out = lastPart = nextPart(); // rule 7
      } else if (block.kind === "R" && !block.nak && block.number !== number && parts.length === 0) {
        failures = 0;
        if (++repeats > p.retries)
          throw iso14443Error("no-answer", "the card acknowledges old blocks only; reset the field", { repeats });
        out = lastPart; // rule 6
      } else if (block.kind === "I" && block.number === number && (parts.length > 0 || offset + size >= apdu.length)) {
        failures = 0;
        toggle();
        length += block.inf.length;
        if (length > MAX_ANSWER || parts.length === MAX_ANSWER)
          throw iso14443Error("too-long", `the card's answer is longer than ${MAX_ANSWER} bytes`, { length });
        parts.push(block.inf);
        if (!block.chaining) {
          unfinished = false;
          return {
            answer: parts.length === 1 ? parts[0]! : concat(...parts),
            took: wake.at - askedAt,
            from,
            until: wake.at,
          };
        }
        out = frame({ kind: "R", number, nak: false, cid }); // rule 2
      } else out = askAgain("protocol", `the card sent an unexpected ${block.kind} block`);
    }
  }

  return { exchange, deselect: () => deselectIsoDep(p) };
}

export type Deselection = Pick<IsoDepParameters, "rate" | "cid" | "retries">;

/** Puts a card that is in the block protocol to HALT; whether it confirmed. */
export function* deselectIsoDep({ rate, cid, retries }: Deselection): Dialogue<Frame, Frame, boolean> {
  const out = blockFrame({ kind: "DESELECT", cid }, rate);
  for (let attempt = 0; attempt <= retries; attempt++) {
    const { got } = yield { send: [out], within: ACTIVATION_FWT };
    const block = got && parseBlock(got);
    if (block?.kind === "DESELECT" && block.cid === cid) return true;
  }
  return false; // rule 8
}
