import { equalBytes, roomFor } from "../../util/bytes.js";
import type { Listener, Step } from "../../util/dialogue.js";
import type { Nanos } from "../../util/time.js";
import { isTapbenchError } from "../../util/errors.js";
import { parseBlock } from "./block.js";
import { bitAt, checkedPayload, crcFrame, plainFrame, sliceBits, type Frame, type Rate } from "./frame.js";
import {
  isoDepBlock,
  isoDepSilence,
  isoDepState,
  isoDepTimer,
  type CardApp,
  type IsoDepCard,
  type IsoDepState,
} from "./isodep-listener.js";
import { buildAts, CASCADE_TAG, Hlta, Pps, PPS_COMMAND, Rats, REQA, SEL, WUPA } from "./messages.js";
import { FDT_PICC_AFTER_ONE, frameDelay, frameSize, frameWaitingTime } from "./timing.js";

/** What a type A card is: everything but its UID, which may change with each power-up. */
export interface TypeACard {
  readonly atqa: number;
  /** SAK of the last cascade level. Without bit 6 the card has no ISO-DEP and ignores RATS. */
  readonly sak: number;
  readonly fsci: number;
  readonly fwi: number;
  readonly sfgi: number;
  readonly cid: boolean;
  readonly toCard: readonly Rate[];
  readonly toReader: readonly Rate[];
  /** Only the same rate both ways (TA(1) bit 8). */
  readonly sameRates: boolean;
  readonly historical: Uint8Array;
  readonly maxCommand: number;
}

/** States of ISO/IEC 14443-3 6.3 and, once RATS was answered, ISO/IEC 14443-4. `woken`: came from HALT and returns there. */
export type TypeAState = { readonly uid: Uint8Array; readonly woken: boolean } & (
  | { readonly phase: "idle" }
  | { readonly phase: "halt" }
  | { readonly phase: "dead" }
  | { readonly phase: "ready"; readonly level: number }
  | { readonly phase: "active" }
  | { readonly phase: "protocol"; readonly isoDep: IsoDepState; readonly ppsAllowed: boolean }
);

type TypeAStep = Step<TypeAState, Frame>;

/** A card that has just got power. `uid`: 4, 7 or 10 bytes. */
export const poweredUp = (uid: Uint8Array): TypeAState => ({ uid, woken: false, phase: "idle" });

const FDT_STANDARD = FDT_PICC_AFTER_ONE;
const COMPLETE = 0x04;
const ISO_DEP = 0x20;
const HLTA = Hlta.encode({});

/** UID CLn and BCC, with the cascade tag where more levels follow (ISO/IEC 14443-3 6.5.4). */
export function uidOfLevel(uid: Uint8Array, level: number): Uint8Array {
  const out = roomFor(5);
  if (level === cascadeLevels(uid) - 1) out.set(uid.subarray(uid.length - 4));
  else {
    out[0] = CASCADE_TAG;
    out.set(uid.subarray(3 * level, 3 * level + 3), 1);
  }
  out[4] = out[0]! ^ out[1]! ^ out[2]! ^ out[3]!;
  return out;
}

export const cascadeLevels = (uid: Uint8Array): number => (uid.length === 4 ? 1 : uid.length === 7 ? 2 : 3);

/** Card side of type A: initialisation, anticollision, activation, and the block protocol behind it. */
export function typeAListener(card: TypeACard, app: CardApp): Listener<TypeAState, Frame, Frame> {
  const ats = buildAts(card);
  const isoDepCard: IsoDepCard = { fwt: frameWaitingTime(card.fwi), maxCommand: card.maxCommand };
  const fsc = frameSize(card.fsci);

  const quiet = (state: TypeAState): TypeAStep => ({ state, send: [] });
  const say = (state: TypeAState, out: Frame, after: Nanos): TypeAStep => ({ state, send: [{ out, after }] });
  /** What a frame that does not belong here leads to: back to sleep (ISO/IEC 14443-3 6.3). */
  const back = ({ uid, woken }: TypeAState): TypeAStep =>
    quiet(woken ? { uid, woken, phase: "halt" } : { uid, woken: false, phase: "idle" });

  function wakeUp(state: TypeAState, input: Frame): TypeAStep {
    const command = input.bits === 7 && !input.damaged ? input.bytes[0] : undefined;
    if (command !== WUPA && (command !== REQA || state.phase === "halt")) return quiet(state);
    const answer = plainFrame(Uint8Array.of(card.atqa & 0xff, card.atqa >> 8));
    return say({ uid: state.uid, woken: state.phase === "halt", phase: "ready", level: 0 }, answer, frameDelay(input));
  }

  function anticollision(state: TypeAState & { phase: "ready" }, input: Frame): TypeAStep {
    const { uid, woken, level } = state;
    const nvb = input.bytes[1] ?? 0;
    const known = (nvb >> 4) * 8 + (nvb & 0x0f) - 16;
    if (input.damaged || input.bytes[0] !== SEL[level] || (nvb & 0x08) !== 0 || known < 0 || known > 40)
      return back(state);
    const own = uidOfLevel(uid, level);
    if (known === 40) {
      const payload = checkedPayload(input);
      if (!payload || !equalBytes(payload.subarray(2), own)) return back(state);
      const more = level + 1 < cascadeLevels(uid);
      const sak = crcFrame(Uint8Array.of(more ? COMPLETE : card.sak));
      return say(
        more ? { uid, woken, phase: "ready", level: level + 1 } : { uid, woken, phase: "active" },
        sak,
        frameDelay(input),
      );
    }
    if (input.bits !== 16 + known) return back(state);
    for (let i = 0; i < known; i++) if (bitAt(input.bytes, 16 + i) !== bitAt(own, i)) return back(state);
    return say(state, { bytes: sliceBits(own, known, 40), bits: 40 - known, rate: 1 }, frameDelay(input));
  }

  function activate(state: TypeAState & { phase: "active" }, input: Frame): TypeAStep {
    const payload = checkedPayload(input);
    // What part 4 begins with is repeated when it was damaged (ISO/IEC 14443-4 5.6.1.2).
    if (!payload) return card.sak & ISO_DEP && input.bits > 7 ? quiet(state) : back(state);
    if (equalBytes(payload, HLTA)) return quiet({ uid: state.uid, woken: false, phase: "halt" });
    if (payload[0] !== 0xe0 || !(card.sak & ISO_DEP)) return back(state);
    const rats = decodeOr(() => Rats.decode(payload));
    if (!rats || rats.parameter.cid === 15) return back(state);
    const isoDep = isoDepState(frameSize(rats.parameter.fsdi), rats.parameter.cid);
    return say(
      { uid: state.uid, woken: state.woken, phase: "protocol", isoDep, ppsAllowed: true },
      crcFrame(ats),
      FDT_STANDARD,
    );
  }

  /** Answers PPS once, as the first thing after the ATS, where it asks for rates that the ATS offered (ISO/IEC 14443-4 5.3, 5.6.2.2). */
  function selectRates(state: TypeAState & { phase: "protocol" }, payload: Uint8Array): TypeAStep | undefined {
    const pps = decodeOr(() => Pps.decode(payload));
    if (!pps || pps.start.command !== PPS_COMMAND || pps.start.cid !== state.isoDep.agreed.cid) return undefined;
    const toReader = (1 << pps.pps1.dsi) as Rate;
    if (!card.toCard.includes((1 << pps.pps1.dri) as Rate) || !card.toReader.includes(toReader)) return undefined;
    if (card.sameRates && pps.pps1.dri !== pps.pps1.dsi) return undefined;
    // The answer still has the old rate.
    return say(
      {
        ...state,
        ppsAllowed: false,
        isoDep: { ...state.isoDep, agreed: { ...state.isoDep.agreed, rateToReader: toReader } },
      },
      crcFrame(payload.subarray(0, 1)),
      FDT_STANDARD,
    );
  }

  const lift = ({ uid, woken }: TypeAState, step: Step<IsoDepState, Frame>): TypeAStep => ({
    state: { uid, woken, phase: "protocol", isoDep: step.state, ppsAllowed: false },
    send: step.send,
    wakeIn: step.wakeIn,
  });

  const ignore = (state: TypeAState & { phase: "protocol" }, now: Nanos): TypeAStep => ({
    ...isoDepSilence(state.isoDep, now),
    state,
  });

  function exchange(state: TypeAState & { phase: "protocol" }, input: Frame, now: Nanos): TypeAStep {
    if (input.bytes.length > fsc) return ignore(state, now);
    const block = parseBlock(input);
    if (!block) {
      const payload = state.ppsAllowed ? checkedPayload(input) : undefined;
      return (payload && selectRates(state, payload)) ?? ignore(state, now);
    }
    const { cid } = state.isoDep.agreed;
    // A card answers blocks with its CID; without one only if it can have none or has CID 0 (ISO/IEC 14443-4 7.1.2).
    if (block.cid === undefined ? card.cid && cid !== 0 : !card.cid || block.cid !== cid) return ignore(state, now);
    if (block.kind === "DESELECT") {
      const { rateToReader } = state.isoDep.agreed;
      const answer = crcFrame(checkedPayload(input)!, rateToReader);
      return say({ uid: state.uid, woken: false, phase: "halt" }, answer, FDT_STANDARD);
    }
    const step = isoDepBlock(isoDepCard, app, state.isoDep, block, now);
    return step === "dead" ? quiet({ uid: state.uid, woken: false, phase: "dead" }) : lift(state, step);
  }

  return (state, input, now) => {
    switch (state.phase) {
      case "idle":
      case "halt":
        return input ? wakeUp(state, input) : quiet(state);
      case "ready":
        return input ? anticollision(state, input) : quiet(state);
      case "active":
        return input ? activate(state, input) : quiet(state);
      case "protocol":
        return input ? exchange(state, input, now) : lift(state, isoDepTimer(isoDepCard, state.isoDep, now));
      case "dead":
        return quiet(state);
    }
  };
}

/** A malformed frame is not the card's fault: it stays silent. */
function decodeOr<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (isTapbenchError(error)) return undefined;
    throw error;
  }
}
