import { asDesKey } from "../../../src/crypto/des.js";
import { parseTlv, tlv } from "../../../src/codec/tlv.js";
import { isPinBlock2 } from "../../../src/emv/secure-messaging.js";
import type { CommandApdu } from "../../../src/protocols/iso7816/apdu.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import { concat, equalBytes, NO_BYTES } from "../../../src/util/bytes.js";
import type { AppletContext, AppletStorage } from "../applet.js";
import { newCounter } from "../store.js";
import type { StoreChange } from "../transaction.js";
import { BLOCK } from "./block.js";
import { countOf, DGI, forgetMchipData, OWN, readPersonalisation, recordDgi, RISK, type MchipData } from "./data.js";
import { allTries } from "./pin.js";
import type { ScriptReport } from "./risk.js";
import { say, type Answerable, type Handler } from "./step.js";

/*
 * Script commands of the issuer, with secure messaging (EMV 4.3 Book 2 chapter 9, Book 3 6.5; format 2: the MAC stands at the end of the data).
 * They are taken over the wired interface, in the session that a first cryptogram has opened: kernel 2 sends none over the air. The session keys
 * come from that cryptogram, so a script fits one transaction of one card. The first MAC covers the cryptogram, each further one the MAC before
 * it (EMV's chaining; M/Chip cards are said to count the cryptogram up instead). Whatever is refused ends the session: one try a transaction.
 */

const MAC = 8;
const MAX_LC = 255;
const MAX_COUNT = 0xffff;
const MAX_RECORD = 254;

/** What a command with a right MAC stands for: what changes, or why not. */
type Script = (asked: {
  readonly context: AppletContext;
  readonly session: Answerable;
  readonly command: CommandApdu;
  /** Without the MAC. */
  readonly data: Uint8Array;
  readonly card: MchipData;
}) => readonly StoreChange[] | number;

/** BLOCK and UNBLOCK commands carry nothing but their MAC. */
const blocking =
  (block: Uint8Array | undefined): Script =>
  ({ command: { p1, p2 }, data }) => {
    if (p1 !== 0 || p2 !== 0) return SW.wrongP1P2;
    return data.length === 0 ? [[OWN.block, block]] : SW.wrongLength;
  };

/** PIN CHANGE/UNBLOCK (EMV 4.3 Book 3 6.5.10): P2 00 gives the tries back, 02 brings a new PIN, enciphered. */
const changePin: Script = ({ context: { storage }, session, command: { p1, p2 }, data, card }) => {
  if (p1 !== 0 || (p2 !== 0x00 && p2 !== 0x02)) return SW.wrongP1P2;
  if (data.length !== (p2 === 0x00 ? 0 : 8)) return SW.wrongLength;
  if (!card.pin) return SW.dataNotUsable;
  if (p2 === 0x00) return [allTries(storage)];
  const key = card.recipe.scriptKey(card.confidentialityKey, { atc: session.atc, arqc: session.cryptogram });
  const block = asDesKey(key).decryptCbc(data);
  return isPinBlock2(block) ? [[DGI.pin, block], allTries(storage)] : SW.wrongData;
};

/** Objects for PUT DATA: lower and upper limit of consecutive offline transactions (EMV 4.3 Book 3 Annex A). */
export const LIMITS: ReadonlyMap<number, number> = new Map([
  [0x9f14, RISK.lower],
  [0x9f23, RISK.upper],
]);

const putData: Script = ({ context: { storage }, command: { p1, p2 }, data }) => {
  const own = LIMITS.get((p1 << 8) | p2);
  if (own === undefined) return SW.dataNotFound;
  if (data.length !== 1) return SW.wrongLength;
  const objects = parseTlv(storage.get(DGI.riskManagement)!);
  const kept = objects.filter(({ tag }) => tag !== own);
  return [[DGI.riskManagement, concat(...[...kept, { tag: own, value: data }].map((it) => tlv(it.tag, it.value)))]];
};

/** UPDATE RECORD (ISO/IEC 7816-4): the whole record, of a card that makes sense with it. */
const updateRecord: Script = ({ context: { storage }, command: { p1, p2 }, data }) => {
  if ((p2 & 0x07) !== 0x04 || p1 === 0) return SW.wrongP1P2;
  const id = recordDgi(p2 >> 3, p1);
  if (!storage.get(id)) return SW.recordNotFound;
  if (data.length > MAX_RECORD || data[0] !== 0x70) return SW.wrongData;
  const sound = readPersonalisation((dgi) => (dgi === id ? data : storage.get(dgi)), storage.ids);
  return sound ? [[id, data.slice()]] : SW.wrongData;
};

/** By instruction: class, and what it does. */
export const SCRIPTS: ReadonlyMap<number, { readonly cla: number; readonly script: Script }> = new Map([
  [0x1e, { cla: 0x84, script: blocking(BLOCK.application) }],
  [0x18, { cla: 0x84, script: blocking(undefined) }],
  [0x16, { cla: 0x84, script: blocking(BLOCK.card) }],
  [0x24, { cla: 0x84, script: changePin }],
  [0xda, { cla: 0x04, script: putData }],
  [0xdc, { cla: 0x04, script: updateRecord }],
]);

/** Counts a command before its MAC is looked at; a cut behind it leaves a command that failed. */
function countTry(storage: AppletStorage): void {
  const tried = Math.min(MAX_COUNT, countOf(storage, OWN.scriptsTried) + 1);
  if (storage.get(OWN.scriptsTried)) storage.writeCounter(OWN.scriptsTried, tried);
  else storage.setCounter(OWN.scriptsTried, tried);
}

export const runScript: Handler = (context, state, command, card) => {
  const { storage } = context;
  const { answerable: session, ...over } = state;
  if (context.via === "contactless" || !session) return say(state, SW.conditionsOfUse);
  const { cla, ins, p1, p2, data: field = NO_BYTES } = command;
  if (field.length > MAX_LC) return say(over, SW.wrongLength);
  if (field.length < MAC) return say(over, SW.secureMessagingMissing);
  countTry(storage);

  const data = field.subarray(0, -MAC);
  const { atc, cryptogram, chain } = session;
  context.spend({ symmetric: 4 });
  const key = card.recipe.scriptKey(card.integrityKey, { atc, arqc: cryptogram });
  const header = Uint8Array.of(cla, ins, p1, p2, field.length);
  const mac = card.recipe.scriptMac(key, { atc, arqc: chain }, header, data);
  if (!equalBytes(mac, field.subarray(-MAC))) return say(over, SW.secureMessagingWrong);

  const result = SCRIPTS.get(ins)!.script({ context, session, command, data, card });
  if (typeof result === "number") return say(over, result);
  const done = Math.min(MAX_COUNT, countOf(storage, OWN.scriptsDone) + 1);
  // The change and the count of it: both or neither.
  storage.putAll([...result, [OWN.scriptsDone, newCounter(done)]]);
  forgetMchipData(storage);
  if (ins === 0x24) context.keepPinVerified(false);
  return say({ ...over, answerable: { ...session, chain: mac } }, SW.ok);
};

/** What became of scripts since the issuer last knew. @param reported counts of that time */
export function scriptReport(storage: AppletStorage, reported: { tried: number; done: number }): ScriptReport {
  const tried = countOf(storage, OWN.scriptsTried) - reported.tried;
  const done = countOf(storage, OWN.scriptsDone) - reported.done;
  return { done, received: tried > 0, failed: tried > done };
}
