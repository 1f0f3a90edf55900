import type { TapbenchError } from "../../src/util/errors.js";
import type { MessageWire } from "../../src/util/message-wire.js";

/** What comes on a message wire, in order, to wait for. */
export interface Received {
  readonly messages: Uint8Array[];
  readonly next: () => Promise<Uint8Array>;
  /** Resolves when the wire is gone. */
  readonly gone: Promise<TapbenchError>;
}

export function receiveOn(wire: MessageWire): Received {
  const messages: Uint8Array[] = [];
  const waiting: ((message: Uint8Array) => void)[] = [];
  let over: (cause: TapbenchError) => void;
  const gone = new Promise<TapbenchError>((resolve) => (over = resolve));
  wire.open({
    message(message) {
      const first = waiting.shift();
      if (first) first(message);
      else messages.push(message);
    },
    closed: (cause) => over(cause),
  });
  return {
    messages,
    gone,
    next: () =>
      messages.length > 0
        ? Promise.resolve(messages.shift()!)
        : new Promise((resolve) => {
            waiting.push(resolve);
          }),
  };
}
