import { status, type CommandApdu, type ResponseApdu } from "../../../src/protocols/iso7816/apdu.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import type { AppletContext, CardManager } from "../applet.js";
import type { PersonalisationState } from "../personalisation.js";
import type { LoadFileEntry } from "./registry.js";
import type { SecureState } from "./session.js";

/*
 * Card content management (GlobalPlatform Card Specification 2.3.1, chapters 9 and 11): what a security domain keeps between its commands, and the
 * shape of what each of them does. Every command changes the registry once, or not at all.
 */

/** A load in progress; volatile, so that a load that is cut off never was. */
export interface Loading {
  readonly loadFile: Uint8Array;
  readonly domain: Uint8Array;
  /** Of the load file data block; none: nothing to compare with. */
  readonly hash: Uint8Array;
  readonly data: Uint8Array;
  readonly nextBlock: number;
  /** Loaded, installed and made selectable in one: the registry changes at the end only. */
  readonly combined: boolean;
  /** All blocks of a combined load came. */
  readonly whole?: LoadFileEntry;
}

export interface ContentState {
  readonly secure: SecureState;
  readonly loading?: Loading | undefined;
  /** Whom the next STORE DATA are for, and the state that its applet keeps. */
  readonly personalising?: { readonly number: number; readonly state: unknown } | undefined;
  /** STORE DATA to the domain itself: its groupings, or the objects so far. */
  readonly storing?:
    | { readonly structure: number; readonly groupings: PersonalisationState; readonly objects: Uint8Array }
    | undefined;
  /** The parts of GET STATUS that were not asked for yet, and what asked. */
  readonly pending?: { readonly asked: Uint8Array; readonly parts: readonly Uint8Array[] } | undefined;
}

export interface ContentStep {
  readonly state: ContentState;
  readonly response: ResponseApdu;
}

export type Content = (
  context: AppletContext,
  manager: CardManager,
  state: ContentState,
  command: CommandApdu,
) => ContentStep;

export const say = (state: ContentState, sw: number): ContentStep => ({ state, response: status(sw) });
/** A command whose answer is one byte 00: no confirmation follows (11.1.6). */
export const done = (state: ContentState): ContentStep => ({
  state,
  response: { data: Uint8Array.of(0x00), sw: SW.ok },
});
