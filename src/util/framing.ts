import type { Nanos } from "./time.js";

/** What a piece of a byte stream completed. */
export interface Framed {
  readonly messages: readonly Uint8Array[];
  /** Text between the frames: logs, prompts. */
  readonly lines: readonly string[];
  /** How many frames, or runs of bytes that are none, were thrown away. */
  readonly dropped: number;
}

/** How messages lie in a byte stream. `S` holds what has come and is not whole yet: a value, bounded. */
export interface Framing<S> {
  readonly start: S;
  /** @throws `codec/too-long`, `codec/bad-length` */
  readonly encode: (message: Uint8Array) => Uint8Array;
  /** Takes a piece, cut anywhere, that came at `at`. Throws nothing, whatever the bytes are. */
  readonly receive: (before: S, piece: Uint8Array, at: Nanos) => Framed & { readonly stream: S };
}

/** A framing with its state: one end of one byte stream. */
export interface Framer {
  readonly encode: (message: Uint8Array) => Uint8Array;
  readonly receive: (piece: Uint8Array, at: Nanos) => Framed;
}

export function framerOf<S>({ start, encode, receive }: Framing<S>): Framer {
  let stream = start;
  return {
    encode,
    receive(piece, at) {
      const framed = receive(stream, piece, at);
      stream = framed.stream;
      return framed;
    },
  };
}
