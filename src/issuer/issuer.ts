import { desKey, type DesKey } from "../crypto/des.js";
import type { RsaPrivateKey } from "../crypto/rsa.js";
import type { Authorise } from "../emv/acquirer.js";
import type { CaPublicKey } from "../emv/oda.js";
import { createTestCa, type TestCa, type TestIssuer } from "../emv/test-ca.js";
import type { CardProfile, DeviceProfile } from "../profiles/types.js";
import type { CardAsking } from "../protocols/iso7816/poller.js";
import { SW } from "../protocols/iso7816/status.js";
import { hex } from "../util/bytes.js";
import { resumeRandom, type Random, type RandomPosition } from "../util/random.js";
import type { RuleRecord } from "../util/tracer.js";
import { createAtcRegister, type AtcState } from "./atc.js";
import { createAuthoriser, type KnownCard } from "./authorise.js";
import { issuerError } from "./errors.js";
import { cardKeys, requireTestKeys, type IssuerKeys } from "./keys.js";
import { createLedger, type Ledger, type LedgerState } from "./ledger.js";
import {
  applicationGroupings,
  contactlessRequest,
  directoryGrouping,
  PPSE_AID,
  storeDataScript,
  type CardCertificates,
  type PersonalisationScript,
  type ScriptOptions,
} from "./personalise.js";
import { provision, type ApplicationData, type IssuerDomain } from "./provision.js";
import { updateCard, type UpdateReport, type UpdateWishes } from "./update.js";
import { createVault, type Token, type Vault, type VaultState } from "./vault.js";

/** A card that was issued; its token as it was then. */
export interface IssuedCard {
  readonly token: Token;
  readonly profile: CardProfile;
  readonly issuedAt: Date;
}

/** What an issuer is made of. */
export interface IssuerOptions {
  /** Numbers, references, RSA keys: the same generator makes the same issuer. */
  readonly random: Random;
  readonly keys: IssuerKeys;
  readonly ca?: {
    /** Length of the CA keys; 1984 unless given. */
    readonly bits?: number;
    /** Tag 8F; E0 unless given: no published key has it. */
    readonly index?: number;
  };
  /** How far a transaction counter may jump; 256 unless given. */
  readonly atcWindow?: number;
  readonly onRule?: (rule: Omit<RuleRecord, "at" | "layer">) => void;
  /** Go on from there; with the same generator and keys as before. */
  readonly from?: IssuerState | undefined;
}

/** An issuer at rest. What follows from its generator is not in it: CA and issuer keys. */
export interface IssuerState {
  readonly vault: VaultState;
  readonly ledger: LedgerState;
  readonly atc: AtcState;
  readonly cards: readonly IssuedCard[];
  /** New PINs, by token. */
  readonly pins: readonly (readonly [token: string, pin: string])[];
  readonly authorisation: RandomPosition;
}

/** How a card is put into a device. */
export interface PersonaliseOptions extends ScriptOptions {
  /** Other cards on the device, which the directory has to list, too. */
  readonly others?: readonly IssuedCard[];
  /** What kind of device it is, for terminals (9F6E). */
  readonly form?: DeviceProfile["form"];
}

/** A test issuer in memory: vault, keys, personalisation, authorisation, ledger. */
export interface Issuer {
  readonly vault: Vault;
  readonly ledger: Ledger;
  /**
   * A new account, its token (ACTIVE unless `active: false`), and its money.
   * @throws `issuer/not-a-test-bin`, `issuer/bad-date`, `issuer/range-exhausted`
   */
  issue(profile: CardProfile, at: Date, options?: { readonly active?: boolean }): IssuedCard;
  /** A further token of the same account: the same PAR and the same money. */
  issueAgain(card: IssuedCard, at: Date, options?: { readonly active?: boolean }): IssuedCard;
  /**
   * Commands for the payment applet, then for the directory. The same card, the same bytes. The first CDA card costs a CA and an issuer key.
   * @throws `issuer/record-too-long`, `issuer/bad-certificate-lengths`
   */
  personalise(card: IssuedCard, options?: PersonaliseOptions): PersonalisationScript;
  /**
   * The same data through the secure channel of the issuer's domain: whoever carries the commands cannot read them. The directory is not written:
   * the element makes it of what the contactless registry is told of each card. @throws also `gp/...`
   */
  provision(card: IssuedCard, domain: IssuerDomain, options?: Pick<PersonaliseOptions, "form">): CardAsking<void>;
  readonly authorise: Authorise;
  /**
   * Orders for a card in a device, over its element's wired interface: block, unblock, PIN, limits, offline counters. Its counter goes up by one. A new
   * PIN is this issuer's as soon as the card has taken it. @throws `issuer/update-refused`, `issuer/update-unproven`, `issuer/bad-order`, `emv/bad-pin`
   */
  update(card: IssuedCard, wishes: UpdateWishes, at: Date): CardAsking<UpdateReport>;
  /** The PIN of a card whose profile has one, as it is told to the holder. */
  pin(card: IssuedCard): string | undefined;
  activate(id: string): Token;
  suspend(id: string, by: string): Token;
  resume(id: string, by: string): Token;
  delete(id: string): Token;
  /** Public keys of the test CA for the given RIDs (5 bytes); for those of all cards issued so far when none is given. */
  caPublicKeys(rids?: readonly Uint8Array[]): readonly CaPublicKey[];
  /** Transaction counters that were skipped and may still come. */
  atcGaps(id: string): readonly number[];
  /** Cards issued so far, in that order. */
  cards(): readonly IssuedCard[];
  /** All of it, to go on from. */
  save(): IssuerState;
}

const CA_INDEX = 0xe0;
const RID_BYTES = 5;

/** @throws `issuer/not-a-test-key`, `issuer/bad-key` */
export function createIssuer(options: IssuerOptions): Issuer {
  const { random, ca: caOptions = {}, atcWindow = 256, onRule, from } = options;
  const keys = requireTestKeys(options.keys);
  const vault = createVault(random.fork("vault"), from?.vault);
  const ledger = createLedger(random.fork("ledger"), from?.ledger);
  const atc = createAtcRegister(atcWindow, from?.atc);
  const cards = new Map(from?.cards.map((card) => [card.token.id, card]));
  const acKeys = new Map<string, DesKey>();
  /** New PINs, by token; the first one follows from the seed. */
  const pins = new Map(from?.pins);
  const rsaKeys = new Map<string, RsaPrivateKey>();
  const authorities = new Map<string, TestCa>();
  const certified = new Map<string, TestIssuer>();
  const caRandom = random.fork("ca");
  const updateRandom = random.fork("update");

  function authority(rid: Uint8Array): TestCa {
    const name = hex(rid);
    let ca = authorities.get(name);
    if (!ca) {
      ca = createTestCa({
        random: caRandom.fork(name),
        rid,
        index: caOptions.index ?? CA_INDEX,
        caBits: caOptions.bits ?? 1984,
      });
      authorities.set(name, ca);
    }
    return ca;
  }

  function certifier(profile: CardProfile): TestIssuer {
    const rid = profile.aid.slice(0, RID_BYTES);
    const { issuerBits } = profile.oda;
    const name = `${hex(rid)}/${profile.bin}/${issuerBits}`;
    let issuer = certified.get(name);
    if (!issuer) {
      const ca = authority(rid);
      const caBits = ca.publicKey.modulus.length * 8;
      if (issuerBits > caBits)
        throw issuerError(
          "bad-certificate-lengths",
          `an issuer key of ${issuerBits} bits is longer than the CA's ${caBits}`,
          { issuerBits, caBits },
        );
      issuer = ca.issuer({ issuerIdentifier: profile.bin, bits: issuerBits });
      certified.set(name, issuer);
    }
    return issuer;
  }

  /** A card's key for cryptograms, kept with its schedule: every authorisation needs it. */
  function acKey(token: Token): DesKey {
    let key = acKeys.get(token.id);
    if (!key) {
      key = desKey(cardKeys(keys, token.dpan, token.sequence).ac);
      acKeys.set(token.id, key);
    }
    return key;
  }

  function find(dpan: string): KnownCard | undefined {
    const token = vault.byDpan(dpan);
    const card = token && cards.get(token.id);
    if (!token || !card) return undefined;
    const { profile } = card;
    return {
      token,
      acKey: acKey(token),
      keyIndex: profile.keyDerivationIndex,
      cvn: profile.cvn,
      account: token.par,
      perTransaction: profile.account.perTransaction,
    };
  }

  function add(profile: CardProfile, fpan: string, at: Date, active: boolean): IssuedCard {
    const made = vault.tokenise(fpan, at, profile.validityMonths);
    const token = active ? vault.activate(made.id) : made;
    const card: IssuedCard = { token, profile, issuedAt: at };
    cards.set(token.id, card);
    if (!ledger.find(token.par)) ledger.open(token.par, profile.currency.numeric, profile.account.balance);
    return card;
  }

  function certificates(card: IssuedCard): ((staticData: Uint8Array) => CardCertificates) | undefined {
    const { profile, token } = card;
    if (profile.oda.method === "none") return undefined;
    return (staticData) => {
      const issuer = certifier(profile);
      const certificate = { pan: token.dpan, staticData, expiry: certificateExpiry(token.expiry) };
      const known = rsaKeys.get(token.id);
      if (known) return { key: known, issuer: issuer.objects, card: issuer.certify(known, certificate) };
      const { key, objects } = issuer.card({ ...certificate, bits: profile.oda.cardBits });
      rsaKeys.set(token.id, key);
      return { key, issuer: issuer.objects, card: objects };
    };
  }

  function pin({ token, profile }: IssuedCard): string | undefined {
    return profile.pin && (pins.get(token.id) ?? digits(random.fork(`pin/${token.id}`), PIN_DIGITS));
  }

  function* update(card: IssuedCard, wishes: UpdateWishes, at: Date): CardAsking<UpdateReport> {
    const { token, profile } = card;
    const report = yield* updateCard(
      {
        profile,
        keys: cardKeys(keys, token.dpan, token.sequence),
        at,
        random: updateRandom,
        count(value) {
          const verdict = atc.judge(token.id, value);
          if (verdict !== "replayed" && verdict !== "too-far") atc.use(token.id, value);
          return verdict;
        },
      },
      wishes,
    );
    for (const [i, order] of (wishes.orders ?? []).entries())
      if (order.kind === "change-pin" && report.steps[i]?.sw === SW.ok) pins.set(token.id, order.pin);
    return report;
  }

  /** The payment application. */
  function application(card: IssuedCard, form: DeviceProfile["form"] | undefined): ApplicationData {
    const { token, profile, issuedAt } = card;
    const groupings = applicationGroupings({
      token,
      profile,
      keys: cardKeys(keys, token.dpan, token.sequence),
      pin: pin(card),
      discretionary: digits(random.fork(`track/${token.id}`), TRACK_DIGITS),
      at: issuedAt,
      form,
      certify: certificates(card),
    });
    return { aid: profile.aid, groupings, contactless: contactlessRequest(profile) };
  }

  const codes = from ? resumeRandom(from.authorisation) : random.fork("authorisation");
  const authorise: Authorise = createAuthoriser({ find, ledger, atc, random: codes, onRule });

  return {
    vault,
    ledger,
    issue: (profile, at, { active = true } = {}) => add(profile, vault.newAccount(profile.bin), at, active),
    issueAgain: (card, at, { active = true } = {}) => add(card.profile, card.token.fpan, at, active),
    personalise(card, { others = [], form, ...script } = {}) {
      const directory = directoryGrouping([card, ...others].map(({ profile }) => profile));
      const { aid, groupings } = application(card, form);
      const steps = [...storeDataScript(aid, groupings, script), ...storeDataScript(PPSE_AID, [directory], script)];
      return { steps, commands: steps.map((step) => step.command) };
    },
    provision: (card, domain, { form } = {}) =>
      provision(domain, [application(card, form)], random.fork(`channel/${card.token.id}`)),
    authorise,
    update,
    pin,
    activate: (id) => vault.activate(id),
    suspend: (id, by) => vault.suspend(id, by),
    resume: (id, by) => vault.resume(id, by),
    delete: (id) => vault.remove(id),
    caPublicKeys(rids) {
      const wanted = rids ?? [
        ...new Map(
          [...cards.values()].map((card) => [
            hex(card.profile.aid.slice(0, RID_BYTES)),
            card.profile.aid.slice(0, RID_BYTES),
          ]),
        ).values(),
      ];
      return wanted.map((rid) => authority(rid).publicKey);
    },
    atcGaps: (id) => atc.gaps(id),
    cards: () => [...cards.values()],
    save: () => ({
      vault: vault.save(),
      ledger: ledger.save(),
      atc: atc.save(),
      cards: [...cards.values()],
      pins: [...pins],
      authorisation: codes.position(),
    }),
  };
}

const TRACK_DIGITS = 13;
const PIN_DIGITS = 4;
const digits = (random: Random, length: number): string => Array.from({ length }, () => random.below(10)).join("");

/** YYMM to MMYY in BCD, as certificates have it. */
const certificateExpiry = (expiry: string): Uint8Array =>
  Uint8Array.of(parseInt(expiry.slice(2), 16), parseInt(expiry.slice(0, 2), 16));
