import type { DesKeyLike } from "../crypto/des.js";
import type { AuthorisationRequest, AuthorisationResponse, Authorise } from "../emv/acquirer.js";
import { AC_ARQC, cvrFlags } from "../emv/mchip-cvr.js";
import { hex } from "../util/bytes.js";
import type { Random } from "../util/random.js";
import type { RuleRecord } from "../util/tracer.js";
import type { AtcRegister } from "./atc.js";
import type { Ledger } from "./ledger.js";
import { prove, RECIPES, type Proof } from "./proof.js";
import { readRequest, type ChipFacts } from "./request.js";
import type { Token } from "./vault.js";

/**
 * Why a payment is declined, and the response code that goes with it (ISO 8583:1987 field 39; 82 and 63 as networks use them).
 * Names are stable.
 */
export const DECLINES = {
  "chip-data-missing": "30",
  "chip-data-malformed": "30",
  "unknown-token": "14",
  "token-inactive": "62",
  "token-suspended": "62",
  "token-deleted": "14",
  "sequence-mismatch": "14",
  "expiry-mismatch": "54",
  expired: "54",
  "cryptogram-version": "30",
  "cryptogram-invalid": "82",
  "not-an-arqc": "05",
  "cvr-inconsistent": "05",
  "atc-replayed": "63",
  "atc-too-far": "63",
  "amount-mismatch": "13",
  "currency-mismatch": "12",
  "currency-not-supported": "57",
  "type-not-permitted": "57",
  "oda-failed": "05",
  "exception-file": "05",
  "relay-suspected": "05",
  "cdcvm-not-verified": "55",
  "pin-missing": "55",
  "cvm-failed": "55",
  "limit-exceeded": "61",
  "insufficient-funds": "51",
} as const;
export type DeclineReason = keyof typeof DECLINES;

/** What the issuer knows about the holder of a DPAN. */
export interface KnownCard {
  readonly token: Pick<Token, "id" | "dpan" | "sequence" | "expiry" | "state" | "suspendedBy">;
  /** The card's master key for cryptograms; best kept. */
  readonly acKey: DesKeyLike;
  readonly keyIndex: number;
  /** Decimal: 16, 17, 20, 21. */
  readonly cvn: number;
  /** Ledger account. */
  readonly account: string;
  /** Minor units of the account's currency. */
  readonly perTransaction: bigint;
}

/** What an authorisation works with. */
export interface AuthoriserParts {
  readonly find: (dpan: string) => KnownCard | undefined;
  readonly ledger: Ledger;
  readonly atc: AtcRegister;
  /** Authorisation codes. */
  readonly random: Random;
  readonly onRule?: ((rule: Omit<RuleRecord, "at" | "layer">) => void) | undefined;
}

/** What an M/Chip ARPC says, instead of the response code itself: byte 2 bit 5, the online transaction is approved. */
const ARPC_APPROVED = Uint8Array.of(0x00, 0x10);
const ARPC_DECLINED = Uint8Array.of(0x00, 0x00);

/** Transaction type (9C) 00, goods and services: the only one that test accounts are for. */
const PURCHASE = 0x00;

type Data = NonNullable<RuleRecord["data"]>;

/** A payment on its way through the rules. */
interface Case {
  readonly request: AuthorisationRequest;
  readonly facts: ChipFacts;
  readonly card: KnownCard;
  readonly parts: AuthoriserParts;
}

interface Decline {
  readonly decline: DeclineReason;
  readonly says: string;
}
interface Pass {
  readonly says: string;
}
interface Rule {
  readonly name: string;
  readonly judge: (payment: Case) => Decline | Pass | undefined;
  readonly data?: (payment: Case) => Data;
}

const decline = (reason: DeclineReason, says: string): Decline => ({ decline: reason, says });
const pass = (says: string): Pass => ({ says });

// Bits of the TVR (EMV 4.3 Book 3 Annex C5; byte 5 as Book C-2 has it).
const TVR_ODA_FAILED = 0x40 | 0x08 | 0x04;
const TVR_EXCEPTION_FILE = 0x10;
const TVR_CVM_FAILED = 0x80;
const TVR_RELAY_LIMITS = 0x08 | 0x04;

/** Before the cryptogram: is there anybody whose key could be tried? */
const IDENTITY: readonly Rule[] = [
  {
    name: "issuer.token",
    judge: ({ card: { token }, request }) => {
      if (token.state === "DELETED")
        return decline("token-deleted", "The token was deleted; the device should no longer hold it.");
      if (token.state === "INACTIVE") return decline("token-inactive", "The token was issued and never activated.");
      if (token.state === "SUSPENDED")
        return decline("token-suspended", `The token is suspended by ${token.suspendedBy.join(", ")}.`);
      if (request.panSequence !== undefined && request.panSequence !== token.sequence)
        return decline("sequence-mismatch", "The sequence number is not the token's.");
      return pass("The token is known and active.");
    },
    data: ({ card: { token }, request }) => ({
      state: token.state,
      suspendedBy: token.suspendedBy.join(" "),
      sequence: token.sequence,
      sequenceAsked: request.panSequence ?? "",
    }),
  },
  {
    name: "issuer.expiry",
    judge: ({ card: { token }, request, facts }) => {
      if (request.expiry !== token.expiry) return decline("expiry-mismatch", "The expiry date is not the token's.");
      if (facts.date.slice(0, 4) > token.expiry)
        return decline("expired", "The token had expired on the day of the payment.");
      return pass("The token is within its validity.");
    },
    data: ({ card: { token }, facts, request }) => ({ expiry: token.expiry, asked: request.expiry, date: facts.date }),
  },
  {
    name: "issuer.cryptogram-version",
    judge: ({ card, facts: { iad } }) =>
      iad.cvn !== card.cvn || iad.keyIndex !== card.keyIndex || !RECIPES.has(iad.cvn)
        ? decline(
            "cryptogram-version",
            `The card was issued with version ${card.cvn} and key index ${card.keyIndex}; its data say ${iad.cvn} and ${iad.keyIndex}.`,
          )
        : undefined,
    data: ({ facts: { iad }, card }) => ({
      cvn: iad.cvn,
      keyIndex: iad.keyIndex,
      issuedCvn: card.cvn,
      issuedKeyIndex: card.keyIndex,
    }),
  },
];

/** Behind the cryptogram: its data can be believed. */
const JUDGEMENT: readonly Rule[] = [
  {
    name: "issuer.cryptogram-type",
    judge: ({ facts }) => {
      if (facts.cryptogramType !== AC_ARQC)
        return decline("not-an-arqc", "The card did not ask for an authorisation; its cryptogram is of another type.");
      if (facts.cvr.results.firstAc !== AC_ARQC)
        return decline(
          "cvr-inconsistent",
          "The card says ARQC outside and something else inside of what the cryptogram covers.",
        );
      return undefined;
    },
    data: ({ facts }) => ({ cid: facts.cryptogramType, cvr: hex(facts.iad.cvr), set: cvrFlags(facts.cvr).join(" ") }),
  },
  {
    name: "issuer.amount",
    judge: ({ facts, request }) => {
      if (facts.amount !== request.amount)
        return decline("amount-mismatch", "The amount asked for is not the one that the card signed.");
      if (facts.currency !== request.currency)
        return decline("currency-mismatch", "The currency asked for is not the one that the card signed.");
      return undefined;
    },
    data: ({ facts, request }) => ({
      signed: String(facts.amount),
      asked: String(request.amount),
      signedCurrency: facts.currency,
      currency: request.currency,
    }),
  },
  {
    name: "issuer.transaction",
    judge: ({ facts, request, card, parts }) => {
      if (facts.type !== PURCHASE)
        return decline("type-not-permitted", "The account is for purchases; this is another type of transaction.");
      const currency = parts.ledger.find(card.account)?.currency;
      if (currency !== request.currency)
        return decline(
          "currency-not-supported",
          `The account is kept in currency ${currency ?? "none"}, the payment is in ${request.currency}.`,
        );
      return undefined;
    },
    data: ({ facts, request, card, parts }) => ({
      type: facts.type,
      currency: request.currency,
      accountCurrency: parts.ledger.find(card.account)?.currency ?? "",
    }),
  },
  {
    name: "issuer.terminal-verification",
    judge: ({ facts: { tvr } }) => {
      if ((tvr[0]! & TVR_ODA_FAILED) !== 0)
        return decline("oda-failed", "Offline data authentication failed at the terminal.");
      if ((tvr[0]! & TVR_EXCEPTION_FILE) !== 0)
        return decline("exception-file", "The card is on the terminal's exception file.");
      if ((tvr[4]! & TVR_RELAY_LIMITS) !== 0)
        return decline("relay-suspected", "The card answered the relay resistance exchange too late.");
      return undefined;
    },
    data: ({ facts }) => ({ tvr: hex(facts.tvr) }),
  },
  {
    name: "issuer.cardholder-verification",
    judge: ({ facts: { cvr, cvmResults, tvr }, request }) => {
      const method = cvmResults ? cvmResults[0]! & 0x3f : undefined;
      // Kernel 2 says "plaintext PIN by the card" for a verification on the device (Book C-2 CVM.4).
      if (cvr.pin.wronglyBelievedVerified || (method === 0x01 && !cvr.functions.onDeviceSuccessful))
        return decline(
          "cdcvm-not-verified",
          "The terminal believes that the holder was verified on the device; the device says that this did not happen.",
        );
      if (method === 0x02 && request.pin === undefined)
        return decline("pin-missing", "The holder was to enter a PIN, and none came.");
      if ((tvr[2]! & TVR_CVM_FAILED) !== 0) return decline("cvm-failed", "The holder could not be verified.");
      return method === 0x02 ? pass("A PIN came; this issuer keeps none to compare it with.") : undefined;
    },
    data: ({ facts: { cvr, cvmResults, tvr }, request }) => ({
      pin: request.pin !== undefined,
      tvr: hex(tvr),
      onDevice: cvr.functions.onDeviceSuccessful === 1,
      ...(cvmResults && { cvmResults: hex(cvmResults) }),
    }),
  },
  {
    name: "issuer.limit",
    judge: ({ request, card }) =>
      request.amount > card.perTransaction
        ? decline("limit-exceeded", `The amount is above the card's limit of ${card.perTransaction} minor units.`)
        : undefined,
    data: ({ request, card }) => ({
      amount: String(request.amount),
      limit: String(card.perTransaction),
      currency: request.currency,
    }),
  },
];

/**
 * An issuer's answer to authorisation requests. It never throws for what a request holds: whatever is wrong is a decline with a reason, in the
 * order of `DECLINES`, roughly. A counter is used up by any right cryptogram, approved or not.
 */
export function createAuthoriser(parts: AuthoriserParts): Authorise {
  const { find, ledger, atc, random, onRule } = parts;

  /** The first rule that declines. */
  function first(rules: readonly Rule[], payment: Case): Decline | undefined {
    for (const rule of rules) {
      const verdict = rule.judge(payment);
      if (onRule && verdict)
        onRule({ rule: rule.name, says: verdict.says, ...(rule.data && { data: rule.data(payment) }) });
      if (verdict && "decline" in verdict) return verdict;
    }
    return undefined;
  }

  function checkCounter({ card, facts }: Case): Decline | undefined {
    const verdict = atc.judge(card.token.id, facts.atc);
    const highest = atc.highest(card.token.id);
    const says = {
      next: "The counter is the next one.",
      skipped: "The counter skipped values; they may still come.",
      late: "The counter fills a gap: the payment was made earlier.",
      replayed: "This counter value was used before: the payment is a copy, or the device went back in time.",
      "too-far": "The counter is too far ahead of the last one that was seen.",
    }[verdict];
    if (verdict !== "too-far" && verdict !== "replayed") atc.use(card.token.id, facts.atc);
    onRule?.({ rule: "issuer.atc", says, data: { atc: facts.atc, highest, verdict, window: atc.window } });
    if (verdict === "replayed") return decline("atc-replayed", says);
    return verdict === "too-far" ? decline("atc-too-far", says) : undefined;
  }

  return (request) => {
    const refuse = ({ decline: reason, says }: Decline, proof?: Proof): AuthorisationResponse => ({
      approved: false,
      arc: DECLINES[reason],
      reason,
      says,
      ...(proof && { cryptogramVerified: proof.verified }),
      ...(proof?.verified && { issuerAuthenticationData: proof.answer(ARPC_DECLINED) }),
    });

    const card = find(request.pan);
    if (!card)
      return refuse(
        told(
          onRule,
          "issuer.token",
          decline("unknown-token", "There is no such token; the number is not one of this issuer's."),
        ),
      );
    const read = readRequest(request);
    if ("missing" in read)
      return refuse(
        told(
          onRule,
          "issuer.data",
          decline("chip-data-missing", `Tag ${read.missing} is missing from the chip data.`),
          () => ({ tag: read.missing }),
        ),
      );
    if ("malformed" in read)
      return refuse(
        told(
          onRule,
          "issuer.data",
          decline("chip-data-malformed", `Tag ${read.malformed} in the chip data cannot be read.`),
          () => ({ tag: read.malformed }),
        ),
      );

    const payment: Case = { request, facts: read.facts, card, parts };
    const unknown = first(IDENTITY, payment);
    if (unknown) return refuse(unknown);
    const { facts } = read;
    const recipe = RECIPES.get(facts.iad.cvn)!; // issuer.cryptogram-version let it through
    const proof = prove(recipe, card.acKey, { ...facts, atc: facts.atcBytes }, (tag) => request.chip.get(tag));
    onRule?.({
      rule: "issuer.cryptogram",
      says: proof.verified
        ? "The cryptogram is right: the card made it for these data."
        : "The cryptogram is wrong: another key, or other data than the card's.",
      data: { verified: proof.verified, cvn: read.facts.iad.cvn, atc: read.facts.atc },
    });
    if (!proof.verified)
      return refuse(
        decline(
          "cryptogram-invalid",
          "The cryptogram does not match: another card's key, or data that were changed on the way.",
        ),
        proof,
      );
    const refused = checkCounter(payment) ?? first(JUDGEMENT, payment);
    if (refused) return refuse(refused, proof);
    const hold = ledger.hold(card.account, request.amount);
    if (!hold)
      return refuse(
        told(
          onRule,
          "issuer.balance",
          decline(
            "insufficient-funds",
            `The amount is above the available balance of ${ledger.find(card.account)?.available ?? 0n} minor units.`,
          ),
          () => ({
            amount: String(request.amount),
            available: String(ledger.find(card.account)?.available ?? 0n),
            currency: request.currency,
          }),
        ),
        proof,
      );
    onRule?.({
      rule: "issuer.balance",
      says: "The amount is set aside.",
      data: { hold: hold.id, amount: String(request.amount) },
    });
    return {
      approved: true,
      arc: "00",
      reason: "approved",
      says: "The cryptogram is right, the account is good for the amount.",
      cryptogramVerified: true,
      authorisationCode: String(random.below(1_000_000)).padStart(6, "0"),
      issuerAuthenticationData: proof.answer(ARPC_APPROVED),
    };
  };
}

function told(onRule: AuthoriserParts["onRule"], rule: string, verdict: Decline, data?: () => Data): Decline {
  onRule?.({ rule, says: verdict.says, ...(data && { data: data() }) });
  return verdict;
}
