import { concat, u16be } from "../../util/bytes.js";
import { vpcdError } from "./errors.js";

/*
 * The wire between virtualsmartcard's reader driver (vpcd, which listens) and its card (vpicc, which connects): a length of two bytes, the most
 * significant first, then that many bytes. Source: the Virtual Smart Card documentation, "Creating a Virtual Smart Card", and vpcd.h.
 */

/** Bodies of one byte are for the card's contacts. Only `atr` is answered; any longer body is a command APDU, which always is. */
export const CONTROLS = { off: 0x00, on: 0x01, reset: 0x02, atr: 0x04 } as const;
export type Control = keyof typeof CONTROLS;

/** TCP ports of the driver's two slots, as Debian's reader.conf.d and the driver's second slot have them. */
export const VPCD_PORTS = [35963, 35964] as const;

export const HEADER_BYTES = 2;
export const MAX_BODY = 0xffff;

/** What the reader says to the card. */
export type VpcdMessage =
  | { readonly kind: Control }
  | { readonly kind: "apdu"; readonly apdu: Uint8Array }
  | { readonly kind: "unknown" };

const CONTROL_OF = new Map<number, Control>(
  Object.entries(CONTROLS).map(([control, code]) => [code, control as Control]),
);

/** A body from the reader. `unknown`: one byte that is no control; it is not answered. */
export function vpcdMessage(body: Uint8Array): VpcdMessage {
  if (body.length > 1) return { kind: "apdu", apdu: body };
  return { kind: CONTROL_OF.get(body[0] ?? -1) ?? "unknown" };
}

/**
 * A body behind its length.
 * @throws `vpcd/empty`: pcscd waits for ever after a response without bytes; `vpcd/too-long` over 65,535 bytes
 */
export function vpcdFrame(body: Uint8Array): Uint8Array {
  if (body.length === 0)
    throw vpcdError("empty", "a message without bytes would stop pcscd for good; send a status word at least", {});
  if (body.length > MAX_BODY)
    throw vpcdError("too-long", `${body.length} bytes do not fit a message of at most ${MAX_BODY}`, {
      length: body.length,
    });
  return concat(u16be(body.length), body);
}
