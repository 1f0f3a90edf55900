import { createAtcRegister } from "../../../src/issuer/atc.js";
import { createAuthoriser } from "../../../src/issuer/authorise.js";
import { cardKeys } from "../../../src/issuer/keys.js";
import { unhex } from "../../../src/util/bytes.js";
import { seededRandom } from "../../../src/util/random.js";
import type { Broken } from "../../support/bench-parts.js";
import { at, flip } from "../../support/changed-answers.js";
import { withoutLimit, type Case } from "./case.js";

export const ISSUER_CASES: readonly Case[] = [
  {
    name: "the amount is above the issuer's limit",
    setUp: withoutLimit,
    amount: 100_001n,
    ended: "declined",
    suspect: "issuer",
    rule: "issuer.limit",
    says: /EUR 1000\.01 is above the issuer's limit a payment of EUR 1000\.00/,
  },
  {
    name: "the account has less than that",
    card: "offline",
    setUp: withoutLimit,
    amount: 9_999n,
    authorise: (usual, issuer, card) => (request) => {
      const account = issuer.ledger.find(card.token.par)!;
      issuer.ledger.hold(card.token.par, account.available - 5_000n);
      return usual(request);
    },
    ended: "declined",
    suspect: "issuer",
    rule: "issuer.balance",
    says: /EUR 99\.99 is above what the account has: EUR 50\.00/,
  },
  {
    name: "the token is suspended",
    issuer: (issuer, card) => {
      issuer.suspend(card.token.id, "holder");
      return () => void issuer.resume(card.token.id, "holder");
    },
    ended: "declined",
    suspect: "issuer",
    rule: "issuer.token",
    says: /state is SUSPENDED, held back by holder/,
  },
  {
    name: "the token is unknown",
    authorise: (usual) => (request) => usual({ ...request, pan: "5413330089601075" }),
    ended: "declined",
    suspect: "issuer",
    rule: "issuer.token",
    names: "5A",
    says: /none that this issuer has put on a device/,
  },
  {
    name: "the transaction counter was used before",
    authorise: (usual) => (request) => {
      usual(request);
      return usual(request);
    },
    ended: "declined",
    suspect: "card",
    rule: "issuer.atc",
    names: "9F36",
    says: /The ATC \d+ was used before; the highest so far is \d+/,
  },
  {
    name: "the transaction counter is far ahead",
    authorise: withRegister(1),
    ended: "declined",
    suspect: "card",
    rule: "issuer.atc",
    names: "9F36",
    says: /The ATC \d+ is \d+ ahead of the highest so far, 0; the window is 1/,
  },
  {
    name: "the issuer has another key than the card",
    authorise: withRegister(65_535, unhex("00112233445566778899AABBCCDDEEFF")),
    ended: "declined",
    suspect: "issuer",
    rule: "issuer.cryptogram",
    names: "9F26",
    says: /signed this cryptogram \(CDA holds\).*another key than the issuer/,
  },
  {
    name: "the cryptogram is changed on the way, and nothing signs it",
    card: "online",
    answer: at("ac", flip(0x9f26, 0)),
    ended: "declined",
    suspect: "card",
    rule: "issuer.cryptogram",
    names: "9F26",
    says: /Nothing else proves these data: a changed 9F26/,
  },
  {
    name: "issuer application data are changed on the way, and nothing signs them",
    card: "online",
    answer: at("ac", flip(0x9f10, 1)),
    ended: "declined",
    suspect: "card",
    rule: "issuer.cryptogram-version",
    names: "9F10",
    says: /\(9F10\) say cryptogram version 16 .* it was issued with 17/,
  },
  {
    name: "the amount is another than the card signed",
    authorise: (usual) => (request) => usual({ ...request, amount: request.amount + 100n }),
    ended: "declined",
    suspect: "terminal",
    rule: "issuer.amount",
    names: "9F02",
    says: /signed EUR 12\.50 .*asks for EUR 13\.50/,
  },
  {
    name: "the account is kept in another currency",
    terminal: "shop-us",
    ended: "declined",
    suspect: "issuer",
    rule: "issuer.transaction",
    names: "5F2A",
    says: /kept in currency 978, the payment is in 840/,
  },
];

/** The issuer's rules with a register of counters of its own that has seen nothing, and another key where one is given. */
function withRegister(window: number, key?: Uint8Array): NonNullable<Broken["authorise"]> {
  return (_usual, issuer, { token, profile }, parts) =>
    createAuthoriser({
      find: () => ({
        token,
        acKey: key ?? cardKeys(parts.keys, token.dpan, token.sequence).ac,
        keyIndex: profile.keyDerivationIndex,
        cvn: profile.cvn,
        account: token.par,
        perTransaction: profile.account.perTransaction,
      }),
      ledger: issuer.ledger,
      atc: createAtcRegister(window),
      random: seededRandom("another issuer"),
      onRule: (rule) => parts.trace.record({ layer: "issuer", at: 0, ...rule }),
    });
}
