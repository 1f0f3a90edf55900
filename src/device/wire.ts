import type { Patience } from "../util/patience.js";

/** A way to a card that somebody else activates: a PC/SC reader. The bench opens it and hands it to a device. */
export interface CardWire {
  /** What people call it: the reader's name. */
  readonly name: string;
  /** Undefined while the reader is away. */
  readonly state:
    | { readonly present: boolean; readonly mute: boolean; readonly atr?: Uint8Array | undefined }
    | undefined;
  /** Waits for a card and powers it up. Returns the ATR. */
  readonly connect: (patience: Patience) => Promise<Uint8Array>;
  /** Power off and on. Returns the ATR. */
  readonly reset: (patience: Patience) => Promise<Uint8Array>;
  readonly transmit: (apdu: Uint8Array, patience: Patience) => Promise<Uint8Array>;
  readonly disconnect: (leaving: "leave" | "reset" | "unpower", patience: Patience) => Promise<void>;
  /** Calls back at each change of state; returns how to stop it. */
  readonly watch: (run: () => void) => () => void;
}
