/*
 * Which data objects the card may give this kernel, in which template, and how long they may be (Book C-2 Annex A: "update conditions"
 * with signal RA). What is not listed is not known to the kernel and passes unread, as long as it is signed over as it came.
 */

/** Places where a card's data object may stand. */
export const IN = { fci: 1, proprietary: 2, discretionary: 4, record: 8, response: 16 } as const;

const RECORD_OR_RESPONSE = IN.record | IN.response;

type Row = readonly [tag: number, where: number, min: number, max: number];

const FROM_CARD: readonly Row[] = [
  [0x84, IN.fci, 5, 16],
  [0x50, IN.proprietary, 0, 16],
  [0x87, IN.proprietary, 1, 1],
  [0x5f2d, IN.proprietary, 2, 8],
  [0x9f11, IN.proprietary, 1, 1],
  [0x9f12, IN.proprietary, 0, 16],
  [0x9f38, IN.proprietary, 0, 240],
  [0x9f5d, IN.discretionary, 3, 32],
  [0x9f6e, IN.discretionary | RECORD_OR_RESPONSE, 5, 32],
  [0x82, IN.response, 2, 2],
  [0x94, IN.response, 0, 248],
  [0x57, RECORD_OR_RESPONSE, 0, 19],
  [0x5a, RECORD_OR_RESPONSE, 0, 10],
  [0x5f20, RECORD_OR_RESPONSE, 2, 26],
  [0x5f24, RECORD_OR_RESPONSE, 3, 3],
  [0x5f25, RECORD_OR_RESPONSE, 3, 3],
  [0x5f28, RECORD_OR_RESPONSE, 2, 2],
  [0x5f30, RECORD_OR_RESPONSE, 2, 2],
  [0x5f34, RECORD_OR_RESPONSE, 1, 1],
  [0x8c, RECORD_OR_RESPONSE, 0, 250],
  [0x8e, RECORD_OR_RESPONSE, 0, 250],
  [0x8f, RECORD_OR_RESPONSE, 1, 1],
  [0x90, RECORD_OR_RESPONSE, 0, 248],
  [0x92, RECORD_OR_RESPONSE, 0, 248],
  [0x9f07, RECORD_OR_RESPONSE, 2, 2],
  [0x9f08, RECORD_OR_RESPONSE, 2, 2],
  [0x9f0d, RECORD_OR_RESPONSE, 5, 5],
  [0x9f0e, RECORD_OR_RESPONSE, 5, 5],
  [0x9f0f, RECORD_OR_RESPONSE, 5, 5],
  [0x9f19, RECORD_OR_RESPONSE, 6, 6],
  [0x9f1f, RECORD_OR_RESPONSE, 0, 54],
  [0x9f24, RECORD_OR_RESPONSE, 29, 29],
  [0x9f32, RECORD_OR_RESPONSE, 1, 3],
  [0x9f42, RECORD_OR_RESPONSE, 2, 2],
  [0x9f44, RECORD_OR_RESPONSE, 1, 1],
  [0x9f46, RECORD_OR_RESPONSE, 0, 248],
  [0x9f47, RECORD_OR_RESPONSE, 1, 3],
  [0x9f48, RECORD_OR_RESPONSE, 0, 248],
  [0x9f4a, RECORD_OR_RESPONSE, 0, 250],
  [0x9f10, IN.response, 0, 32],
  [0x9f26, IN.response, 8, 8],
  [0x9f27, IN.response, 1, 1],
  [0x9f36, IN.response, 2, 2],
  [0x9f4b, IN.response, 0, 248],
  [0xdf4b, IN.response, 3, 3],
];

/** The terminal's and the kernel's own objects. A card that sends one of them breaks the format (Book C-2 4.1.5). */
const NOT_FROM_CARD: readonly number[] = [
  0x95, 0x9a, 0x9c, 0x5f2a, 0x5f36, 0x9f01, 0x9f02, 0x9f03, 0x9f09, 0x9f15, 0x9f16, 0x9f1a, 0x9f1c, 0x9f1d, 0x9f1e,
  0x9f21, 0x9f33, 0x9f34, 0x9f35, 0x9f37, 0x9f40, 0x9f4e, 0x9f53, 0x9f7c,
];

export interface Presence {
  /** Places where the object may stand, of IN; 0: never from the card. */
  readonly where: number;
  readonly min: number;
  readonly max: number;
}

const rules = new Map<number, Presence>(FROM_CARD.map(([tag, where, min, max]) => [tag, { where, min, max }]));
for (const tag of NOT_FROM_CARD) rules.set(tag, { where: 0, min: 0, max: 0 });

/** The rule for a tag; undefined: not known to this kernel. */
export const presenceOf = (tag: number): Presence | undefined => rules.get(tag);
