import { dolLength, parseDol } from "../codec/dol.js";
import { parseTlv } from "../codec/tlv.js";
import { isTapbenchError } from "../util/errors.js";
import { inspectError } from "./errors.js";
import { valueNode, type Tree, type TreeNode } from "./tree.js";

/** Tags whose value is a list of tags and lengths. EMV 4.4 Book 3, 5.4; Book C-2 for the last four. */
const LISTS: ReadonlySet<number> = new Set([
  0x9f38, 0x8c, 0x8d, 0x97, 0x9f49, 0x9f4f, 0x9f69, 0x9f51, 0x9f5b, 0xdf811a,
]);

/** The list itself, from bytes that may hold it with its own tag and length: `9F38039F3704` is `9F3704`. */
export function listIn(bytes: Uint8Array): Uint8Array {
  try {
    const [only, ...others] = parseTlv(bytes);
    if (only && others.length === 0 && LISTS.has(only.tag)) return only.value;
  } catch (error) {
    if (!isTapbenchError(error)) throw error; // a list without a tag is no TLV, mostly
  }
  return bytes;
}

/**
 * Data that a DOL asked for, each value under its tag. Too little data gives what is there, and too much gives all values; both have the
 * problem in the tree.
 *
 * @throws `codec/truncated`, `codec/too-many`, `codec/too-long` for a list that is none
 */
export function dolTree(list: Uint8Array, data: Uint8Array, scope?: string): Tree {
  const entries = parseDol(list);
  const nodes: TreeNode[] = [];
  let at = 0;
  for (const { tag, length } of entries) {
    if (at >= data.length && length > 0) break;
    const value = data.subarray(at, at + length);
    nodes.push(valueNode(tag, value, scope, value.length < length));
    at += length;
  }
  const wanted = dolLength(entries);
  const problem =
    data.length === wanted
      ? undefined
      : inspectError(
          "dol-mismatch",
          `the list asks for ${wanted} bytes; ${data.length} came, so they differ from offset ${Math.min(wanted, data.length)}`,
          { wanted, length: data.length, offset: Math.min(wanted, data.length) },
        );
  return { ...(scope !== undefined && { scope }), nodes, ...(problem && { problem }) };
}
