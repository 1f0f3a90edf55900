import type { AppletStorage } from "../applet.js";
import { OWN } from "./data.js";

/** The issuer's blocks: of the application until it takes that back, of the card for good. Absent: none. */
export const BLOCK = { application: Uint8Array.of(0x01), card: Uint8Array.of(0x02) } as const;

export const isBlocked = (storage: AppletStorage): boolean => storage.get(OWN.block) !== undefined;

/** Nothing but a new personalisation brings it back. */
export const isCardBlocked = (storage: AppletStorage): boolean => storage.get(OWN.block)?.[0] === BLOCK.card[0];
