import { Air } from "../../emulator/rf/air.js";
import { TypeAPicc } from "../../emulator/rf/picc.js";
import { Sim } from "../../emulator/sim/sim.js";
import type { EntryResult } from "../../src/emv/entry/entry-point.js";
import { kernelC2 } from "../../src/emv/kernels/c2/kernel.js";
import type { CaKeys } from "../../src/emv/oda.js";
import type { TerminalProfile } from "../../src/profiles/types.js";
import type { CardApp } from "../../src/protocols/iso14443/isodep-listener.js";
import { typeAListener, type TypeACard, type TypeAState } from "../../src/protocols/iso14443/listener.js";
import type { Frame } from "../../src/protocols/iso14443/frame.js";
import { combinationsOf } from "../../src/terminal/data.js";
import { readCard } from "../../src/terminal/tap.js";
import { converseSync } from "../../src/util/converse.js";
import type { Listener } from "../../src/util/dialogue.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { seededRandom } from "../../src/util/random.js";

/** The radio of a card that answers as it likes. */
export const RADIO: TypeACard = {
  atqa: 0x0004,
  sak: 0x20,
  fsci: 8,
  fwi: 7,
  sfgi: 0,
  cid: false,
  sameRates: false,
  toCard: [1],
  toReader: [1],
  historical: new Uint8Array(0),
  maxCommand: 65_544,
};

type CardListener = Listener<TypeAState, Frame, Frame>;

export interface TappedCard {
  readonly app: CardApp;
  readonly radio?: Partial<TypeACard>;
  /** Changes what the radio does. */
  readonly wrap?: (listener: CardListener) => CardListener;
}

export interface Tap {
  readonly terminal: TerminalProfile;
  readonly caKeys: CaKeys;
  readonly at: Date;
  readonly amount?: bigint;
}

/** One tap of a scripted card through the reader's own dialogue, over simulated air. The card's first error in a line. */
export function tapCard({ app, radio, wrap }: TappedCard, tap: Tap): string {
  const sim = new Sim();
  const air = new Air(sim, { frameDelay: tap.terminal.reader.frameDelay });
  const listener = typeAListener({ ...RADIO, ...radio }, app);
  air.place(new TypeAPicc(sim, wrap ? wrap(listener) : listener, () => Uint8Array.of(8, 1, 2, 3)));
  air.powerOn();
  const amount = tap.amount ?? 1_000n;
  const entry = {
    combinations: combinationsOf(tap.terminal, { amount, at: tap.at }),
    kernels: { c2: kernelC2 },
    amount,
    caKeys: tap.caKeys,
    random: seededRandom("bad cards"),
  };
  try {
    return told(converseSync(readCard(tap.terminal.reader, entry), air).result);
  } catch (error) {
    if (isTapbenchError(error)) return error.code;
    throw error;
  } finally {
    air.powerOff();
  }
}

/** Kind of outcome, then what is known of its error. */
function told({ outcome }: EntryResult): string {
  const error = "error" in outcome ? outcome.error : undefined;
  const oda = "oda" in outcome && outcome.oda.method !== "none" ? [outcome.oda.method, outcome.oda.status] : [];
  const sw = error?.sw === undefined ? [] : [error.sw.toString(16).toUpperCase()];
  const parts = [outcome.kind, error?.l1, error?.l2, error?.l3, error?.tag, ...sw, ...oda];
  return parts.filter((part) => part !== undefined).join(" ");
}
