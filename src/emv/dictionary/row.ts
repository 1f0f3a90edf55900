/** How a value is written: numeric, compressed numeric, binary, letters, letters and digits, those and special characters, or it holds other objects. */
export type TagFormat = "n" | "cn" | "b" | "a" | "an" | "ans" | "template";

/**
 * Who gives a tag its meaning where not everybody agrees: the contactless kernels, Interac's (which has no book), the smart card world
 * outside of payment (`gp`: GlobalPlatform).
 */
export type Scope = "c2" | "c3" | "c4" | "c5" | "c6" | "c7" | "c8" | "interac" | "gp";

/** One meaning of one tag. */
export interface TagRow {
  readonly tag: number;
  readonly name: string;
  readonly format: TagFormat;
  /** Shortest and longest value in bytes. */
  readonly length: readonly [min: number, max: number];
  /** Templates in which it is found; none: it is a terminal's, or stands alone. */
  readonly templates: readonly number[];
  /** Document, and table or annex where that is known for sure. */
  readonly source: string;
  /** Who means this by the tag; absent: everybody. */
  readonly scope?: Scope;
  /** The tag means this inside its templates only. */
  readonly inside?: true;
}

/** A row as it stands in a table: templates are hex tags with spaces between them, the source is the table's unless given. */
export type TagEntry = readonly [
  tag: number,
  name: string,
  format: TagFormat,
  min: number,
  max: number,
  templates?: string,
  source?: string,
];

/** Rows of one origin. */
export interface TagTable {
  readonly source: string;
  readonly scope?: Scope;
  readonly inside?: true;
  readonly rows: readonly TagEntry[];
}
