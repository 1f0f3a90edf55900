import { tlv } from "../../../src/codec/tlv.js";
import { KEY_TYPES } from "../../../src/protocols/gp/messages.js";
import { cardRecognition, encodeKeyInformation } from "../../../src/protocols/gp/registry.js";
import { status } from "../../../src/protocols/iso7816/apdu.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import { u32be } from "../../../src/util/bytes.js";
import type { CardManager } from "../applet.js";
import type { Content } from "./content.js";
import { keyVersions, sequenceOf, storedKeys } from "./keys.js";

/**
 * What a domain's owner writes with STORE DATA and anybody may read (7.4.1, 11.11): issuer identification and card image number, card recognition
 * data, the domain's name, where it is managed from.
 */
const OWN_OBJECTS: readonly number[] = [0x42, 0x45, 0x66, 0x5f20, 0x5f50];
export const isOwnObject = (tag: number): boolean => OWN_OBJECTS.includes(tag);

/** GET DATA: what the card says of itself to anybody (11.3, Annex H.2). What an owner has stored comes before what the card would say. */
export const getData: Content = ({ storage }, manager, state, { p1, p2 }) => {
  const tag = p1 * 256 + p2;
  const stored = isOwnObject(tag) ? storage.get(tag) : undefined;
  const data = stored ? tlv(tag, stored) : OBJECTS.get(tag)?.(manager);
  return { state, response: data ? { data, sw: SW.ok } : status(SW.dataNotFound) };
};

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
