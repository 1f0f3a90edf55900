import { sha256 } from "../../crypto/hash.js";
import type { KeySet } from "../../protocols/gp/poller.js";
import { ascii, concat, hex, unhex } from "../../util/bytes.js";
import { OUTCOMES, type Attempt } from "./attempts.js";
import { seError } from "./errors.js";

/*
 * What is remembered of one element between runs, as a value and as the text of its file: attempts at its keys, and what was put into it as far
 * as the element acknowledged it. No key and no data of a personalisation is in it.
 */

/** A personalisation by STORE DATA: how far it came. */
export interface Personalisation {
  /** AID of the application, hex. */
  readonly application: string;
  /** Salted digest of format and data. */
  readonly data: string;
  readonly blocks: number;
  /** Blocks that were sent or were about to be: all but the last of them were acknowledged. */
  readonly sent: number;
  /** Data groupings that were acknowledged whole. */
  readonly groups: number;
  readonly done: boolean;
}

/** How an application was installed, to do it again. Bytes as hex. */
export interface Installation {
  readonly application: string;
  readonly loadFile: string;
  readonly module: string;
  readonly privileges: string;
  readonly parameters: string;
  /** It was asked to be activated on the contactless interface. */
  readonly contactless: boolean;
}

export interface ElementJournal {
  /** What the element is known by. */
  readonly element: string;
  /** 16 bytes, hex: digests of two elements' journals cannot be compared. */
  readonly salt: string;
  readonly attempts: readonly Attempt[];
  readonly personalisations: readonly Personalisation[];
  readonly installations: readonly Installation[];
}

export const FORMAT = "tapbench-element";
export const VERSION = 1;
/** Characters of a journal's text. */
export const MAX_JOURNAL = 1 << 20;
const MOST_APPLICATIONS = 256;

export const newJournal = (element: string, salt: Uint8Array): ElementJournal => ({
  element,
  salt: hex(salt),
  attempts: [],
  personalisations: [],
  installations: [],
});

/** What keys are remembered by: they cannot be found from it, nor can the same keys be told in another element's journal. */
export const keysDigest = ({ salt }: ElementJournal, { kind, enc, mac, dek }: KeySet): string =>
  digest(salt, ascii(kind), enc, mac, dek);

/** What the data of a personalisation are remembered by. */
export const dataDigest = ({ salt }: ElementJournal, format: string, data: Uint8Array): string =>
  digest(salt, ascii(format), data);

const digest = (salt: string, ...parts: readonly Uint8Array[]): string =>
  hex(sha256(concat(unhex(salt), ...parts))).slice(0, 32);

/** With this in place of what there was of the same application. */
export const withPersonalisation = (journal: ElementJournal, now: Personalisation): ElementJournal => ({
  ...journal,
  personalisations: [...without(journal.personalisations, now.application), now].slice(-MOST_APPLICATIONS),
});
/** How to install an application is known; the application is what it was. */
export const withRecipe = (journal: ElementJournal, now: Installation): ElementJournal => ({
  ...journal,
  installations: [...without(journal.installations, now.application), now].slice(-MOST_APPLICATIONS),
});
/** After an application was installed. */
export const withInstallation = (journal: ElementJournal, now: Installation): ElementJournal => ({
  ...withRecipe(journal, now),
  // A new instance has no data.
  personalisations: without(journal.personalisations, now.application),
});
/** After an application was deleted. */
export const withoutApplication = (journal: ElementJournal, application: string): ElementJournal => ({
  ...journal,
  installations: without(journal.installations, application),
  personalisations: without(journal.personalisations, application),
});

const without = <T extends { readonly application: string }>(all: readonly T[], application: string): T[] =>
  all.filter((one) => one.application !== application);

export const encodeJournal = (journal: ElementJournal): string =>
  `${JSON.stringify({ format: FORMAT, version: VERSION, ...journal }, undefined, 2)}\n`;

const isText = (value: unknown): boolean => typeof value === "string" && value.length <= 200;
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isHex = (value: unknown): boolean => typeof value === "string" && /^([0-9A-F]{2}){0,256}$/.test(value);

const isFlag = (value: unknown): boolean => typeof value === "boolean";

type Checks = Readonly<Record<string, (value: unknown) => boolean>>;
const ATTEMPT: Checks = {
  domain: isText,
  asked: isCount,
  version: (value) => value === undefined || isCount(value),
  keys: isHex,
  label: isText,
  outcome: (value) => (OUTCOMES as readonly unknown[]).includes(value),
};
const PERSONALISATION: Checks = {
  application: isHex,
  data: isHex,
  blocks: isCount,
  sent: isCount,
  groups: isCount,
  done: isFlag,
};
const INSTALLATION: Checks = {
  application: isHex,
  loadFile: isHex,
  module: isHex,
  privileges: isHex,
  parameters: isHex,
  contactless: isFlag,
};

/** Every row has these keys, each as it should be, and no others. */
const rows = (value: unknown, checks: Checks): boolean =>
  Array.isArray(value) &&
  value.length <= MOST_APPLICATIONS &&
  value.every(
    (row: unknown) =>
      typeof row === "object" &&
      row !== null &&
      Object.entries(checks).every(([key, check]) => check((row as Record<string, unknown>)[key])) &&
      Object.keys(row).every((key) => Object.hasOwn(checks, key)),
  );

/**
 * A journal's text. Nothing of it is believed in part: what cannot be read might have been the warning.
 * @throws `se/damaged-journal`
 */
export function decodeJournal(text: string, element: string, where: string): ElementJournal {
  const damaged = (why: string, cause?: unknown): Error =>
    seError(
      "damaged-journal",
      `${where} is damaged (${why}); it says which keys failed on this element, so nothing is sent until it is whole again: restore it, or remove it if you know what was tried`,
      { path: where },
      cause,
    );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged("not JSON", cause);
  }
  if (typeof value !== "object" || value === null) throw damaged("no journal");
  const { format, version, ...journal } = value as Record<string, unknown>;
  if (format !== FORMAT) throw damaged("no journal of an element");
  if (version !== VERSION) throw damaged(`version ${String(version).slice(0, 20)}, and this tapbench reads ${VERSION}`);
  if (journal["element"] !== element) throw damaged("it is of another element");
  if (!isHex(journal["salt"]) || (journal["salt"] as string).length !== 32) throw damaged("no salt");
  if (!rows(journal["attempts"], ATTEMPT)) throw damaged("attempts");
  if (!rows(journal["personalisations"], PERSONALISATION)) throw damaged("personalisations");
  if (!rows(journal["installations"], INSTALLATION)) throw damaged("installations");
  return journal as unknown as ElementJournal;
}
