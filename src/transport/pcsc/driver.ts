import type { TapbenchError } from "../../util/errors.js";
import type { Nanos } from "../../util/time.js";

/** What is known of a reader (SCARD_READERSTATE, PC/SC part 5). */
export interface ReaderState {
  /** A card is there. */
  readonly present: boolean;
  /** It is there and does not answer. */
  readonly mute: boolean;
  /** Another program has it to itself. */
  readonly exclusive: boolean;
  readonly inUse: boolean;
  /** The reader cannot be used: it was unplugged, say. */
  readonly unavailable: boolean;
  /** Answer to reset, where a card is there. For contactless cards the reader makes it up. */
  readonly atr?: Uint8Array | undefined;
}

/** Who else may use the card meanwhile. `direct`: no card is needed, only control codes work. */
export type Sharing = "shared" | "exclusive" | "direct";
/** What becomes of the card when the connection ends. */
export type Leaving = "leave" | "reset" | "unpower";

export interface PcscEvents {
  /** Where the driver says how long its own start may take: that is over, and the service is asked now. */
  started?(): void;
  /** All readers there are, in the service's order: once after opening, then at each change. */
  readers(names: readonly string[]): void;
  /** A listed reader's state: once after it was listed, then at each change. */
  state(reader: string, state: ReaderState): void;
  /** The service went away; this client is of no use any more. */
  closed(cause: TapbenchError): void;
}

/** One program's connection with the PC/SC service. Calls fail with `transport/...`; none of them has a deadline of its own. */
export interface PcscClient {
  readonly connect: (reader: string, share: Sharing) => Promise<void>;
  readonly disconnect: (reader: string, leaving: Leaving) => Promise<void>;
  /** `room`: bytes that the response may have, status word included. */
  readonly transmit: (reader: string, apdu: Uint8Array, room: number) => Promise<Uint8Array>;
  readonly control: (reader: string, code: number, data: Uint8Array, room: number) => Promise<Uint8Array>;
  /** Ends at once whatever goes on: what is under way is rejected. */
  readonly close: () => Promise<void>;
}

/** The native part, as small as it can be: tests give a scripted one. */
export interface PcscDriver {
  /** How long it may take until it can ask the service: a process has to start, say. Absent: no time at all. */
  readonly startsWithin?: Nanos;
  /** `signal`: give up; whatever was started for it ends. @throws `transport/driver-missing`, `transport/no-service` */
  readonly open: (events: PcscEvents, signal: AbortSignal) => Promise<PcscClient>;
}
