import type { DolFormat } from "../codec/dol.js";
import { tagRow, tagRows } from "./dictionary/lookup.js";

/** Which way a DOL cuts and pads the tag's value. Where kernels disagree and none is named, the first one's way. */
export function dolFormat(tag: number, scope?: string): DolFormat {
  const format = (tagRow(tag, scope) ?? tagRows(tag)[0])?.format;
  return format === "n" || format === "cn" ? format : "other";
}

/** Data objects by tag: what a kernel has collected, what a terminal is set up with. */
export type DataObjects = ReadonlyMap<number, Uint8Array>;
