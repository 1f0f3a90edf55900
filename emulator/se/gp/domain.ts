import { parseTlv, tlv } from "../../../src/codec/tlv.js";
import { cardRecognition, encodeKeyInformation } from "../../../src/protocols/gp/registry.js";
import { KEY_TYPES } from "../../../src/protocols/gp/messages.js";
import { status, type CommandApdu } from "../../../src/protocols/iso7816/apdu.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import { NO_BYTES, u32be } from "../../../src/util/bytes.js";
import { isTapbenchError } from "../../../src/util/errors.js";
import { applet, type AppletContext, type AppletStep, type CardManager } from "../applet.js";
import { CONTENT, type ContentState, type ContentStep } from "./content.js";
import { keyVersions, sequenceOf, storedKeys } from "./keys.js";
import { externalAuthenticate, initializeUpdate, NO_SESSION, unwrapped, wrapped } from "./session.js";

/*
 * A security domain, the issuer's or a supplementary one (GlobalPlatform Card Specification 2.3.1, chapter 7): an applet that the operating system gives
 * its own operations to. Everything that changes the card comes through its secure channel.
 */

const INS = {
  initializeUpdate: 0x50,
  externalAuthenticate: 0x82,
  getData: 0xca,
  storeData: 0xe2,
} as const;

const INITIAL: ContentState = { secure: NO_SESSION };

/** The command went wrong in a way that ends the session, or there is none. */
const over = (sw: number): AppletStep<ContentState> => ({ state: INITIAL, response: status(sw) });

/** Longest data of one command, tag 9F65 of the answer to SELECT. */
const MAX_COMMAND_DATA = 0xff;

export const securityDomain = applet<ContentState>({
  module: "security-domain",
  initial: INITIAL,
  multiSelectable: true,

  select: (_context, aid) => ({
    state: INITIAL,
    response: {
      data: tlv(0x6f, tlv(0x84, aid), tlv(0xa5, tlv(0x9f65, Uint8Array.of(MAX_COMMAND_DATA)))),
      sw: SW.ok,
    },
  }),

  process(context, state, command) {
    const { manager } = context;
    if (!manager) return { state, response: status(SW.conditionsOfUse) };
    if (command.ins === INS.initializeUpdate && command.cla === 0x80) {
      const { state: secure, response } = initializeUpdate(context, manager, command);
      return { state: { secure }, response };
    }
    if (command.ins === INS.externalAuthenticate && state.secure.phase === "challenged") {
      const { state: secure, response } = externalAuthenticate(context, manager, state.secure, command);
      return { state: { secure }, response };
    }
    if (state.secure.phase !== "open")
      return command.ins === INS.getData ? getData(context, manager, state, command) : over(SW.securityStatus);

    context.spend({ symmetric: 2 });
    const opened = unwrapped(state.secure, command);
    if (!opened) return over(SW.securityStatus);
    const step = dispatch(context, manager, { ...state, secure: opened.state }, opened.command);
    return { state: step.state, response: wrapped(opened.state, step.response) };
  },
});

function dispatch(
  context: AppletContext,
  manager: CardManager,
  state: ContentState,
  command: CommandApdu,
): ContentStep {
  if (command.ins === INS.getData) return getData(context, manager, state, command);
  if (command.cla !== 0x80) return { state, response: status(SW.classNotSupported) };
  if (command.ins === INS.storeData) return storeData(context, manager, state, command);
  const handler = CONTENT.get(command.ins);
  return handler ? handler(context, manager, state, command) : { state, response: status(SW.instructionNotSupported) };
}

const LAST_BLOCK = 0x80;

/** STORE DATA: to the application that INSTALL [for personalization] named until its last block, else the domain's own objects (11.11). */
function storeData(
  context: AppletContext,
  manager: CardManager,
  state: ContentState,
  command: CommandApdu,
): ContentStep {
  const { personalising } = state;
  if (!personalising) return { state, response: status(storeOwn(context, command)) };
  const entry = manager.registry.applications.find(({ number }) => number === personalising.number);
  if (!entry) return { state: { secure: state.secure }, response: status(SW.conditionsOfUse) };
  const step = manager.forward(entry, personalising.state, command);
  const ended = (command.p1 & LAST_BLOCK) !== 0 || step.response.sw !== SW.ok;
  return {
    state: { ...state, personalising: ended ? undefined : { number: entry.number, state: step.state } },
    response: step.response,
  };
}

/** Issuer identification, card image number: what an owner writes once and anybody may read (7.4.1). */
const OWN_OBJECTS: readonly number[] = [0x42, 0x45, 0x5f50];
const BER_TLV = 0x10;

function storeOwn({ storage }: AppletContext, { p1, data = NO_BYTES }: CommandApdu): number {
  if ((p1 & 0x18) !== BER_TLV || !(p1 & LAST_BLOCK)) return SW.wrongP1P2;
  try {
    const objects = parseTlv(data);
    if (objects.length === 0 || objects.some(({ tag }) => !OWN_OBJECTS.includes(tag))) return SW.wrongData;
    storage.putAll(objects.map(({ tag, value }) => [tag, value]));
    return SW.ok;
  } catch (error) {
    if (isTapbenchError(error) && error.code.startsWith("codec/")) return SW.wrongData;
    throw error;
  }
}

/** GET DATA: what the card says of itself to anybody (11.3, Annex H.2). */
function getData(
  { storage }: AppletContext,
  manager: CardManager,
  state: ContentState,
  { p1, p2 }: CommandApdu,
): ContentStep {
  const tag = p1 * 256 + p2;
  const data = OBJECTS.get(tag)?.(manager) ?? own(tag, storage.get(tag));
  return { state, response: data ? { data, sw: SW.ok } : status(SW.dataNotFound) };
}

const own = (tag: number, value: Uint8Array | undefined): Uint8Array | undefined =>
  OWN_OBJECTS.includes(tag) && value ? tlv(tag, value) : undefined;

function keyInformation(manager: CardManager): Uint8Array {
  const storage = manager.storageOf(manager.own);
  const keys = keyVersions(storage).flatMap((version) => {
    const set = storedKeys(storage, version)!;
    return [1, 2, 3].map((id) => ({ id, version, type: KEY_TYPES[set.kind], length: set.enc.length }));
  });
  return encodeKeyInformation(keys);
}

/** Sequence counter of the default key version. */
function sequenceCounter(manager: CardManager): Uint8Array | undefined {
  const storage = manager.storageOf(manager.own);
  const [version] = keyVersions(storage);
  if (version === undefined) return undefined;
  const counter = u32be(sequenceOf(storage, version));
  return tlv(0xc1, manager.settings.scp === 3 ? counter.subarray(1) : counter.subarray(2));
}

/** Number of applications, free non-volatile and volatile memory (GlobalPlatform Card Specification 2.3.1 with ETSI TS 102 226, 8.2.1.7). */
const extendedResources = ({ registry, freeMemory }: CardManager): Uint8Array =>
  tlv(
    0xff21,
    tlv(0x81, Uint8Array.of(registry.applications.length)),
    tlv(0x82, u32be(freeMemory)),
    tlv(0x83, u32be(VOLATILE)),
  );

/** What a card of this kind offers its applets; nothing here uses it. */
const VOLATILE = 4096;

const OBJECTS: ReadonlyMap<number, (manager: CardManager) => Uint8Array | undefined> = new Map([
  [0x9f7f, ({ settings }) => tlv(0x9f7f, settings.cplc)],
  [0x0066, ({ settings }) => cardRecognition([{ scp: settings.scp, i: settings.i }])],
  [0x00e0, keyInformation],
  [0x00c1, sequenceCounter],
  [0xff21, extendedResources],
  [0x00cf, ({ settings }) => tlv(0xcf, settings.diversification)],
]);
