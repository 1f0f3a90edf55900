import { CardDevice, type CardFacts } from "../device/card.js";
import { isSamSlot, loadReaders, readerNamed } from "../profiles/readers.js";
import type { ReaderProfile } from "../profiles/types.js";
import type { PcscDriver, ReaderState } from "../transport/pcsc/driver.js";
import { PcscReader } from "../transport/pcsc/reader.js";
import { chooseReader } from "../transport/pcsc/select.js";
import { PcscSession } from "../transport/pcsc/session.js";
import { isTapbenchError, type TapbenchError } from "../util/errors.js";
import { SECOND, type Clock, type Nanos } from "../util/time.js";
import { benchError } from "./errors.js";
import type { DeviceSpec } from "./spec.js";

/** A card on a reader, opened. Whatever it is: the emulator behind the virtual reader looks no different. */
export interface CardBenchDevice {
  readonly kind: "card";
  readonly spec: string;
  readonly title: string;
  readonly card: CardDevice;
  /** How long to wait for a card to be put on the reader. */
  readonly wait: Nanos;
  close(): Promise<void>;
}

/** A reader, and what lies on it. */
export interface ReaderListing {
  /** What commands take for it. */
  readonly spec: string;
  readonly name: string;
  /** Of its profile; absent: nothing is known of it. */
  readonly model?: string;
  readonly quirks: readonly string[];
  readonly samSlot: boolean;
  readonly holds: "nothing" | "card" | "mute card" | "card of another program" | "unknown";
  readonly card?: CardFacts;
  /** Why no more is known of the card. */
  readonly problem?: TapbenchError;
}

/** What happened to readers and cards. */
export type ReaderEvent =
  | { readonly event: "service"; readonly there: boolean }
  | { readonly event: "attached" | "detached"; readonly reader: string }
  | { readonly event: "placed"; readonly reader: string; readonly atr: Uint8Array }
  | { readonly event: "removed"; readonly reader: string };

export interface PcscOptions {
  readonly driver: PcscDriver;
  readonly clock: Clock;
}

export const PCSC_FORM = "pcsc: or pcsc:<part of the reader's name>";
export const PCSC_PARAMETERS: readonly string[] = ["wait", "share"];

/** More than a session gives the driver's start and the service together. */
const OPEN: Nanos = 40 * SECOND;
const ASK_CARD: Nanos = 3 * SECOND;
const DEFAULT_WAIT = "10";
/** A hundred days: until somebody stops it. */
const FOREVER: Nanos = 100 * 86_400 * SECOND;

/** @throws `bench/bad-parameter`, `transport/...` */
export async function openPcsc(
  spec: DeviceSpec,
  { driver, clock }: PcscOptions,
  signal: AbortSignal | undefined,
): Promise<CardBenchDevice> {
  const wait = waitOf(spec.parameters.get("wait") ?? DEFAULT_WAIT);
  const share = spec.parameters.get("share") ?? "shared";
  if (share !== "shared" && share !== "exclusive")
    throw benchError("bad-parameter", `share=${share} is not known; it is shared or exclusive`, { share });
  const models = await loadReaders();
  const session = new PcscSession(driver, clock);
  try {
    const aside = (name: string): boolean => isSamSlot(name, readerNamed(name, models));
    await session.client({ within: OPEN, signal });
    const name = await chooseReader(session, { wanted: spec.target, aside }, { within: wait, signal });
    const model = readerNamed(name, models);
    const card = new CardDevice(new PcscReader(session, name, share), clock, model);
    return { kind: "card", spec: spec.text, title: name, card, wait, close: () => session.close() };
  } catch (error) {
    await session.close();
    throw error;
  }
}

function waitOf(text: string): Nanos {
  if (/^\d{1,4}$/.test(text)) return Number(text) * SECOND;
  throw benchError("bad-parameter", `wait=${text.slice(0, 20)} is no number of seconds from 0 to 9999`, { wait: text });
}

/** All readers, and the card on each as far as it can be asked within a few seconds. @throws `transport/driver-missing`, `transport/no-service` */
export async function listReaders(
  { driver, clock }: PcscOptions,
  signal: AbortSignal | undefined,
): Promise<readonly ReaderListing[]> {
  const models = await loadReaders();
  const session = new PcscSession(driver, clock);
  try {
    await session.client({ within: OPEN, signal });
    const listings: ReaderListing[] = [];
    for (const { name, state } of session.readers) {
      const model = readerNamed(name, models);
      const found = await lookAt(new PcscReader(session, name), model, state, clock, signal);
      listings.push({
        spec: `pcsc:${name.replace(/[%?]/g, encodeURIComponent)}`,
        name,
        ...(model && { model: model.title }),
        quirks: model?.quirks.map(({ says }) => says) ?? [],
        samSlot: isSamSlot(name, model),
        ...found,
      });
    }
    return listings;
  } finally {
    await session.close();
  }
}

async function lookAt(
  reader: PcscReader,
  model: ReaderProfile | undefined,
  state: ReaderState,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<Pick<ReaderListing, "holds" | "card" | "problem">> {
  if (state.unavailable) return { holds: "unknown" };
  if (!state.present) return { holds: "nothing" };
  if (state.mute) return { holds: "mute card" };
  if (state.exclusive) return { holds: "card of another program" };
  const card = new CardDevice(reader, clock, model);
  const patience = { within: ASK_CARD, signal };
  try {
    return { holds: "card", card: await card.facts(patience) };
  } catch (error) {
    signal?.throwIfAborted();
    if (!isTapbenchError(error)) throw error;
    return { holds: "card", problem: error };
  } finally {
    await card.release(patience, "leave");
  }
}

/** Tells what happens to readers and cards until the signal aborts: what is there at first is told as attached and placed. */
export async function watchReaders(
  { driver, clock }: PcscOptions,
  told: (event: ReaderEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const session = new PcscSession(driver, clock);
  let there: boolean | undefined;
  const known = new Map<string, Uint8Array | undefined>();
  const look = (): void => {
    if (there !== session.connected) told({ event: "service", there: (there = session.connected) });
    const now = new Map(
      session.readers.map(({ name, state }) => [name, state.present ? (state.atr ?? NO_ATR) : undefined]),
    );
    for (const [reader, atr] of known) {
      if (atr && !now.get(reader)) told({ event: "removed", reader });
      if (!now.has(reader)) told({ event: "detached", reader });
    }
    for (const [reader, atr] of now) {
      if (!known.has(reader)) told({ event: "attached", reader });
      if (atr && !known.get(reader)) told({ event: "placed", reader, atr });
    }
    known.clear();
    for (const [reader, atr] of now) known.set(reader, atr);
  };
  const stop = session.watch(look);
  try {
    await session.client({ within: OPEN, signal }).catch((error: unknown) => {
      // A service that is away may come; anything else stays as it is.
      if (!isTapbenchError(error, "transport/no-service")) throw error;
      look();
    });
    await session.until(
      () => undefined,
      { within: FOREVER, signal },
      () => benchError("watched-long-enough", "a hundred days are over; start again", {}),
    );
  } catch (error) {
    if (!signal.aborted) throw error; // to be stopped is what was asked for
  } finally {
    stop();
    await session.close();
  }
}

const NO_ATR = new Uint8Array(0);
