import type { SecureElement } from "../../emulator/se/element.js";
import { bytes, commonKey, enciphered, retailMac } from "./card-crypto.js";
import { cdolData, generateAc, GPO, SELECT_CARD, sendAll, SMC_KEY, SMI_KEY } from "./emulated-card.js";

/* An issuer beside the one under test: script commands for the emulated card, with MACs from node:crypto. */

/** A transaction that scripts go with. */
export interface ScriptSession {
  readonly atc: string;
  readonly ac: string;
  /** The next command. @param header class, instruction, P1, P2 @param data before the MAC */
  readonly seal: (header: string, data?: string) => string;
  /** A PIN block as the command carries it. */
  readonly encipher: (block: string) => string;
}

/** Where a transaction stands behind its first cryptogram; MACs are chained from there. */
export function scriptSession(atc: string, ac: string): ScriptSession {
  let chain = ac;
  return {
    atc,
    ac,
    seal(header, data = "") {
      const lc = (data.length / 2 + 8).toString(16).padStart(2, "0").toUpperCase();
      chain = retailMac(commonKey(SMI_KEY, ac), bytes(header + lc + atc + chain + data));
      return header + lc + data + chain;
    },
    encipher: (block) => enciphered(commonKey(SMC_KEY, ac), block),
  };
}

/** SELECT, GET PROCESSING OPTIONS and GENERATE AC for an ARQC over the wired interface. */
export function openScripts(element: SecureElement, p1 = "80", data = cdolData()): ScriptSession {
  const answers = sendAll(element, [SELECT_CARD, GPO, generateAc(p1, data)], "wired");
  const [, atc, ac] = /9F3602(....)9F2608(.{16})/.exec(answers[2] ?? "") ?? [];
  if (atc === undefined || ac === undefined) throw new Error(`no cryptogram: ${answers.join(" ")}`);
  return scriptSession(atc, ac);
}
