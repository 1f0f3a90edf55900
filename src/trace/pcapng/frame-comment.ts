import type { FrameRecord } from "../../util/tracer.js";

/** What a frame's record says and a capture has no field for. It goes along as the packet's comment, for people and for the way back. */
export type FrameFacts = Pick<FrameRecord, "bits" | "kbps" | "took" | "fault">;

/** `7 bits at 106 kbit/s, 84956 ns on the air, corrupted`. */
export const frameComment = ({ bits, kbps, took, fault }: FrameFacts): string =>
  `${bits} bits at ${kbps} kbit/s, ${took} ns on the air${fault === undefined ? "" : `, ${fault}`}`;

const FORM =
  /^(\d{1,6}) bits at (\d{1,6}(?:\.\d{1,6})?) kbit\/s, (\d{1,15}) ns on the air(?:, (lost|corrupted|collision))?$/;

/** The facts of a comment that `frameComment` wrote for a frame of that many bytes; undefined for any other text. */
export function factsOf(comment: string, bytes: number): FrameFacts | undefined {
  const match = FORM.exec(comment);
  if (!match) return undefined;
  const [bits, kbps, took] = [match[1], match[2], match[3]].map(Number) as [number, number, number];
  if (bits > bytes * 8 || kbps <= 0) return undefined;
  const fault = match[4] as FrameRecord["fault"];
  return { bits, kbps, took, ...(fault && { fault }) };
}
