import { findTlv, parseTlv, tlv } from "../../src/codec/tlv.js";
import { CRS_TAGS, FAMILIES } from "../../src/protocols/gp/contactless.js";
import { status } from "../../src/protocols/iso7816/apdu.js";
import { SW } from "../../src/protocols/iso7816/status.js";
import { attempt } from "../../src/util/errors.js";
import { applet } from "./applet.js";
import { partOf, reachable, type ContactlessView } from "./gp/contactless.js";
import { APPLICATION_STATES } from "../../src/protocols/gp/registry.js";
import type { ApplicationEntry } from "./gp/registry.js";
import { INS_STORE_DATA, NO_PERSONALISATION, storeData, type PersonalisationState } from "./personalisation.js";

const DGI_FCI = 0x9102;
const ISSUER_DISCRETIONARY = 0xbf0c;
const DIRECTORY_ENTRY = 0x61;
const PRIORITY = 0x87;
/** Lowest priority that the indicator can say, in its low half (EMV 4.3 Book 1 table 48). */
const LAST = 0x0f;
/** Of one answer to SELECT: a terminal takes no second part. */
const MOST = 0xff;
/** 6F, 84 with the name, A5 and BF0C with their lengths, at their longest. */
const AROUND = 29;

const isPayment = (entry: ApplicationEntry): boolean => {
  const family = partOf(entry).objects.get(CRS_TAGS.family)?.[0];
  return family === undefined || family === FAMILIES.financial;
};

const isThere = (entry: ApplicationEntry): boolean =>
  (entry.lifeCycle & APPLICATION_STATES.locked) === 0 &&
  entry.lifeCycle >= APPLICATION_STATES.selectable &&
  reachable(entry, "contactless");

/** Directory entries that an application keeps in its discretionary data, BF0C with 61 templates. */
function directoryOf(entry: ApplicationEntry): readonly Uint8Array[] {
  const data = partOf(entry).objects.get(CRS_TAGS.discretionary);
  const objects = data && attempt(() => parseTlv(data));
  const found = objects && findTlv(objects, ISSUER_DISCRETIONARY)?.children;
  return (found ?? []).filter(({ tag }) => tag === DIRECTORY_ENTRY).map(({ value }) => value);
}

/** An entry with the priority that it has on this card now. What its owner wrote there tells of nobody else's wishes. */
function ranked(entry: Uint8Array, rank: number): Uint8Array {
  const objects = parseTlv(entry);
  const written = findTlv(objects, PRIORITY)?.value[0] ?? 0;
  const indicator = tlv(PRIORITY, Uint8Array.of((written & ~LAST) | Math.min(rank, LAST)));
  const parts = objects.map(({ tag, value }) => (tag === PRIORITY ? indicator : tlv(tag, value)));
  return tlv(DIRECTORY_ENTRY, ...parts, ...(findTlv(objects, PRIORITY) ? [] : [indicator]));
}

/** Made once for each state of the registry: every tap asks. */
const MADE = new WeakMap<ContactlessView, readonly Uint8Array[]>();

function directory(view: ContactlessView): readonly Uint8Array[] {
  let made = MADE.get(view);
  if (!made) MADE.set(view, (made = makeDirectory(view)));
  return made;
}

/** The directory as the contactless registry makes it: active payment applications in the order of selection, as many as fit. */
function makeDirectory({ applications }: ContactlessView): readonly Uint8Array[] {
  const entries: Uint8Array[] = [];
  let room = MOST - AROUND;
  for (const application of applications.filter((entry) => isPayment(entry) && isThere(entry)))
    for (const each of directoryOf(application)) {
      const entry = ranked(each, entries.length + 1);
      room -= entry.length;
      if (room >= 0) entries.push(entry);
    }
  return entries;
}

/**
 * Proximity payment system environment (EMV Contactless Book B 3.3.1). On a card with management its answer to SELECT follows from the contactless
 * registry, from the entries of those applications that name it as their listener (EMVCo, PPSE and Application Management for Secure
 * Element, internal mode). Where DGI 9102 was personalised, and on elements without management, the answer is that (external mode).
 */
export const ppse = applet<PersonalisationState>({
  module: "ppse",
  initial: NO_PERSONALISATION,
  multiSelectable: true,
  select({ storage, via, contactless }, aid) {
    const written = storage.get(DGI_FCI);
    const entries = written || !contactless ? [] : directory(contactless);
    const fci = written ?? (entries.length > 0 ? tlv(ISSUER_DISCRETIONARY, ...entries) : undefined);
    // No card in it: invisible to a reader, and there for personalisation.
    if (!fci && via === "contactless") return { state: NO_PERSONALISATION, response: status(SW.notFound) };
    return {
      state: NO_PERSONALISATION,
      response: { data: tlv(0x6f, tlv(0x84, aid), tlv(0xa5, fci ?? new Uint8Array(0))), sw: SW.ok },
    };
  },
  process(context, state, command) {
    if (command.ins !== INS_STORE_DATA) return { state, response: status(SW.instructionNotSupported) };
    if ((command.cla & 0xfc) !== 0x80) return { state, response: status(SW.classNotSupported) };
    return storeData(
      context,
      state,
      command,
      (dgi) => (dgi === DGI_FCI ? SW.ok : SW.dataNotFound),
      () => ({ sw: SW.ok }),
    );
  },
});
