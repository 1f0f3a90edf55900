import { mchip } from "../../emulator/se/mchip/applet.js";
import type { CardInterface } from "../../emulator/se/applet.js";
import { SecureElement, type ElementOptions } from "../../emulator/se/element.js";
import { ppse } from "../../emulator/se/ppse.js";
import type { RsaPrivateKey } from "../../src/crypto/rsa.js";
import { generateRsa } from "../../src/crypto/rsa-generate.js";
import type { ComputeModel } from "../../src/profiles/types.js";
import { seededRandom } from "../../src/util/random.js";

/*
 * A secure element with one payment applet, personalised with literal data. Hex in, hex out; lengths and groupings are encoded here, not by
 * the code under test.
 */

export const CARD_AID = "A0000000041010";
export const PPSE_NAME = "325041592E5359532E4444463031";
export const SELECT_CARD = `00A4040007${CARD_AID}00`;
/** Three keys of 16 bytes: cryptogram, script integrity, script confidentiality. */
export const AC_KEY = "0123456789ABCDEFFEDCBA9876543210";
export const SMI_KEY = "000102030405060708090A0B0C0D0E0F";
export const SMC_KEY = "101112131415161718191A1B1C1D1E1F";
const KEYS = AC_KEY + SMI_KEY + SMC_KEY;

/** Amount, other amount, country, TVR, currency, date, type, unpredictable number, CVM results: 32 bytes. */
export const CDOL1 = "9F02069F03069F1A0295055F2A029A039C019F37049F3403";
export const UN = "DEADBEEF";
export const cdolData = ({ country = "0276", cvmResults = "1F0302", amount = "000000001000" } = {}): string =>
  `${amount}000000000000${country}00000000000978260615` + `00${UN}${cvmResults}`;

export const COMPUTE: ComputeModel = {
  command: 1_000_000,
  perByte: 1_000,
  symmetric: 10_000,
  rsa1024: 8_000_000,
  nvmWrite: 100_000,
};

/** Groupings by DGI in hex, values in hex. */
export type Groupings = Readonly<Record<string, string | undefined>>;

const byteHex = (value: number): string => value.toString(16).padStart(2, "0").toUpperCase();
/** One primitive or constructed object with a length below 128 or up to 255. */
export const object = (tag: string, value: string): string =>
  tag + (value.length / 2 > 127 ? "81" : "") + byteHex(value.length / 2) + value;

let keyMade: RsaPrivateKey | undefined;
/** A short RSA key; made once. */
export const cardRsaKey = (): RsaPrivateKey => (keyMade ??= generateRsa(768, 3, seededRandom("emulated card")));

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex").toUpperCase();
export const rsaGroupings = (): Groupings => {
  const { qInv, dq, dp, q, p } = cardRsaKey();
  return { "8201": hexOf(qInv), "8202": hexOf(dq), "8203": hexOf(dp), "8204": hexOf(q), "8205": hexOf(p) };
};

export interface Control {
  readonly aip?: string;
  readonly cvn?: string;
  readonly decline?: string;
  readonly online?: string;
  readonly lower?: string;
  readonly upper?: string;
  /** PIN block and tries (left, limit), where the card has a PIN. */
  readonly pin?: string;
  readonly tries?: string;
  /** CDOL2, where the card takes a second GENERATE AC. */
  readonly cdol2?: string;
}

/** A whole personalisation without an RSA key. Country of the issuer: 0276. */
export function groupings(control: Control = {}): Groupings {
  const { aip = "1980", cvn = "11", decline = "000000", online = "000000", lower = "FF", upper = "FF" } = control;
  const { pin, tries = "0303", cdol2 } = control;
  const record =
    object("57", "5413330089601075D2912201") +
    object("5F28", "0276") +
    object("8C", CDOL1) +
    (cdol2 === undefined ? "" : object("8D", cdol2));
  return {
    "0201": object("70", record),
    "9102": object("50", "54455354"),
    "9104": object("82", aip) + object("94", "10010100"),
    "8000": KEYS,
    A001:
      object("C1", "01") +
      object("C2", cvn) +
      object("C3", decline) +
      object("C4", online) +
      object("C5", lower) +
      object("C6", upper),
    A002: object("9F24", "5041523031"),
    ...(pin !== undefined && { "8010": pin, "9010": tries }),
  };
}

/** Groupings as STORE DATA carries them. */
export const encodeGroupings = (all: Groupings): string =>
  Object.entries(all)
    .map(([dgi, value]) => {
      if (value === undefined) return "";
      const length = value.length / 2;
      return dgi + (length < 255 ? byteHex(length) : `FF${byteHex(length >> 8)}${byteHex(length & 0xff)}`) + value;
    })
    .join("");

/** STORE DATA commands with that much data each. */
export function storeDataCommands(data: string, size = 255): string[] {
  const blocks = data.match(new RegExp(`.{1,${2 * size}}`, "g")) ?? [""];
  return blocks.map(
    (block, i) =>
      `80E2${i === blocks.length - 1 ? "88" : "08"}${byteHex(i)}` + (block ? byteHex(block.length / 2) + block : ""),
  );
}

export const newElement = (changes: Partial<ElementOptions> = {}): SecureElement =>
  new SecureElement({
    nvmBytes: 16_384,
    pageBytes: 64,
    applets: [
      { module: "ppse", aid: Uint8Array.from(Buffer.from(PPSE_NAME, "hex")) },
      { module: "mchip", aid: Uint8Array.from(Buffer.from(CARD_AID, "hex")) },
    ],
    modules: [ppse, mchip],
    compute: COMPUTE,
    random: seededRandom("element"),
    ...changes,
  });

/** One APDU; `cut` where the power went. */
export function send(element: SecureElement, apdu: string, via: CardInterface = "contactless"): string {
  const answer = element.process(Uint8Array.from(Buffer.from(apdu, "hex")), via);
  return answer ? hexOf(answer.response) : "cut";
}

/** All of them; stops at a cut. */
export function sendAll(
  element: SecureElement,
  apdus: readonly string[],
  via: CardInterface = "contactless",
): string[] {
  const answers: string[] = [];
  for (const apdu of apdus) {
    answers.push(send(element, apdu, via));
    if (answers.at(-1) === "cut") break;
  }
  return answers;
}

/** SELECT and STORE DATA over the wired interface. Answers to STORE DATA. */
export const personalise = (element: SecureElement, all: Groupings, size = 255): string[] =>
  sendAll(element, [SELECT_CARD, ...storeDataCommands(encodeGroupings(all), size)], "wired").slice(1);

/** An element with a personalised card, selected over the air. */
export function personalised(control: Control = {}, rsa = false): SecureElement {
  const element = newElement();
  const answers = personalise(element, { ...groupings(control), ...(rsa && rsaGroupings()) });
  if (answers.some((answer) => answer !== "9000")) throw new Error(`personalisation was refused: ${answers.join(" ")}`);
  element.powerOff("wired");
  send(element, SELECT_CARD);
  return element;
}

export const GPO = "80A8000002830000";
export const GET_ATC = "80CA9F3600";
/** GENERATE AC with the literal data of this card. */
export const generateAc = (p1: string, data = cdolData()): string => `80AE${p1}00${byteHex(data.length / 2)}${data}00`;
