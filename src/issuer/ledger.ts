import { resumeRandom, type Random, type RandomPosition } from "../util/random.js";
import { issuerError } from "./errors.js";
import { seededUuid } from "./vault.js";

/** Money set aside for a payment that was authorised, until it is captured or released. */
export interface Hold {
  readonly id: string;
  readonly account: string;
  readonly amount: bigint;
  readonly state: "open" | "captured" | "released";
}

/** An account as it stands now. Minor units. */
export interface Account {
  readonly id: string;
  /** ISO 4217 numeric. */
  readonly currency: string;
  readonly balance: bigint;
  /** Sum of open holds. */
  readonly held: bigint;
  /** What can be spent: balance less held. */
  readonly available: bigint;
}

/** Accounts, holds and balances in memory. Amounts are minor units, never negative. */
export interface Ledger {
  /** @throws `issuer/account-exists`, `issuer/bad-amount` */
  open(id: string, currency: string, balance: bigint): Account;
  find(id: string): Account | undefined;
  /** In the order of opening. */
  accounts(): readonly Account[];
  /** Sets money aside; undefined when there is not enough. @throws `issuer/unknown-account`, `issuer/bad-amount` */
  hold(id: string, amount: bigint): Hold | undefined;
  /** Takes the held money, or less of it; the rest is free again. @throws `issuer/unknown-hold` also when it is no longer open, `issuer/bad-amount` */
  capture(holdId: string, amount?: bigint): Account;
  /** Lets the held money go. @throws `issuer/unknown-hold` also when it is no longer open */
  release(holdId: string): Account;
  /** In the order of their making. */
  holds(account?: string): readonly Hold[];
  /** All of it, to go on from. */
  save(): LedgerState;
}

/** A ledger at rest. */
export interface LedgerState {
  readonly accounts: readonly Account[];
  readonly holds: readonly Hold[];
  readonly ids: RandomPosition;
}

/** A ledger, empty or as it was saved; ids come from the generator. */
export function createLedger(random: Random, from?: LedgerState): Ledger {
  const accounts = new Map(from?.accounts.map((account) => [account.id, account]));
  const holds = new Map(from?.holds.map((hold) => [hold.id, hold]));
  const ids = from ? resumeRandom(from.ids) : random;

  const checkAmount = (amount: bigint): void => {
    if (amount < 0n) throw issuerError("bad-amount", "an amount cannot be negative", { amount: String(amount) });
  };
  function put(account: Omit<Account, "available">): Account {
    const { id, currency, balance, held } = account;
    const whole = { id, currency, balance, held, available: balance - held };
    accounts.set(account.id, whole);
    return whole;
  }
  function existing(id: string): Account {
    const account = accounts.get(id);
    if (!account)
      throw issuerError("unknown-account", `there is no account ${id.slice(0, 40)}`, { id: id.slice(0, 40) });
    return account;
  }
  function close(holdId: string, state: "captured" | "released", amount: bigint | undefined): Account {
    const hold = holds.get(holdId);
    if (!hold || hold.state !== "open")
      throw issuerError(
        "unknown-hold",
        `hold ${holdId.slice(0, 40)} is ${hold ? `already ${hold.state}` : "unknown"}`,
        { id: holdId.slice(0, 40) },
      );
    const taken = state === "released" ? 0n : (amount ?? hold.amount);
    checkAmount(taken);
    if (taken > hold.amount)
      throw issuerError("bad-amount", `${taken} is more than the ${hold.amount} that are held`, {
        held: String(hold.amount),
      });
    holds.set(holdId, { ...hold, state });
    const account = existing(hold.account);
    return put({ ...account, balance: account.balance - taken, held: account.held - hold.amount });
  }

  return {
    open(id, currency, balance) {
      checkAmount(balance);
      if (accounts.has(id))
        throw issuerError("account-exists", `account ${id.slice(0, 40)} is open already`, { id: id.slice(0, 40) });
      return put({ id, currency, balance, held: 0n });
    },
    find: (id) => accounts.get(id),
    accounts: () => [...accounts.values()],
    hold(id, amount) {
      checkAmount(amount);
      const account = existing(id);
      if (account.available < amount) return undefined;
      const hold: Hold = { id: seededUuid(ids), account: id, amount, state: "open" };
      holds.set(hold.id, hold);
      put({ id, currency: account.currency, balance: account.balance, held: account.held + amount });
      return hold;
    },
    capture: (holdId, amount) => close(holdId, "captured", amount),
    release: (holdId) => close(holdId, "released", undefined),
    holds: (account) => [...holds.values()].filter((hold) => account === undefined || hold.account === account),
    save: () => ({ accounts: [...accounts.values()], holds: [...holds.values()], ids: ids.position() }),
  };
}
