import { isPinBlock2 } from "../../../src/emv/secure-messaging.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import { equalBytes, NO_BYTES } from "../../../src/util/bytes.js";
import type { AppletStorage } from "../applet.js";
import { newCounter } from "../store.js";
import type { StoreChange } from "../transaction.js";
import { isBlocked } from "./block.js";
import { OWN, type MchipData } from "./data.js";
import { say, type Handler } from "./step.js";

/*
 * The PIN and its tries. Two counters that only grow say how many are left: tries ever begun, and how many of these are made good by a right
 * PIN or the issuer. A cut can leave the first ahead of the second, which costs a try, and never the other way round.
 */

const PLAINTEXT = 0x80;
const PIN_BLOCK = 8;
const MAX_TRIED = 0xffff;

type Pin = NonNullable<MchipData["pin"]>;

/** Tries left. */
export function pinTries(storage: AppletStorage, { limit }: Pin): number {
  const tried = storage.counter(OWN.pinTried);
  if (tried >= MAX_TRIED) return 0;
  return Math.max(0, limit - (tried - storage.counter(OWN.pinCleared)));
}

/** Counters for a PIN that comes with personalisation. */
export const newPinCounters = ({ limit, tries }: Pin): readonly StoreChange[] => [
  [OWN.pinTried, newCounter(limit - tries)],
  [OWN.pinCleared, newCounter()],
];

/** What gives all tries back. */
export const allTries = (storage: AppletStorage): StoreChange => [
  OWN.pinCleared,
  newCounter(storage.counter(OWN.pinTried)),
];

/**
 * VERIFY with a plaintext PIN (EMV 4.3 Book 3 6.5.12), for the wallet's own PIN entry over the wired interface; a transaction need not be open. Over
 * the air it is refused: no kernel sends it, and whoever is near would have guesses.
 */
export const verifyPin: Handler = (context, state, { p1, p2, data: block = NO_BYTES }, { pin }) => {
  const { storage } = context;
  if (context.via === "contactless") return say(state, SW.conditionsOfUse);
  if (p1 !== 0 || p2 !== PLAINTEXT) return say(state, SW.wrongP1P2);
  if (block.length !== PIN_BLOCK) return say(state, SW.wrongLength);
  if (isBlocked(storage)) return say(state, SW.conditionsOfUse);
  if (!pin) return say(state, SW.dataNotUsable);
  const left = pinTries(storage, pin);
  if (left === 0) return say(state, SW.authenticationBlocked);
  // What is no PIN block cannot be right: it says nothing about the PIN, and costs nothing.
  if (!isPinBlock2(block)) return say(state, SW.wrongData);
  const tried = storage.counter(OWN.pinTried) + 1;
  context.keepPinVerified(false);
  storage.writeCounter(OWN.pinTried, tried);
  if (!equalBytes(block, pin.reference)) return say(state, SW.triesLeft | (left - 1));
  storage.writeCounter(OWN.pinCleared, tried);
  context.keepPinVerified(true);
  return say(state, SW.ok);
};
