import { findTlv, parseTlv, tlv } from "../../codec/tlv.js";
import { concat, hex, NO_BYTES, readUint, u16be } from "../../util/bytes.js";
import type { CommandApdu, ResponseApdu } from "../iso7816/apdu.js";
import type { CardAsking } from "../iso7816/poller.js";
import { SW } from "../iso7816/status.js";
import {
  CRS_AID,
  CRS_INTERFACE,
  CRS_PRIORITY,
  CRS_SET,
  decodeCrsRefusals,
  decodeCrsStatus,
  encodeAids,
  encodeContactless,
  INTERFACES,
  type ContactlessRequest,
  type CrsEntry,
  type CrsRefusals,
} from "./contactless.js";
import { gpError } from "./errors.js";
import { INSTALL, InstallForInstall } from "./messages.js";
import { expectOk, selectDomain, type SecuredCard } from "./poller.js";
import { ACTIVATION, NEXT, SCOPES } from "./registry.js";

/*
 * The off-card side of the contactless registry: what a device's own wallet asks of the CRS application over the wired interface, and what an
 * owner tells its domain. The CRS application has to be selected first.
 */

const MAX_PARTS = 256;
const GET_STATUS = 0xf2;
const SET_STATUS = 0xf0;
const TAG_LIST = 0x5c;

const command = (ins: number, p1: number, p2: number, data: Uint8Array, le?: number): CommandApdu => ({
  cla: 0x80,
  ins,
  p1,
  p2,
  ...(data.length > 0 && { data }),
  ...(le !== undefined && { le }),
});

/** What the CRS application says of itself. */
export interface CrsInformation {
  /** Tag 9F08. */
  readonly version: number;
  /** Global update counter: another value, another registry. */
  readonly updates: number;
}

/** SELECT of the CRS application. @throws `gp/refused`, `gp/bad-registry`, `codec/...` */
export function* selectCrs(): CardAsking<CrsInformation> {
  const { data } = yield* selectDomain(CRS_AID);
  const objects = parseTlv(data);
  const version = findTlv(objects, 0x6f, 0xa5, 0x9f08)?.value;
  const updates = findTlv(objects, 0x6f, 0xa5, 0x80)?.value;
  if (version?.length !== 2 || updates?.length !== 2)
    throw gpError(
      "bad-registry",
      "the answer to SELECT of the CRS application has no version (9F08) or update counter (80)",
      {},
    );
  return { version: readUint(version), updates: readUint(updates) };
}

/**
 * GET STATUS, all parts of it: applications in the order of selection, those whose AID begins with `prefix`, with the objects that `tags` name,
 * or all of them. @throws `gp/refused`, `gp/bad-registry`, `gp/endless-registry`, `codec/...`
 */
export function* crsStatus(prefix: Uint8Array = NO_BYTES, tags: readonly number[] = []): CardAsking<CrsEntry[]> {
  const list = concat(...tags.map((tag) => (tag > 0xff ? u16be(tag) : Uint8Array.of(tag))));
  const data = concat(tlv(0x4f, prefix), list.length > 0 ? tlv(TAG_LIST, list) : NO_BYTES);
  const parts: Uint8Array[] = [];
  for (let next = 0; ; next = NEXT) {
    const { answer }: { answer: ResponseApdu } = yield command(GET_STATUS, SCOPES.applications, next, data, 256);
    if (answer.sw === SW.dataNotFound) return [];
    if (answer.sw !== SW.moreData) expectOk(answer, "GET STATUS of the contactless registry");
    parts.push(answer.data);
    if (answer.sw !== SW.moreData) return decodeCrsStatus(concat(...parts));
    if (parts.length === MAX_PARTS)
      throw gpError("endless-registry", "the card never stops announcing more registry entries; give up on it", {});
  }
}

function* setStatus(p1: number, p2: number, data: Uint8Array, what: string): CardAsking<CrsRefusals> {
  const { answer } = yield command(SET_STATUS, p1, p2, data, 256);
  if (answer.sw !== SW.notAll) expectOk(answer, what);
  return decodeCrsRefusals(answer.data);
}

const names = (aids: readonly Uint8Array[]): Uint8Array => concat(...encodeAids(aids));

/** Puts applications on the air or takes them off it. What could not be done is the result. @throws `gp/refused`, `codec/...` */
export const setActivation = (aids: readonly Uint8Array[], activated: boolean): CardAsking<CrsRefusals> =>
  setStatus(
    CRS_SET.activation,
    activated ? ACTIVATION.activated : ACTIVATION.deactivated,
    names(aids),
    `${activated ? "activation" : "deactivation"} of ${aids.map(hex).join(", ")}`,
  );

/**
 * Moves applications in the order of selection: before all others, behind them, or before them until the element loses its power. Several come
 * to stand in the order given. @throws `gp/refused`, `codec/...`
 */
export const setPriority = (
  aids: readonly Uint8Array[],
  where: Exclude<keyof typeof CRS_PRIORITY, "reset"> = "highest",
): CardAsking<CrsRefusals> =>
  setStatus(CRS_SET.priority, CRS_PRIORITY[where], names(aids), `a new priority of ${aids.map(hex).join(", ")}`);

/** Ends a volatile priority. @throws `gp/refused` */
export function* resetPriority(): CardAsking<void> {
  yield* setStatus(CRS_SET.priority, CRS_PRIORITY.reset, NO_BYTES, "the end of a volatile priority");
}

/** Switches the element's contactless interface. @throws `gp/refused` */
export function* switchContactless(on: boolean): CardAsking<void> {
  const data = tlv(0x80, Uint8Array.of(INTERFACES.proximity));
  const p2 = on ? CRS_INTERFACE.on : CRS_INTERFACE.off;
  yield* setStatus(CRS_SET.interface, p2, data, `switching the contactless interface ${on ? "on" : "off"}`);
}

/** INSTALL [for registry update] with contactless parameters, through the application's own domain or one above it. @throws `gp/refused` */
export function* updateContactless(
  card: SecuredCard,
  application: Uint8Array,
  request: ContactlessRequest,
): CardAsking<void> {
  const data = InstallForInstall.encode({
    loadFile: NO_BYTES,
    module: NO_BYTES,
    application,
    privileges: NO_BYTES,
    parameters: encodeContactless(request),
    token: NO_BYTES,
  });
  const sent = yield* card.send({ cla: 0x80, ins: 0xe6, p1: INSTALL.registryUpdate, p2: 0x00, data, le: 256 });
  expectOk(sent, `INSTALL [for registry update] of ${hex(application)}`);
}
