import { isConstructed } from "../../codec/tlv.js";
import { EMV, EMV_BIOMETRICS, ENTRY_POINT } from "./emv.js";
import { GLOBALPLATFORM, GLOBALPLATFORM_INSIDE } from "./globalplatform.js";
import { FILE_CONTROL, ISO_7816 } from "./iso7816.js";
import { KERNEL_2 } from "./kernel-2.js";
import { KERNEL_3, VISA_CARD } from "./kernel-3.js";
import { KERNEL_8 } from "./kernel-8.js";
import { INTERAC, KERNEL_4, KERNEL_5, KERNEL_6, KERNEL_7, PBOC_CARD } from "./kernels-4-to-7.js";
import type { TagRow, TagTable } from "./row.js";

const TABLES: readonly TagTable[] = [
  EMV,
  EMV_BIOMETRICS,
  ENTRY_POINT,
  ISO_7816,
  FILE_CONTROL,
  KERNEL_2,
  KERNEL_3,
  VISA_CARD,
  KERNEL_4,
  KERNEL_5,
  KERNEL_6,
  KERNEL_7,
  PBOC_CARD,
  KERNEL_8,
  INTERAC,
  GLOBALPLATFORM,
  GLOBALPLATFORM_INSIDE,
];

const NONE: readonly TagRow[] = [];
let index: ReadonlyMap<number, readonly TagRow[]> | undefined;

/** Put together when it is first asked for: most commands start without it. */
function byTag(): ReadonlyMap<number, readonly TagRow[]> {
  if (index) return index;
  const rows = new Map<number, TagRow[]>();
  for (const { source, scope, inside, rows: entries } of TABLES)
    for (const [tag, name, format, min, max, templates, own] of entries) {
      const row: TagRow = {
        tag,
        name,
        format,
        length: [min, max],
        templates: templates?.split(" ").map((text) => parseInt(text, 16)) ?? [],
        source: own ?? source,
        ...(scope && { scope }),
        ...(inside && { inside }),
      };
      const others = rows.get(tag);
      if (others) others.push(row);
      else rows.set(tag, [row]);
    }
  index = rows;
  return rows;
}

/** Every meaning of a tag, those that all share first. */
export const tagRows = (tag: number): readonly TagRow[] => byTag().get(tag) ?? NONE;

/** Every row of the dictionary. */
export function* dictionary(): Generator<TagRow, void, undefined> {
  for (const rows of byTag().values()) yield* rows;
}

/** C0 to FE, and DF with one byte behind it: free for anybody to use. Longer ones belong to kernels. */
const isPrivate = (tag: number): boolean =>
  (tag > 0xbf && tag < 0x100) || ((tag & 0xff00) === 0xdf00 && tag < 0x1_0000);

/**
 * What a tag means: in its template, then to the scope, then to everybody. Without a scope a meaning counts that only one scope has, but
 * where scopes disagree, or the tag is one that anybody may use, nothing is said rather than guessed.
 *
 * @param scope a kernel (`c2` ...), `interac`, `gp`
 * @param parent tag of the template that holds it
 */
export function tagRow(tag: number, scope?: string, parent?: number): TagRow | undefined {
  let shared: TagRow | undefined;
  let other: TagRow | undefined;
  let others = 0;
  let scoped: TagRow | undefined;
  for (const row of tagRows(tag)) {
    if (row.inside) {
      if (parent !== undefined && row.templates.includes(parent)) return row;
    } else if (row.scope === undefined) shared = row;
    else if (row.scope === scope) scoped ??= row;
    else {
      other = row;
      others++;
    }
  }
  if (scoped ?? shared) return scoped ?? shared;
  if (scope !== undefined || others !== 1 || (isPrivate(tag) && !isConstructed(tag))) return undefined;
  return other;
}
