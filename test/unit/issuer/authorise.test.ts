import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { asDesKey } from "../../../src/crypto/des.js";
import type { AuthorisationRequest } from "../../../src/emv/acquirer.js";
import { mchipCryptogram } from "../../../src/emv/cryptogram-versions.js";
import { iccMasterKeyA } from "../../../src/emv/keys.js";
import { createAtcRegister } from "../../../src/issuer/atc.js";
import { createAuthoriser, DECLINES, type DeclineReason, type KnownCard } from "../../../src/issuer/authorise.js";
import { createLedger } from "../../../src/issuer/ledger.js";
import { concat, hex, unhex } from "../../../src/util/bytes.js";
import { isTapbenchError } from "../../../src/util/errors.js";
import { seededRandom } from "../../../src/util/random.js";
import type { RuleRecord } from "../../../src/util/tracer.js";

/*
 * Keys, data, cryptograms and ARPCs: knovichikhin/pyemv tests/test_cvn_hsm.py (MIT), held against an HSM there. The rest is made around them.
 */
const PAN = "1234567890123456";
const ISSUER_KEY = unhex("0123456789ABCDEFFEDCBA9876543210");
const CVR = "A00003220000";

const CARD: KnownCard = {
  token: { id: "t1", dpan: PAN, sequence: "00", expiry: "4912", state: "ACTIVE", suspendedBy: [] },
  acKey: iccMasterKeyA(ISSUER_KEY, PAN, "00"),
  keyIndex: 1,
  cvn: 17,
  account: "a1",
  perTransaction: 20_000n,
};

const CHIP: Readonly<Record<string, string>> = {
  "9F02": "000000009999",
  "9F03": "000000000000",
  "9F1A": "0124",
  "95": "8000000000",
  "5F2A": "0124",
  "9A": "209906",
  "9C": "00",
  "9F37": "ABCDEF12",
  "82": "1800",
  "9F36": "001C",
  "9F27": "80",
};
const iad = (cvn: string, counters: string, cvr = CVR, keyIndex = "01"): string =>
  `${keyIndex}${cvn}${cvr}0000${counters}`;

type Hexes = Readonly<Record<string, string | undefined>>;
const objects = (chip: Hexes): Map<number, Uint8Array> =>
  new Map(
    Object.entries(chip).flatMap(([tag, value]) =>
      value === undefined ? [] : [[parseInt(tag, 16), unhex(value)] as const],
    ),
  );

const request = (chip: Hexes, more: Partial<AuthorisationRequest> = {}): AuthorisationRequest => ({
  pan: PAN,
  panSequence: "00",
  expiry: "4912",
  amount: 9999n,
  currency: "124",
  chip: objects(chip),
  ...more,
});

function bank(card: Partial<KnownCard> & { readonly balance?: bigint; readonly currency?: string } = {}) {
  const { balance = 1_000_000n, currency = "124", ...known } = card;
  const ledger = createLedger(seededRandom("bank"));
  ledger.open("a1", currency, balance);
  const rules: Omit<RuleRecord, "at" | "layer">[] = [];
  const authorise = createAuthoriser({
    find: (dpan) => (dpan === PAN ? { ...CARD, ...known } : undefined),
    ledger,
    atc: createAtcRegister(50),
    random: seededRandom("codes"),
    onRule: (rule) => rules.push(rule),
  });
  return { authorise, ledger, rules };
}

describe("cryptograms and answers of another implementation", () => {
  test.each([
    ["CVN 16", 16, iad("10", "0000000000000000"), "24CCF3DEE3158C70", "73F6BBF389A6586C"],
    ["CVN 17", 17, iad("11", "00000000000322FF"), "EAE8A620A75648D8", "29CF11FBDB9CA650"],
    ["CVN 20", 20, iad("14", "0000000000000000"), "CD29615D6452E70E", "DFD0956606B68D64"],
    ["CVN 21", 21, iad("15", "00000000000322FF"), "C30E54BE496CF5E5", "4F51F9CC63CE8B3C"],
  ])("%s: verified, approved, and answered with the ARPC", (_name, cvn, issuerData, cryptogram, arpc) => {
    const { authorise, ledger } = bank({ cvn });
    const answer = authorise(request({ ...CHIP, "9F10": issuerData, "9F26": cryptogram }));
    expect(answer).toMatchObject({ approved: true, arc: "00", reason: "approved", cryptogramVerified: true });
    expect(hex(answer.issuerAuthenticationData!)).toBe(`${arpc}0010`);
    expect(answer.authorisationCode).toMatch(/^[0-9]{6}$/);
    expect(ledger.find("a1")!.available).toBe(990_001n);
  });

  test("every single bit of what the cryptogram covers matters", () => {
    for (const tag of ["9F02", "9F03", "9F1A", "95", "5F2A", "9A", "9C", "9F37", "82", "9F36", "9F26"]) {
      const { authorise } = bank();
      const chip = objects({ ...CHIP, "9F10": iad("11", "00000000000322FF"), "9F26": "EAE8A620A75648D8" });
      const value = Uint8Array.from(chip.get(parseInt(tag, 16))!);
      value[value.length - 1]! ^= 1;
      chip.set(parseInt(tag, 16), value);
      const answer = authorise(request({}, { chip }));
      expect([tag, answer.reason, answer.cryptogramVerified]).toEqual([tag, "cryptogram-invalid", false]);
      expect(answer.issuerAuthenticationData).toBeUndefined();
    }
  });
});

/** What the card of these tests sends: a right cryptogram over whatever the chip data are. */
function signed(chip: Hexes = {}, more: Partial<AuthorisationRequest> = {}, cvr = CVR): AuthorisationRequest {
  const all: Hexes = { ...CHIP, "9F10": iad("11", "0000000000000000", cvr), ...chip };
  const values = objects(all);
  const recipe = mchipCryptogram(17);
  const session = asDesKey(recipe.sessionKey(CARD.acKey, values.get(0x9f36)!, values.get(0x9f37)!));
  return request(
    {
      ...all,
      "9F26": hex(
        recipe.cryptogram(
          session,
          recipe.data((tag) => values.get(tag)),
        ),
      ),
    },
    more,
  );
}

interface DeclineCase {
  readonly reason: DeclineReason;
  readonly why: string;
  readonly request: AuthorisationRequest;
  readonly card?: Parameters<typeof bank>[0];
  /** Requests that go before it. */
  readonly before?: readonly AuthorisationRequest[];
  readonly verified?: boolean;
}

const token = (state: KnownCard["token"]["state"], suspendedBy: readonly string[] = []): Partial<KnownCard> => ({
  token: { ...CARD.token, state, suspendedBy },
});
const WRONG_IAD = "0112A000032200000000000000000000";

const CASES: readonly DeclineCase[] = [
  { reason: "unknown-token", why: "another number", request: signed({}, { pan: "1234567890123457" }) },
  {
    reason: "chip-data-missing",
    why: "no cryptogram",
    request: request({ ...CHIP, "9F10": iad("11", "00".repeat(8)) }),
  },
  {
    reason: "chip-data-missing",
    why: "no issuer application data",
    request: request({ ...CHIP, "9F26": "00".repeat(8) }),
  },
  {
    reason: "chip-data-malformed",
    why: "an ATC of one byte",
    request: request({ ...CHIP, "9F36": "1C", "9F26": "00".repeat(8) }),
  },
  {
    reason: "chip-data-malformed",
    why: "issuer application data of 16 bytes",
    request: request({ ...CHIP, "9F10": WRONG_IAD, "9F26": "00".repeat(8) }),
  },
  { reason: "chip-data-malformed", why: "an amount with letters", request: signed({ "9F02": "00000000999A" }) },
  { reason: "chip-data-malformed", why: "CVM results of two bytes", request: signed({ "9F34": "0100" }) },
  { reason: "token-inactive", why: "never activated", request: signed(), card: token("INACTIVE") },
  { reason: "token-suspended", why: "held back", request: signed(), card: token("SUSPENDED", ["holder"]) },
  { reason: "token-deleted", why: "deleted", request: signed(), card: token("DELETED") },
  { reason: "sequence-mismatch", why: "sequence 01", request: signed({}, { panSequence: "01" }) },
  { reason: "expiry-mismatch", why: "another expiry", request: signed({}, { expiry: "4911" }) },
  { reason: "expired", why: "a month later", request: signed({ "9A": "500101" }) },
  { reason: "cryptogram-version", why: "another version", request: signed({ "9F10": iad("10", "00".repeat(8)) }) },
  {
    reason: "cryptogram-version",
    why: "an unknown version on both sides",
    request: signed({ "9F10": iad("12", "00".repeat(8)) }),
    card: { cvn: 18 },
  },
  {
    reason: "cryptogram-version",
    why: "another key",
    request: signed({ "9F10": iad("11", "00".repeat(8), CVR, "02") }),
  },
  {
    reason: "cryptogram-invalid",
    why: "another card's key",
    request: signed(),
    card: { acKey: unhex("00112233445566778899AABBCCDDEEFF") },
    verified: false,
  },
  { reason: "not-an-arqc", why: "a TC", request: signed({ "9F27": "40" }), verified: true },
  { reason: "not-an-arqc", why: "an AAC", request: signed({ "9F27": "00" }), verified: true },
  { reason: "cvr-inconsistent", why: "the CVR says TC", request: signed({}, {}, "900003220000"), verified: true },
  { reason: "atc-replayed", why: "sent twice", request: signed(), before: [signed()], verified: true },
  {
    reason: "atc-replayed",
    why: "approved or not",
    request: signed(),
    before: [signed({ "9C": "01" })].map(() => signed({}, { amount: 1n })),
    verified: true,
  },
  { reason: "atc-too-far", why: "51 ahead", request: signed({ "9F36": "0033" }), verified: true },
  {
    reason: "amount-mismatch",
    why: "the terminal asks for more",
    request: signed({}, { amount: 10_000n }),
    verified: true,
  },
  { reason: "amount-mismatch", why: "a negative amount", request: signed({}, { amount: -9999n }), verified: true },
  {
    reason: "currency-mismatch",
    why: "the terminal asks in euro",
    request: signed({}, { currency: "978" }),
    verified: true,
  },
  {
    reason: "currency-not-supported",
    why: "a euro account",
    request: signed(),
    card: { currency: "978" },
    verified: true,
  },
  { reason: "type-not-permitted", why: "cash", request: signed({ "9C": "01" }), verified: true },
  { reason: "type-not-permitted", why: "a refund", request: signed({ "9C": "20" }), verified: true },
  { reason: "oda-failed", why: "CDA failed", request: signed({ "95": "0400000000" }), verified: true },
  { reason: "exception-file", why: "hot listed", request: signed({ "95": "1000000000" }), verified: true },
  { reason: "relay-suspected", why: "too slow", request: signed({ "95": "0000000008" }), verified: true },
  {
    reason: "cdcvm-not-verified",
    why: "9F34 says so, the CVR does not",
    request: signed({ "9F34": "010002" }),
    verified: true,
  },
  {
    reason: "cdcvm-not-verified",
    why: "the card saw the terminal's error",
    request: signed({}, {}, "A00003230000"),
    verified: true,
  },
  { reason: "pin-missing", why: "online PIN, and none", request: signed({ "9F34": "420300" }), verified: true },
  { reason: "cvm-failed", why: "the TVR says so", request: signed({ "95": "0000800000" }), verified: true },
  { reason: "limit-exceeded", why: "one above", request: signed(), card: { perTransaction: 9998n }, verified: true },
  { reason: "insufficient-funds", why: "one short", request: signed(), card: { balance: 9998n }, verified: true },
];

describe("declines", () => {
  test.each(CASES.map((one) => [one.reason, one.why, one] as const))(
    "%s: %s",
    (reason, _why, { request: asked, card, before = [], verified }) => {
      const { authorise, ledger, rules } = bank(card);
      for (const one of before) authorise(one);
      const money = ledger.find("a1")!.available;
      const answer = authorise(asked);
      expect(answer).toMatchObject({ approved: false, reason, arc: DECLINES[reason] });
      expect(answer.says).toMatch(/^[A-Z].*\.$/);
      expect(answer.cryptogramVerified).toBe(verified);
      expect(answer.authorisationCode).toBeUndefined();
      // A card that proved itself gets an answer that it can check.
      expect(answer.issuerAuthenticationData?.length).toBe(verified ? 10 : undefined);
      expect(ledger.find("a1")!.available).toBe(money);
      expect(rules.at(-1)!.says.length).toBeGreaterThan(0);
    },
  );

  test("every reason is reached", () => {
    expect(new Set(CASES.map((one) => one.reason))).toEqual(new Set(Object.keys(DECLINES)));
  });

  test("a sentence never repeats the account number", () => {
    for (const one of CASES) expect(bank(one.card).authorise(one.request).says).not.toContain("1234567890");
  });
});

describe("approvals", () => {
  test.each([
    ["the last month of validity", signed({ "9A": "491231" })],
    ["no CVM results", signed()],
    ["no verification needed", signed({ "9F34": "3F0002" })],
    ["verified on the device", signed({ "9F34": "010002" }, {}, "A00303220000")],
    ["an online PIN", signed({ "9F34": "420300" }, { pin: unhex("1122334455667788") })],
    ["ODA not performed", signed({ "95": "8000000000" })],
    ["nothing at all to pay", signed({ "9F02": "000000000000" }, { amount: 0n })],
    ["50 ahead", signed({ "9F36": "0032" })],
  ])("%s", (_name, asked) => {
    expect(bank().authorise(asked)).toMatchObject({ approved: true, arc: "00", cryptogramVerified: true });
  });

  test("a late payment fills the gap that it left, once", () => {
    const { authorise, rules } = bank();
    expect(authorise(signed({ "9F36": "0003" })).approved).toBe(true);
    expect(authorise(signed({ "9F36": "0002" })).approved).toBe(true);
    expect(rules.filter((rule) => rule.rule === "issuer.atc").map((rule) => rule.data!["verdict"])).toEqual([
      "skipped",
      "late",
    ]);
    expect(authorise(signed({ "9F36": "0002" })).reason).toBe("atc-replayed");
  });

  test("a wrong cryptogram does not use up the counter", () => {
    const { authorise } = bank();
    const wrong = signed();
    expect(authorise({ ...wrong, chip: new Map([...wrong.chip, [0x9f26, unhex("0011223344556677")]]) }).reason).toBe(
      "cryptogram-invalid",
    );
    expect(authorise(wrong).approved).toBe(true);
  });

  test("the rules tell in order what was decided", () => {
    const { authorise, rules } = bank();
    authorise(signed());
    expect(rules.map((rule) => rule.rule)).toEqual([
      "issuer.token",
      "issuer.expiry",
      "issuer.cryptogram",
      "issuer.atc",
      "issuer.balance",
    ]);
  });
});

test("whatever a request holds: an answer with a known reason, never another error", () => {
  const good = signed();
  const tags = [...good.chip.keys(), 0x9f34, 0x9f10];
  const known = new Set<string>(["approved", ...Object.keys(DECLINES)]);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(...tags), fc.option(fc.uint8Array({ maxLength: 40 }))), { maxLength: 4 }),
      fc.record(
        {
          pan: fc.constantFrom(PAN, "", "x"),
          expiry: fc.constantFrom("4912", "", "zzzz"),
          amount: fc.bigInt(),
          currency: fc.constantFrom("124", ""),
        },
        { requiredKeys: [] },
      ),
      (edits, fields) => {
        const chip = new Map(good.chip);
        for (const [tag, value] of edits) {
          if (value) chip.set(tag, value);
          else chip.delete(tag);
        }
        try {
          const answer = bank().authorise({ ...good, ...fields, chip });
          expect(known.has(answer.reason)).toBe(true);
          expect(answer.approved).toBe(answer.reason === "approved");
          expect(concat(answer.issuerAuthenticationData ?? new Uint8Array(10))).toHaveLength(10);
        } catch (error) {
          if (!isTapbenchError(error)) throw error;
        }
      },
    ),
    { numRuns: 500 },
  );
});
