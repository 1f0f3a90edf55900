import { status, type CommandApdu } from "../../../src/protocols/iso7816/apdu.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import type { AppletContext, AppletStep } from "../applet.js";
import type { PersonalisationState } from "../personalisation.js";
import type { MchipData } from "./data.js";
import type { CryptogramType } from "./risk.js";

/** The transaction that an issuer may answer: its first cryptogram was given over the wired interface. */
export interface Answerable {
  /** 9F36. */
  readonly atc: Uint8Array;
  /** The first cryptogram: session keys for scripts come from it. */
  readonly cryptogram: Uint8Array;
  readonly type: CryptogramType;
  /** What GENERATE AC brought, by tag. */
  readonly terminal: ReadonlyMap<number, Uint8Array>;
  /** What the next script command's MAC covers behind the ATC: the cryptogram, then the MAC before. */
  readonly chain: Uint8Array;
  /** The second GENERATE AC has come. */
  readonly closed: boolean;
}

/** Volatile: gone when the field goes. */
export interface MchipState {
  readonly personalisation: PersonalisationState;
  /** GET PROCESSING OPTIONS was answered and no cryptogram has been given yet. */
  readonly open?: { readonly atc: Uint8Array; readonly pdolData: Uint8Array };
  readonly answerable?: Answerable;
}

/** What a command does with a personalised card. */
export type Handler = (
  context: AppletContext,
  state: MchipState,
  command: CommandApdu,
  data: MchipData,
) => AppletStep<MchipState>;

export const say = (state: MchipState, sw: number): AppletStep<MchipState> => ({ state, response: status(sw) });
export const answer = (state: MchipState, data: Uint8Array): AppletStep<MchipState> => ({
  state,
  response: { data, sw: SW.ok },
});
