/*
 * Room for objects: in the smallest hole that is large enough, the lowest of those; where holes are large enough together only, objects are moved
 * down into holes first.
 */

/** Bytes of memory that an object has, whole granules. */
export interface Piece {
  readonly offset: number;
  readonly length: number;
}

export interface HeapArea {
  readonly from: number;
  readonly to: number;
  /** Objects start at multiples of it. */
  readonly granule: number;
  /** What is written in one operation. */
  readonly page: number;
}

export const rounded = (length: number, { granule }: HeapArea): number => Math.ceil(length / granule) * granule;

/** The holes between pieces, which come in order. */
function* holes(pieces: readonly Piece[], { from, to }: HeapArea): Generator<Piece> {
  let at = from;
  for (const { offset, length } of pieces) {
    if (offset > at) yield { offset: at, length: offset - at };
    at = offset + length;
  }
  if (at < to) yield { offset: at, length: to - at };
}

/** The hole that fits best; undefined: none does. */
function bestHole(all: Iterable<Piece>, length: number, below = Infinity): Piece | undefined {
  let best: Piece | undefined;
  for (const hole of all) {
    if (hole.offset >= below) break;
    if (hole.length >= length && (!best || hole.length < best.length)) best = hole;
  }
  return best;
}

function insert(pieces: Piece[], piece: Piece): void {
  let at = pieces.length;
  while (at > 0 && pieces[at - 1]!.offset > piece.offset) at--;
  pieces.splice(at, 0, piece);
}

/**
 * Places for objects of these lengths beside the pieces, which come in order; undefined: there is no room. An object without bytes needs none. What
 * makes a page at most comes together where that is possible: one operation, and a page worn once.
 */
export function placesFor(
  pieces: readonly Piece[],
  area: HeapArea,
  lengths: readonly number[],
): readonly number[] | undefined {
  const left = [...holes(pieces, area)];
  const sum = lengths.reduce((total, length) => total + rounded(length, area), 0);
  let at = lengths.length > 1 && sum <= area.page ? bestHole(left, sum)?.offset : undefined;
  if (at !== undefined)
    return lengths.map((length) => {
      const place = at!;
      at = place + rounded(length, area);
      return place;
    });
  const places: number[] = [];
  for (const wanted of lengths) {
    const length = rounded(wanted, area);
    const hole = length === 0 ? { offset: area.from, length } : bestHole(left, length);
    if (!hole) return undefined;
    places.push(hole.offset);
    if (length > 0) left[left.indexOf(hole)] = { offset: hole.offset + length, length: hole.length - length };
  }
  return places;
}

export interface Move<P extends Piece> {
  readonly piece: P;
  readonly to: number;
}

/**
 * Moves, each from the top into a hole below that holds it whole, after which objects of these lengths have room; undefined: there are none.
 * No piece is moved twice.
 */
export function movesFor<P extends Piece>(
  pieces: readonly P[],
  area: HeapArea,
  lengths: readonly number[],
): readonly Move<P>[] | undefined {
  const taken: Piece[] = [...pieces];
  const moves: Move<P>[] = [];
  for (const piece of pieces.toReversed()) {
    const to = bestHole(holes(taken, area), piece.length, piece.offset)?.offset;
    if (to === undefined || to + piece.length > piece.offset) continue;
    moves.push({ piece, to });
    taken.splice(taken.indexOf(piece), 1);
    insert(taken, { offset: to, length: piece.length });
    if (placesFor(taken, area, lengths)) return moves;
  }
  return undefined;
}
