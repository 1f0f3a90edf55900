import { parseTlv, tagHex, isConstructed } from "../codec/tlv.js";
import { tagRow } from "../emv/dictionary/lookup.js";
import { scanTlv, type ScannedTlv } from "../trace/scan.js";
import { hex } from "../util/bytes.js";
import { isTapbenchError, type TapbenchError } from "../util/errors.js";
import { meaningOf } from "./meaning.js";
import { plain, type Paint } from "./paint.js";

/** One object of a tree, as `--json` prints it. */
export interface TreeNode {
  /** Hex. */
  readonly tag: string;
  /** Absent where the dictionary does not know the tag, or where kernels disagree and none was named. */
  readonly name?: string;
  readonly length: number;
  /** Hex; absent where there are children. */
  readonly value?: string;
  /** What the value says, where one line says it. */
  readonly meaning?: string;
  /** What its parts say: set bits, rules of a CVM list, fields of issuer application data. */
  readonly parts?: readonly string[];
  readonly children?: readonly TreeNode[];
  /** The length asks for more bytes than there are: `value` is what was left. */
  readonly cut?: true;
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
const MAX_OBJECTS = 1 << 17;
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

type Growing = Omit<TreeNode, "children"> & { children?: Growing[] };

function nodesOf(bytes: Uint8Array, scope: string | undefined): { nodes: TreeNode[]; whole: boolean } {
  const nodes: Growing[] = [];
  const open: Growing[] = [];
  const parents: number[] = [];
  // Values are pieces of one string: a conversion each would be most of the work.
  const digits = hex(bytes);
  let cut = false;
  const reached = scanTlv(
    bytes,
    (object) => {
      const { depth, tag } = object;
      const node = nodeOf(bytes, digits, object, scope, depth === 0 ? undefined : parents[depth - 1]);
      cut ||= object.cut;
      const siblings = depth === 0 ? nodes : open[depth - 1]!.children!;
      siblings.push(node);
      open[depth] = node;
      parents[depth] = tag;
    },
    0,
    bytes.length,
    MAX_OBJECTS,
  );
  return { nodes, whole: !cut && reached === bytes.length };
}

function nodeOf(
  bytes: Uint8Array,
  digits: string,
  { tag, valueStart, valueEnd, cut }: ScannedTlv,
  scope: string | undefined,
  parent: number | undefined,
): Growing {
  const row = tagRow(tag, scope, parent);
  const node: { -readonly [K in keyof Growing]: Growing[K] } = {
    tag: tagHex(tag),
    ...(row && { name: row.name }),
    length: valueEnd - valueStart,
    ...(cut && { cut }),
  };
  if (isConstructed(tag)) {
    node.children = [];
    return node;
  }
  node.value = digits.slice(valueStart * 2, valueEnd * 2);
  if (cut) return node;
  const { says, parts } = meaningOf(tag, bytes.subarray(valueStart, valueEnd), row, scope);
  if (says !== undefined) node.meaning = says;
  if (parts) node.parts = parts;
  return node;
}

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
  if (node.meaning !== undefined) parts.push(paint("meaning", `= ${node.meaning}`));
  if (node.cut) parts.push(paint("bad", "(cut off)"));
  return [
    `${indent}${parts.join("  ")}`,
    ...(node.parts ?? []).map((says) => `${indent}    ${paint("dim", "-")} ${paint("meaning", says)}`),
    ...(node.children ?? []).flatMap((child) => renderNode(child, paint, `${indent}  `)),
  ];
}
