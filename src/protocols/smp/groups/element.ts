import { blob, cborMessage, maybe, uint } from "../../../codec/cbor-fields.js";
import { commandsOf, LONG_BYTES, Nothing } from "../command.js";

/*
 * The device's secure element over its wired interface. A command or response that does not fit the device's buffer goes in pieces: the
 * command's at growing offsets, of which the last one is answered with the response's first piece.
 */
const SOURCE = "tapbench, group 64";

const TransmitRequest = cborMessage("smp.element.TRANSMIT_REQUEST", SOURCE, {
  d: [blob(LONG_BYTES), "command APDU, or a piece of it"],
  off: [maybe(uint()), "where the piece lies; 0 when absent"],
  len: [maybe(uint(65_544)), "length of the whole command, where this is not all of it"],
});
const TransmitResponse = cborMessage("smp.element.TRANSMIT_RESPONSE", SOURCE, {
  r: [maybe(blob(LONG_BYTES)), "response APDU, or its first piece"],
  off: [maybe(uint()), "bytes of the command taken so far, while some are missing"],
  len: [maybe(uint(65_538)), "length of the whole response, where this is not all of it"],
  took: [maybe(uint()), "nanoseconds that the element needed"],
});
const MoreRequest = cborMessage("smp.element.MORE_REQUEST", SOURCE, {
  off: [uint(), "first byte wanted of the last response"],
});
const MoreResponse = cborMessage("smp.element.MORE_RESPONSE", SOURCE, {
  off: [uint(), "where the piece lies"],
  r: [blob(LONG_BYTES), "piece of the response"],
});
const Atr = cborMessage("smp.element.ATR", SOURCE, { atr: [blob(33), "answer to reset (ISO/IEC 7816-3 8.2)"] });

const command = commandsOf(64, "element");

export const element = {
  transmit: command("transmit", 0, "once", "an APDU on the wired interface", TransmitRequest, TransmitResponse),
  more: command("more", 0, "read", "a further piece of the last response", MoreRequest, MoreResponse),
  reset: command("reset", 1, "write", "takes the element's power away and gives it back", Nothing, Atr),
  atr: command("atr", 2, "read", "its answer to reset", Nothing, Atr),
} as const;
