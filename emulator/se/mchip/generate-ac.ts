import { dolLength, splitDol } from "../../../src/codec/dol.js";
import { tlv } from "../../../src/codec/tlv.js";
import { asDesKey, type DesKey } from "../../../src/crypto/des.js";
import { signCda } from "../../../src/emv/certificates.js";
import { MchipCounters, MchipIad } from "../../../src/emv/mchip-cvr.js";
import { transactionDataHash } from "../../../src/emv/oda.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import { concat, NO_BYTES, readUint, u32be } from "../../../src/util/bytes.js";
import type { AppletContext } from "../applet.js";
import { isBlocked } from "./block.js";
import { OWN, type MchipData } from "./data.js";
import { lastAnswer, takeAnswer } from "./online.js";
import { pinTries } from "./pin.js";
import { CID, decide, type CardFacts, type CryptogramType } from "./risk.js";
import { scriptReport } from "./scripts.js";
import { answer, say, type Answerable, type Handler } from "./step.js";

const NO_DAC = new Uint8Array(2);
const P1_CDA = 0x10;
const MAX_U32 = 0xffff_ffff;

/** GENERATE AC (EMV 4.3 Book 3 6.5.5): the first of a transaction, or the second where the issuer may answer. */
export const generateAc: Handler = (context, state, command, card) => {
  const { open, answerable } = state;
  if (open) return firstAc(context, state, command, card);
  if (answerable && !answerable.closed) return secondAc(context, state, command, card);
  return say(state, SW.conditionsOfUse);
};

const isType = (p1: number, allowed: number): boolean => (p1 & 0xc0) !== 0xc0 && (p1 & ~(0xc0 | allowed)) === 0;

const firstAc: Handler = (context, state, { p1, p2, data: field = NO_BYTES }, card) => {
  const open = state.open!;
  const asked = (p1 & 0xc0) as CryptogramType;
  const cda = (p1 & P1_CDA) !== 0;
  if (!isType(p1, P1_CDA) || p2 !== 0) return say(state, SW.wrongP1P2);
  if (field.length !== dolLength(card.cdol1)) return say(state, SW.wrongLength);
  if (cda && !card.rsa) return say(state, SW.conditionsOfUse);

  const terminal = splitDol(card.cdol1, field);
  const facts = cardFacts(context, card);
  const { type, cvr } = decide(card, facts, {
    asked,
    cda,
    country: terminal.get(0x9f1a),
    cvmResults: terminal.get(0x9f34),
    holderVerified: context.holderVerified || context.pinVerified,
  });
  const counters = countersOf(context);
  // Counted before the TC exists: a cut here costs the cardholder a try, not the issuer a payment.
  if (type === CID.tc) countOffline(context, facts.offlineInRow, terminal.get(0x9f02));
  if (context.via === "contactless") context.keepPinVerified(false);

  const signs = cda && type !== CID.aac;
  const number = signs ? context.random.bytes(8) : NO_BYTES;
  const iad = iadOf(card, cvr, counters, signs ? number.subarray(0, 2) : NO_DAC);
  const ac = cryptogramOf(context, card, open.atc, iad, terminal);

  const head = concat(tlv(0x9f27, Uint8Array.of(type)), tlv(0x9f36, open.atc));
  const tail = tlv(0x9f10, iad);
  let proof = tlv(0x9f26, ac);
  if (signs) {
    const key = card.rsa!;
    context.spend({ rsaBits: key.publicKey.modulus.length * 8 });
    const un = terminal.get(0x9f37) ?? new Uint8Array(4);
    const transactionHash = transactionDataHash(open.pdolData, field, head, tail);
    proof = tlv(0x9f4b, signCda(key, { number, cid: type, cryptogram: ac, transactionHash, more: NO_BYTES }, un));
  }
  const answerable: Answerable = { atc: open.atc, cryptogram: ac, type, terminal, chain: ac, closed: false };
  // Over the air there is nobody to answer: kernel 2 ends with the first cryptogram.
  const next = context.via === "wired" && type !== CID.tc ? { answerable } : {};
  return answer({ personalisation: state.personalisation, ...next }, tlv(0x77, head, proof, tail));
};

/**
 * The second: what the issuer said about an ARQC comes with CDOL2. No signature. The cryptogram covers the first one's data, with those of CDOL2 in
 * their place, under the transaction's one session key.
 */
const secondAc: Handler = (context, state, { p1, p2, data: field = NO_BYTES }, card) => {
  const session = state.answerable!;
  const asked = (p1 & 0xc0) as CryptogramType;
  if (!isType(p1, 0) || asked === CID.arqc || p2 !== 0) return say(state, SW.wrongP1P2);
  if (card.cdol2.length === 0 || session.type !== CID.arqc) return say(state, SW.conditionsOfUse);
  if (field.length !== dolLength(card.cdol2)) return say(state, SW.wrongLength);
  const { storage } = context;
  const given = splitDol(card.cdol2, field);
  const terminal = new Map([...session.terminal, ...given]);
  const { atc, cryptogram: arqc } = session;
  const authentication = given.get(0x91);
  // Facts of before: what the answer changes shows in the next transaction.
  const facts = cardFacts(context, card);
  const un = session.terminal.get(0x9f37) ?? new Uint8Array(4);
  const sessionKey = asDesKey(card.recipe.sessionKey(card.key, atc, un));
  context.spend({ symmetric: 2 });
  const taken = takeAnswer(storage, readUint(atc), authentication?.length === 10 ? authentication : undefined, (code) =>
    card.recipe.arpc({ master: card.key, session: sessionKey }, arqc, code),
  );
  const { type, cvr } = decide(card, facts, {
    asked: asked === CID.tc && taken.approved ? CID.tc : CID.aac,
    cda: false,
    country: terminal.get(0x9f1a),
    cvmResults: terminal.get(0x9f34),
    holderVerified: context.holderVerified || context.pinVerified,
    second: taken,
  });
  const iad = iadOf(card, cvr, countersOf(context), NO_DAC);
  const ac = cryptogramOf(context, card, atc, iad, terminal, sessionKey);
  return answer(
    { ...state, answerable: { ...session, closed: true } },
    tlv(0x77, tlv(0x9f27, Uint8Array.of(type)), tlv(0x9f36, atc), tlv(0x9f26, ac), tlv(0x9f10, iad)),
  );
};

/** What the card knows of itself. */
function cardFacts(context: AppletContext, card: MchipData): CardFacts {
  const { storage } = context;
  const last = lastAnswer(storage);
  return {
    offlineInRow: storage.counter(OWN.offlineInRow),
    blocked: isBlocked(storage),
    pin: card.pin && { tries: pinTries(storage, card.pin), limit: card.pin.limit, verified: context.pinVerified },
    scripts: scriptReport(storage, { tried: last.scriptsTried, done: last.scriptsDone }),
    onlineNextTime: last.flags.onlineNextTime === 1,
    authenticationFailed: last.flags.authenticationFailed === 1,
  };
}

const countersOf = (context: AppletContext): Uint8Array =>
  MchipCounters.encode({
    lastOnlineAtc: lastAnswer(context.storage).atc,
    offlineInRow: Math.min(context.storage.counter(OWN.offlineInRow), 0xff),
    offlineAmount: offlineAmount(context),
    end: 0xff,
  });

const iadOf = (card: MchipData, cvr: Uint8Array, counters: Uint8Array, dac: Uint8Array): Uint8Array =>
  MchipIad.encode({ keyIndex: card.keyIndex, cvn: card.cvn, cvr, dac, counters });

function cryptogramOf(
  context: AppletContext,
  card: MchipData,
  atc: Uint8Array,
  iad: Uint8Array,
  terminal: ReadonlyMap<number, Uint8Array>,
  sessionKey?: DesKey,
): Uint8Array {
  const { recipe } = card;
  const valueOf = (tag: number): Uint8Array | undefined =>
    tag === 0x82 ? card.aip : tag === 0x9f36 ? atc : tag === 0x9f10 ? iad : terminal.get(tag);
  const un = terminal.get(0x9f37) ?? new Uint8Array(4);
  context.spend({ symmetric: 2 });
  return recipe.cryptogram(sessionKey ?? recipe.sessionKey(card.key, atc, un), recipe.data(valueOf));
}

const offlineAmount = ({ storage }: AppletContext): number => readUint(storage.get(OWN.offlineAmount) ?? NO_BYTES);

function countOffline(context: AppletContext, offlineInRow: number, amount: Uint8Array | undefined): void {
  const minor = amount ? Number(BigInt(Array.from(amount, (byte) => `${byte >> 4}${byte & 15}`).join(""))) : 0;
  const { storage } = context;
  const sum = Math.min(MAX_U32, offlineAmount(context) + minor);
  storage.transaction(() => {
    storage.putAll([[OWN.offlineAmount, u32be(sum)]]);
    storage.setCounter(OWN.offlineInRow, Math.min(0xffff, offlineInRow + 1));
  });
}
