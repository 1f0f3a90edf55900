import { concat } from "../../util/bytes.js";
import type { Asking } from "../../util/dialogue.js";
import type { Nanos } from "../../util/time.js";
import { decodeResponse, encodeCommand, MAX_RESPONSE, type CommandApdu, type ResponseApdu } from "./apdu.js";
import { iso7816Error } from "./errors.js";

/** What an exchange of bytes with a card is made of, as the layers above see it. */
export type CardAsking<R> = Asking<CommandApdu, ResponseApdu, R>;

const MAX_PARTS = 1024;

/** Only the logical channel of a class byte: 0 to 3, or 4 to 19 in the further form (ISO/IEC 7816-4 5.1.1). */
const channelBits = (cla: number): number => cla & ((cla & 0x40) === 0 ? 0x03 : 0x4f);

/**
 * One command to its final answer: `61xx` is followed by GET RESPONSE, `6Cxx` repeats the command with the right Le
 * (ISO/IEC 7816-4 5.3.4). Resumes with raw bytes; `took` adds up.
 *
 * @throws `iso7816/short-response`; `iso7816/endless-response` where a card never stops announcing more
 */
export function* exchange(command: CommandApdu): Asking<Uint8Array, Uint8Array, { answer: ResponseApdu; took: Nanos }> {
  let reply = yield encodeCommand(command);
  let took = reply.took;
  let response = decodeResponse(reply.answer);
  if (response.sw >> 8 === 0x6c) {
    reply = yield encodeCommand({ ...command, le: response.sw & 0xff || 256 });
    took += reply.took;
    response = decodeResponse(reply.answer);
  }
  if (response.sw >> 8 !== 0x61) return { answer: response, took };

  const parts = [response.data];
  let length = response.data.length;
  while (response.sw >> 8 === 0x61) {
    reply = yield encodeCommand({
      cla: channelBits(command.cla),
      ins: 0xc0,
      p1: 0,
      p2: 0,
      le: response.sw & 0xff || 256,
    });
    took += reply.took;
    response = decodeResponse(reply.answer);
    parts.push(response.data);
    length += response.data.length;
    if (length > MAX_RESPONSE || parts.length > MAX_PARTS)
      throw iso7816Error("endless-response", "the card keeps announcing more bytes; give up and check the card", {
        parts: parts.length,
        length,
      });
  }
  return { answer: { data: concat(...parts), sw: response.sw }, took };
}
