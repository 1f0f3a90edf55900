import { concat, NO_BYTES } from "../../util/bytes.js";
import type { Step } from "../../util/dialogue.js";
import type { Nanos } from "../../util/time.js";
import { BLOCK_OVERHEAD, blockFrame, MAX_WTXM, type Block } from "./block.js";
import type { Frame, Rate } from "./frame.js";
import { FDT_PICC_AFTER_ONE, FWT_MAX } from "./timing.js";

/** What answers APDUs behind the protocol. Undefined: it lost its power on the way and says nothing more. */
export type CardApp = (
  apdu: Uint8Array,
  now: Nanos,
) => { readonly response: Uint8Array; readonly took: Nanos } | undefined;

export interface IsoDepCard {
  readonly fwt: Nanos;
  /** Longest command that is put together. */
  readonly maxCommand: number;
}

/** What RATS and PPS have settled. */
export interface IsoDepAgreement {
  /** Largest frame the reader takes. */
  readonly fsd: number;
  readonly cid: number;
  readonly rateToReader: Rate;
}

export interface IsoDepState {
  readonly agreed: IsoDepAgreement;
  readonly number: 0 | 1;
  /** The command's sender used a CID, so the answer carries one. */
  readonly withCid: boolean;
  /** Parts of a chained command so far. */
  readonly received: readonly Uint8Array[];
  /** What is left to send of the response. */
  readonly pending: Uint8Array;
  /** For retransmission. */
  readonly last: Frame | undefined;
  /** The response will be ready then; the card is busy until it is sent. */
  readonly readyAt: Nanos | undefined;
  /** When a busy card speaks next by itself. */
  readonly wakeAt: Nanos | undefined;
}

const NOTHING: readonly Uint8Array[] = [];

export const isoDepState = (fsd: number, cid: number): IsoDepState => ({
  agreed: { fsd, cid, rateToReader: 1 },
  number: 1, // rule C
  withCid: false,
  received: NOTHING,
  pending: NO_BYTES,
  last: undefined,
  readyAt: undefined,
  wakeAt: undefined,
});

type IsoDepStep = Step<IsoDepState, Frame>;

/** Nothing is said now; a busy card goes on with its work. */
export const isoDepSilence = (state: IsoDepState, now: Nanos): IsoDepStep =>
  state.wakeAt === undefined ? { state, send: [] } : { state, send: [], wakeIn: Math.max(0, state.wakeAt - now) };

/** Part of the waiting time after which a card that is not ready asks for more. */
const PATIENCE = 0.8;

const cidOf = ({ withCid, agreed }: IsoDepState): number | undefined => (withCid ? agreed.cid : undefined);

/** Sends a block and remembers it for retransmission. `pending`: what is left to send after it. States are written out: copying by spread costs more than the rest. */
function say(state: IsoDepState, block: Block, pending: Uint8Array, readyAt: Nanos | undefined): IsoDepStep {
  const { agreed, number, withCid, received } = state;
  const last = blockFrame(block, agreed.rateToReader);
  return {
    state: { agreed, number, withCid, received, pending, last, readyAt, wakeAt: undefined },
    send: [{ out: last, after: FDT_PICC_AFTER_ONE }],
  };
}

function sendPart(state: IsoDepState): IsoDepStep {
  const { pending, number } = state;
  const size = state.agreed.fsd - BLOCK_OVERHEAD - (state.withCid ? 1 : 0);
  const chaining = pending.length > size;
  const inf = chaining ? pending.subarray(0, size) : pending;
  const left = chaining ? pending.subarray(size) : NO_BYTES;
  return say(state, { kind: "I", number, chaining, inf, cid: cidOf(state) }, left, undefined);
}

const acknowledge = (state: IsoDepState): IsoDepStep =>
  say(state, { kind: "R", number: state.number, nak: false, cid: cidOf(state) }, state.pending, state.readyAt);

/** When a card that is at work speaks by itself: with its answer, or to ask for more time. */
const nextWord = (readyAt: Nanos, now: Nanos, waiting: Nanos): Nanos =>
  Math.min(readyAt, now + Math.floor(waiting * PATIENCE)) - FDT_PICC_AFTER_ONE;

/** The card's own timer: the response is ready, or more time is needed (ISO/IEC 14443-4 7.3). */
export function isoDepTimer(card: IsoDepCard, state: IsoDepState, now: Nanos): IsoDepStep {
  const { readyAt } = state;
  if (readyAt === undefined) return isoDepSilence(state, now);
  const left = readyAt - now;
  if (left <= FDT_PICC_AFTER_ONE) return sendPart(state);
  const multiplier = Math.max(1, Math.min(MAX_WTXM, Math.ceil(left / (card.fwt * PATIENCE))));
  return say(state, { kind: "WTX", multiplier, cid: cidOf(state) }, state.pending, readyAt);
}

/** Card side of the half-duplex block protocol, ISO/IEC 14443-4 7.5. Comments name its rules. DESELECT is the caller's. */
export function isoDepBlock(
  card: IsoDepCard,
  app: CardApp,
  before: IsoDepState,
  block: Exclude<Block, { kind: "DESELECT" }>,
  now: Nanos,
): IsoDepStep | "dead" {
  const withCid = block.cid !== undefined;
  if (block.kind === "I") return command(card, app, before, block, withCid, now);
  const state = before.withCid === withCid ? before : { ...before, withCid };
  const { readyAt } = state;

  if (block.kind === "WTX") {
    if (readyAt === undefined) return isoDepSilence(state, now);
    if (readyAt - now <= FDT_PICC_AFTER_ONE) return sendPart(state);
    const waiting = Math.min(card.fwt * Math.max(1, block.multiplier), FWT_MAX);
    return isoDepSilence({ ...state, wakeAt: nextWord(readyAt, now, waiting) }, now);
  }
  if (block.number === state.number) {
    if (!state.last) return isoDepSilence(state, now);
    return { state: { ...state, wakeAt: undefined }, send: [{ out: state.last, after: FDT_PICC_AFTER_ONE }] }; // rule 11
  }
  if (readyAt !== undefined) return isoDepSilence(state, now); // still at work on what came before
  if (block.nak) return acknowledge(state); // rule 12
  return state.pending.length > 0 ? sendPart({ ...state, number: block.number }) : isoDepSilence(state, now); // rules 13 and E
}

/** An I-block: a part of a command, or its end, which the application answers. */
function command(
  card: IsoDepCard,
  app: CardApp,
  { agreed, number: before, received: parts }: IsoDepState,
  { inf, chaining }: Extract<Block, { kind: "I" }>,
  withCid: boolean,
  now: Nanos,
): IsoDepStep | "dead" {
  const number = before === 0 ? 1 : 0; // rule D
  let length = inf.length;
  for (const part of parts) length += part.length;
  if (chaining || length > card.maxCommand) {
    const long = length > card.maxCommand;
    const received = long ? NOTHING : inf.length > 0 ? [...parts, inf] : parts;
    const idle = {
      agreed,
      number,
      withCid,
      received,
      pending: NO_BYTES,
      last: undefined,
      readyAt: undefined,
      wakeAt: undefined,
    } as const;
    return long ? isoDepSilence(idle, now) : acknowledge(idle); // rule 2
  }
  const answer = app(parts.length === 0 ? inf : concat(...parts, inf), now);
  if (!answer) return "dead";
  const readyAt = now + answer.took;
  const wakeAt = nextWord(readyAt, now, card.fwt);
  const busy = {
    agreed,
    number,
    withCid,
    received: NOTHING,
    pending: answer.response,
    last: undefined,
    readyAt,
    wakeAt,
  } as const;
  return answer.took <= FDT_PICC_AFTER_ONE ? sendPart(busy) : isoDepSilence(busy, now);
}
