import { connect } from "node:net";
import { encodeResponse, status } from "../../src/protocols/iso7816/apdu.js";
import { SW } from "../../src/protocols/iso7816/status.js";
import { HEADER_BYTES, MAX_BODY, vpcdFrame, vpcdMessage } from "../../src/protocols/vpcd/messages.js";
import { EMPTY_STREAM, vpcdReceive } from "../../src/protocols/vpcd/stream.js";
import { isTapbenchError } from "../../src/util/errors.js";
import type { QuickAck } from "./quick-ack.js";

/** A card in a reader, as the driver drives it. */
export interface CardInReader {
  /** As powered up last; undefined: there is none. */
  readonly atr: () => Uint8Array | undefined;
  readonly powerOn: () => void;
  readonly powerOff: () => void;
  readonly reset: () => void;
  /** A response of two bytes or more; undefined: the card was lost during the command. */
  readonly transmit: (apdu: Uint8Array) => Uint8Array | undefined | Promise<Uint8Array | undefined>;
}

export interface VpcdOptions {
  readonly host: string;
  readonly port: number;
  readonly card: CardInReader;
  /** Absent: the driver holds most commands back for 40 ms. */
  readonly quickAck?: QuickAck | undefined;
  /** Milliseconds after which a command is answered `6F00` whatever the card does: pcscd would wait for it, and everybody for pcscd. */
  readonly watchdog: number;
  readonly events: VpcdEvents;
}

export interface VpcdEvents {
  /** pcscd knows the card and its ATR. Once a connection. */
  readonly visible: (atr: Uint8Array) => void;
  readonly exchanged: (command: Uint8Array, response: Uint8Array) => void;
  /** The watchdog answered, or something broke in the card. */
  readonly trouble: (says: string, cause?: unknown) => void;
  /** The connection is gone. `torn`: in the middle of a command, after which the driver wants to be left alone for a while. */
  readonly closed: (torn: boolean) => void;
}

export interface VpcdConnection {
  /** Takes the card out. `closed` comes when the driver has noticed, at its next look. */
  close(): void;
}

/** A command APDU of four bytes asks for no data: its answer has two (ISO/IEC 7816-4 5.1, case 1). */
const CASE_1 = 4;
/** pcscd finds a card with two looks at its ATR, powers it up and looks again. Once more without that: it has not noticed that a card was out. */
const LOOKS_AT_KNOWN_CARD = 3;
/** The driver looks every 400 ms; later than this nobody is there any more. */
const LEAVES_WITHIN = 2000;

/**
 * Puts a card into a slot of vpcd, the virtual reader of pcscd: connects, and answers until either side closes.
 *
 * The driver writes a message's length and body separately, and its kernel holds the body back until the length is acknowledged. Ours would
 * take 40 ms over that, so it is told to do it at once whenever a length has come alone. Without that, a first byte of the answer
 * acknowledges as well, but it fixes the answer's length below 256 and nothing but the command's length is known then.
 */
export function openVpcd(options: VpcdOptions): Promise<VpcdConnection> {
  const { card, quickAck, events } = options;
  const socket = connect({ host: options.host, port: options.port, noDelay: true });
  let stream = EMPTY_STREAM;
  const waiting: Uint8Array[] = [];
  /** A command is with the card. */
  let busy = false;
  let poweredUp = false;
  let looks = 0;
  let seen = false;
  /** The first byte of the answer has been sent. */
  let begun = false;
  /** The card is being taken out: nothing is answered any more. */
  let leaving: NodeJS.Timeout | undefined;
  let torn = false;

  const answer = (response: Uint8Array): void => {
    const frame = vpcdFrame(response);
    socket.write(begun ? frame.subarray(1) : frame);
    begun = false;
  };

  function control(kind: "off" | "on" | "reset"): void {
    poweredUp = kind !== "off";
    if (kind === "off") card.powerOff();
    else if (kind === "on") card.powerOn();
    else card.reset();
  }

  function tellAtr(): void {
    const atr = card.atr();
    if (!atr) return void socket.destroy();
    answer(atr);
    looks++;
    if (seen || !(poweredUp || looks >= LOOKS_AT_KNOWN_CARD)) return;
    seen = true;
    events.visible(atr);
  }

  function responded(command: Uint8Array, response: Uint8Array | undefined): void {
    busy = false;
    if (leaving || socket.destroyed) return;
    if (!response) {
      torn = true;
      return void socket.destroy(); // pcscd hands on a response without a status word
    }
    const fits = response.length >= 2 && response.length <= (begun ? 0xff : MAX_BODY);
    const sent = fits ? response : NO_DIAGNOSIS;
    answer(sent);
    events.exchanged(command, sent);
  }

  const broke = (command: Uint8Array, error: unknown): void => {
    events.trouble("the card broke on a command, which was answered 6F00; it is taken out", error);
    responded(command, NO_DIAGNOSIS);
    leave();
  };

  function leave(): void {
    if (leaving) return;
    torn ||= busy;
    leaving = setTimeout(() => socket.destroy(), LEAVES_WITHIN);
    socket.end(); // we still hear what the driver says until it looks at an end of file: it may be in a command
  }

  function command(apdu: Uint8Array): void {
    busy = true;
    let response: ReturnType<CardInReader["transmit"]>;
    try {
      response = card.transmit(apdu);
    } catch (error) {
      return broke(apdu, error);
    }
    if (!(response instanceof Promise)) return responded(apdu, response);
    let settled = false;
    const once = (settle: () => void): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      settle();
      work();
    };
    const timer = setTimeout(
      () =>
        once(() => {
          events.trouble(`the card did not answer within ${options.watchdog} ms; the command was answered 6F00`);
          responded(apdu, NO_DIAGNOSIS);
        }),
      options.watchdog,
    );
    response.then(
      (bytes) => once(() => responded(apdu, bytes)),
      (error: unknown) => once(() => broke(apdu, error)),
    );
  }

  function work(): void {
    while (!busy && !leaving && !socket.destroyed) {
      const body = waiting.shift();
      if (!body) return;
      const message = vpcdMessage(body);
      if (message.kind === "apdu") command(message.apdu);
      else if (message.kind === "atr") tellAtr();
      else if (message.kind === "unknown")
        events.trouble("the driver sent a control that is not known; it was ignored");
      else control(message.kind);
    }
  }

  function take(piece: Buffer): void {
    const { stream: rest, bodies, awaited } = vpcdReceive(stream, piece);
    stream = rest;
    if (leaving) {
      torn ||= bodies.some(isCommand);
      return;
    }
    if (awaited !== undefined)
      if (quickAck) quickAck(socket);
      else if (awaited === CASE_1 && !busy && bodies.length === 0) {
        socket.write(FIRST_LENGTH_BYTE);
        begun = true;
      }
    waiting.push(...bodies);
    work();
  }

  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      socket.on("error", () => {}); // what matters is that it closes
      socket.on("data", (piece: Buffer) => {
        try {
          take(piece);
        } catch (error) {
          if (!isTapbenchError(error)) throw error;
          events.trouble(error.message, error);
          socket.destroy();
        }
      });
      socket.on("close", () => {
        clearTimeout(leaving);
        events.closed(torn || busy || stream.wanted > CONTROL_FRAME);
      });
      resolve({ close: leave });
    });
  });
}

const isCommand = (body: Uint8Array): boolean => body.length > 1;
const CONTROL_FRAME = HEADER_BYTES + 1;
const NO_DIAGNOSIS = encodeResponse(status(SW.noDiagnosis));
const FIRST_LENGTH_BYTE = Uint8Array.of(0);
