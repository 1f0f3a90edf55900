import { beforeAll, describe, expect, test } from "vitest";
import { createAuthoriser } from "../../src/issuer/authorise.js";
import { createAtcRegister } from "../../src/issuer/atc.js";
import { cardKeys } from "../../src/issuer/keys.js";
import { judgeTap } from "../../src/inspect/judge.js";
import type { Ending, Suspect, Verdict } from "../../src/inspect/verdict.js";
import { verdictScreen } from "../../src/inspect/verdict-screen.js";
import { presentableTrace, traceLines } from "../../src/trace/file.js";
import { traceHeader } from "../../src/trace/header.js";
import { openTrace } from "../../src/trace/open.js";
import { unhex } from "../../src/util/bytes.js";
import { seededRandom } from "../../src/util/random.js";
import type { TraceRecord } from "../../src/util/tracer.js";
import { benchParts, SEED, type BenchParts, type Broken, type BrokenTap } from "../support/bench-parts.js";
import { add, at, flip, set, without } from "../support/changed-answers.js";

/*
 * Taps in which one thing is out of order. Beside each stands, by hand, what was broken: whom to suspect, the rule that decided, the data
 * object or the bit, and words of the true cause. The same has to come out of the masked trace file.
 */

type CardName = "credit" | "online" | "ring" | "offline";
interface Case extends Broken {
  readonly name: string;
  readonly card?: CardName;
  readonly ended: Ending;
  readonly suspect: Suspect;
  readonly rule: string;
  /** A tag, as the place to look at; or a bit that is set, `TVR 2/7`. */
  readonly names?: string;
  /** In the headline or in the reasons of the decision and its causes. */
  readonly says: RegExp;
  /** The command at which it stopped. */
  readonly stopped?: string;
}

const taps = {} as Record<CardName, BrokenTap>;
let parts: BenchParts;
beforeAll(async () => {
  parts = await benchParts();
  taps.credit = await parts.provision("band-s1", "k2-credit");
  taps.online = await parts.provision("band-s1", "k2-online");
  taps.ring = await parts.provision("ring-r1", "k2-ring");
  taps.offline = await parts.provision("band-s1", "k2-offline");
}, 120_000);

const header = traceHeader({ seed: SEED, profile: "emu:band-s1", configuration: "" }, false);
const judge = (records: readonly TraceRecord[]): Verdict => judgeTap({ header, records, caKeys: parts.caKeys });

/** The same through a masked file. */
async function fromFile(records: readonly TraceRecord[]): Promise<Verdict> {
  const shown = presentableTrace({ seed: SEED, profile: "emu:band-s1", configuration: "" }, records);
  const bytes = new TextEncoder().encode([...traceLines(shown.header, shown.records)].join(""));
  const opened = await openTrace([bytes]);
  return judgeTap({ header: opened.header, records: opened.records, caKeys: parts.caKeys });
}

const wordsOf = ({ headline, decided, causes }: Verdict): string =>
  [headline, ...(decided?.why ?? []), ...causes.flatMap(({ why }) => why)].join(" ");
const bitsOf = ({ bits }: Verdict): string[] =>
  bits.flatMap(({ name, set: found }) => found.map(({ byte, bit }) => `${name} ${byte}/${bit}`));

// ---- commands changed on their way to the card ----

/** One byte of the data of GENERATE AC, behind CLA INS P1 P2 Lc. CDOL1 of these cards: 9F02:6 9F03:6 9F1A:2 95:5 5F2A:2 9A:3 9C:1 9F37:4 ... */
const inGenerateAc =
  (offset: number) =>
  (apdu: Uint8Array): Uint8Array =>
    apdu[1] === 0xae ? apdu.map((byte, i) => (i === 5 + offset ? byte ^ 1 : byte)) : apdu;
const UN_AT = 25;
const AMOUNT_AT = 4;

// ---- terminals that are set up otherwise ----

/** With that TAC denial. */
const declines =
  (denial: string): NonNullable<Broken["setUp"]> =>
  (terminal) => ({
    ...terminal,
    kernels: terminal.kernels.map((kernel) => ({ ...kernel, tac: { ...kernel.tac, denial: unhex(denial) } })),
  });
const withoutLimit: NonNullable<Broken["setUp"]> = (terminal) => ({
  ...terminal,
  kernels: terminal.kernels.map((kernel) => ({
    ...kernel,
    limits: { ...kernel.limits, transactionOnDevice: 999_999_999_999n },
  })),
});

const CARD_CASES: readonly Case[] = [
  {
    name: "the issuer certificate has a changed byte",
    answer: at("record", flip(0x90, 20)),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.cda",
    names: "90",
    says: /issuer certificate \(90\) does not hold: .*a changed bit, or another key/,
    stopped: "GENERATE AC ARQC with CDA",
  },
  {
    name: "the card certificate has a changed byte",
    answer: at("record", flip(0x9f46, 20)),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.cda",
    names: "9F46",
    says: /card certificate \(9F46\) does not hold/,
  },
  {
    name: "the card key's remainder has a changed byte",
    answer: at("record", flip(0x9f48, 3)),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.cda",
    names: "9F46",
    says: /its hash does not fit the data that it covers/,
  },
  {
    name: "the signature has a changed byte",
    answer: at("ac", flip(0x9f4b, 7)),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.cda",
    names: "9F4B",
    says: /signed dynamic data \(9F4B\) does not hold/,
  },
  {
    name: "the card gets another unpredictable number than the terminal drew",
    command: inGenerateAc(UN_AT),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.cda",
    names: "9F4B",
    says: /\(9F4B\) does not hold: its hash/,
  },
  {
    name: "the card gets another amount than the terminal asked for",
    command: inGenerateAc(AMOUNT_AT),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.cda",
    names: "9F4B",
    says: /transaction data hash does not hold/,
  },
  {
    name: "issuer application data are changed behind the signature",
    answer: at("ac", flip(0x9f10, 5)),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.cda",
    names: "9F4B",
    says: /data of the transaction are not the ones that the card signed/,
  },
  {
    name: "the transaction counter is changed behind the signature",
    answer: at("ac", set(0x9f36, "7FFF")),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.cda",
    names: "9F4B",
    says: /transaction data hash does not hold/,
  },
  {
    name: "static data that nobody signed (93) stand in a signed record",
    answer: at("record 2/1", add("9303AABBCC")),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.cda",
    names: "9F46",
    says: /card certificate \(9F46\) does not hold: its hash/,
  },
  {
    name: "the AIP is not the one that was signed",
    answer: at("gpo", set(0x82, "1380")),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.cda",
    names: "9F46",
    says: /its hash does not fit/,
  },
  {
    name: "the account number is not the certificate's",
    answer: at("record", set(0x5a, "5413330089601075")),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.cda",
    names: "9F46",
    says: /card certificate|PAN/,
  },
  {
    name: "a CA key index that the terminal does not have",
    answer: at("record", set(0x8f, "3C")),
    terminal: "transit",
    amount: 250n,
    ended: "declined",
    suspect: "terminal",
    rule: "c2.taa",
    names: "TVR 1/3",
    says: /CA key 3C of A000000004, and the terminal has no such key/,
  },
  {
    name: "the CA key is missing at the terminal",
    caKeys: () => () => undefined,
    terminal: "transit",
    amount: 250n,
    ended: "declined",
    suspect: "terminal",
    rule: "c2.taa",
    names: "8F",
    says: /TAC denial byte 1 bit 3 matched TVR 'CDA failed'/,
  },
  {
    name: "the CA key is missing at a shop, and the device verifies its holder",
    caKeys: () => () => undefined,
    ended: "declined",
    suspect: "terminal",
    rule: "c2.on-device-cvm",
    names: "8F",
    says: /without CDA nobody can tell .*CA key E0 of A000000004, and the terminal has no such key/,
  },
  {
    name: "the CA key had expired",
    caKeys: (usual) => (rid, index) => {
      const key = usual(rid, index);
      return key && { ...key, expiry: unhex("260101") };
    },
    ended: "not-completed",
    suspect: "terminal",
    rule: "c2.cda",
    names: "8F",
    says: /CA key E0 of A000000004 had expired/,
  },
  {
    name: "a gate that wants proof, and a card whose AIP has no CDA",
    answer: at("gpo", set(0x82, "1A80")),
    terminal: "transit",
    amount: 250n,
    ended: "declined",
    suspect: "card",
    rule: "c2.taa",
    names: "TVR 1/8",
    says: /TAC denial byte 1 bit 8 matched TVR 'offline data authentication was not performed'.*AIP \(82\) 1A80 has no CDA/,
  },
  {
    name: "the signature is missing",
    answer: at("ac", without(0x9f4b)),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.stop",
    names: "9F26",
    says: /gave no 9F26/,
  },
  {
    name: "the card has no CDOL1",
    answer: at("record", without(0x8c)),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.stop",
    names: "8C",
    says: /gave no 8C \(CDOL1\)/,
  },
  {
    name: "the card has no account number",
    answer: at("record", without(0x5a)),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.stop",
    names: "5A",
    says: /gave no 5A \(Application PAN\)/,
  },
  {
    name: "the card has no AFL",
    answer: at("gpo", without(0x94)),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.stop",
    names: "94",
    says: /gave no 94 \(Application File Locator\)/,
    stopped: "GET PROCESSING OPTIONS",
  },
  {
    name: "the AFL names a record that is not there",
    answer: at("gpo", set(0x94, "10010200")),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.stop",
    names: "94",
    says: /READ RECORD SFI 2 record 2 was answered 6A83 .*AFL \(94\) names a record/,
    stopped: "READ RECORD SFI 2 record 2",
  },
  {
    name: "the AFL is malformed",
    answer: at("gpo", set(0x94, "100101")),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.stop",
    names: "94",
    says: /gave as 94 \(Application File Locator\) cannot be used/,
  },
  {
    name: "the card has mag-stripe mode only",
    answer: at("gpo", set(0x82, "1B00")),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.mode",
    names: "82",
    says: /no EMV mode: byte 2 bit 8 is not set/,
  },
  {
    name: "an answer that is no BER-TLV",
    answer: at("record 3/1", () => "70059F46819000"),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.stop",
    says: /not the one whole template/,
    stopped: "READ RECORD SFI 3 record 1",
  },
  {
    name: "the card gives more than it was asked for",
    answer: at("ac", set(0x9f27, "40")),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.ac",
    names: "9F27",
    says: /asked for an ARQC and the card gave a TC, which is more/,
  },
  {
    name: "GET PROCESSING OPTIONS is refused",
    answer: at("gpo", () => "6985"),
    ended: "not-completed",
    suspect: "card",
    rule: "c2.stop",
    says: /GET PROCESSING OPTIONS was answered 6985 \(conditions of use not satisfied\)/,
    stopped: "GET PROCESSING OPTIONS",
  },
  {
    name: "there is no directory",
    answer: at("ppse", () => "6A82"),
    ended: "not-completed",
    suspect: "card",
    rule: "entry.ppse",
    says: /SELECT 2PAY\.SYS\.DDF01 was answered 6A82/,
    stopped: "SELECT 2PAY.SYS.DDF01",
  },
  {
    name: "the application that is listed is not there",
    answer: at("select", () => "6A82"),
    ended: "not-completed",
    suspect: "card",
    rule: "entry.refused",
    says: /lists A0000000041010 in its directory and answered SELECT with 6A82/,
    stopped: "SELECT A0000000041010",
  },
  {
    name: "card and terminal have no application in common",
    answer: at("ppse", set(0x4f, "A0000000031010")),
    ended: "not-completed",
    suspect: "entry",
    rule: "entry.candidates",
    names: "4F",
    says: /offers A0000000031010; the terminal takes A000000004\/c2/,
  },
];

const DATE_CASES: readonly Case[] = [
  {
    name: "the card has expired",
    card: "online",
    at: "2029-07-01",
    ended: "declined",
    suspect: "issuer",
    rule: "issuer.expiry",
    names: "TVR 2/7",
    says: /good until the end of 2029-06; the payment is of 2029-07-01/,
  },
  {
    name: "the card has expired, and its certificates with it",
    at: "2029-07-01",
    ended: "not-completed",
    suspect: "card",
    rule: "c2.cda",
    names: "5F24",
    says: /card's expiry 2029-06-30 \(5F24\) lies before the date 2029-07-01/,
  },
  {
    name: "the card is not yet effective, at a gate that declines such cards",
    answer: at("record", set(0x5f25, "260701")),
    card: "online",
    setUp: declines("0070000000"),
    ended: "declined",
    suspect: "card",
    rule: "c2.taa",
    names: "TVR 2/6",
    says: /The date 2026-06-15 lies before 2026-07-01, from which on the card is effective/,
  },
  {
    name: "the card must not be used for goods",
    answer: at("record", set(0x9f07, "0300")),
    card: "online",
    setUp: declines("0070000000"),
    ended: "declined",
    suspect: "card",
    rule: "c2.taa",
    names: "TVR 2/5",
    says: /application usage control \(9F07\) 0300 does not allow/,
  },
];

const LINK_CASES: readonly Case[] = [
  ...(
    [
      ["before:select-ppse", "SELECT 2PAY.SYS.DDF01", "entry.link"],
      ["before:select-aid", "SELECT A0000000041010", "entry.link"],
      ["before:gpo", "GET PROCESSING OPTIONS", "c2.stop"],
      ["before:read-record", "READ RECORD SFI 2 record 1", "c2.stop"],
      ["before:generate-ac", "GENERATE AC ARQC with CDA", "c2.stop"],
      ["in:generate-ac", "GENERATE AC ARQC with CDA", "c2.stop"],
    ] as const
  ).map(([where, command, rule]): Case => ({
    name: `the field goes off ${where}`,
    faults: [`field-loss@${where}`],
    ended: "try-again",
    suspect: "field",
    rule,
    says: new RegExp(`The field went off at ${command.replaceAll(".", "\\.")}`),
    stopped: command,
  })),
  {
    name: "noise damages every answer to GET PROCESSING OPTIONS",
    faults: ["noise:50@in:gpo"],
    ended: "try-again",
    suspect: "link",
    rule: "c2.stop",
    says: /At GET PROCESSING OPTIONS, the card/,
    stopped: "GET PROCESSING OPTIONS",
  },
  {
    name: "frames of GENERATE AC are swallowed",
    faults: ["lost:50@in:generate-ac"],
    ended: "try-again",
    suspect: "link",
    rule: "c2.stop",
    says: /At GENERATE AC ARQC with CDA, the card did not answer/,
    stopped: "GENERATE AC ARQC with CDA",
  },
  {
    name: "nothing gets through during activation",
    faults: ["noisy:1@all"],
    ended: "not-completed",
    suspect: "link",
    rule: "terminal.fault",
    says: /Nothing answered the reader's wake-up/,
    stopped: "activation",
  },
  {
    name: "the card falls silent at READ RECORD",
    answer: at("record 3/1", () => undefined),
    ended: "try-again",
    suspect: "link",
    rule: "c2.stop",
    says: /At READ RECORD SFI 3 record 1, the card did not answer/,
    stopped: "READ RECORD SFI 3 record 1",
  },
];

const TERMINAL_CASES: readonly Case[] = [
  {
    name: "the amount is above the contactless limit",
    amount: 100_001n,
    ended: "not-completed",
    suspect: "terminal",
    rule: "c2.transaction-limit",
    says: /EUR 1000\.01 is above EUR 1000\.00, the reader's contactless limit for devices that verify/,
  },
  {
    name: "no PIN is entered",
    card: "ring",
    amount: 6_000n,
    ended: "declined",
    suspect: "terminal",
    rule: "issuer.cardholder-verification",
    names: "9F34",
    says: /online PIN, and the request holds none/,
  },
  {
    name: "the card's list asks for what the reader cannot do",
    card: "online",
    answer: (answer, command, apdu) =>
      command === "gpo"
        ? set(0x82, "1880")(answer)
        : command === "record"
          ? at("record", set(0x8e, "00000000000000000100"))(answer, command, apdu)
          : answer,
    amount: 6_000n,
    setUp: declines("0000800000"),
    ended: "declined",
    suspect: "kernel",
    rule: "c2.taa",
    names: "TVR 3/8",
    says: /CVM list \(8E\) 0100 does not ask for/,
  },
  {
    name: "the card's list has rules for another currency only",
    card: "online",
    answer: (answer, command, apdu) =>
      command === "gpo"
        ? set(0x82, "1880")(answer)
        : command === "record"
          ? at("record", (record) => set(0x9f42, "0840")(set(0x8e, "000003E8000000001F06")(record)))(
              answer,
              command,
              apdu,
            )
          : answer,
    setUp: declines("0000800000"),
    ended: "declined",
    suspect: "kernel",
    rule: "c2.taa",
    names: "TVR 3/8",
    says: /Its currency \(9F42\) is 0840, the transaction's 0978/,
  },
  {
    name: "the device is not worn, and the terminal believes it",
    unworn: true,
    amount: 6_000n,
    card: "online",
    ended: "declined",
    suspect: "card",
    rule: "issuer.cardholder-verification",
    names: "CVR 4/1",
    says: /say that the device verified its holder; its CVR \(9F10\) says that it did not/,
  },
  {
    name: "the card declines by its own risk management",
    unworn: true,
    amount: 6_000n,
    ended: "declined",
    suspect: "card",
    rule: "c2.ac",
    names: "CVR 4/1",
    says: /asked for an ARQC and the card gave an AAC: its own risk management/,
  },
];

const ISSUER_CASES: readonly Case[] = [
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
  return (_usual, issuer, { token, profile }) =>
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

describe.each([
  ["the card", CARD_CASES],
  ["dates and uses", DATE_CASES],
  ["the link", LINK_CASES],
  ["terminal and holder", TERMINAL_CASES],
  ["the issuer", ISSUER_CASES],
])("%s", (_, cases) => {
  test.each(cases)("$name", async (broken) => {
    const records = await taps[broken.card ?? "credit"](broken);
    const verdict = judge(records);
    const { ended, suspect, rule, names, says, stopped } = broken;
    expect({ ended: verdict.ended, suspect: verdict.stopped.suspect, rule: verdict.decided?.rule }).toEqual({
      ended,
      suspect,
      rule,
    });
    expect(wordsOf(verdict)).toMatch(says);
    if (names !== undefined) expect([verdict.stopped.tag?.tag, ...bitsOf(verdict)]).toContain(names);
    if (stopped !== undefined) expect(verdict.stopped.command?.name).toBe(stopped);
    expect(verdict.asAsked).toBe(false);

    const screen = verdictScreen({ ...verdict, repeat: "tapbench tap emu:band-s1 --seed 1" });
    expect(screen.length).toBeGreaterThanOrEqual(12);
    expect(screen.length).toBeLessThanOrEqual(40);
    expect(Math.max(...screen.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(JSON.stringify(verdict)).not.toMatch(/541333\d{10}/); // no account number whole
    expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict);

    const again = await fromFile(records);
    expect({ ...again.stopped, rule: again.decided?.rule, headline: again.headline }).toEqual({
      ...verdict.stopped,
      rule,
      headline: verdict.headline,
    });
    expect(again.authentication.links.every((link) => link.status === "not-verifiable")).toBe(true);
  });
});

test("with nothing broken every card pays, and nobody is suspected", async () => {
  for (const card of ["credit", "online", "ring"] as const) {
    const verdict = judge(await taps[card]({}));
    expect(verdict).toMatchObject({
      ended: "approved",
      asAsked: true,
      headline: "Approved, as asked.",
      stopped: { suspect: "none" },
      issuer: { answer: "approved", arc: "00" },
    });
    expect(verdict.decided).toBeUndefined();
  }
});
