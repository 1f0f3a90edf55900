import { toBcd } from "../codec/bcd.js";
import { buildDol, parseDol } from "../codec/dol.js";
import { leaves, parseTlv, tlv, type Tlv } from "../codec/tlv.js";
import { MchipCvr, MchipIad, type MchipCvrValue } from "../emv/mchip-cvr.js";
import { dolFormat } from "../emv/tags.js";
import type { CardProfile } from "../profiles/types.js";
import type { CommandApdu, ResponseApdu } from "../protocols/iso7816/apdu.js";
import type { CardAsking } from "../protocols/iso7816/poller.js";
import { SW, swHex, swMeaning } from "../protocols/iso7816/status.js";
import { ascii, equalBytes, readUint } from "../util/bytes.js";
import { attempt, isTapbenchError } from "../util/errors.js";
import type { Random } from "../util/random.js";
import type { AtcVerdict } from "./atc.js";
import { issuerError } from "./errors.js";
import type { CardKeys } from "./keys.js";
import { prove, RECIPES, type Proof } from "./proof.js";
import { scriptCommands, type CardOrder } from "./scripts.js";

/*
 * An issuer at work on a card that is in its holder's device, over the element's wired interface: a transaction without an amount, whose
 * cryptogram proves the card; the issuer's answer with the second GENERATE AC; then the script. Whoever carries it sees no PIN and can change nothing.
 */

/** What an update works with. */
export interface UpdateParts {
  readonly profile: Pick<
    CardProfile,
    "aid" | "cvn" | "pdol" | "cdol1" | "cdol2" | "issuerCountry" | "currency" | "aip"
  >;
  readonly keys: CardKeys;
  readonly at: Date;
  /** Unpredictable numbers. */
  readonly random: Random;
  /** Judges a counter that a right cryptogram proved, and uses it up. */
  readonly count: (atc: number) => AtcVerdict;
}

export interface UpdateWishes {
  readonly orders?: readonly CardOrder[];
  /** Sets the offline counters to zero; a blocked application cannot do that. */
  readonly resetCounters?: boolean;
}

/** What became of one order. */
export interface UpdateStep {
  readonly says: string;
  /** The card's status word; absent: it was not sent, since one before it was refused. */
  readonly sw?: number;
}

/** What became of an update. */
export interface UpdateReport {
  readonly atc: number;
  /** What the card said of itself before anything was changed: tries left, scripts since the issuer's last answer and whether one failed. */
  readonly cvr: MchipCvrValue;
  /** The application was blocked when the update began. */
  readonly wasBlocked: boolean;
  /** The card took the issuer's answer: its offline counters are at zero where that was wished, scripts before this one count as reported. */
  readonly answerTaken: boolean;
  readonly steps: readonly UpdateStep[];
  /** Everything was done. */
  readonly complete: boolean;
}

const ARQC = 0x80;
const TC = 0x40;
/** Byte 2: approved, and what becomes of the offline counters. */
const CODE = { keep: Uint8Array.of(0x00, 0x10), reset: Uint8Array.of(0x00, 0x12) } as const;
const APPROVED = ascii("00");

const mustBe = (answer: ResponseApdu, what: string, allowed: readonly number[] = [SW.ok]): ResponseApdu => {
  if (allowed.includes(answer.sw)) return answer;
  throw issuerError("update-refused", `the card refused ${what} with ${swHex(answer.sw)}: ${swMeaning(answer.sw)}`, {
    sw: swHex(answer.sw),
    command: what,
  });
};

/** Values that GENERATE AC answers: 9F27 9F36 9F26 9F10. */
function cryptogramIn(answer: ResponseApdu): ReadonlyMap<number, Uint8Array> {
  const objects: readonly Tlv[] = attempt(() => parseTlv(answer.data)) ?? [];
  const found = new Map([...leaves(objects)].map(({ tag, value }) => [tag, value]));
  for (const [tag, length] of [
    [0x9f27, 1],
    [0x9f36, 2],
    [0x9f26, 8],
    [0x9f10, 18],
  ] as const)
    if (found.get(tag)?.length !== length)
      throw issuerError("update-refused", "the card's answer to GENERATE AC is not one of this issuer's cards", {
        tag: tag.toString(16).toUpperCase(),
      });
  return found;
}

/**
 * Updates a card. The transaction counter goes up by one.
 * @throws `issuer/update-refused` where the card does not open a transaction; `issuer/update-unproven` for a wrong cryptogram or a counter that was
 * used before; `issuer/bad-order`, `emv/bad-pin` before anything is sent
 */
export function* updateCard(parts: UpdateParts, wishes: UpdateWishes): CardAsking<UpdateReport> {
  // Whether the orders can be said at all, before the card is asked.
  const dry = { atc: new Uint8Array(2), arqc: new Uint8Array(8) };
  scriptCommands({ recipe: RECIPES.get(parts.profile.cvn)!, keys: parts.keys }, dry, wishes.orders ?? []);
  let report: UpdateReport;
  try {
    report = yield* openedUpdate(parts, wishes);
  } catch (error) {
    if (isTapbenchError(error) && error.code.startsWith("issuer/")) yield LEAVE;
    throw error;
  }
  yield LEAVE;
  return report;
}

/** SELECT of whatever the element selects by default: while the application is selected here, the air may not have it (Java Card). */
const LEAVE: CommandApdu = { cla: 0x00, ins: 0xa4, p1: 0x04, p2: 0x00, le: 256 };

function* openedUpdate(parts: UpdateParts, wishes: UpdateWishes): CardAsking<UpdateReport> {
  const { orders = [], resetCounters = false } = wishes;
  const { profile, keys } = parts;
  const recipe = RECIPES.get(profile.cvn)!; // card profiles have no other versions
  const card = { recipe, keys };
  const selected = yield command(0x00, 0xa4, 0x04, 0x00, profile.aid);
  const { sw } = mustBe(selected.answer, "SELECT", [SW.ok, SW.deactivated]);
  const pdolData = buildDol(parseDol(profile.pdol), () => undefined, dolFormat);
  mustBe((yield command(0x80, 0xa8, 0, 0, tlv(0x83, pdolData))).answer, "GET PROCESSING OPTIONS");

  const un = parts.random.bytes(4);
  const terminal = new Map([
    [0x9f1a, toBcd(profile.issuerCountry, 2)],
    [0x5f2a, toBcd(profile.currency.numeric, 2)],
    [0x9a, toBcd(parts.at.toISOString().slice(2, 10).replaceAll("-", ""), 3)],
    [0x9f37, un],
  ]);
  const cdol1 = parseDol(profile.cdol1);
  const cdol1Data = buildDol(cdol1, (tag) => terminal.get(tag), dolFormat);
  const first = cryptogramIn(mustBe((yield command(0x80, 0xae, ARQC, 0, cdol1Data)).answer, "GENERATE AC"));
  const [atc, arqc] = [first.get(0x9f36)!, first.get(0x9f26)!];
  const covered = (objects: ReadonlyMap<number, Uint8Array>) => (tag: number) =>
    tag === 0x82 ? profile.aip : (objects.get(tag) ?? terminal.get(tag) ?? zeros(tag));
  const proof = prove(recipe, keys.ac, { atc, un, cryptogram: arqc }, covered(first));
  const verdict = proof.verified ? parts.count(readUint(atc)) : undefined;
  if (verdict === undefined || verdict === "replayed" || verdict === "too-far")
    throw issuerError(
      "update-unproven",
      verdict === undefined
        ? "the card's cryptogram is wrong: this is another card, or its data were changed on the way"
        : "the card's transaction counter was used before or is too far ahead; it may be a copy",
      { atc: readUint(atc), verdict: verdict ?? "cryptogram" },
    );

  const online = first.get(0x9f27)![0] === ARQC;
  const answerTaken =
    online && profile.cdol2.length > 0 && (yield* giveAnswer(parts, proof, terminal, resetCounters, covered));
  const steps: UpdateStep[] = [];
  let going = true;
  for (const { command: order, says } of scriptCommands(card, { atc, arqc }, orders)) {
    if (!going) {
      steps.push({ says });
      continue;
    }
    const { answer } = yield order;
    steps.push({ says, sw: answer.sw });
    going = answer.sw === SW.ok;
  }
  return {
    atc: readUint(atc),
    cvr: MchipCvr.decode(MchipIad.decode(first.get(0x9f10)!).cvr),
    wasBlocked: sw === SW.deactivated,
    answerTaken,
    steps,
    complete: going && (answerTaken || !resetCounters),
  };
}

/** The second GENERATE AC. The card took the answer when it gives a TC of its own key. */
function* giveAnswer(
  { profile, keys }: UpdateParts,
  proof: Proof,
  terminal: ReadonlyMap<number, Uint8Array>,
  reset: boolean,
  covered: (objects: ReadonlyMap<number, Uint8Array>) => (tag: number) => Uint8Array | undefined,
): CardAsking<boolean> {
  const authentication = proof.answer(reset ? CODE.reset : CODE.keep);
  const values = new Map([...terminal, [0x91, authentication], [0x8a, APPROVED]]);
  const data = buildDol(parseDol(profile.cdol2), (tag) => values.get(tag), dolFormat);
  const { answer } = yield command(0x80, 0xae, TC, 0, data);
  if (answer.sw !== SW.ok) return false;
  const second = cryptogramIn(answer);
  const [atc, cryptogram] = [second.get(0x9f36)!, second.get(0x9f26)!];
  const un = terminal.get(0x9f37)!;
  const recipe = RECIPES.get(profile.cvn)!;
  const right = prove(recipe, keys.ac, { atc, un, cryptogram }, covered(second)).verified;
  return right && equalBytes(second.get(0x9f27)!, Uint8Array.of(TC));
}

/** Objects of the transaction that an update leaves empty. */
const EMPTY: ReadonlyMap<number, number> = new Map([
  [0x9f02, 6],
  [0x9f03, 6],
  [0x95, 5],
  [0x9c, 1],
]);
const zeros = (tag: number): Uint8Array | undefined => {
  const length = EMPTY.get(tag);
  return length === undefined ? undefined : new Uint8Array(length);
};

const command = (cla: number, ins: number, p1: number, p2: number, data: Uint8Array): CommandApdu => ({
  cla,
  ins,
  p1,
  p2,
  data,
  le: 256,
});
