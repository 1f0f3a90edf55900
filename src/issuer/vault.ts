import { hex } from "../util/bytes.js";
import { resumeRandom, type Random, type RandomPosition } from "../util/random.js";
import { issuerError } from "./errors.js";
import { luhnDigit, luhnValid, maskPan, requireTestPan } from "./pan.js";

/** INACTIVE: issued, not yet usable. SUSPENDED: somebody holds it back. DELETED is final. */
export type TokenState = "INACTIVE" | "ACTIVE" | "SUSPENDED" | "DELETED";

/** A token as it stands now; a later change makes another value. */
export interface Token {
  /** Seeded UUID. */
  readonly id: string;
  /** Funding account number, which never leaves the vault's owner. */
  readonly fpan: string;
  /** The number that the device carries. */
  readonly dpan: string;
  /** Two digits. */
  readonly sequence: string;
  /** Payment account reference: the same for all tokens of an account (EMV Payment Tokenisation 2.0, 29 characters). */
  readonly par: string;
  /** YYMM, good until the end of that month. */
  readonly expiry: string;
  readonly state: TokenState;
  /** Who holds it back, in the order in which they came; each counts once. */
  readonly suspendedBy: readonly string[];
}

/** FPAN to DPAN and back, and what state each token is in. In memory. */
export interface Vault {
  /** A new account number in a test range, Luhn-valid. @throws `issuer/not-a-test-bin`, `issuer/range-exhausted` */
  newAccount(bin: string): string;
  /** A new token of an account, INACTIVE. @throws `issuer/not-a-test-bin`, `issuer/bad-pan`, `issuer/bad-date` */
  tokenise(fpan: string, at: Date, validityMonths: number): Token;
  find(id: string): Token | undefined;
  byDpan(dpan: string): Token | undefined;
  /** All of them, in the order of their making. */
  list(): readonly Token[];
  /** INACTIVE to ACTIVE, or to SUSPENDED when somebody holds it back; nothing changes for others. @throws `issuer/unknown-token`, `issuer/token-deleted` */
  activate(id: string): Token;
  /** `by` holds it back, however often it says so. @throws `issuer/unknown-token`, `issuer/token-deleted` */
  suspend(id: string, by: string): Token;
  /** `by` lets go; ACTIVE when it was the last. @throws `issuer/unknown-token`, `issuer/token-deleted`, `issuer/bad-state` where `by` does not hold it */
  resume(id: string, by: string): Token;
  /** Final. Deleting again changes nothing. @throws `issuer/unknown-token` */
  remove(id: string): Token;
  /** All of it, to go on from. */
  save(): VaultState;
}

/** A vault at rest. */
export interface VaultState {
  readonly tokens: readonly Token[];
  /** FPAN and PAR. */
  readonly accounts: readonly (readonly [fpan: string, par: string])[];
  readonly numbers: RandomPosition;
  readonly ids: RandomPosition;
  readonly references: RandomPosition;
}

// Account numbers and tokens of one BIN never meet: the digit behind the BIN tells them apart.
const ACCOUNT_DIGIT = "0";
const TOKEN_DIGIT = "9";
const PAN_LENGTH = 16;
const MAX_TOKENS = 100_000;
const DRAWS = 1000;

/** BIN controllers are assigned by EMVCo; nobody has this one. */
const BIN_CONTROLLER = "TB01";
const PAR_LENGTH = 29;
const PAR_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/** A random UUID, version 4 (RFC 9562 5.4), from the generator. */
export function seededUuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const text = hex(bytes).toLowerCase();
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
}

/** YYMM that lies `months` after the month of `at`, in UTC. @throws `issuer/bad-date` */
export function expiryAfter(at: Date, months: number): string {
  if (Number.isNaN(at.getTime()) || !Number.isInteger(months) || months < 0 || months > 1200)
    throw issuerError("bad-date", "an expiry needs a valid date and 0 to 1200 months", { months });
  const month = at.getUTCFullYear() * 12 + at.getUTCMonth() + months;
  const two = (value: number): string => String(value).padStart(2, "0");
  return two(Math.floor(month / 12) % 100) + two((month % 12) + 1);
}

/** A vault, empty or as it was saved. The same generator issues the same numbers. */
export function createVault(random: Random, from?: VaultState): Vault {
  const tokens = new Map(from?.tokens.map((token) => [token.id, token]));
  const byDpan = new Map(from?.tokens.map(({ dpan, id }) => [dpan, id]));
  const parOf = new Map(from?.accounts);
  const numbers = from ? resumeRandom(from.numbers) : random.fork("numbers");
  const ids = from ? resumeRandom(from.ids) : random.fork("ids");
  const references = from ? resumeRandom(from.references) : random.fork("references");

  function draw(bin: string, marker: string, taken: (pan: string) => boolean): string {
    if (!/^[0-9]{6,8}$/.test(bin)) throw issuerError("bad-pan", "a BIN has 6 to 8 digits", { length: bin.length });
    requireTestPan(bin);
    for (let i = 0; i < DRAWS; i++) {
      let body = bin + marker;
      while (body.length < PAN_LENGTH - 1) body += String(numbers.below(10));
      const pan = body + luhnDigit(body);
      if (!taken(pan)) return pan;
    }
    throw issuerError("range-exhausted", `there are hardly any free numbers behind ${bin}; use a shorter BIN`, { bin });
  }

  function reference(): string {
    let par = BIN_CONTROLLER;
    while (par.length < PAR_LENGTH) par += PAR_LETTERS[references.below(PAR_LETTERS.length)]!;
    return par;
  }

  function existing(id: string, alsoDeleted = false): Token {
    const token = tokens.get(id);
    if (!token)
      throw issuerError("unknown-token", `there is no token ${id.slice(0, 40)} in this vault`, { id: id.slice(0, 40) });
    if (token.state === "DELETED" && !alsoDeleted)
      throw issuerError("token-deleted", `token ${id} (${maskPan(token.dpan)}) is deleted for good; issue a new one`, {
        id,
      });
    return token;
  }

  function put(token: Token): Token {
    tokens.set(token.id, token);
    return token;
  }

  return {
    newAccount(bin) {
      const fpan = draw(bin, ACCOUNT_DIGIT, (pan) => parOf.has(pan));
      parOf.set(fpan, reference());
      return fpan;
    },
    tokenise(fpan, at, validityMonths) {
      requireTestPan(fpan);
      if (!luhnValid(fpan)) throw issuerError("bad-pan", `${maskPan(fpan)} has a wrong check digit`, {});
      if (tokens.size >= MAX_TOKENS)
        throw issuerError("range-exhausted", `a vault holds ${MAX_TOKENS} tokens`, { max: MAX_TOKENS });
      const expiry = expiryAfter(at, validityMonths);
      const dpan = draw(fpan.slice(0, 6), TOKEN_DIGIT, (pan) => byDpan.has(pan));
      const par = parOf.get(fpan) ?? reference();
      parOf.set(fpan, par);
      const id = seededUuid(ids);
      byDpan.set(dpan, id);
      return put({ id, fpan, dpan, sequence: "00", par, expiry, state: "INACTIVE", suspendedBy: [] });
    },
    find: (id) => tokens.get(id),
    byDpan(dpan) {
      const id = byDpan.get(dpan);
      return id === undefined ? undefined : tokens.get(id);
    },
    list: () => [...tokens.values()],
    activate(id) {
      const token = existing(id);
      return token.state === "INACTIVE"
        ? put({ ...token, state: token.suspendedBy.length ? "SUSPENDED" : "ACTIVE" })
        : token;
    },
    suspend(id, by) {
      const token = existing(id);
      if (token.suspendedBy.includes(by)) return token;
      return put({
        ...token,
        state: token.state === "ACTIVE" ? "SUSPENDED" : token.state,
        suspendedBy: [...token.suspendedBy, by],
      });
    },
    resume(id, by) {
      const token = existing(id);
      if (!token.suspendedBy.includes(by))
        throw issuerError(
          "bad-state",
          `'${by.slice(0, 40)}' does not hold token ${id} back; ${token.suspendedBy.join(", ") || "nobody"} does`,
          { id },
        );
      const suspendedBy = token.suspendedBy.filter((one) => one !== by);
      return put({
        ...token,
        state: token.state === "SUSPENDED" && suspendedBy.length === 0 ? "ACTIVE" : token.state,
        suspendedBy,
      });
    },
    remove: (id) => put({ ...existing(id, true), state: "DELETED" }),
    save: () => ({
      tokens: [...tokens.values()],
      accounts: [...parOf],
      numbers: numbers.position(),
      ids: ids.position(),
      references: references.position(),
    }),
  };
}
