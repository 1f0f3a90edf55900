import type { TapbenchError } from "../../util/errors.js";

/** A serial port, as the machine lists it. */
export interface SerialPortInfo {
  readonly path: string;
  /** A path that stays the same whatever is plugged in when, where there is one. */
  readonly stable?: string;
  readonly manufacturer?: string;
  readonly serialNumber?: string;
  /** USB identifiers, four lower-case hex digits each. */
  readonly vendorId?: string;
  readonly productId?: string;
}

export interface SerialEvents {
  readonly bytes: (piece: Uint8Array) => void;
  /** The port went away. Not told after `close`. */
  readonly lost: (cause: TapbenchError) => void;
}

/** An open port. */
export interface SerialConnection {
  /** Bytes that come before this is called wait. Once. */
  readonly start: (events: SerialEvents) => void;
  /** Resolves when the machine has taken them all. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** Ends whatever goes on. */
  readonly close: () => Promise<void>;
}

export interface PortSettings {
  readonly path: string;
  /** Bits a second; eight data bits, no parity, one stop bit. */
  readonly baud: number;
}

/** The native part, as small as it can be: tests give a scripted one. */
export interface SerialDriver {
  /** @throws `transport/driver-missing`, `transport/no-port`, `transport/busy`, `transport/no-permission`, `transport/failed` */
  readonly open: (settings: PortSettings) => Promise<SerialConnection>;
  /** @throws `transport/driver-missing` */
  readonly list: () => Promise<readonly SerialPortInfo[]>;
}
