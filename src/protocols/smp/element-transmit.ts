import type { Dialogue, Reply } from "../../util/dialogue.js";
import type { Nanos } from "../../util/time.js";
import { smpError } from "./errors.js";
import { element } from "./groups/element.js";
import { HEADER_BYTES } from "./header.js";
import type { SmpPoller } from "./poller.js";

/** Bytes of a command that fit one request: header, map, keys and lengths take the rest. */
const OVERHEAD = HEADER_BYTES + 32;
const MAX_RESPONSE = 65_538;

/**
 * One APDU to the device's secure element, in pieces where it is longer than the device's buffer. `took` is what the device says that the
 * element needed. A lost answer is not asked for again: the command may have been done.
 * @throws `smp/refused`, `smp/no-answer`, `smp/wrong-transfer`
 */
export function* transmitApdu(
  poller: SmpPoller,
  apdu: Uint8Array,
  { bufferBytes, within }: { readonly bufferBytes: number; readonly within?: Nanos },
): Dialogue<Uint8Array, Uint8Array, Reply<Uint8Array>> {
  const piece = Math.max(1, bufferBytes - OVERHEAD);
  const len = apdu.length;
  for (let off = 0; ;) {
    const d = apdu.subarray(off, off + piece);
    const request = len <= piece ? { d } : { d, off, len };
    const answer = yield* poller.ask(element.transmit, request, within);
    off += d.length;
    if (answer.r) return { answer: yield* rest(poller, answer.r, answer.len), took: answer.took ?? 0 };
    if (answer.off !== off || off >= len)
      throw smpError("wrong-transfer", "the device lost its place in a long command; send it again", {
        off: answer.off,
        expected: off,
      });
  }
}

function* rest(
  poller: SmpPoller,
  first: Uint8Array,
  total: number | undefined,
): Dialogue<Uint8Array, Uint8Array, Uint8Array> {
  if (total === undefined || total === first.length) return first;
  const whole = new Uint8Array(Math.min(total, MAX_RESPONSE));
  const lost = () => smpError("wrong-transfer", "the device lost its place in a long response", { total });
  if (first.length > whole.length) throw lost();
  whole.set(first);
  for (let off = first.length; off < whole.length;) {
    const { r, off: at } = yield* poller.ask(element.more, { off });
    if (at !== off || r.length === 0 || off + r.length > whole.length) throw lost();
    whole.set(r, off);
    off += r.length;
  }
  return whole;
}
