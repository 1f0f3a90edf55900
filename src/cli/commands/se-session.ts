import { join } from "node:path";
import { askElement, openElement, type Element } from "../../bench/element.js";
import { journalFolder, journalInMemory, openJournal, type OpenJournal } from "../../bench/element-journal.js";
import type { Bench } from "../../bench/bench.js";
import { dryChannel } from "../../device/se/dry-run.js";
import { seError } from "../../device/se/errors.js";
import { nameOf, readIdentity, type ElementIdentity, type ElementName } from "../../device/se/identity.js";
import { keysDigest } from "../../device/se/journal.js";
import {
  authenticate,
  checkKind,
  prepareCarefully,
  type AuthenticateOptions,
  type JournalKeeper,
} from "../../device/se/session.js";
import { commandName } from "../../inspect/apdu-text.js";
import { environmentKeys, loadDomainKeys, type DomainKeys } from "../../profiles/domain-keys.js";
import { diversified } from "../../protocols/gp/diversify.js";
import { selectDomain, type Opened, type SecuredCard } from "../../protocols/gp/poller.js";
import { encodeCommand } from "../../protocols/iso7816/apdu.js";
import type { CardAsking } from "../../protocols/iso7816/poller.js";
import { writeTraceFile } from "../../trace/file.js";
import { configurationHash } from "../../trace/header.js";
import { memoryTrace, type MemoryTrace } from "../../trace/memory.js";
import { hex, NO_BYTES } from "../../util/bytes.js";
import { isTapbenchError } from "../../util/errors.js";
import type { Context } from "../context.js";
import { cliError } from "../errors.js";
import { aidOf, levelOf, numberOf } from "../se-arguments.js";
import type { SeOptions } from "../se-options.js";

/** What would have been sent: the command before it was secured, where there is one, and as it would go out. */
export interface DryApdu {
  readonly says: string;
  readonly plain?: Uint8Array;
  readonly secured: Uint8Array;
}

/** One run with an element: what the verbs of `tapbench se` work with. */
export interface SeSession {
  readonly spec: string;
  readonly element: Element;
  readonly identity: ElementIdentity;
  readonly name: ElementName;
  /** AID of the domain that a session is with; absent: it is the issuer's, which does not tell. */
  readonly domain?: Uint8Array;
  /** What is remembered of the element; in a dry run what is put here is forgotten. */
  readonly keeper: JournalKeeper;
  /** Commands that were not sent; absent where this is no dry run. */
  readonly dry?: readonly DryApdu[];
  readonly hasKeys: boolean;
  readonly isOpen: boolean;
  /** Without a session, what is selected is the issuer's domain. */
  readonly open: <R>(dialogue: CardAsking<R>) => Promise<R>;
  /** Through the secure channel, which is opened when it is first wanted. */
  readonly secured: <R>(dialogue: (card: SecuredCard, opened: Opened) => CardAsking<R>) => Promise<R>;
  /** What cannot be undone is asked for, unless the verb's options say yes. @throws `cli/not-confirmed` */
  readonly confirm: (what: string, options: { readonly yes?: unknown }) => Promise<void>;
  /** Work of many commands. @throws `se/unfit-reader` */
  readonly checkReader: (work: string) => void;
  readonly note: (text: string) => void;
  /** Ends long work between two commands, once somebody wants that. @throws the signal's reason */
  readonly stop: () => void;
}

/** Who answers questions; in a shell not the terminal's own prompt. */
export type Ask = ((question: string) => Promise<string>) | undefined;

/** Opens the device and its journal, does the work, lets go of both, and writes the trace. */
export async function withSession<R>(
  spec: string,
  options: SeOptions,
  context: Context,
  work: (session: SeSession) => Promise<R>,
  ask: Ask = context.io.ask,
): Promise<R> {
  const { io } = context;
  const asked = await askedFor(options, io.env);
  const tracer = options.trace === undefined ? undefined : memoryTrace();
  const bench = await context.openBench({
    ...(options.seed !== undefined && { seed: options.seed }),
    state: options.state,
    tracer,
  });
  const kept = options.state !== undefined;
  const element = await openElement(bench, spec, { card: givenCard(options), kept, signal: io.signal });
  let journal: OpenJournal | undefined;
  try {
    const talk = <T>(dialogue: CardAsking<T>): Promise<T> =>
      askElement(element, dialogue, { tracer, signal: io.signal });
    const identity = await talk(readIdentity());
    const uid = identity.cplc || identity.diversification ? undefined : await element.uid();
    const name = nameOf(identity, { atr: element.atr, uid });
    if (asked.keys) checkKind(identity, asked.keys.kind, asked.keys.label);
    journal =
      element.fresh || !asked.keys ? journalInMemory(name) : openJournal(folderOf(options, element, io.env), name);
    const session = sessionOf({ spec, element, identity, name, asked, journal, options, talk, ask, context });
    return await work(session);
  } finally {
    try {
      await element.close();
    } finally {
      journal?.close();
      if (tracer && options.trace !== undefined) await writeSeTrace(options.trace, tracer, bench, spec, element);
    }
  }
}

/** Of an emulated device that is kept, its journal is kept with it: another with the same seed is another device. */
const folderOf = (
  { journal, state }: SeOptions,
  { times }: Element,
  env: Readonly<Record<string, string | undefined>>,
): string =>
  journal === undefined && state !== undefined && times === "simulated"
    ? join(state, "elements")
    : journalFolder(env, journal);

/** Of `se lock --card`, which means the card itself, there is none. */
const givenCard = ({ card }: { readonly card?: unknown }): string | undefined =>
  typeof card === "string" ? card : undefined;

async function writeSeTrace(
  path: string,
  tracer: MemoryTrace,
  bench: Bench,
  spec: string,
  element: Element,
): Promise<void> {
  await writeTraceFile(
    path,
    {
      seed: bench.seed,
      profile: spec,
      configuration: configurationHash({ ...bench.configuration(), device: spec }),
      observed: { times: element.times, frames: false },
    },
    tracer.records,
  );
}

/** The options of a session, understood before anything happens. */
interface Asked {
  readonly keys?: DomainKeys;
  readonly version: number;
  readonly level?: number;
  readonly size?: 8 | 16;
  readonly domain?: Uint8Array;
}

async function askedFor(options: SeOptions, env: Readonly<Record<string, string | undefined>>): Promise<Asked> {
  const keys = options.keys === undefined ? await environmentKeys(env) : await loadDomainKeys(options.keys);
  return {
    ...(keys && { keys }),
    version: options.keyVersion === undefined ? 0 : numberOf(options.keyVersion, "a key version", 0, 0xff),
    ...(options.level !== undefined && { level: levelOf(options.level) }),
    ...(options.s16 === true && { size: 16 as const }),
    ...(options.domain !== undefined && { domain: aidOf(options.domain) }),
  };
}

interface Parts {
  readonly spec: string;
  readonly element: Element;
  readonly identity: ElementIdentity;
  readonly name: ElementName;
  readonly asked: Asked;
  readonly journal: OpenJournal;
  readonly options: SeOptions;
  readonly talk: <T>(dialogue: CardAsking<T>) => Promise<T>;
  readonly ask: Ask;
  readonly context: Context;
}

function sessionOf(parts: Parts): SeSession {
  const { spec, element, identity, name, asked, journal, options, talk, ask, context } = parts;
  const dry: DryApdu[] | undefined = options.dryRun === true ? [] : undefined;
  let opened: Opened | undefined;
  const note = (text: string): void => context.io.stderr.write(`tapbench: ${text}\n`);
  const domain = asked.domain ?? identity.domain;

  async function start(): Promise<Opened> {
    const { keys } = asked;
    if (!keys)
      throw cliError(
        "usage",
        "this needs the keys of a security domain: name a set with --keys (test:issuer-domain is the one that development elements come with), or set TAPBENCH_SE_ENC, _MAC and _DEK",
        {},
      );
    if (!name.unique)
      note(`nothing tells this element from others of its kind (${name.name}): what failed on one counts for all`);
    await talk(selectDomain(domain ?? NO_BYTES));
    const how: AuthenticateOptions = {
      label: keys.label,
      digest: keysDigest(journal.journal, keys),
      domain: domain ? hex(domain) : "issuer",
      keysFor: (data) => diversified(keys, keys.diversification, data),
      version: asked.version,
      level: asked.level,
      size: asked.size ?? sizeOf(identity),
      challenge: element.challenge,
      again: options.tryAgain === true,
      keeper: journal,
    };
    if (!dry) return talk(authenticate(how));
    const prepared = await talk(prepareCarefully(how, false));
    dry.push({ says: "EXTERNAL AUTHENTICATE", secured: encodeCommand(prepared.authenticate) });
    const channel = dryChannel(prepared.channel, (command, secured) => {
      const plain = encodeCommand(command);
      dry.push({ says: commandName(plain), plain, secured: encodeCommand(secured) });
    });
    return { ...prepared, channel };
  }

  return {
    spec,
    element,
    identity,
    name,
    ...(domain && { domain }),
    keeper: dry ? journalCopy(journal) : journal,
    ...(dry && { dry }),
    hasKeys: asked.keys !== undefined,
    get isOpen() {
      return opened !== undefined;
    },
    open: talk,
    async secured(dialogue) {
      opened ??= await start();
      try {
        return await talk(dialogue(opened.channel, opened));
      } catch (error) {
        // An answer that says no leaves the session as it was. After anything else nobody knows.
        if (!isTapbenchError(error, "gp/refused")) opened = undefined;
        throw error;
      }
    },
    async confirm(what, { yes }) {
      if (yes === true || dry) return;
      if (!ask)
        throw cliError(
          "not-confirmed",
          `${what}; this cannot be undone: say --yes (there is no terminal to ask at), or look first with --dry-run`,
          { device: spec },
        );
      const answer = await ask(`${what}; this cannot be undone. Do it? [y/N] `);
      if (!/^y(es)?$/i.test(answer.trim())) throw cliError("not-confirmed", "not done", { device: spec });
    },
    checkReader(work) {
      const why = element.reader?.unfitForLong;
      if (why === undefined || options.anyReader === true || dry) return;
      throw seError(
        "unfit-reader",
        `${work} takes many commands, and ${element.reader!.title} is not trusted with them (${why}): use another reader, or say --any-reader`,
        { reader: element.title, why },
      );
    },
    note,
    stop: () => context.io.signal.throwIfAborted(),
  };
}

/** Bit 1 of "i" asks for challenges of 16 bytes (Amendment D, table 5-1). */
const sizeOf = ({ recognition }: ElementIdentity): 8 | 16 =>
  recognition?.protocols.some(({ scp, i }) => scp === 3 && (i & 0x01) !== 0) &&
  !recognition.protocols.some(({ scp, i }) => scp === 3 && (i & 0x01) === 0)
    ? 16
    : 8;

function journalCopy({ journal: first }: JournalKeeper): JournalKeeper {
  let journal = first;
  return {
    get journal() {
      return journal;
    },
    put: (next) => {
      journal = next;
    },
  };
}
