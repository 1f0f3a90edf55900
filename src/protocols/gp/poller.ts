import { aesCheckValue, aesKey, type AesKey } from "../../crypto/aes.js";
import { desKey, keyCheckValue, type DesKey } from "../../crypto/des.js";
import { tlv } from "../../codec/tlv.js";
import { concat, equalBytes, hex, NO_BYTES } from "../../util/bytes.js";
import type { CommandApdu, ResponseApdu } from "../iso7816/apdu.js";
import type { CardAsking } from "../iso7816/poller.js";
import { SW, swHex, swMeaning } from "../iso7816/status.js";
import { encodeContactless, type ContactlessRequest } from "./contactless.js";
import { gpError } from "./errors.js";
import {
  decodeUpdateAnswer,
  INSTALL,
  InstallForInstall,
  InstallForLoad,
  InstallForPersonalization,
  PutKey,
  STORE_DATA,
} from "./messages.js";
import { decodeRegistry, NEXT, SCOPES, STATUS_FORMAT, type RegistryEntry, type Scope } from "./registry.js";
import { LEVEL } from "./secure-channel.js";
import { checkScp02Level, scp02, scp02Authenticate, scp02Handshake, type Scp02Session } from "./scp02.js";
import { checkScp03Level, scp03, scp03Authenticate, scp03Handshake, scp03Options, type Scp03Session } from "./scp03.js";

/*
 * The off-card side: commands of the GlobalPlatform Card Specification 2.3.1, chapter 11, as dialogues over any way to a secure element.
 */

/** A key set as its owner keeps it: three keys of one kind. */
export interface KeySet {
  readonly kind: "des" | "aes";
  readonly enc: Uint8Array;
  readonly mac: Uint8Array;
  readonly dek: Uint8Array;
}

export interface OpenOptions {
  /** The keys of that version on this card, worked out from its diversification data where they differ from card to card. */
  readonly keysFor: (diversification: Uint8Array, version: number) => KeySet;
  /** 0: the card chooses. */
  readonly version: number;
  /** Security level; a function chooses it by what the card speaks. */
  readonly level: number | ((scp: 2 | 3, i: number) => number);
  /** Draws the host challenge. */
  readonly challenge: (bytes: number) => Uint8Array;
  /** Bytes of challenges: 16 asks an element for SCP03's S16 mode. Default 8. */
  readonly size?: 8 | 16;
  /** Told when the card knows that somebody authenticates: an attempt, for those who count. */
  readonly onAttempt?: (version: number) => void;
}

/** What a card said of itself when the session was opened. */
export interface Opened {
  readonly channel: SecuredCard;
  readonly diversification: Uint8Array;
  readonly version: number;
  readonly scp: 2 | 3;
  readonly i: number;
}

/** A session whose keys fit, as the card's cryptogram shows: nothing was sent yet that the card could count as a failed authentication. */
export interface Prepared extends Opened {
  /** EXTERNAL AUTHENTICATE, to be sent before anything goes through the channel. */
  readonly authenticate: CommandApdu;
}

/** The session's end that does the sending: every command goes out secured. */
export interface SecuredCard {
  readonly level: number;
  /** @throws `gp/response-mac`, `gp/response-padding`, `gp/too-long`; the session is over then */
  readonly send: (command: CommandApdu) => CardAsking<ResponseApdu>;
  /** A key or secret under the session's data encryption key, padded with zeros where it has to be. */
  readonly protect: (secret: Uint8Array) => Uint8Array;
  /** Bytes that a command's data may have, so that it fits a short APDU secured. */
  readonly room: number;
}

const plain = (cla: number, ins: number, p1: number, p2: number, data?: Uint8Array, le?: number): CommandApdu => ({
  cla,
  ins,
  p1,
  p2,
  data,
  le,
});

/** Fails unless the card said 9000. @throws `gp/refused` with the status word */
export function expectOk(answer: ResponseApdu, what: string): ResponseApdu {
  if (answer.sw === SW.ok) return answer;
  throw gpError("refused", `the card refused ${what} with ${swHex(answer.sw)}: ${swMeaning(answer.sw)}`, {
    sw: swHex(answer.sw),
    command: what,
  });
}

/** SELECT by name; none: the issuer security domain. A locked card's warning is an answer, so that it can be unlocked. @throws `gp/refused` */
export function* selectDomain(aid: Uint8Array = NO_BYTES): CardAsking<ResponseApdu> {
  const { answer } = yield plain(0x00, 0xa4, 0x04, 0x00, aid, 256);
  if (answer.sw === SW.deactivated) return answer;
  return expectOk(answer, aid.length === 0 ? "SELECT of the issuer security domain" : `SELECT of ${hex(aid)}`);
}

/**
 * INITIALIZE UPDATE and EXTERNAL AUTHENTICATE with whichever protocol the card speaks. The card's cryptogram is checked first: with wrong keys
 * nothing is sent that the card would count as a failed authentication.
 *
 * @throws `gp/wrong-cryptogram`, `gp/refused`, `gp/bad-level`, `gp/no-keys`, `gp/unknown-protocol`
 */
export function* openSession(options: OpenOptions): CardAsking<Opened> {
  const { authenticate, ...opened } = yield* prepareSession(options);
  expectOk((yield authenticate).answer, "EXTERNAL AUTHENTICATE");
  return opened;
}

/** INITIALIZE UPDATE alone, and the session that EXTERNAL AUTHENTICATE would open. @throws as `openSession` */
export function* prepareSession(options: OpenOptions): CardAsking<Prepared> {
  const size = options.size ?? 8;
  const hostChallenge = options.challenge(size);
  options.onAttempt?.(options.version);
  const { answer } = yield plain(0x80, 0x50, options.version, 0x00, hostChallenge, 256);
  const update = decodeUpdateAnswer(expectOk(answer, "INITIALIZE UPDATE").data);
  const { diversification, version } = update;
  const set = options.keysFor(diversification, version);
  const level = typeof options.level === "number" ? options.level : options.level(update.scp, i02(update));
  const ready =
    update.scp === 3 ? open03(update, set, hostChallenge, level) : open02(update, set, hostChallenge, level);
  return { ...ready, diversification, version, scp: update.scp };
}

type Update = ReturnType<typeof decodeUpdateAnswer>;
interface Ready {
  readonly channel: SecuredCard;
  readonly authenticate: CommandApdu;
  readonly i: number;
}

/** SCP02's answer does not tell its options; 15 is what every card with it can do. */
const i02 = (update: Update): number => (update.scp === 3 ? update.i : 0x15);

const wrongCryptogram = (version: number): Error =>
  gpError(
    "wrong-cryptogram",
    `these are not the card's keys of version 0x${hex(Uint8Array.of(version))}: its cryptogram does not fit them. Nothing was sent that counts against it; give the right keys`,
    { version },
  );

const wrongKind = (scp: number, kind: string): Error =>
  gpError("no-keys", `the card speaks SCP0${scp}, which takes ${kind} keys; the key set given has others`, { scp });

function open03(update: Extract<Update, { scp: 3 }>, set: KeySet, hostChallenge: Uint8Array, level: number): Ready {
  const offered = scp03Options(update.i);
  checkScp03Level(level, offered);
  if (set.kind !== "aes") throw wrongKind(3, "AES");
  const dek = aesKey(set.dek);
  const keys = { enc: aesKey(set.enc), mac: aesKey(set.mac), dek };
  const handshake = scp03Handshake(keys, hostChallenge, update.challenge, offered.size);
  if (!equalBytes(handshake.cardCryptogram, update.cryptogram)) throw wrongCryptogram(update.version);
  const { session, command } = scp03Authenticate(handshake, level);
  let now: Scp03Session = session;
  return {
    authenticate: command,
    i: update.i,
    channel: {
      level,
      *send(plainCommand) {
        // An answer with a MAC always has data.
        const le = plainCommand.le ?? ((level & LEVEL.responseMac) === 0 ? undefined : 256);
        const step = scp03.wrap(now, { ...plainCommand, le });
        now = step.session;
        const { answer } = yield step.command;
        return scp03.unwrapResponse(now, answer);
      },
      protect: (secret) => protectAes(dek, secret),
      // Encryption fills up whole blocks and adds at least a byte.
      room: Math.floor((255 - offered.size) / 16) * 16 - 1,
    },
  };
}

function open02(update: Extract<Update, { scp: 2 }>, set: KeySet, hostChallenge: Uint8Array, level: number): Ready {
  checkScp02Level(level);
  if (set.kind !== "des") throw wrongKind(2, "DES");
  const keys = { enc: desKey(set.enc), mac: desKey(set.mac), dek: desKey(set.dek) };
  const handshake = scp02Handshake(keys, hostChallenge, update.sequence, update.challenge);
  if (!equalBytes(handshake.cardCryptogram, update.cryptogram)) throw wrongCryptogram(update.version);
  const { session, command } = scp02Authenticate(handshake, level);
  let now: Scp02Session = session;
  return {
    authenticate: command,
    i: 0x15,
    channel: {
      level,
      *send(plainCommand) {
        const step = scp02.wrap(now, plainCommand);
        now = step.session;
        return scp02.unwrapResponse(now, (yield step.command).answer);
      },
      protect: (secret) => protectDes(handshake.keys.dek, secret),
      room: 239,
    },
  };
}

const filled = (secret: Uint8Array, block: number): Uint8Array => {
  const out = new Uint8Array(Math.ceil(secret.length / block) * block);
  out.set(secret);
  return out;
};

const protectAes = (dek: AesKey, secret: Uint8Array): Uint8Array => dek.encryptCbc(filled(secret, 16));
const protectDes = (dek: DesKey, secret: Uint8Array): Uint8Array => dek.encrypt(filled(secret, 8));

/** GET DATA with a tag of one or two bytes; undefined: the card has no such object. @throws `gp/refused` */
export function* getData(card: SecuredCard | undefined, tag: number): CardAsking<Uint8Array | undefined> {
  const command = plain(0x80, 0xca, tag >> 8, tag & 0xff, undefined, 256);
  const answer = card ? yield* card.send(command) : (yield command).answer;
  if (answer.sw === SW.dataNotFound || answer.sw === SW.notFound) return undefined;
  return expectOk(answer, "GET DATA").data;
}

const MORE = 0x6310;
const MAX_PARTS = 256;

/** GET STATUS, all parts of it: every entry of that scope, or those whose AID begins with `prefix`. @throws `gp/refused`, `gp/bad-registry` */
export function* getStatus(
  card: SecuredCard,
  scope: Scope,
  prefix: Uint8Array = NO_BYTES,
  format: keyof typeof STATUS_FORMAT = "tlv",
): CardAsking<RegistryEntry[]> {
  const parts: Uint8Array[] = [];
  for (let next = 0; ; next = NEXT) {
    const criteria = tlv(0x4f, prefix);
    const answer = yield* card.send(plain(0x80, 0xf2, SCOPES[scope], STATUS_FORMAT[format] | next, criteria, 256));
    if (answer.sw === SW.dataNotFound) return [];
    if (answer.sw !== MORE) expectOk(answer, "GET STATUS");
    parts.push(answer.data);
    if (answer.sw !== MORE) return decodeRegistry(concat(...parts), scope, format);
    if (parts.length === MAX_PARTS)
      throw gpError("endless-registry", "the card never stops announcing more registry entries; give up on it", {});
  }
}

/** DELETE of an object by its AID, with what belongs to it where `related` (11.2). @throws `gp/refused` */
export function* deleteObject(card: SecuredCard, aid: Uint8Array, related = false): CardAsking<void> {
  const answer = yield* card.send(plain(0x80, 0xe4, 0x00, related ? 0x80 : 0x00, tlv(0x4f, aid), 256));
  expectOk(answer, `DELETE of ${hex(aid)}`);
}

export interface InstallRequest {
  readonly loadFile: Uint8Array;
  readonly module: Uint8Array;
  readonly application: Uint8Array;
  readonly privileges?: Uint8Array;
  /** Contents of tag C9, application specific. */
  readonly parameters?: Uint8Array;
  /** What the contactless registry is told of it. */
  readonly contactless?: ContactlessRequest;
}

/** INSTALL [for install and make selectable] (11.5). @throws `gp/refused` */
export function* install(card: SecuredCard, request: InstallRequest): CardAsking<void> {
  const data = InstallForInstall.encode({
    loadFile: request.loadFile,
    module: request.module,
    application: request.application,
    privileges: request.privileges ?? Uint8Array.of(0x00),
    parameters: concat(
      tlv(0xc9, request.parameters ?? NO_BYTES),
      request.contactless ? encodeContactless(request.contactless) : NO_BYTES,
    ),
    token: NO_BYTES,
  });
  const answer = yield* card.send(plain(0x80, 0xe6, INSTALL.installAndMakeSelectable, 0x00, data, 256));
  expectOk(answer, `INSTALL of ${hex(request.application)}`);
}

/** INSTALL [for load] and LOAD, in blocks that fit secured (11.5.2.3.1, 11.6). @throws `gp/refused` */
export function* load(card: SecuredCard, loadFile: Uint8Array, domain: Uint8Array, file: Uint8Array): CardAsking<void> {
  const data = InstallForLoad.encode({ loadFile, domain, hash: NO_BYTES, parameters: NO_BYTES, token: NO_BYTES });
  expectOk(yield* card.send(plain(0x80, 0xe6, INSTALL.load, 0x00, data, 256)), "INSTALL [for load]");
  const stream = tlv(0xc4, file);
  yield* blocks(card, stream, 0xe8, () => 0x00, "LOAD");
}

/** INSTALL [for personalization], then STORE DATA to that application (11.5.2.3.6, 11.11). @throws `gp/refused` */
export function* personalize(card: SecuredCard, application: Uint8Array): CardAsking<void> {
  const data = InstallForPersonalization.encode({ application });
  expectOk(yield* card.send(plain(0x80, 0xe6, INSTALL.personalization, 0x00, data)), "INSTALL [for personalization]");
}

/** How the data of STORE DATA is written (table 11-89). */
export const STORE_FORMAT = {
  unspecified: STORE_DATA.structure.none,
  dgi: STORE_DATA.structure.dgi,
  berTlv: STORE_DATA.structure.berTlv,
} as const;

/** STORE DATA in blocks that fit secured. @throws `gp/refused` */
export function* storeData(
  card: SecuredCard,
  data: Uint8Array,
  format: keyof typeof STORE_FORMAT,
  encrypted = false,
): CardAsking<void> {
  const p1 = STORE_FORMAT[format] | (encrypted ? STORE_DATA.encryption.dek : 0);
  yield* blocks(card, data, 0xe2, () => p1, "STORE DATA");
}

const LAST_BLOCK = 0x80;

function* blocks(
  card: SecuredCard,
  data: Uint8Array,
  ins: number,
  p1Of: (block: number) => number,
  name: string,
): CardAsking<void> {
  const count = Math.max(1, Math.ceil(data.length / card.room));
  for (let block = 0; block < count; block++) {
    const part = data.subarray(block * card.room, (block + 1) * card.room);
    const p1 = p1Of(block) | (block === count - 1 ? LAST_BLOCK : 0);
    expectOk(yield* card.send(plain(0x80, ins, p1, block & 0xff, part)), `${name} block ${block}`);
  }
}

const STATES = { card: 0x80, application: 0x40 } as const;

/** SET STATUS (11.10). @throws `gp/refused` */
export function* setStatus(
  card: SecuredCard,
  what: keyof typeof STATES,
  state: number,
  aid: Uint8Array = NO_BYTES,
): CardAsking<void> {
  expectOk(yield* card.send(plain(0x80, 0xf0, STATES[what], state, aid)), "SET STATUS");
}

/**
 * PUT KEY of a whole key set: a new version beside the others, or in place of `replaces` (11.8). The card's check values are compared with ours.
 * @throws `gp/refused`, `gp/wrong-key-check`
 */
export function* putKeys(card: SecuredCard, keys: KeySet, version: number, replaces = 0): CardAsking<void> {
  const all = [keys.enc, keys.mac, keys.dek];
  const checkOf = (key: Uint8Array): Uint8Array =>
    keys.kind === "aes" ? aesCheckValue(aesKey(key)) : keyCheckValue(key);
  const data = PutKey.encode({
    version,
    keys: all.map((key) => ({
      type: keys.kind,
      // AES keys say their length, because they may have been padded (Amendment D 7.2).
      value: keys.kind === "aes" ? concat(Uint8Array.of(key.length), card.protect(key)) : card.protect(key),
      check: checkOf(key),
    })),
  });
  const several = 0x80;
  const answer = expectOk(yield* card.send(plain(0x80, 0xd8, replaces, several | 0x01, data, 256)), "PUT KEY");
  const expected = concat(Uint8Array.of(version), ...all.map(checkOf));
  if (answer.data.length > 0 && !equalBytes(answer.data, expected))
    throw gpError(
      "wrong-key-check",
      "the card stored other keys than were sent: their check values differ; put the keys again",
      {
        version,
      },
    );
}

/** DELETE of a key version (11.2.2.3.2). @throws `gp/refused` */
export function* deleteKeys(card: SecuredCard, version: number): CardAsking<void> {
  const answer = yield* card.send(plain(0x80, 0xe4, 0x00, 0x00, tlv(0xd2, Uint8Array.of(version)), 256));
  expectOk(answer, `DELETE of key version 0x${hex(Uint8Array.of(version))}`);
}
