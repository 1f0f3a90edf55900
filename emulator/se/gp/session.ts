import { aesKey } from "../../../src/crypto/aes.js";
import { desKey } from "../../../src/crypto/des.js";
import { InitializeUpdate02, InitializeUpdate03 } from "../../../src/protocols/gp/messages.js";
import { LEVEL, isSecured } from "../../../src/protocols/gp/secure-channel.js";
import {
  checkScp02Level,
  scp02,
  scp02Accept,
  scp02CardChallenge,
  scp02Handshake,
  scp02Options,
  type Scp02Handshake,
  type Scp02Session,
} from "../../../src/protocols/gp/scp02.js";
import {
  checkScp03Level,
  scp03,
  scp03Accept,
  scp03CardChallenge,
  scp03Handshake,
  scp03Options,
  type Scp03Handshake,
  type Scp03Session,
} from "../../../src/protocols/gp/scp03.js";
import { status, type CommandApdu, type ResponseApdu } from "../../../src/protocols/iso7816/apdu.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import { NO_BYTES } from "../../../src/util/bytes.js";
import { isTapbenchError } from "../../../src/util/errors.js";
import type { AppletContext, CardManager } from "../applet.js";
import { countAttempt, failures, forgive, keyVersions, nextSequence, storedKeys, type StoredKeys } from "./keys.js";
import type { ApplicationEntry } from "./registry.js";

/*
 * The on-card end of a secure channel (GlobalPlatform Card Specification 2.3.1, chapter 10): from INITIALIZE UPDATE to the unwrapped command.
 */

/** Volatile, a value: nothing, challenges exchanged, or open. */
export type SecureState =
  | { readonly phase: "none" }
  | ({ readonly phase: "challenged"; readonly version: number; readonly holder: number } & (
      | { readonly scp: 2; readonly handshake: Scp02Handshake }
      | { readonly scp: 3; readonly handshake: Scp03Handshake }
    ))
  | ({ readonly phase: "open"; readonly version: number; readonly level: number } & (
      | { readonly scp: 2; readonly session: Scp02Session }
      | { readonly scp: 3; readonly session: Scp03Session }
    ));

export const NO_SESSION: SecureState = { phase: "none" };

/** The domain whose keys count for one that has none: the one above it (7.3.1). */
function holderOf(manager: CardManager): ApplicationEntry {
  let domain = manager.own;
  // Domains cannot stand in a circle, but a bound costs nothing.
  for (let depth = 0; depth < 16 && keyVersions(manager.storageOf(domain)).length === 0; depth++) {
    const above = manager.registry.application(domain.domain);
    if (!above || above === domain) break;
    domain = above;
  }
  return domain;
}

const refuse = (sw: number): { state: SecureState; response: ResponseApdu } => ({
  state: NO_SESSION,
  response: status(sw),
});

/** INITIALIZE UPDATE (D.4.1, Amendment D 7.1.1). Ends whatever session there was. */
export function initializeUpdate(
  context: AppletContext,
  manager: CardManager,
  { p1, p2, data = NO_BYTES }: CommandApdu,
): { state: SecureState; response: ResponseApdu } {
  const { settings } = manager;
  const holder = holderOf(manager);
  const storage = manager.storageOf(holder);
  const version = p1 === 0 ? keyVersions(storage)[0] : p1;
  const keys = version === undefined ? undefined : storedKeys(storage, version);
  if (version === undefined || !keys) return refuse(SW.dataNotFound);
  if (p2 !== 0) return refuse(SW.wrongP1P2);
  if (failures(storage, version) >= settings.maxFailures) return refuse(SW.authenticationBlocked);
  const size = settings.scp === 3 ? scp03Options(settings.i).size : 8;
  if (data.length !== size) return refuse(SW.wrongLength);
  const sequence = nextSequence(storage, version);
  if (sequence === undefined) return refuse(SW.authenticationBlocked);
  context.spend({ symmetric: 8 });
  const base = { diversification: settings.diversification, version };
  const open = { phase: "challenged", version, holder: holder.number } as const;
  if (settings.scp === 3) {
    const { pseudoRandom } = scp03Options(settings.i);
    const set = { enc: aesKey(keys.enc), mac: aesKey(keys.mac), dek: aesKey(keys.dek) };
    const counter = Uint8Array.of(sequence >> 16, (sequence >> 8) & 0xff, sequence & 0xff);
    const challenge = pseudoRandom
      ? scp03CardChallenge(set.enc, counter, manager.own.aid, size)
      : context.random.bytes(size);
    const handshake = scp03Handshake(set, data, challenge, size);
    const answer = InitializeUpdate03[size].encode({
      ...base,
      i: settings.i,
      challenge,
      cryptogram: handshake.cardCryptogram,
      ...(pseudoRandom && { sequence }),
    });
    return { state: { ...open, scp: 3, handshake }, response: { data: answer, sw: SW.ok } };
  }
  const set = { enc: desKey(keys.enc), mac: desKey(keys.mac), dek: desKey(keys.dek) };
  const challenge = scp02Options(settings.i).pseudoRandom
    ? scp02CardChallenge(set.mac, sequence, manager.own.aid)
    : context.random.bytes(6);
  const handshake = scp02Handshake(set, data, sequence, challenge);
  const answer = InitializeUpdate02.encode({ ...base, sequence, challenge, cryptogram: handshake.cardCryptogram });
  return { state: { ...open, scp: 2, handshake }, response: { data: answer, sw: SW.ok } };
}

/** Whether the card offers that level. */
function levelOffered(manager: CardManager, level: number): boolean {
  try {
    if (manager.settings.scp === 3) checkScp03Level(level, scp03Options(manager.settings.i));
    else checkScp02Level(level);
    return true;
  } catch (error) {
    if (isTapbenchError(error, "gp/bad-level")) return false;
    throw error;
  }
}

/** EXTERNAL AUTHENTICATE (D.4.2, Amendment D 7.1.2). An attempt is counted before it is judged; each failure in a row makes the next one slower. */
export function externalAuthenticate(
  context: AppletContext,
  manager: CardManager,
  state: SecureState,
  command: CommandApdu,
): { state: SecureState; response: ResponseApdu } {
  if (state.phase !== "challenged") return refuse(SW.conditionsOfUse);
  if (command.p2 !== 0 || !levelOffered(manager, command.p1)) return refuse(SW.wrongP1P2);
  const holder = manager.registry.applications.find(({ number }) => number === state.holder);
  if (!holder) return refuse(SW.conditionsOfUse);
  const storage = manager.storageOf(holder);
  const { version } = state;
  const before = failures(storage, version);
  if (before >= manager.settings.maxFailures || !countAttempt(storage, version))
    return refuse(SW.authenticationBlocked);
  context.spend({ symmetric: 4 * 2 ** Math.min(before, 8) });
  const level = command.p1;
  if (state.scp === 3) {
    const session = scp03Accept(state.handshake, command);
    if (!session) return refuse(SW.hostNotAuthenticated);
    forgive(storage, version);
    return { state: { phase: "open", version, level, scp: 3, session }, response: status(SW.ok) };
  }
  const session = scp02Accept(state.handshake, command);
  if (!session) return refuse(SW.hostNotAuthenticated);
  forgive(storage, version);
  return { state: { phase: "open", version, level, scp: 2, session }, response: status(SW.ok) };
}

/** A command in an open session as it was before it was secured; undefined: it breaks the session. */
export function unwrapped(
  state: SecureState,
  command: CommandApdu,
): { state: SecureState; command: CommandApdu } | undefined {
  if (state.phase !== "open") return undefined;
  if ((state.level & LEVEL.commandMac) !== 0 && !isSecured(command.cla)) return undefined;
  if (state.scp === 3) {
    const step = scp03.unwrap(state.session, command);
    return step && { state: { ...state, session: step.session }, command: step.command };
  }
  const step = scp02.unwrap(state.session, command);
  return step && { state: { ...state, session: step.session }, command: step.command };
}

/** The answer as the session's level wants it. */
export function wrapped(state: SecureState, response: ResponseApdu): ResponseApdu {
  if (state.phase !== "open") return response;
  return state.scp === 3 ? scp03.wrapResponse(state.session, response) : scp02.wrapResponse(state.session, response);
}

/** A secret that was enciphered under the data encryption key; undefined: no whole blocks. */
export function deciphered(state: SecureState, secret: Uint8Array): Uint8Array | undefined {
  if (state.phase !== "open") return undefined;
  if (state.scp === 3) return secret.length % 16 === 0 ? state.session.keys.dek.decryptCbc(secret) : undefined;
  return secret.length % 8 === 0 ? state.session.keys.dek.decrypt(secret) : undefined;
}

/** Key set of the kind that the card's protocol takes. */
export const kindOf = ({ settings }: CardManager): StoredKeys["kind"] => (settings.scp === 3 ? "aes" : "des");
