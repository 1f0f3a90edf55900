import { randomBytes } from "node:crypto";
import { seError } from "../device/se/errors.js";
import type { ReaderProfile } from "../profiles/types.js";
import { element as overSmp } from "../protocols/smp/groups/element.js";
import { exchange, type CardAsking } from "../protocols/iso7816/poller.js";
import { converse, type Link } from "../util/converse.js";
import { over, type Dialogue, type Reply } from "../util/dialogue.js";
import { isTapbenchError } from "../util/errors.js";
import type { Patience } from "../util/patience.js";
import { seededRandom } from "../util/random.js";
import { SECOND, type Nanos } from "../util/time.js";
import type { Tracer } from "../util/tracer.js";
import type { Bench } from "./bench.js";
import type { EmulatedBenchDevice } from "./emulated-devices.js";
import type { ManagedBenchDevice } from "./managed.js";
import type { CardBenchDevice } from "./pcsc.js";

/** A way to the secure element of a device, whatever the device is. */
export interface Element {
  readonly via: "contactless" | "wired";
  readonly times: "measured" | "simulated";
  readonly title: string;
  /** Made for this run: nothing of it lasts, so nothing about it is worth remembering. */
  readonly fresh: boolean;
  readonly atr?: Uint8Array;
  /** What is known of the reader in between. */
  readonly reader?: ReaderProfile;
  /** As the reader tells it; undefined: there is none, or it does not. */
  readonly uid: () => Promise<Uint8Array | undefined>;
  /** Draws host challenges. */
  readonly challenge: (bytes: number) => Uint8Array;
  /** On the clock that `apdu` measures with. */
  readonly now: () => Nanos;
  /** One APDU, raw, there and back. */
  readonly apdu: (apdu: Uint8Array, patience: Patience) => Promise<Reply<Uint8Array>>;
  /** Lets go: whatever was open in the element is closed. */
  readonly close: () => Promise<void>;
}

export interface OpenElementOptions {
  /** Card that an emulated device is to hold; absent: it is as it left the factory, or its state. */
  readonly card?: string | undefined;
  /** An emulated device without a card gets the usual one. */
  readonly furnish?: boolean;
  /** The device is kept from run to run. */
  readonly kept?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** For one answer: installing takes an element its time. */
const ANSWER: Nanos = 30 * SECOND;
const RELEASE: Nanos = 2 * SECOND;

/** The element of the device that the spec names. @throws as `Bench.open` and `Bench.provision` */
export async function openElement(bench: Bench, spec: string, options: OpenElementOptions = {}): Promise<Element> {
  const device = await bench.open(spec, options.signal);
  switch (device.kind) {
    case "emulated":
      return emulatedElement(bench, device, options);
    case "card":
      return elementOnReader(device, options);
    case "managed":
      return managedElement(device, options);
  }
}

async function emulatedElement(
  bench: Bench,
  device: EmulatedBenchDevice,
  { card, furnish = false, kept = false }: OpenElementOptions,
): Promise<Element> {
  const { emulated, title } = device;
  // Virtual time begins with the bench, and passes in this device only.
  let now: Nanos = 0;
  if (card !== undefined || furnish) {
    const held = await bench.furnish(device, card);
    if ("took" in held) now = held.took;
  }
  const challenges = seededRandom(bench.seed).fork("host challenges");
  const forget = (): void => emulated.element.powerOff("wired");
  forget();
  return {
    via: "wired",
    times: "simulated",
    title,
    fresh: !kept,
    uid: async () => undefined,
    challenge: (bytes) => challenges.bytes(bytes),
    now: () => now,
    apdu: async (apdu) => {
      const { response, took } = emulated.wired(apdu);
      now += took;
      return { answer: response, took };
    },
    close: async () => forget(),
  };
}

async function elementOnReader(device: CardBenchDevice, { signal }: OpenElementOptions): Promise<Element> {
  const { card, wait, title } = device;
  try {
    const atr = await card.activate({ within: wait, signal });
    return {
      via: "contactless",
      times: "measured",
      title,
      fresh: false,
      atr,
      ...(card.model && { reader: card.model }),
      uid: async () => (await card.facts({ within: ANSWER, signal })).uid,
      challenge: (bytes) => new Uint8Array(randomBytes(bytes)),
      now: () => card.now,
      apdu: (apdu, patience) => card.apdu(apdu, patience),
      async close() {
        try {
          await card.release({ within: RELEASE });
        } finally {
          await device.close();
        }
      },
    };
  } catch (error) {
    await device.close();
    throw error;
  }
}

/** Over SMP: whoever had the element before, and whatever was open in it, it is reset first and last. */
async function managedElement(device: ManagedBenchDevice, { signal }: OpenElementOptions): Promise<Element> {
  const { management, title, clock } = device;
  const reset = (patience: Patience) => management.request(overSmp.reset, {}, patience);
  try {
    const { atr } = await reset({ within: ANSWER, signal });
    return {
      via: "wired",
      times: "measured",
      title,
      fresh: false,
      atr,
      uid: async () => undefined,
      challenge: (bytes) => new Uint8Array(randomBytes(bytes)),
      now: () => clock.now(),
      async apdu(apdu, patience) {
        const { answer, from, until } = await management.apdu(apdu, patience);
        return { answer, took: until - from };
      },
      async close() {
        try {
          await reset({ within: RELEASE });
        } finally {
          await device.close();
        }
      },
    };
  } catch (error) {
    await device.close();
    throw error;
  }
}

export interface AskOptions {
  readonly tracer?: Tracer | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a dialogue with an element. The signal stops it between commands: one that is on its way is let finish, so that nobody has to guess what the
 * element made of it. @throws what the dialogue throws; `se/garbled-answer` in place of `codec/...`
 */
export async function askElement<R>(
  element: Element,
  dialogue: CardAsking<R>,
  { tracer, signal }: AskOptions = {},
): Promise<R> {
  const link: Link<Uint8Array, Uint8Array> = {
    async turn({ send, within }) {
      const command = send[0]!;
      const at = element.now();
      const { answer, took } = await element.apdu(command, { within });
      tracer?.record({ layer: "apdu", at, took, command, response: answer, via: element.via });
      return { at: at + took, sentAt: at, got: answer };
    },
    close: async () => {},
  };
  try {
    return await converse(
      over(dialogue, (command) => over(exchange(command), carry)),
      link,
      signal ? { signal } : {},
    );
  } catch (error) {
    if (!isTapbenchError(error) || !error.code.startsWith("codec/")) throw error;
    throw seError(
      "garbled-answer",
      `the element answered something that makes no sense (${error.message}); the session is given up`,
      error.context,
      error,
    );
  }
}

function* carry(apdu: Uint8Array): Dialogue<Uint8Array, Uint8Array, Reply<Uint8Array>> {
  const { at, sentAt, got } = yield { send: [apdu], within: ANSWER };
  return { answer: got!, took: at - sentAt };
}
