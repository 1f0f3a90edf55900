/** Two sequences side by side: an index of each where they go together, one of them alone where they do not. */
export interface Pair {
  readonly a?: number;
  readonly b?: number;
}

export interface Alignment {
  readonly pairs: readonly Pair[];
  /** The most that can go together does. False: too long for that, aligned piece by piece. */
  readonly exact: boolean;
}

/** Cells of one table: two steps each, so that two sequences of 2,000 steps between their common ends still fit. */
export const MOST_CELLS = 4_000_000;
/** Beyond that: steps of one piece. What moved further than this is not found again. */
export const PIECE = 500;

/**
 * The longest common subsequence of names, in order: what is left is only in one of them. Common beginnings and ends cost nothing. What is between
 * them is done in one table of `mostCells`, and piece by piece beyond that: memory and time stay bounded, however long the sequences are.
 */
export function align(a: readonly string[], b: readonly string[], mostCells = MOST_CELLS, piece = PIECE): Alignment {
  const numbers = new Map<string, number>();
  const numbered = (names: readonly string[]): Uint32Array =>
    Uint32Array.from(names, (name) => {
      const known = numbers.get(name) ?? numbers.size;
      numbers.set(name, known);
      return known;
    });
  const left = numbered(a);
  const right = numbered(b);
  let from = 0;
  while (from < left.length && from < right.length && left[from] === right[from]) from++;
  let tail = 0;
  const most = Math.min(left.length, right.length) - from;
  while (tail < most && left[left.length - 1 - tail] === right[right.length - 1 - tail]) tail++;

  const pairs: Pair[] = [];
  for (let i = 0; i < from; i++) pairs.push({ a: i, b: i });
  const endA = left.length - tail;
  const endB = right.length - tail;
  const exact = (endA - from) * (endB - from) <= mostCells;
  if (exact) for (const pair of table(left, right, from, endA, from, endB)) pairs.push(pair);
  else piecewise(left, right, from, endA, endB, piece, pairs);
  for (let i = 0; i < tail; i++) pairs.push({ a: endA + i, b: endB + i });
  return { pairs, exact };
}

/** Pieces that overlap: of each only what goes together in its first three quarters is believed. */
function piecewise(
  a: Uint32Array,
  b: Uint32Array,
  from: number,
  endA: number,
  endB: number,
  piece: number,
  pairs: Pair[],
): void {
  let i = from;
  let j = from;
  while (i < endA && j < endB) {
    const untilA = Math.min(endA, i + piece);
    const untilB = Math.min(endB, j + piece);
    const found = table(a, b, i, untilA, j, untilB);
    const last = untilA === endA && untilB === endB;
    const sure = found.findLastIndex(
      ({ a: x, b: y }) => x !== undefined && y !== undefined && x < i + (piece * 3) / 4 && y < j + (piece * 3) / 4,
    );
    const taken = last || sure < 0 ? found : found.slice(0, sure + 1);
    for (const pair of taken) {
      pairs.push(pair);
      if (pair.a !== undefined) i = pair.a + 1;
      if (pair.b !== undefined) j = pair.b + 1;
    }
  }
  for (; i < endA; i++) pairs.push({ a: i });
  for (; j < endB; j++) pairs.push({ b: j });
}

/** One table: a bit a cell tells whether both went on together, or which of them went on alone. */
function table(a: Uint32Array, b: Uint32Array, fromA: number, endA: number, fromB: number, endB: number): Pair[] {
  const rows = endA - fromA;
  const columns = endB - fromB;
  const steps = new Uint8Array(rows * columns); // 0: together, 1: a alone, 2: b alone
  let above = new Uint32Array(columns + 1);
  let row = new Uint32Array(columns + 1);
  // From the end, so that the way is read from the beginning: of equal ways the one that pairs early is taken.
  for (let i = rows - 1; i >= 0; i--) {
    row[columns] = 0;
    for (let j = columns - 1; j >= 0; j--) {
      if (a[fromA + i] === b[fromB + j]) {
        row[j] = above[j + 1]! + 1;
        continue;
      }
      const alone = above[j]! >= row[j + 1]! ? 1 : 2;
      row[j] = alone === 1 ? above[j]! : row[j + 1]!;
      steps[i * columns + j] = alone;
    }
    [above, row] = [row, above];
  }
  const pairs: Pair[] = [];
  let i = 0;
  let j = 0;
  while (i < rows && j < columns) {
    const step = steps[i * columns + j]!;
    if (step === 0) pairs.push({ a: fromA + i++, b: fromB + j++ });
    else if (step === 1) pairs.push({ a: fromA + i++ });
    else pairs.push({ b: fromB + j++ });
  }
  for (; i < rows; i++) pairs.push({ a: fromA + i });
  for (; j < columns; j++) pairs.push({ b: fromB + j });
  return pairs;
}
