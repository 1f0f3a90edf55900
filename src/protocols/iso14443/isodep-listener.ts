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

export interface IsoDepState {
  readonly number: 0 | 1;
  /** Largest frame the reader takes. */
  readonly fsd: number;
  readonly cid: number;
  readonly rateToReader: Rate;
  /** Parts of a chained command so far. */
  readonly received: readonly Uint8Array[];
  /** What is left to send of the response. */
  readonly pending: Uint8Array;
  /** For retransmission. */
  readonly last: Frame | undefined;
  /** The command's sender used a CID, so the answer carries one. */
  readonly withCid: boolean;
  /** The response will be ready then; the card is busy until it is sent. */
  readonly readyAt: Nanos | undefined;
  /** When a busy card speaks next by itself. */
  readonly wakeAt: Nanos | undefined;
}

export const isoDepState = (fsd: number, cid: number): IsoDepState => ({
  number: 1,
  fsd,
  cid,
  rateToReader: 1,
  received: [],
  pending: NO_BYTES,
  last: undefined,
  withCid: false,
  readyAt: undefined,
  wakeAt: undefined,
}); // rule C

type IsoDepStep = Step<IsoDepState, Frame>;

/** Nothing is said now; a busy card goes on with its work. */
export const isoDepSilence = (state: IsoDepState, now: Nanos): IsoDepStep =>
  state.wakeAt === undefined ? { state, send: [] } : { state, send: [], wakeIn: Math.max(0, state.wakeAt - now) };

/** Part of the waiting time after which a card that is not ready asks for more. */
const PATIENCE = 0.8;

const cidOf = (state: IsoDepState): number | undefined => (state.withCid ? state.cid : undefined);

/** Sends a block and remembers it for retransmission. */
function say(state: IsoDepState, block: Block): IsoDepStep {
  const last = blockFrame(block, state.rateToReader);
  return { state: { ...state, last, wakeAt: undefined }, send: [{ out: last, after: FDT_PICC_AFTER_ONE }] };
}

function sendPart(state: IsoDepState): IsoDepStep {
  const size = state.fsd - BLOCK_OVERHEAD - (state.withCid ? 1 : 0);
  const chaining = state.pending.length > size;
  return say(
    { ...state, readyAt: undefined, pending: state.pending.subarray(size) },
    { kind: "I", number: state.number, chaining, inf: state.pending.subarray(0, size), cid: cidOf(state) },
  );
}

/** Answers when ready within the waiting time, and wakes in time to ask for more otherwise. */
function settle(state: IsoDepState, readyAt: Nanos, now: Nanos, waiting: Nanos): IsoDepStep {
  if (readyAt - now <= FDT_PICC_AFTER_ONE) return sendPart(state);
  const wakeAt = Math.min(readyAt, now + Math.floor(waiting * PATIENCE)) - FDT_PICC_AFTER_ONE;
  return isoDepSilence({ ...state, readyAt, wakeAt }, now);
}

/** The card's own timer: the response is ready, or more time is needed (ISO/IEC 14443-4 7.3). */
export function isoDepTimer(card: IsoDepCard, state: IsoDepState, now: Nanos): IsoDepStep {
  if (state.readyAt === undefined) return isoDepSilence(state, now);
  const left = state.readyAt - now;
  if (left <= FDT_PICC_AFTER_ONE) return sendPart(state);
  return say(state, {
    kind: "WTX",
    multiplier: Math.max(1, Math.min(MAX_WTXM, Math.ceil(left / (card.fwt * PATIENCE)))),
    cid: cidOf(state),
  });
}

/** Card side of the half-duplex block protocol, ISO/IEC 14443-4 7.5. Comments name its rules. DESELECT is the caller's. */
export function isoDepBlock(
  card: IsoDepCard,
  app: CardApp,
  before: IsoDepState,
  block: Exclude<Block, { kind: "DESELECT" }>,
  now: Nanos,
): IsoDepStep | "dead" {
  const state = before.withCid === (block.cid !== undefined) ? before : { ...before, withCid: block.cid !== undefined };
  const silence = (): IsoDepStep => isoDepSilence(state, now);

  if (block.kind === "WTX") {
    if (state.readyAt === undefined) return silence();
    return settle(state, state.readyAt, now, Math.min(card.fwt * Math.max(1, block.multiplier), FWT_MAX));
  }
  if (block.kind === "R") {
    if (block.number === state.number)
      return state.last
        ? { state: { ...state, wakeAt: undefined }, send: [{ out: state.last, after: FDT_PICC_AFTER_ONE }] }
        : silence(); // rule 11
    if (state.readyAt !== undefined) return silence(); // still at work on what came before
    if (block.nak) return say(state, { kind: "R", number: state.number, nak: false, cid: cidOf(state) }); // rule 12
    return state.pending.length > 0 ? sendPart({ ...state, number: block.number }) : silence(); // rules 13 and E
  }

  const number = state.number === 0 ? 1 : 0; // rule D
  const next: IsoDepState = {
    ...state,
    readyAt: undefined,
    wakeAt: undefined,
    number,
    last: undefined,
    pending: NO_BYTES,
    received: block.inf.length > 0 ? [...state.received, block.inf] : state.received,
  };
  const length = next.received.reduce((sum, part) => sum + part.length, 0);
  if (length > card.maxCommand) return isoDepSilence({ ...next, received: [] }, now);
  if (block.chaining) return say(next, { kind: "R", number, nak: false, cid: cidOf(next) }); // rule 2
  const answer = app(next.received.length === 1 ? next.received[0]! : concat(...next.received), now);
  if (!answer) return "dead";
  return settle({ ...next, received: [], pending: answer.response }, now + answer.took, now, card.fwt);
}
