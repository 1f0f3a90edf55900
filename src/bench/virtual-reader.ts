import type { EmulatedDevice } from "../../emulator/device.js";
import { quickAckSupport } from "../../emulator/faces/quick-ack.js";
import type { CardInReader } from "../../emulator/faces/vpcd.js";
import { VpcdSlot, type SlotEvents } from "../../emulator/faces/vpcd-slot.js";
import { ContactlessReader } from "../../emulator/reader/reader.js";
import type { Sim } from "../../emulator/sim/sim.js";
import { FDT_PCD_ISO } from "../protocols/iso14443/timing.js";
import { VPCD_PORTS } from "../protocols/vpcd/messages.js";
import type { Tracer } from "../util/tracer.js";

/** Where pcscd's virtual reader is, and who wants to know what it does with the card. */
export interface ShowOptions {
  readonly host?: string | undefined;
  /** TCP port of the slot; default: the one that the driver has for `slot`. */
  readonly port?: number | undefined;
  readonly slot?: 1 | 2 | undefined;
  readonly events: SlotEvents;
  /** Aborts the wait for pcscd. */
  readonly signal?: AbortSignal | undefined;
}

/** An emulated device on a reader that other programs see. */
export interface ShownDevice {
  /** As PC/SC calls it. */
  readonly reader: string;
  /** Why answers take 40 ms longer than they need to; undefined: they do not. */
  readonly slow: string | undefined;
  readonly atr: Uint8Array;
  place(): void;
  remove(): void;
  /** Takes the device away for good; resolves when nothing is open any more. */
  close(): Promise<void>;
}

const LOOPBACK = "127.0.0.1";
/** A reader of today: frames of 256 bytes, all bit rates, each failure repeated twice. */
const READER = { reader: { fsdi: 8, maxRate: 8, retries: 2 }, frameDelay: FDT_PCD_ISO } as const;
/** Nothing that a device computes takes so long; the driver itself gives up later. */
const WATCHDOG_MS = 5000;
/** pcscd looks for a card every 400 ms. */
const PATIENCE_MS = 8000;

/**
 * Puts an emulated device on pcscd's virtual reader.
 * @throws `emulator/no-reader-driver`, `emulator/slot-taken`, `iso14443/...` when the device cannot be activated
 */
export async function showOnReader(
  sim: Sim,
  device: EmulatedDevice,
  tracer: Tracer | undefined,
  options: ShowOptions,
): Promise<ShownDevice> {
  const { slot = 1, host = LOOPBACK, port = VPCD_PORTS[slot - 1]!, events } = options;
  const reader = new ContactlessReader(sim, device, { ...READER, tracer });
  reader.place();
  const card = cardIn(reader);
  card.powerOn();
  const atr = card.atr();
  if (!atr) throw reader.failure!;

  const support = await quickAckSupport();
  const vpcd = new VpcdSlot({
    host,
    port,
    card,
    quickAck: "lacks" in support ? undefined : support.acknowledge,
    watchdog: WATCHDOG_MS,
    patience: PATIENCE_MS,
    events,
  });
  await vpcd.open(options.signal);
  return {
    reader: `Virtual PCD 00 0${slot - 1}`,
    slow: "lacks" in support ? support.lacks : undefined,
    atr,
    place() {
      reader.place();
      vpcd.insert();
    },
    remove() {
      vpcd.eject();
      reader.remove();
    },
    async close() {
      await vpcd.close();
      reader.remove();
    },
  };
}

/** The reader as the driver drives it: it asks for the ATR whether the card has power or not. */
export function cardIn(reader: ContactlessReader): CardInReader {
  let atr: Uint8Array | undefined;
  return {
    atr: () => atr,
    powerOn: () => void (atr = reader.powerOn()),
    powerOff: () => reader.powerOff(),
    reset: () => void (atr = reader.reset()),
    transmit(apdu) {
      const known = atr;
      atr = undefined; // lost, or broken, unless there is a response
      const response = reader.transmit(apdu);
      if (response) atr = known;
      return response;
    },
  };
}
