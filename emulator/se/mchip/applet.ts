import { dolLength } from "../../../src/codec/dol.js";
import { findTlv, parseTlv, tlv, valueOf } from "../../../src/codec/tlv.js";
import type { CommandApdu, ResponseApdu } from "../../../src/protocols/iso7816/apdu.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import { NO_BYTES, u16be } from "../../../src/util/bytes.js";
import { applet, type AppletContext, type AppletStorage } from "../applet.js";
import { INS_STORE_DATA, NO_PERSONALISATION, storeData } from "../personalisation.js";
import { newCounter } from "../store.js";
import { isBlocked, isCardBlocked } from "./block.js";
import {
  acceptDgi,
  DGI,
  isWhole,
  forgetMchipData,
  mchipData,
  OF_ONE_CARD,
  OWN,
  readPersonalisation,
  recordDgi,
  type MchipData,
} from "./data.js";
import { generateAc } from "./generate-ac.js";
import { lastAnswer } from "./online.js";
import { newPinCounters, pinTries, verifyPin } from "./pin.js";
import { LIMITS, runScript, SCRIPTS } from "./scripts.js";
import { answer, say, type Handler, type MchipState } from "./step.js";

const INITIAL: MchipState = { personalisation: NO_PERSONALISATION };
const ATC_LIMIT = 0xffff;

/** GET PROCESSING OPTIONS (EMV 4.3 Book 3 6.5.8). The ATC is counted up, for good, before anything is answered. */
const getProcessingOptions: Handler = ({ storage }, state, { p1, p2, data: field = NO_BYTES }, card) => {
  if (p1 !== 0 || p2 !== 0) return say(state, SW.wrongP1P2);
  if (state.open) return say(state, SW.conditionsOfUse);
  const wanted = dolLength(card.pdol);
  if (field[0] !== 0x83 || field[1] !== wanted || field.length !== 2 + wanted) return say(state, SW.wrongData);
  const atc = storage.counter(OWN.atc) + 1;
  if (atc > ATC_LIMIT) return say(state, SW.conditionsOfUse);
  storage.writeCounter(OWN.atc, atc);
  return answer(
    { personalisation: state.personalisation, open: { atc: u16be(atc), pdolData: field.subarray(2) } },
    tlv(0x77, card.processingOptions),
  );
};

/** READ RECORD (EMV 4.3 Book 3 6.5.11). */
const readRecord: Handler = ({ storage }, state, { p1, p2 }) => {
  if ((p2 & 0x07) !== 0x04 || p1 === 0) return say(state, SW.wrongP1P2);
  const record = storage.get(recordDgi(p2 >> 3, p1));
  return record ? answer(state, record) : say(state, SW.recordNotFound);
};

type OwnData = (storage: AppletStorage, card: MchipData) => Uint8Array | undefined;
const limit =
  (own: number): OwnData =>
  (storage) =>
    valueOf(parseTlv(storage.get(DGI.riskManagement)!), own);

/** What GET DATA answers of the card's own (EMV 4.3 Book 3 Annex A): ATC, last online ATC, PIN tries left, offline limits. */
const OWN_DATA: ReadonlyMap<number, OwnData> = new Map<number, OwnData>([
  [0x9f36, (storage) => u16be(storage.counter(OWN.atc))],
  [0x9f13, (storage) => u16be(lastAnswer(storage).atc)],
  [0x9f17, (storage, { pin }) => pin && Uint8Array.of(pinTries(storage, pin))],
  ...[...LIMITS].map(([tag, own]) => [tag, limit(own)] as const),
]);

/** GET DATA (EMV 4.3 Book 3 6.5.7): the card's own, and what was personalised for it. */
const getData: Handler = ({ storage }, state, { p1, p2 }, card) => {
  const tag = (p1 << 8) | p2;
  const own = OWN_DATA.get(tag)?.(storage, card);
  const found = own ?? findTlv(parseTlv(storage.get(DGI.getData) ?? NO_BYTES), tag)?.value;
  return found ? answer(state, tlv(tag, found)) : say(state, SW.dataNotFound);
};

/** Commands of a personalised card by instruction: class, what it does. */
const COMMANDS: ReadonlyMap<number, { readonly cla: number; readonly handler: Handler }> = new Map([
  [0xa8, { cla: 0x80, handler: getProcessingOptions }],
  [0xb2, { cla: 0x00, handler: readRecord }],
  [0xca, { cla: 0x80, handler: getData }],
  [0xae, { cla: 0x80, handler: generateAc }],
  [0x20, { cla: 0x00, handler: verifyPin }],
  ...[...SCRIPTS].map(([ins, { cla }]) => [ins, { cla, handler: runScript }] as const),
]);

/** M/Chip-style payment application for kernel 2 with CDA. What is faithful and what is not: docs at mchip-cvr.ts and the README. */
export const mchip = applet<MchipState>({
  module: "mchip",
  initial: INITIAL,
  secureMessaging: true,
  select(context, aid) {
    const data = mchipData(context.storage);
    // Not personalised: invisible to a reader, and there for personalisation.
    if (!data && context.via === "contactless") return say(INITIAL, SW.notFound);
    // EMV 4.3 Book 1 12.3 and 12.4: 6A81 for a blocked card, 6283 for a blocked application.
    if (isCardBlocked(context.storage)) return say(INITIAL, SW.functionNotSupported);
    const { state, response } = answer(INITIAL, tlv(0x6f, tlv(0x84, aid), tlv(0xa5, data?.fci ?? NO_BYTES)));
    return { state, response: isBlocked(context.storage) ? { ...response, sw: SW.deactivated } : response };
  },
  process(context, state, command) {
    if (command.ins === INS_STORE_DATA) return personalise(context, state, command);
    const row = COMMANDS.get(command.ins);
    if (!row) return say(state, SW.instructionNotSupported);
    if (row.cla !== command.cla) return say(state, SW.classNotSupported);
    if (isCardBlocked(context.storage)) return say(INITIAL, SW.conditionsOfUse);
    const data = mchipData(context.storage);
    return data ? row.handler(context, state, command, data) : say(state, SW.conditionsOfUse);
  },
});

function personalise(
  context: AppletContext,
  state: MchipState,
  command: CommandApdu,
): { state: MchipState; response: ResponseApdu } {
  if ((command.cla & 0xfc) !== 0x80) return say(state, SW.classNotSupported);
  const step = storeData(context, state.personalisation, command, acceptDgi, (dgis) => {
    const { storage } = context;
    const whole = isWhole(dgis);
    const card = readPersonalisation(
      (dgi) => dgis.get(dgi) ?? (whole ? undefined : storage.get(dgi)),
      new Set([...dgis.keys(), ...(whole ? [] : storage.ids)]),
    );
    if (!card) return { sw: SW.wrongData };
    // Counters of a new card start at zero; an existing ATC never goes back.
    const counters = [OWN.atc, OWN.offlineInRow].filter((id) => !storage.get(id));
    const pin = card.pin && dgis.has(DGI.pinTries) ? newPinCounters(card.pin) : [];
    // A whole new card leaves nothing of the old one behind; a part of one leaves the rest as it is.
    const kept = Object.values(OWN).filter((id) => !OF_ONE_CARD.includes(id)) as readonly number[];
    const stale = whole ? storage.ids.filter((id) => !dgis.has(id) && !kept.includes(id)) : [];
    return { sw: SW.ok, remove: stale, add: [...counters.map((id) => [id, newCounter()] as const), ...pin] };
  });
  // A personalisation may bring some of the groupings only, and leave the FCI as it is.
  forgetMchipData(context.storage);
  return { state: { personalisation: step.state }, response: step.response };
}
