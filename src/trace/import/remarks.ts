/** Where in a log something stands, counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Collects what was odd in a file and did not stop the reading. Sentences hold places and counts, never what the file says. */
export interface Remarks {
  add(place: Place, says: string): void;
  /** About the file as a whole. */
  note(says: string): void;
  list(): readonly string[];
}

const MOST = 20;

/** The first twenty, and how many there were. */
export function remarkList(): Remarks {
  const notes: string[] = [];
  const first: string[] = [];
  let count = 0;
  return {
    add({ line, column }, says) {
      if (count++ < MOST) first.push(`line ${line}, column ${column}: ${says}`);
    },
    note(says) {
      if (!notes.includes(says)) notes.push(says);
    },
    list: () => [...first, ...(count > MOST ? [`${count - MOST} more lines were odd, ${count} in all`] : []), ...notes],
  };
}
