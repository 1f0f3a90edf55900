import { isConstructed, parseTlv, tagHex } from "../codec/tlv.js";
import { tagRow } from "../emv/dictionary/lookup.js";
import { scanTlv } from "../trace/scan.js";
import { hex, unhex } from "../util/bytes.js";
import { isTapbenchError, type TapbenchError } from "../util/errors.js";
import { meaningOf, type Meaning } from "./meaning.js";
import { plain, type Paint } from "./paint.js";

/** One object of a tree, as `--json` prints it. */
export interface TreeNode {
  /** Hex. */
  readonly tag: string;
  /** Absent where the dictionary does not know the tag, or where kernels disagree and none was named. */
  readonly name?: string | undefined;
  readonly length: number;
  /** Hex; absent where there are children. */
  readonly value?: string;
  /** What the value says, where one line says it. */
  readonly meaning?: string | undefined;
  /** What its parts say: set bits, rules of a CVM list, fields of issuer application data. */
  readonly parts?: readonly string[] | undefined;
  readonly children?: readonly TreeNode[];
  /** The length asks for more bytes than there are: `value` is what was left. */
  readonly cut?: true | undefined;
}

export interface Tree {
  /** The kernel whose names were used; absent: those on which all kernels agree. */
  readonly scope?: string;
  readonly nodes: readonly TreeNode[];
  /** Where the bytes stopped making sense; `nodes` hold what came before. */
  readonly problem?: TapbenchError;
}

export interface TreeOptions {
  /** Kernel whose meaning of a tag is used where kernels disagree: `c2`. */
  readonly scope?: string;
}

/** A megabyte of the smallest card data that makes sense; what has more is no card's. */
export const MAX_OBJECTS = 1 << 17;
const MAX_BYTES = 1 << 20;

/** BER-TLV as a tree with names and meanings. Damaged bytes give what could be read of them, and the problem. */
export function tlvTree(bytes: Uint8Array, options: TreeOptions = {}): Tree {
  const { scope } = options;
  const { nodes, whole } = nodesOf(bytes, scope);
  // What was walked to its end without a cut is well formed: only damaged bytes are read again, for what is wrong with them.
  const problem = whole && bytes.length <= MAX_BYTES ? undefined : problemOf(bytes);
  return { ...(scope !== undefined && { scope }), nodes, ...(problem && { problem }) };
}

function problemOf(bytes: Uint8Array): TapbenchError | undefined {
  try {
    parseTlv(bytes, { count: MAX_OBJECTS, bytes: MAX_BYTES });
    return undefined;
  } catch (error) {
    if (isTapbenchError(error)) return error;
    throw error;
  }
}

/** What decides a tag's meaning besides itself, and where its digits are; all objects in one template share theirs. */
interface Place {
  readonly scope: string | undefined;
  readonly parent: number | undefined;
  /** All the bytes that were read, in hex. */
  readonly digits: string;
}

/** An object with a value. Digits and meaning are made when somebody asks: they cost several times what finding the object does. */
class Leaf implements TreeNode {
  readonly #place: Place;
  readonly #at: number;

  constructor(
    readonly tag: string,
    readonly name: string | undefined,
    readonly length: number,
    readonly cut: true | undefined,
    place: Place,
    at: number,
  ) {
    this.#place = place;
    this.#at = at;
  }

  get value(): string {
    return this.#place.digits.slice(this.#at, this.#at + this.length * 2);
  }

  /** Both of the following, in one go. */
  get told(): Meaning {
    if (this.cut) return {};
    const { scope, parent } = this.#place;
    const tag = parseInt(this.tag, 16);
    return meaningOf(tag, unhex(this.value), tagRow(tag, scope, parent), scope);
  }

  get meaning(): string | undefined {
    return this.told.says;
  }

  get parts(): readonly string[] | undefined {
    return this.told.parts;
  }

  /** As a plain object: `JSON.stringify` does not see getters. */
  toJSON(): TreeNode {
    const { tag, name, length, value, cut } = this;
    const { says: meaning, parts } = this.told;
    return {
      tag,
      ...(name !== undefined && { name }),
      length,
      value,
      ...(meaning !== undefined && { meaning }),
      ...(parts && { parts }),
      ...(cut && { cut }),
    };
  }
}

/** An open template: what it holds so far, and where that is. */
interface Level {
  readonly nodes: TreeNode[];
  readonly place: Place;
}

function nodesOf(bytes: Uint8Array, scope: string | undefined): { nodes: TreeNode[]; whole: boolean } {
  // Tags are few, and values pieces of one string: a conversion each would be most of the work.
  const digits = hex(bytes);
  const texts = new Map<number, string>();
  const top: Level = { nodes: [], place: { scope, parent: undefined, digits } };
  const levels = [top];
  let cutAny = false;
  const reached = scanTlv(
    bytes,
    ({ tag, valueStart, valueEnd, depth, cut }) => {
      const { nodes, place } = levels[depth]!;
      const row = tagRow(tag, scope, place.parent);
      let text = texts.get(tag);
      if (text === undefined) texts.set(tag, (text = tagHex(tag)));
      const length = valueEnd - valueStart;
      cutAny ||= cut;
      if (isConstructed(tag)) {
        const inside: Level = { nodes: [], place: { scope, parent: tag, digits } };
        nodes.push({ tag: text, name: row?.name, length, cut: cut || undefined, children: inside.nodes });
        levels[depth + 1] = inside;
      } else {
        nodes.push(new Leaf(text, row?.name, length, cut || undefined, place, valueStart * 2));
      }
    },
    0,
    bytes.length,
    MAX_OBJECTS,
  );
  return { nodes: top.nodes, whole: !cutAny && reached === bytes.length };
}

/** A value that came without its tag and length, as if it had had them: what a DOL asked for. */
export const valueNode = (tag: number, value: Uint8Array, scope?: string, cut = false): TreeNode =>
  new Leaf(
    tagHex(tag),
    tagRow(tag, scope)?.name,
    value.length,
    cut || undefined,
    {
      scope,
      parent: undefined,
      digits: hex(value),
    },
    0,
  );

/** The tree as lines of text, two spaces a level. */
export function renderTree(tree: Tree, paint: Paint = plain, indent = ""): string[] {
  const lines = tree.nodes.flatMap((node) => renderNode(node, paint, indent));
  if (tree.problem) lines.push(`${indent}${paint("bad", `! ${tree.problem.message} [${tree.problem.code}]`)}`);
  return lines;
}

function renderNode(node: TreeNode, paint: Paint, indent: string): string[] {
  const parts = [paint("tag", node.tag)];
  if (node.name !== undefined) parts.push(paint("name", node.name));
  if (node.value !== undefined) parts.push(paint("value", node.value === "" ? "(empty)" : node.value));
  const told = node instanceof Leaf ? node.told : { says: node.meaning, parts: node.parts };
  if (told.says !== undefined) parts.push(paint("meaning", `= ${told.says}`));
  if (node.cut) parts.push(paint("bad", "(cut off)"));
  return [
    `${indent}${parts.join("  ")}`,
    ...(told.parts ?? []).map((says) => `${indent}    ${paint("dim", "-")} ${paint("meaning", says)}`),
    ...(node.children ?? []).flatMap((child) => renderNode(child, paint, `${indent}  `)),
  ];
}
