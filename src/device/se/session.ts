import {
  prepareSession,
  type KeySet,
  type OpenOptions,
  type Opened,
  type Prepared,
} from "../../protocols/gp/poller.js";
import { LEVEL } from "../../protocols/gp/secure-channel.js";
import type { CardAsking } from "../../protocols/iso7816/poller.js";
import { SW, swHex, swMeaning } from "../../protocols/iso7816/status.js";
import { gpError } from "../../protocols/gp/errors.js";
import { isTapbenchError } from "../../util/errors.js";
import { against, begun, cleared, settled, type Attempt } from "./attempts.js";
import { seError } from "./errors.js";
import type { ElementIdentity } from "./identity.js";
import type { ElementJournal } from "./journal.js";

/** Where a journal is kept. What was put is durable when `put` returns: it comes before the command that it tells of. */
export interface JournalKeeper {
  readonly journal: ElementJournal;
  /** @throws where it cannot be kept; nothing is sent then */
  readonly put: (journal: ElementJournal) => void;
}

export interface AuthenticateOptions {
  /** What the keys are called and remembered by. */
  readonly label: string;
  readonly digest: string;
  /** AID of the selected security domain in hex; `issuer` where it does not tell. */
  readonly domain: string;
  readonly keysFor: OpenOptions["keysFor"];
  readonly version: number;
  readonly level?: number | undefined;
  readonly size?: 8 | 16 | undefined;
  readonly challenge: OpenOptions["challenge"];
  /** Keys that failed here before are tried all the same. */
  readonly again?: boolean;
  readonly keeper: JournalKeeper;
}

/** The most that a protocol offers: of SCP03, R-MAC and R-ENCRYPTION by its parameter "i" (Amendment D, table 5-1). */
export function bestLevel(scp: 2 | 3, i: number): number {
  const commands = LEVEL.commandMac | LEVEL.commandEncryption;
  if (scp === 2 || (i & 0x20) === 0) return commands;
  return commands | LEVEL.responseMac | ((i & 0x40) === 0 ? 0 : LEVEL.responseEncryption);
}

/** The attempt is in the journal before INITIALIZE UPDATE leaves, and what it came to as soon as that is known. */
export function* prepareCarefully(options: AuthenticateOptions, authenticates: boolean): CardAsking<Prepared> {
  const { keeper, label, domain, version: asked, digest: keys } = options;
  const attempt = { domain, asked, keys, label } satisfies Omit<Attempt, "outcome">;
  const why = options.again === true ? undefined : against(keeper.journal.attempts, attempt, authenticates);
  if (why) throw why;
  const note = (attempts: readonly Attempt[]): void => keeper.put({ ...keeper.journal, attempts });
  try {
    const prepared = yield* prepareSession({
      keysFor: options.keysFor,
      version: asked,
      level: options.level ?? bestLevel,
      challenge: options.challenge,
      ...(options.size !== undefined && { size: options.size }),
      onAttempt: () => note(begun(keeper.journal.attempts, attempt)),
    });
    note(settled(keeper.journal.attempts, "fits", prepared.version));
    return prepared;
  } catch (error) {
    if (isTapbenchError(error, "gp/wrong-cryptogram"))
      note(settled(keeper.journal.attempts, "wrong-keys", Number(error.context["version"])));
    else if (isTapbenchError(error, "gp/refused")) note(settled(keeper.journal.attempts, "refused"));
    throw error;
  }
}

/** A session, each step of it in the journal first. @throws as `openSession`, and `se/keys-failed-before`, `se/unsettled-attempts` */
export function* authenticate(options: AuthenticateOptions): CardAsking<Opened> {
  const { authenticate: command, ...opened } = yield* prepareCarefully(options, true);
  const { keeper, domain } = options;
  const { sw } = (yield command).answer;
  const { attempts } = keeper.journal;
  if (sw !== SW.ok) {
    // The card's cryptogram fitted, so the keys are right and something else is not: but the card counted it.
    keeper.put({ ...keeper.journal, attempts: settled(attempts, "wrong-keys", opened.version) });
    throw gpError("refused", `the card refused EXTERNAL AUTHENTICATE with ${swHex(sw)}: ${swMeaning(sw)}`, {
      sw: swHex(sw),
      command: "EXTERNAL AUTHENTICATE",
    });
  }
  keeper.put({ ...keeper.journal, attempts: cleared(attempts, domain, opened.version) });
  return opened;
}

const KIND_OF: Readonly<Record<number, KeySet["kind"]>> = { 2: "des", 3: "aes" };

/** Refuses keys of a kind that the element has no protocol for, before an attempt is made. @throws `se/wrong-keys-kind` */
export function checkKind({ recognition }: ElementIdentity, kind: KeySet["kind"], label: string): void {
  const protocols = recognition?.protocols ?? [];
  const kinds = protocols.flatMap(({ scp }) => KIND_OF[scp] ?? []);
  if (kinds.length === 0 || kinds.includes(kind)) return;
  throw seError(
    "wrong-keys-kind",
    `the element speaks SCP0${protocols[0]!.scp}, which takes ${kinds[0]!.toUpperCase()} keys; ${label} has ${kind.toUpperCase()} keys, so nothing was tried`,
    { label, kind, protocols },
  );
}
