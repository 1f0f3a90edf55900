import type { Pair } from "./layout.js";
import type { SwapType } from "./slot-trailer.js";

/** Part of a slot or of the scratch area, from its start; bytes. */
export interface Region {
  readonly where: "primary" | "secondary" | "scratch";
  readonly at: number;
}

/** One copy, and the note that says that it is done. Steps may be done twice: each leaves what it copies from as it was. */
export interface Step {
  /** Number of its note in the trailer, and what is written there. */
  readonly entry: number;
  readonly state: number;
  readonly from: Region;
  readonly to: Region;
  readonly bytes: number;
  /** The secondary slot's trailer goes before the copy. */
  readonly dropsTrailer?: boolean;
}

const primary = (at: number): Region => ({ where: "primary", at });
const secondary = (at: number): Region => ({ where: "secondary", at });
const SCRATCH: Region = { where: "scratch", at: 0 };

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

/** Everything up by a sector, from behind; then sector by sector the new image in, the old one out (docs/design.md, "swap using move"). */
export function stepsByMove({ sector, maxSectors }: Pair, count: number): readonly Step[] {
  return [
    ...upTo(count).map((i) => {
      const at = (count - 1 - i) * sector;
      return { entry: i, state: 1, from: primary(at), to: primary(at + sector), bytes: sector };
    }),
    ...upTo(count).flatMap((i) => {
      const at = i * sector;
      const entry = maxSectors + 2 * i;
      return [
        { entry, state: 1, from: secondary(at), to: primary(at), bytes: sector },
        { entry: entry + 1, state: 2, from: primary(at + sector), to: secondary(at), bytes: sector },
      ];
    }),
  ];
}

/** From behind: what the scratch area holds at once goes through it. */
export function stepsByScratch({ sector, scratch }: Pair, count: number): readonly Step[] {
  const atOnce = Math.max(1, Math.floor((scratch?.area.size ?? sector) / sector));
  return upTo(Math.ceil(count / atOnce)).flatMap((i) => {
    const end = count - i * atOnce;
    const first = Math.max(0, end - atOnce);
    const at = first * sector;
    const bytes = (end - first) * sector;
    return [
      { entry: 3 * i, state: 1, from: secondary(at), to: SCRATCH, bytes },
      { entry: 3 * i + 1, state: 2, from: primary(at), to: secondary(at), bytes, dropsTrailer: i === 0 },
      { entry: 3 * i + 2, state: 3, from: SCRATCH, to: primary(at), bytes },
    ];
  });
}

/** The new image lies one sector up: the old one out, the new one in; backwards for a revert (docs/design.md, "swap using offset"). */
export function stepsByOffset({ sector }: Pair, count: number, type: SwapType): readonly Step[] {
  const back = type === "revert";
  return upTo(count).flatMap((i) => {
    const at = (back ? count - 1 - i : i) * sector;
    const out = back ? at + sector : at;
    const into = back ? at : at + sector;
    return [
      { entry: 2 * i, state: 1, from: primary(at), to: secondary(out), bytes: sector },
      { entry: 2 * i + 1, state: 2, from: secondary(into), to: primary(at), bytes: sector },
    ];
  });
}

/** Where a region's bytes are after the first `done` steps, while the next one may have begun: undefined, nowhere whole. */
export function whereNow(start: Region, steps: readonly Step[], done: number): Region | undefined {
  const key = ({ where, at }: Region): string => `${where} ${at}`;
  const copies = new Map([[key(start), start]]);
  for (const { from, to } of steps.slice(0, done)) {
    const copied = copies.has(key(from));
    copies.delete(key(to));
    if (copied) copies.set(key(to), to);
  }
  const next = steps[done];
  if (next) copies.delete(key(next.to));
  return [...copies.values()][0];
}
