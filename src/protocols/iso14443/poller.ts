import { concat, equalBytes, hex, NO_BYTES, roomFor } from "../../util/bytes.js";
import type { Dialogue } from "../../util/dialogue.js";
import { isTapbenchError } from "../../util/errors.js";
import { iso14443Error } from "./errors.js";
import { bitAt, checkedPayload, crcFrame, shortFrame, type Frame, type Rate } from "./frame.js";
import { deselectIsoDep, isoDepPoller, type Deselection, type IsoDepLink } from "./isodep-poller.js";
import {
  atsParameters,
  CASCADE_TAG,
  Hlta,
  NVB_SELECT,
  Pps,
  PPS_COMMAND,
  Rats,
  REQA,
  SEL,
  Select,
  WUPA,
  type AtsParameters,
} from "./messages.js";
import { ACTIVATION_FWT, ANTICOLLISION_WAIT, HLTA_SILENCE } from "./timing.js";

/** How the reader goes about it. */
export interface ReaderOptions {
  /** FSDI: the largest frame the reader takes, as a code of ISO/IEC 14443-4 table 1. */
  readonly fsdi: number;
  /** Highest rate to agree on by PPS; 1 sends no PPS. */
  readonly maxRate: Rate;
  /** Repetitions before a missing or damaged answer is given up; and how often an activation that failed so starts again. */
  readonly retries: number;
  /** Assign this CID and use it in every block. Absent: CID 0, blocks without it. */
  readonly cid?: number;
}

export interface SelectedCard {
  readonly atqa: number;
  readonly uid: Uint8Array;
  readonly sak: number;
}

export interface ActivatedCard extends SelectedCard {
  readonly ats: Uint8Array;
  readonly parameters: AtsParameters;
  /** Rates agreed on. */
  readonly rates: { readonly toCard: Rate; readonly toReader: Rate };
  readonly link: IsoDepLink;
}

/** Wakes the cards in the field. Undefined: nobody answered. A collision in the ATQA is no fault: several cards are there. */
export function* requestTypeA(
  command: typeof REQA | typeof WUPA,
): Dialogue<Frame, Frame, { atqa: number; collision: boolean } | undefined> {
  const wake = yield { send: [shortFrame(command)], within: ANTICOLLISION_WAIT };
  const got = wake.got;
  if (!got || got.bytes.length < 2) return undefined;
  return { atqa: got.bytes[0]! | (got.bytes[1]! << 8), collision: got.collision !== undefined || got.damaged === true };
}

/**
 * Bit-frame anticollision and SELECT through all cascade levels (ISO/IEC 14443-3 6.5.3). Of several cards it takes the one whose bit is 1 at
 * each collision, as the standard recommends.
 *
 * @throws `iso14443/no-answer`, `iso14443/transmission`, `iso14443/protocol`
 */
export function* selectTypeA(retries: number): Dialogue<Frame, Frame, { uid: Uint8Array; sak: number }> {
  let uid: Uint8Array = NO_BYTES;
  for (const sel of SEL) {
    const own = yield* resolveLevel(sel, retries);
    const select = crcFrame(Select.encode({ sel, nvb: NVB_SELECT, uid: own.subarray(0, 4), bcc: own[4]! }));
    const answer = yield* insist(select, ANTICOLLISION_WAIT, retries, "SELECT");
    const sak = answer[0]!;
    if (answer.length !== 1)
      throw iso14443Error("protocol", "the answer to SELECT is not one byte", { length: answer.length });
    if ((sak & 0x04) === 0) return { uid: concat(uid, own.subarray(0, 4)), sak };
    if (own[0] !== CASCADE_TAG)
      throw iso14443Error("protocol", "SAK announces more of the UID, but the cascade tag is missing", { sak });
    uid = concat(uid, own.subarray(1, 4));
  }
  throw iso14443Error("protocol", "SAK announces a fourth cascade level; there are three", {});
}

/** UID CLn and BCC of one card: asks, and with each collision one bit more is decided. */
function* resolveLevel(sel: number, retries: number): Dialogue<Frame, Frame, Uint8Array> {
  const known = roomFor(5);
  let bits = 0;
  let failures = 0;
  for (;;) {
    const bytes = roomFor(2 + ((bits + 7) >> 3));
    bytes[0] = sel;
    bytes[1] = ((2 + (bits >> 3)) << 4) | (bits & 7);
    bytes.set(known.subarray(0, bytes.length - 2), 2);
    const wake = yield { send: [{ bytes, bits: 16 + bits, rate: 1 }], within: ANTICOLLISION_WAIT };
    const got = wake.got;
    const until = got?.collision ?? got?.bits ?? 0;
    if (!got || got.damaged || bits + got.bits !== 40) {
      if (++failures > retries)
        throw iso14443Error(
          got ? "transmission" : "no-answer",
          "anticollision got no usable answer; bring the device closer and try again",
          { sel, bits },
        );
      continue;
    }
    for (let i = 0; i < until; i++) if (bitAt(got.bytes, i)) known[(bits + i) >> 3]! |= 1 << ((bits + i) & 7);
    bits += until;
    if (got.collision !== undefined) {
      known[bits >> 3]! |= 1 << (bits & 7);
      bits++;
    }
    if (bits < 40) continue;
    if ((known[0]! ^ known[1]! ^ known[2]! ^ known[3]! ^ known[4]!) === 0) return known;
    if (++failures > retries)
      throw iso14443Error("transmission", "the UID's check byte is wrong; bring the device closer and try again", {
        sel,
      });
    known.fill(0);
    bits = 0;
  }
}

/** Sends a standard frame until its answer is whole. */
function* insist(out: Frame, within: number, retries: number, what: string): Dialogue<Frame, Frame, Uint8Array> {
  for (let attempt = 0; ; attempt++) {
    const wake = yield { send: [out], within };
    const payload = wake.got && checkedPayload(wake.got);
    if (payload) return payload;
    if (attempt >= retries)
      throw iso14443Error(
        wake.got ? "transmission" : "no-answer",
        `${what} got no usable answer; bring the device closer and try again`,
        { attempts: attempt + 1 },
      );
  }
}

/** Sends the selected card to sleep; it does not answer (ISO/IEC 14443-3 6.4.3). */
export function* haltTypeA(): Dialogue<Frame, Frame, void> {
  yield { send: [crcFrame(Hlta.encode({}))], within: HLTA_SILENCE };
}

/** Where an activation stands: what starting again has to know. */
interface Progress {
  /** RATS was sent: the card may be in the block protocol, which one of these ends. */
  deselections: readonly Deselection[];
  /** The card may have changed its rates. */
  ppsSent: boolean;
}

/**
 * RATS, PPS where both sides can go faster, and the guard time (ISO/IEC 14443-4 5).
 * @throws `iso14443/not-iso-dep`, `iso14443/bad-ats`, `iso14443/no-answer`, `iso14443/transmission`, `iso14443/protocol`
 */
export const activateIsoDep = (card: SelectedCard, reader: ReaderOptions): Dialogue<Frame, Frame, ActivatedCard> =>
  startIsoDep(card, reader, { deselections: [], ppsSent: false });

function* startIsoDep(
  card: SelectedCard,
  reader: ReaderOptions,
  progress: Progress,
): Dialogue<Frame, Frame, ActivatedCard> {
  if ((card.sak & 0x20) === 0)
    throw iso14443Error("not-iso-dep", `SAK ${card.sak.toString(16)}: this card does not speak ISO 14443-4`, {
      sak: card.sak,
    });
  const cid = reader.cid ?? 0;
  const plain: Deselection = { rate: 1, cid: undefined, retries: reader.retries };
  // Whether the card can have a CID, its ATS will tell.
  progress.deselections = reader.cid === undefined ? [plain] : [{ ...plain, cid }, plain];
  const ats = yield* insist(
    crcFrame(Rats.encode({ parameter: { fsdi: reader.fsdi, cid } })),
    ACTIVATION_FWT,
    reader.retries,
    "RATS",
  );
  const parameters = atsParameters(ats);
  const usedCid = parameters.cid ? reader.cid : undefined;
  if (parameters.sfgt > 0) yield { send: [], within: parameters.sfgt };
  const rates = bestRates(parameters, reader.maxRate);
  if (rates.toCard > 1 || rates.toReader > 1) {
    const old = { ...plain, cid: usedCid };
    progress.deselections = rates.toCard === 1 ? [old] : [old, { ...old, rate: rates.toCard }];
    progress.ppsSent = true;
    const pps = Pps.encode({
      start: { command: PPS_COMMAND, cid },
      pps1: { dri: Math.log2(rates.toCard), dsi: Math.log2(rates.toReader) },
    });
    const answer = yield* insist(crcFrame(pps), ACTIVATION_FWT, reader.retries, "PPS");
    if (!equalBytes(answer, pps.subarray(0, 1)))
      throw iso14443Error("protocol", `PPS was answered with ${hex(answer)}`, { answer: hex(answer) });
  }
  const link = isoDepPoller({
    fwt: parameters.fwt,
    fsc: parameters.fsc,
    rate: rates.toCard,
    retries: reader.retries,
    cid: usedCid,
  });
  const { atqa, uid, sak } = card;
  return { atqa, uid, sak, ats, parameters, rates, link };
}

function bestRates(card: AtsParameters, max: Rate): { toCard: Rate; toReader: Rate } {
  if (!card.sameBothWays) return { toCard: best(card.toCard, max), toReader: best(card.toReader, max) };
  const both = best(
    card.toCard.filter((rate) => card.toReader.includes(rate)),
    max,
  );
  return { toCard: both, toReader: both };
}

function best(rates: readonly Rate[], max: Rate): Rate {
  let found: Rate = 1;
  for (const rate of rates) if (rate <= max && rate > found) found = rate;
  return found;
}

/** Wakes a card, in whatever state but the block protocol: one in READY or ACTIVE takes the first WUPA as a fault and answers the second. */
function* wakeTypeA(retries: number): Dialogue<Frame, Frame, number> {
  for (let attempt = 0; attempt <= retries; attempt++) {
    const found = yield* requestTypeA(WUPA);
    if (found) return found.atqa;
  }
  throw iso14443Error("no-card", "no type A card answers; put the device on the reader", {});
}

/** What a lost or damaged frame may have caused, so that another start can succeed. */
const PASSING: ReadonlySet<string> = new Set(["iso14443/no-answer", "iso14443/transmission", "iso14443/protocol"]);

/**
 * From a field that is on to a card that takes APDUs. Where repeating a frame did not help (a card that has answered SELECT, RATS or PPS does
 * not answer it twice), it starts again from WUPA, `reader.retries` times: a card that may be in the block protocol is sent to HALT by
 * S(DESELECT) first (ISO/IEC 14443-4 5.6.1.1), and once PPS has failed the rates stay at 106 kbit/s.
 *
 * @throws `iso14443/no-card`, and what selecting and activating throw
 */
export function* activateTypeA(reader: ReaderOptions): Dialogue<Frame, Frame, ActivatedCard> {
  const progress: Progress = { deselections: [], ppsSent: false };
  let failure: unknown;
  for (let starts = 0; starts <= reader.retries; starts++) {
    for (const deselection of progress.deselections) if (yield* deselectIsoDep(deselection)) break;
    try {
      const atqa = yield* wakeTypeA(reader.retries);
      progress.deselections = [];
      const selected = yield* selectTypeA(reader.retries);
      const card = { atqa, uid: selected.uid, sak: selected.sak };
      return yield* startIsoDep(card, progress.ppsSent ? { ...reader, maxRate: 1 } : reader, progress);
    } catch (error) {
      if (!isTapbenchError(error)) throw error;
      // A card that was there and now keeps silent: what it failed at before says more.
      if (failure !== undefined && error.code === "iso14443/no-card") continue;
      if (!PASSING.has(error.code)) throw error;
      failure = error;
    }
  }
  throw failure;
}

/** Every card in the field, one after the other, each sent to sleep once it is known. At most `most`. */
export function* inventory(retries: number, most = 16): Dialogue<Frame, Frame, SelectedCard[]> {
  const cards: SelectedCard[] = [];
  while (cards.length < most) {
    const found = yield* requestTypeA(cards.length === 0 ? WUPA : REQA);
    if (!found) break;
    const card = yield* selectTypeA(retries);
    cards.push({ atqa: found.atqa, ...card });
    yield* haltTypeA();
  }
  return cards;
}
