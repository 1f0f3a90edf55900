import { parseTlv, type Tlv } from "../../../codec/tlv.js";
import { isTapbenchError } from "../../../util/errors.js";
import { IN, presenceOf } from "./dictionary.js";

/** What the card has said so far: each known object once. */
export type CardData = Map<number, Uint8Array>;

/** A response is one short template; anything beyond is a card that attacks the parser. */
const LIMITS = { depth: 8, count: 256, bytes: 4096 } as const;

/** The objects of a response; undefined: not TLV. */
export function parsed(bytes: Uint8Array): readonly Tlv[] | undefined {
  try {
    return parseTlv(bytes, LIMITS);
  } catch (error) {
    if (isTapbenchError(error) && error.code.startsWith("codec/")) return undefined;
    throw error;
  }
}

/** The one template that a response must be, with its objects; undefined: something else. */
export function openTemplate(bytes: Uint8Array, template: 0x6f | 0x70 | 0x77): Template | undefined {
  const objects = parsed(bytes);
  const only = objects?.[0];
  return objects?.length === 1 && only?.tag === template && only.children ? (only as Template) : undefined;
}

/** A constructed object. */
export type Template = Tlv & { readonly children: readonly Tlv[] };

/**
 * Stores the objects of a response (Book C-2 4.1.5, parsing and storing a card response). A known object is taken once, from its own template and
 * with a legal length; otherwise the whole response is refused.
 *
 * @returns undefined when stored, else the tag that broke the rules (0: no such template, or not TLV at all)
 */
export function storeTemplate(card: CardData, template: Template | undefined): number | undefined {
  if (!template) return 0;
  const { tag, children } = template;
  return store(card, children, tag === 0x6f ? IN.fci : tag === 0x70 ? IN.record : IN.response);
}

function store(card: CardData, objects: readonly Tlv[], where: number): number | undefined {
  for (const { tag, value, children } of objects) {
    if (children) {
      const inside =
        where === IN.fci && tag === 0xa5
          ? IN.proprietary
          : where === IN.proprietary && tag === 0xbf0c
            ? IN.discretionary
            : 0;
      // an unknown template is skipped whole: nothing that the kernel knows may stand in it
      const wrong = inside === 0 ? findKnown(children) : store(card, children, inside);
      if (wrong !== undefined) return wrong;
      continue;
    }
    const rule = presenceOf(tag);
    if (!rule) continue;
    if ((rule.where & where) === 0 || value.length < rule.min || value.length > rule.max) return tag;
    if ((card.get(tag)?.length ?? 0) > 0) return tag;
    card.set(tag, value);
  }
  return undefined;
}

function findKnown(objects: readonly Tlv[]): number | undefined {
  for (const { tag, children } of objects) {
    const known = children ? findKnown(children) : presenceOf(tag) && tag;
    if (known !== undefined) return known;
  }
  return undefined;
}
