/** A piece of a value that is told by itself, because of what it means or because only it is volatile. */
export interface ValuePart {
  /** Small letters; see volatile.ts for those that differ from tap to tap. */
  readonly sub: string;
  readonly title: string;
  readonly length: number;
}

const part = (sub: string, title: string, length: number): ValuePart => ({ sub, title, length });

const MCHIP_LEAST = 18;

/** Issuer application data as M/Chip style cards have it: key index, CVN, CVR, DAC or dynamic number, counters. */
const mchip = (value: Uint8Array): readonly ValuePart[] | undefined =>
  value.length < MCHIP_LEAST
    ? undefined
    : [
        part("key", "key derivation index", 1),
        part("cvn", "cryptogram version number", 1),
        part("cvr", "card verification results", 6),
        part("dynamic", "data authentication code or dynamic number", 2),
        part("counters", "counters", value.length - 10),
      ];

/** Issuer application data that begin with the length of their fixed part; behind it issuers have counters, amounts and a MAC over them. */
const visaStyle = (value: Uint8Array): readonly ValuePart[] | undefined => {
  const fixed = 1 + (value[0] ?? 0);
  return fixed < 7 || value.length <= fixed
    ? undefined
    : [
        part("fixed", "key index, CVN and CVR", fixed),
        part("counters", "issuer discretionary data", value.length - fixed),
      ];
};

/** Card authentication related data: fDDA version, the card's random number, card transaction qualifiers. EMV Contactless Book C-3 Annex A. */
const cardAuthentication = (value: Uint8Array): readonly ValuePart[] | undefined =>
  value.length < 7
    ? undefined
    : [
        part("version", "fDDA version", 1),
        part("random", "card unpredictable number", 4),
        part("qualifiers", "card transaction qualifiers", value.length - 5),
      ];

type Cut = (value: Uint8Array) => readonly ValuePart[] | undefined;

const CUTS: ReadonlyMap<string, Cut> = new Map<string, Cut>([
  ["c2/9F10", mchip],
  ["c3/9F10", visaStyle],
  ["c7/9F10", visaStyle],
  ["c3/9F69", cardAuthentication],
]);

/** The pieces of a value, in order; undefined where it is told as a whole. */
export const partsOf = (tag: string, value: Uint8Array, scope: string | undefined): readonly ValuePart[] | undefined =>
  CUTS.get(`${scope ?? ""}/${tag}`)?.(value);

type Fields = readonly (readonly [path: string, length: number])[];
const rest = (value: Uint8Array, before: number): number => Math.max(0, value.length - before);

/** Objects without tags in the answers that older formats give: template 80 is cut by the command that asked. */
const FORMAT_1: ReadonlyMap<number, (value: Uint8Array) => Fields> = new Map<number, (value: Uint8Array) => Fields>([
  // GET PROCESSING OPTIONS, EMV 4.3 Book 3, 6.5.8.4.
  [
    0xa8,
    (value) => [
      ["82", 2],
      ["94", rest(value, 2)],
    ],
  ],
  // GENERATE AC, 6.5.5.4.
  [
    0xae,
    (value) => [
      ["9F27", 1],
      ["9F36", 2],
      ["9F26", 8],
      ["9F10", rest(value, 11)],
    ],
  ],
  // INTERNAL AUTHENTICATE, 6.5.9.4.
  [0x88, (value) => [["9F4B", value.length]]],
  // EXCHANGE RELAY RESISTANCE DATA, EMV Contactless Book C-2: entropy; least, most and estimated time.
  [
    0xea,
    () => [
      ["DF8302", 4],
      ["DF8303", 2],
      ["DF8304", 2],
      ["DF8305", 2],
    ],
  ],
]);

/** Cuts the value of template 80 by the instruction that was answered; a value that is too short is left whole. */
export function cutFormat1(
  ins: number,
  value: Uint8Array,
): readonly (readonly [path: string, value: Uint8Array])[] | undefined {
  const fields = FORMAT_1.get(ins)?.(value);
  if (!fields || fields.reduce((sum, [, length]) => sum + length, 0) > value.length) return undefined;
  let at = 0;
  return fields.map(([path, length]) => [path, value.subarray(at, (at += length))] as const);
}
