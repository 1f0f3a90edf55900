import { plain, type Paint } from "./paint.js";

/** A named part of something that is no TLV: an APDU, an ATR, a certificate. */
export interface Field {
  readonly name: string;
  /** Hex, or digits. */
  readonly value?: string;
  /** What it means. */
  readonly says?: string;
  /** It is not as it has to be. */
  readonly wrong?: true;
}

/** A line each, names in a column. */
export function renderFields(fields: readonly Field[], paint: Paint = plain, indent = ""): string[] {
  const width = Math.max(0, ...fields.map(({ name }) => name.length));
  return fields.map(({ name, value, says, wrong }) => {
    const parts = [paint("name", name.padEnd(width))];
    if (value !== undefined) parts.push(paint("value", value === "" ? "(empty)" : value));
    if (says !== undefined) parts.push(paint(wrong ? "bad" : "meaning", value === undefined ? says : `= ${says}`));
    return `${indent}${parts.join("  ")}`;
  });
}
