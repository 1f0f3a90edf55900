import { findTlv, parseTlv, tagHex } from "../codec/tlv.js";
import {
  verifyCda,
  verifyChain,
  type CaKeys,
  type CdaResult,
  type Chain,
  type Link,
  type OdaFault,
} from "../emv/oda.js";
import type { TraceHeader } from "../trace/header.js";
import { hex, NO_BYTES } from "../util/bytes.js";
import { isTapbenchError } from "../util/errors.js";
import type { TraceRecord } from "../util/tracer.js";
import { inspectError } from "./errors.js";
import { contactlessExchanges, type Exchange } from "./exchanges.js";
import { rebuildTransaction, type Transaction } from "./transaction.js";

/**
 * `missing-key`: the CA key is not among those given, which says nothing about the card. `missing`: the exchanges lack what the check
 * needs. `not-evaluated`: a link before it did not hold.
 */
export type LinkStatus = "ok" | "failed" | "missing-key" | "missing" | "not-evaluated";

/** The checks, in the order in which each rests on those before it; `exchanges` stands alone and comes last. */
export const LINKS = ["issuerCertificate", "cardCertificate", "sdad", "transactionDataHash", "exchanges"] as const;
export type LinkName = (typeof LINKS)[number];

export interface Verification extends Readonly<Record<LinkName, LinkStatus>> {
  /** Everything held. */
  readonly ok: boolean;
  readonly firstBroken?: { readonly link: LinkName; readonly reason: string; readonly says: string };
  readonly method: "cda" | "none";
  /** Hex from here on; what could not be read is absent. */
  readonly aid?: string;
  readonly ca?: { readonly rid: string; readonly index: string };
  readonly aip?: string;
  readonly ac?: string;
  readonly cid?: string;
  readonly atc?: string;
  readonly un?: string;
  /** YYMMDD, as the terminal sent it; expiry dates were compared with it. */
  readonly date?: string;
  /** Things to know that are no fault. */
  readonly notes: readonly string[];
}

type Broken = NonNullable<Verification["firstBroken"]>;

const SAYS: Readonly<Record<OdaFault, string>> = {
  "length-mismatch": "it is not as long as the key that should have signed it",
  "bad-signer-key": "the key that should have signed it is malformed",
  "not-below-modulus": "it was not made with that key: its value is above the modulus",
  "wrong-trailer": "recovered with the key above it, it does not end in BC: a changed bit, or another key",
  "wrong-header": "recovered with the key above it, it does not begin with 6A",
  "wrong-format": "it is a signature of another kind",
  "wrong-hash-algorithm": "its hash algorithm is not SHA-1",
  "wrong-hash": "its hash does not fit the data that it covers: something in them was changed",
  "wrong-key-algorithm": "its key is not RSA",
  "wrong-key-length": "the key in it, with its remainder, has another length than it says",
  "wrong-exponent": "the exponent is neither 3 nor 65537, or another than it says",
  "missing-remainder": "the rest of the key is missing",
  "issuer-mismatch": "its issuer identifier does not begin the PAN",
  "pan-mismatch": "its PAN is not the card's",
  "wrong-expiry": "its expiry is no month and year",
  expired: "it had expired on the day of the transaction",
  revoked: "it is on the list of revoked certificates",
  "wrong-dynamic-data": "the signed dynamic data are malformed",
  "ca-expired": "the CA key had expired on the day of the transaction",
  "bad-record": "a signed record is not one template 70",
  "bad-tag-list": "the list of signed objects (9F4A) names more than the AIP",
  "bad-response": "the answer to GENERATE AC is malformed",
  "cid-mismatch": "the signed cryptogram type is not the one in the answer (9F27)",
  "wrong-transaction-hash":
    "the data of the transaction are not the ones that the card signed: something in them was changed",
};

const SUBJECTS: Readonly<Record<LinkName, string>> = {
  issuerCertificate: "the issuer certificate (90)",
  cardCertificate: "the card certificate (9F46)",
  sdad: "the signed dynamic data (9F4B)",
  transactionDataHash: "the transaction data hash",
  exchanges: "the exchanges",
};

/** What each link covers, so that a change in it breaks the link. */
export const COVERS = {
  issuerCertificate: "the issuer certificate (90) with its remainder (92) and exponent (9F32), under the CA key (8F)",
  cardCertificate:
    "the card certificate (9F46) with its remainder (9F48) and exponent (9F47), the signed records, and the AIP (82)",
  sdad: "the signed dynamic data (9F4B) and the terminal's unpredictable number (9F37)",
  transactionDataHash:
    "what the terminal sent by PDOL and CDOL1, and the answer to GENERATE AC: 9F27, 9F36, 9F10 and the rest",
} as const;

/** A fault of one link as a sentence without its end. */
export const odaFaultText = (link: keyof typeof COVERS, fault: OdaFault): string => {
  const subject = fault === "wrong-transaction-hash" ? "transactionDataHash" : link;
  return `${SUBJECTS[subject]} does not hold: ${Object.hasOwn(SAYS, fault) ? SAYS[fault] : fault}`;
};

const NOT_EVALUATED: Readonly<Record<LinkName, LinkStatus>> = {
  issuerCertificate: "not-evaluated",
  cardCertificate: "not-evaluated",
  sdad: "not-evaluated",
  transactionDataHash: "not-evaluated",
  exchanges: "not-evaluated",
};

/**
 * Checks the offline data authentication of the last transaction in the exchanges: issuer certificate by the CA's key, card certificate
 * by the issuer's, dynamic signature by the card's, the hash over what terminal and card said, and whether the exchanges fit together.
 * What does not hold is in the result.
 *
 * @throws `inspect/no-exchanges` when there are none
 */
export function verifyExchanges(exchanges: Iterable<Exchange>, caKeys: CaKeys): Verification {
  const list = [...exchanges];
  if (list.length === 0)
    throw inspectError("no-exchanges", "there is nothing to verify: no exchange with a card was recorded", {});
  const transaction = rebuildTransaction(list);
  if (!transaction)
    return {
      ...NOT_EVALUATED,
      ok: false,
      firstBroken: {
        link: "exchanges",
        reason: "no-transaction",
        says: `nothing can be verified: no transaction can be put together from the ${list.length} exchange${list.length === 1 ? "" : "s"}, because no application was selected and asked for its processing options`,
      },
      method: "none",
      notes: [],
    };
  return verifyTransaction(transaction, caKeys);
}

/** The same for a transaction that was put together already. */
export function verifyTransaction(transaction: Transaction, caKeys: CaKeys): Verification {
  const notes: string[] = [];
  const facts = factsOf(transaction);
  const { generateAc } = transaction;
  const signature = generateAc && valueIn(generateAc.response, 0x9f4b);
  if (!generateAc || !signature) {
    const says = generateAc ? "the card gave no signature (9F4B)" : "there is no GENERATE AC";
    return verdict(
      transaction,
      NOT_EVALUATED,
      { link: "sdad", reason: "nothing-signed", says: `nothing can be verified: ${says}` },
      facts,
      notes,
      "none",
    );
  }

  const date = dateOf(transaction, notes);
  const chain = verifyChain({
    rid: transaction.aid.subarray(0, 5),
    valueOf: (tag) => transaction.card.get(tag),
    records: transaction.signedRecords ?? [],
    date,
    caKeys,
  });
  const links = { ...NOT_EVALUATED };
  let broken = judgeChain(chain, transaction, links);
  if (!broken) {
    const cda = verifyCda(chain, {
      un: transaction.terminal.get(0x9f37) ?? NO_BYTES,
      pdolData: transaction.pdolData,
      cdol1Data: generateAc.data,
      response: generateAc.response,
    });
    broken = judgeCda(cda, transaction, links);
    if (cda.status === "ok") {
      facts.ac = hex(cda.ac);
      notes.push(uncovered(transaction));
      if (cda.more.length > 0) notes.push(`relay resistance data are signed as well: ${hex(cda.more)}`);
    }
  }
  return verdict(transaction, links, broken, facts, notes, "cda");
}

/** The same for a trace. @throws `inspect/masked`: masked digits cannot be verified; `inspect/no-exchanges` */
export function verifyTrace(
  header: Pick<TraceHeader, "masked">,
  records: Iterable<TraceRecord>,
  caKeys: CaKeys,
): Verification {
  if (header.masked)
    throw inspectError(
      "masked",
      "the trace is masked, so it cannot be verified; record it again with --reveal-test-data (test cards only)",
      {},
    );
  return verifyExchanges(contactlessExchanges(records), caKeys);
}

/** What neither a certificate nor the dynamic signature covers, so that a change in it may not be seen. */
function uncovered({ selectTags, unsignedRecords }: Transaction): string {
  const named = selectTags.map((tag) => (tag === 0x50 ? "the application label 50" : tagHex(tag)));
  const open = [
    `the directory and the answer to SELECT${named.length > 0 ? ` (${named.join(", ")})` : ""}`,
    "what the file locator (94) says of records that are not signed",
    ...unsignedRecords.flatMap(({ key, tags }) => {
      const rest = tags.filter((tag) => !CERTIFYING.has(tag)); // those prove themselves
      return rest.length > 0 ? [`record ${key} (${rest.map(tagHex).join(", ")})`] : [];
    }),
  ];
  return `no signature covers: ${open.join("; ")}`;
}

/** CA index, issuer certificate with exponent and remainder, card certificate with the same. */
const CERTIFYING: ReadonlySet<number> = new Set([0x8f, 0x90, 0x92, 0x9f32, 0x9f46, 0x9f47, 0x9f48]);

type Facts = { -readonly [K in "aid" | "aip" | "ac" | "cid" | "atc" | "un" | "date"]?: string } & {
  ca?: Verification["ca"];
};

function factsOf({ aid, card, terminal }: Transaction): Facts {
  const facts: Facts = { aid: hex(aid) };
  const index = card.get(0x8f);
  if (index) facts.ca = { rid: hex(aid.subarray(0, 5)), index: hex(index) };
  const named = [
    ["aip", card.get(0x82)],
    ["ac", card.get(0x9f26)],
    ["cid", card.get(0x9f27)],
    ["atc", card.get(0x9f36)],
    ["un", terminal.get(0x9f37)],
    ["date", terminal.get(0x9a)],
  ] as const;
  for (const [name, value] of named) if (value) facts[name] = hex(value);
  return facts;
}

const ANY_DAY = Uint8Array.of(0x00, 0x01, 0x01);

/** The terminal's date; without a usable one, a day on which nothing recorded had expired. */
function dateOf({ terminal }: Transaction, notes: string[]): Uint8Array {
  const date = terminal.get(0x9a);
  if (date?.length === 3 && /^[0-9]{2}(0[1-9]|1[0-2])[0-9]{2}$/.test(hex(date))) return date;
  notes.push("the terminal sent no date (9A), so expiry dates were not checked");
  return ANY_DAY;
}

const valueIn = (bytes: Uint8Array, tag: number): Uint8Array | undefined => {
  try {
    return findTlv(parseTlv(bytes), tag)?.value;
  } catch (error) {
    if (isTapbenchError(error)) return undefined;
    throw error;
  }
};

type Links = Record<LinkName, LinkStatus>;

const lacking = (link: LinkName, what: string): Broken => ({
  link,
  reason: `missing-${what}`,
  says: `${SUBJECTS[link]} cannot be checked: ${what === "record" ? "a signed record was not recorded" : `${what} is missing`}`,
});

const broke = (link: LinkName, reason: OdaFault): Broken => ({
  link,
  reason,
  says: `${SUBJECTS[link]} does not hold: ${SAYS[reason]}`,
});

/** Writes down one link; returns what broke it. */
function judge(link: LinkName, result: Link, links: Links): Broken | undefined {
  switch (result.status) {
    case "ok":
      links[link] = "ok";
      return undefined;
    case "failed":
      links[link] = "failed";
      return broke(link, result.reason);
    case "missing":
      links[link] = result.what === "ca-key" ? "missing-key" : "missing";
      return lacking(link, result.what);
    default:
      return undefined;
  }
}

function judgeChain(chain: Chain, transaction: Transaction, links: Links): Broken | undefined {
  const issuer = judge("issuerCertificate", chain.issuer, links);
  if (issuer?.reason === "missing-ca-key") {
    const index = hex(transaction.card.get(0x8f) ?? NO_BYTES);
    const rid = hex(transaction.aid.subarray(0, 5));
    return {
      ...issuer,
      reason: "missing-key",
      says: `the CA key ${index} of ${rid} is not among the keys given, so nothing can be said about the card; add it with --ca-keys`,
    };
  }
  if (issuer) return issuer;
  if (!transaction.signedRecords) {
    links.cardCertificate = "missing";
    return lacking("cardCertificate", "record");
  }
  if (chain.staticData.status !== "ok") return judge("cardCertificate", chain.staticData, links);
  return judge("cardCertificate", chain.card, links);
}

function judgeCda(cda: Link<CdaResult>, transaction: Transaction, links: Links): Broken | undefined {
  if (!transaction.terminal.has(0x9f37)) {
    links.sdad = "missing";
    return lacking("sdad", "9F37");
  }
  if (cda.status === "failed" && cda.reason === "wrong-transaction-hash") {
    links.sdad = "ok";
    links.transactionDataHash = "failed";
    return broke("transactionDataHash", cda.reason);
  }
  const broken = judge("sdad", cda, links);
  if (!broken) links.transactionDataHash = "ok";
  return broken;
}

function verdict(
  transaction: Transaction,
  links: Links,
  broken: Broken | undefined,
  facts: Facts,
  notes: readonly string[],
  method: Verification["method"],
): Verification {
  const [doubt] = transaction.doubts;
  const exchanges: LinkStatus = broken ? "not-evaluated" : doubt === undefined ? "ok" : "failed";
  const first: Broken | undefined =
    broken ??
    (doubt === undefined
      ? undefined
      : { link: "exchanges", reason: "contradiction", says: `${SUBJECTS.exchanges} contradict themselves: ${doubt}` });
  return {
    ...links,
    exchanges,
    ok: first === undefined,
    ...(first && { firstBroken: first }),
    method,
    ...facts,
    notes: [...notes, ...transaction.doubts],
  };
}
