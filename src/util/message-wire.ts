import type { Wire } from "./hub.js";
import type { Patience } from "./patience.js";
import type { Nanos } from "./time.js";

/** How a wire stands: `lost` is an unplugged cable, a refused port; `closed` is our own doing. Neither comes back: another one is opened. */
export type WireState = "open" | "lost" | "closed";

/** A wire on which whole messages come and go, such as SMP's: a datagram socket, or a byte stream with its framing. */
export interface MessageWire extends Wire<Uint8Array, Uint8Array> {
  /** What people call it: a path, a host and port. */
  readonly name: string;
  readonly state: WireState;
  /** Calls back with each line of text that comes between messages, where the wire carries any; returns how to stop it. */
  readonly watchText?: (told: (line: string) => void) => () => void;
  /**
   * Resolves when the machine has taken the whole message. Without `patience` it is given up after five seconds, and the wire is lost:
   * half of a message may have left.
   * @throws `transport/...`, the signal's reason
   */
  readonly send: (message: Uint8Array, patience?: Patience) => Promise<Nanos>;
}
