import { hex } from "../../../util/bytes.js";
import { CDA_OVER_AAC, isSet, TVR } from "./bits.js";
import { AC, given, lookUp, onDeviceCvm, terminalByte, type AcType, type C2 } from "./state.js";

/** Where the terminal has no action code of its own (Book C-2 Annex A, default values). */
const TERMINAL_DEFAULT = Uint8Array.of(0x84, 0, 0, 0, 0x0c);
/** Where the card has none: anything but the relay resistance state counts (Book C-2 7.8). */
const CARD_DEFAULT = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xfc);
const NOTHING = new Uint8Array(5);

/** Online only, and offline only, by terminal type (EMV 4.3 Book 4, Annex A1). */
const isOnlineOnly = (type: number): boolean => (type & 0x0f) === 1 || (type & 0x0f) === 4;
const isOfflineOnly = (type: number): boolean => (type & 0x0f) === 3 || (type & 0x0f) === 6;

/** Terminal action analysis: which cryptogram to ask for (Book C-2 7.8; EMV 4.3 Book 3, 10.7). */
export function analyseActions(tap: C2): void {
  const type = terminalByte(tap, 0x9f35);
  if (matches(tap, 0xdf8121, 0x9f0e, NOTHING)) return ask(tap, AC.aac, "denial", "An action code asks to decline.");
  if (isOnlineOnly(type)) return ask(tap, AC.arqc, "online-only", "The terminal always goes online.");
  if (isOfflineOnly(type)) {
    if (matches(tap, 0xdf8120, 0x9f0d, CARD_DEFAULT))
      return ask(tap, AC.aac, "default", "An action code asks to decline where the terminal cannot go online.");
    return ask(tap, AC.tc, "default", "No action code objects to approving offline.");
  }
  if (matches(tap, 0xdf8122, 0x9f0f, CARD_DEFAULT))
    return ask(tap, AC.arqc, "online", "An action code asks to go online.");
  return ask(tap, AC.tc, "online", "No action code asks to go online.");
}

/** Whether the TVR meets the terminal's or the card's action code. */
function matches(tap: C2, terminalTag: number, cardTag: number, cardDefault: Uint8Array): boolean {
  const tac = tap.input.terminal.get(terminalTag) ?? TERMINAL_DEFAULT;
  const iac = given(tap, cardTag) ?? cardDefault;
  for (let i = 0; i < 5; i++) if ((((tac[i] ?? 0) | (iac[i] ?? 0)) & tap.tvr[i]!) !== 0) return true;
  return false;
}

const NAMES: Readonly<Record<AcType, string>> = {
  [AC.aac]: "AAC",
  [AC.tc]: "TC",
  [AC.arqc]: "ARQC",
};

function ask(tap: C2, ac: AcType, by: string, says: string): void {
  tap.ac = ac;
  tap.input.onRule?.({
    rule: "c2.taa",
    says,
    data: {
      asks: NAMES[ac],
      by,
      tvr: hex(tap.tvr),
      terminalType: terminalByte(tap, 0x9f35),
      ...codes(tap),
    },
  });
}

/** The action codes as they count, with the default values of those that are absent. */
function codes(tap: C2): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [name, tag, absent] of ACTION_CODES) out[name] = hex(lookUp(tap, tag) ?? absent);
  const absent = ACTION_CODES.filter(([, tag]) => !lookUp(tap, tag)).map(([name]) => name);
  if (absent.length > 0) out["absent"] = absent.join(" ");
  return out;
}

const ACTION_CODES = [
  ["tacDenial", 0xdf8121, TERMINAL_DEFAULT],
  ["tacOnline", 0xdf8122, TERMINAL_DEFAULT],
  ["tacDefault", 0xdf8120, TERMINAL_DEFAULT],
  ["iacDenial", 0x9f0e, NOTHING],
  ["iacOnline", 0x9f0f, CARD_DEFAULT],
  ["iacDefault", 0x9f0d, CARD_DEFAULT],
] as const;

/**
 * Whether to ask for a signature, and the last word on the cryptogram: P1 of GENERATE AC (Book C-2 7.6, GAC.20 to GAC.27).
 * A device that verifies its holder but cannot be authenticated gets an AAC: its word on the verification is worth nothing.
 */
export function referenceControl(tap: C2): number {
  if (tap.cda && isSet(tap.tvr, TVR.cdaFailed)) {
    if (onDeviceCvm(tap)) {
      tap.ac = AC.aac;
      tap.input.onRule?.({
        rule: "c2.on-device-cvm",
        says: "The device's own verification cannot be believed without CDA: decline.",
        data: { asks: "AAC", tvr: hex(tap.tvr) },
      });
    }
  } else if (tap.cda) tap.signatureAsked = tap.ac !== AC.aac || isSet(given(tap, 0x9f5d), CDA_OVER_AAC);
  return tap.ac | (tap.signatureAsked ? 0x10 : 0);
}
