import type { SecureElement } from "../../emulator/se/element.js";
import { selectCrs, updateContactless } from "../../src/protocols/gp/contactless-poller.js";
import type { ContactlessRequest } from "../../src/protocols/gp/contactless.js";
import { personalize, selectDomain, storeData } from "../../src/protocols/gp/poller.js";
import { unhex } from "../../src/util/bytes.js";
import { CARD_AID, encodeGroupings, groupings, PPSE_NAME, send } from "./emulated-card.js";
import { ask, contactlessCard, open, PAYMENT_DOMAIN, SECOND_AID, THIRD_AID } from "./gp-card.js";

/* Three payment cards in one element, told to its contactless registry; what a reader and a device see of them. */

export const SELECT_CRS = "00A4040009A0000001514352530000";
export const SELECT_PPSE = `00A404000E${PPSE_NAME}00`;
export const select = (aid: string): string => `00A40400${(aid.length / 2).toString(16).padStart(2, "0")}${aid}00`;
export const wired = (element: SecureElement, apdu: string): string => send(element, apdu, "wired");
/** 4F with that name. */
export const name = (aid: string): string => `4F${(aid.length / 2).toString(16).padStart(2, "0").toUpperCase()}${aid}`;

/** Opens the payment domain, tells the registry of a card, closes. */
export function tell(element: SecureElement, aid: string, request: ContactlessRequest): void {
  ask(element, selectDomain(PAYMENT_DOMAIN));
  ask(element, updateContactless(open(element).channel, unhex(aid), request));
  element.powerOff("wired");
}

/** A directory entry: name, label, priority as its owner would like it, kernel 2. */
const entryOf = (aid: string, label: string, priority = "01"): string => {
  const value = `${name(aid)}50${(label.length / 2).toString(16).padStart(2, "0").toUpperCase()}${label}8701${priority}9F2A0102`;
  return `61${(value.length / 2).toString(16).padStart(2, "0").toUpperCase()}${value}`;
};
const listed = (aid: string, label: string): ContactlessRequest => {
  const entry = entryOf(aid, label);
  return {
    crel: [unhex(PPSE_NAME)],
    family: unhex("20"),
    discretionary: unhex(`BF0C${(entry.length / 2).toString(16).padStart(2, "0")}${entry}`),
  };
};

/** Three cards, each personalised and told. */
export function threeCards(): SecureElement {
  const element = contactlessCard();
  for (const [aid, label] of [
    [CARD_AID, "4F4E45"],
    [SECOND_AID, "54574F"],
    [THIRD_AID, "5448524545"],
  ] as const) {
    ask(element, selectDomain(PAYMENT_DOMAIN));
    const { channel } = open(element);
    ask(element, personalize(channel, unhex(aid)));
    ask(element, storeData(channel, unhex(encodeGroupings(groupings())), "dgi"));
    element.powerOff("wired");
    tell(element, aid, listed(aid, label));
  }
  return element;
}

/** Names and priorities in the answer to a reader's SELECT of the directory. */
export const directory = (element: SecureElement): string[] =>
  [...send(element, SELECT_PPSE).matchAll(/4F(07|09)(A0000000.*?)50.*?8701(..)/g)].map(
    ([, , aid, at]) => `${aid} ${at}`,
  );

export const crs = (element: SecureElement): SecureElement => {
  ask(element, selectCrs());
  return element;
};
