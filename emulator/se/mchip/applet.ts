import { newCounter } from "../store.js";
import { dolLength, splitDol } from "../../../src/codec/dol.js";
import { findTlv, parseTlv, tlv } from "../../../src/codec/tlv.js";
import { MchipCounters, MchipIad } from "../../../src/emv/mchip-cvr.js";
import { transactionDataHash } from "../../../src/emv/oda.js";
import { signCda } from "../../../src/emv/certificates.js";
import { status, type CommandApdu, type ResponseApdu } from "../../../src/protocols/iso7816/apdu.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import { concat, NO_BYTES, readUint, u16be, u32be } from "../../../src/util/bytes.js";
import { applet, type AppletContext, type AppletStep } from "../applet.js";
import { INS_STORE_DATA, NO_PERSONALISATION, storeData, type PersonalisationState } from "../personalisation.js";
import {
  acceptDgi,
  DGI,
  isWhole,
  forgetMchipData,
  mchipData,
  OWN,
  readPersonalisation,
  recordDgi,
  type MchipData,
} from "./data.js";
import { CID, decide, type CryptogramType } from "./risk.js";

/** Volatile: gone when the field goes. */
interface MchipState {
  readonly personalisation: PersonalisationState;
  /** GET PROCESSING OPTIONS was answered and no cryptogram has been given yet. */
  readonly open?: { readonly atc: Uint8Array; readonly pdolData: Uint8Array };
}

type Handler = (
  context: AppletContext,
  state: MchipState,
  command: CommandApdu,
  data: MchipData,
) => AppletStep<MchipState>;

const INITIAL: MchipState = { personalisation: NO_PERSONALISATION };
const ATC_LIMIT = 0xffff;
const NO_DAC = new Uint8Array(2);
const P1_CDA = 0x10;
const MAX_U32 = 0xffff_ffff;

const say = (state: MchipState, sw: number): AppletStep<MchipState> => ({ state, response: status(sw) });
const answer = (state: MchipState, data: Uint8Array): AppletStep<MchipState> => ({
  state,
  response: { data, sw: SW.ok },
});

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

/** GET DATA (EMV 4.3 Book 3 6.5.7): the ATC, and what was personalised for it. */
const getData: Handler = ({ storage }, state, { p1, p2 }) => {
  const tag = (p1 << 8) | p2;
  if (tag === 0x9f36) return answer(state, tlv(tag, u16be(storage.counter(OWN.atc))));
  const found = findTlv(parseTlv(storage.get(DGI.getData) ?? NO_BYTES), tag);
  return found ? answer(state, tlv(tag, found.value)) : say(state, SW.dataNotFound);
};

/** GENERATE AC (EMV 4.3 Book 3 6.5.5), the first and only one of a contactless transaction. */
const generateAc: Handler = (context, state, { p1, p2, data: field = NO_BYTES }, card) => {
  const { open } = state;
  const asked = (p1 & 0xc0) as CryptogramType;
  const cda = (p1 & P1_CDA) !== 0;
  if (!open) return say(state, SW.conditionsOfUse);
  if ((asked as number) === 0xc0 || (p1 & ~(0xc0 | P1_CDA)) !== 0 || p2 !== 0) return say(state, SW.wrongP1P2);
  if (field.length !== dolLength(card.cdol1)) return say(state, SW.wrongLength);
  if (cda && !card.rsa) return say(state, SW.conditionsOfUse);

  const { storage } = context;
  const terminal = splitDol(card.cdol1, field);
  const offlineInRow = storage.counter(OWN.offlineInRow);
  const { type, cvr } = decide(card, {
    asked,
    cda,
    country: terminal.get(0x9f1a),
    cvmResults: terminal.get(0x9f34),
    holderVerified: context.holderVerified,
    offlineInRow,
  });
  const counters = MchipCounters.encode({
    lastOnlineAtc: 0,
    offlineInRow: Math.min(offlineInRow, 0xff),
    offlineAmount: offlineAmount(context),
    end: 0xff,
  });
  // Counted before the TC exists: a cut here costs the cardholder a try, not the issuer a payment.
  if (type === CID.tc) countOffline(context, offlineInRow, terminal.get(0x9f02));

  const signs = cda && type !== CID.aac;
  const number = signs ? context.random.bytes(8) : NO_BYTES;
  const iad = MchipIad.encode({
    keyIndex: card.keyIndex,
    cvn: card.cvn,
    cvr,
    dac: signs ? number.subarray(0, 2) : NO_DAC,
    counters,
  });
  const valueOf = (tag: number): Uint8Array | undefined =>
    tag === 0x82 ? card.aip : tag === 0x9f36 ? open.atc : tag === 0x9f10 ? iad : terminal.get(tag);
  const un = terminal.get(0x9f37) ?? new Uint8Array(4);
  context.spend({ symmetric: 2 });
  const ac = card.recipe.cryptogram(card.recipe.sessionKey(card.key, open.atc, un), card.recipe.data(valueOf));

  const head = concat(tlv(0x9f27, Uint8Array.of(type)), tlv(0x9f36, open.atc));
  const tail = tlv(0x9f10, iad);
  let proof = tlv(0x9f26, ac);
  if (signs) {
    const key = card.rsa!;
    context.spend({ rsaBits: key.publicKey.modulus.length * 8 });
    const transactionHash = transactionDataHash(open.pdolData, field, head, tail);
    proof = tlv(0x9f4b, signCda(key, { number, cid: type, cryptogram: ac, transactionHash, more: NO_BYTES }, un));
  }
  return answer({ personalisation: state.personalisation }, tlv(0x77, head, proof, tail));
};

const offlineAmount = ({ storage }: AppletContext): number => readUint(storage.get(OWN.offlineAmount) ?? NO_BYTES);

function countOffline(context: AppletContext, offlineInRow: number, amount: Uint8Array | undefined): void {
  const minor = amount ? Number(BigInt(Array.from(amount, (byte) => `${byte >> 4}${byte & 15}`).join(""))) : 0;
  context.storage.putAll([[OWN.offlineAmount, u32be(Math.min(MAX_U32, offlineAmount(context) + minor))]]);
  context.storage.writeCounter(OWN.offlineInRow, Math.min(0xffff, offlineInRow + 1));
}

/** Commands of a personalised card by instruction: class, what it does. */
const COMMANDS: ReadonlyMap<number, { readonly cla: number; readonly handler: Handler }> = new Map([
  [0xa8, { cla: 0x80, handler: getProcessingOptions }],
  [0xb2, { cla: 0x00, handler: readRecord }],
  [0xca, { cla: 0x80, handler: getData }],
  [0xae, { cla: 0x80, handler: generateAc }],
]);

/** M/Chip-style payment application for kernel 2 with CDA. What is faithful and what is not: docs at mchip-cvr.ts and the README. */
export const mchip = applet<MchipState>({
  module: "mchip",
  initial: INITIAL,
  select(context, aid) {
    const data = mchipData(context.storage);
    // Not personalised: invisible to a reader, and there for personalisation.
    if (!data && context.via === "contactless") return say(INITIAL, SW.notFound);
    return answer(INITIAL, tlv(0x6f, tlv(0x84, aid), tlv(0xa5, data?.fci ?? NO_BYTES)));
  },
  process(context, state, command) {
    if (command.ins === INS_STORE_DATA) return personalise(context, state, command);
    const row = COMMANDS.get(command.ins);
    if (!row) return say(state, SW.instructionNotSupported);
    if (row.cla !== command.cla) return say(state, SW.classNotSupported);
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
    if (!readPersonalisation((dgi) => dgis.get(dgi) ?? storage.get(dgi), new Set([...dgis.keys(), ...storage.ids])))
      return { sw: SW.wrongData };
    // Counters of a new card start at zero; an existing ATC never goes back.
    const counters = [OWN.atc, OWN.offlineInRow].filter((id) => !storage.get(id));
    // A whole new card leaves nothing of the old one behind; a part of one leaves the rest as it is.
    const own: readonly number[] = Object.values(OWN);
    const stale = isWhole(dgis) ? storage.ids.filter((id) => !dgis.has(id) && !own.includes(id)) : [];
    return { sw: SW.ok, remove: stale, add: counters.map((id) => [id, newCounter()] as const) };
  });
  // A personalisation may bring some of the groupings only, and leave the FCI as it is.
  forgetMchipData(context.storage);
  return { state: { personalisation: step.state }, response: step.response };
}
