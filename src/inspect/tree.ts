import { parseTlv, tagHex, isConstructed } from "../codec/tlv.js";
import { tagInfo } from "../emv/tags.js";
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
  /** What the value says, for formats that are simple to read. */
  readonly meaning?: string;
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

/** BER-TLV as a tree with names and meanings. Damaged bytes give what could be read of them, and the problem. */
export function tlvTree(bytes: Uint8Array, options: TreeOptions = {}): Tree {
  let problem: TapbenchError | undefined;
  try {
    parseTlv(bytes);
  } catch (error) {
    if (!isTapbenchError(error)) throw error;
    problem = error;
  }
  const { scope } = options;
  return { ...(scope !== undefined && { scope }), nodes: nodesOf(bytes, scope), ...(problem && { problem }) };
}

type Growing = Omit<TreeNode, "children"> & { children?: Growing[] };

function nodesOf(bytes: Uint8Array, scope: string | undefined): TreeNode[] {
  const roots: Growing[] = [];
  const open: Growing[] = [];
  scanTlv(bytes, (object) => {
    const node = nodeOf(bytes, object, scope);
    open.length = object.depth;
    const siblings = object.depth === 0 ? roots : (open[object.depth - 1]!.children ??= []);
    siblings.push(node);
    open.push(node);
  });
  return roots;
}

function nodeOf(bytes: Uint8Array, object: ScannedTlv, scope: string | undefined): Growing {
  const { tag, valueStart, valueEnd, cut } = object;
  const value = bytes.subarray(valueStart, valueEnd);
  const info = tagInfo(tag, scope);
  const base = {
    tag: tagHex(tag),
    ...(info && { name: info.name }),
    length: value.length,
    ...(cut && { cut }),
  };
  if (isConstructed(tag)) return { ...base, children: [] };
  const meaning = cut ? undefined : meaningOf(tag, value, info);
  return { ...base, value: hex(value), ...(meaning !== undefined && { meaning }) };
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
    ...(node.children ?? []).flatMap((child) => renderNode(child, paint, `${indent}  `)),
  ];
}
