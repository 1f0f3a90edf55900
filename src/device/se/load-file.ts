import { concat, hex } from "../../util/bytes.js";
import { seError } from "./errors.js";

/*
 * Load files of Java Card: the components of a CAP file behind one another (Java Card Virtual Machine Specification, chapter 6; GlobalPlatform Card
 * Specification 2.3.1, 11.6: what LOAD carries).
 */

/** What is to be loaded, and what it calls itself; absent where that cannot be read. */
export interface LoadFile {
  readonly block: Uint8Array;
  readonly aid?: Uint8Array;
  readonly modules: readonly Uint8Array[];
}

/** Order in which cards want the components: by dependence, not by tag. Debug and Descriptor stay away (6.1.1). */
const COMPONENTS: readonly string[] = [
  "Header",
  "Directory",
  "Import",
  "Applet",
  "Class",
  "Method",
  "StaticField",
  "Export",
  "ConstantPool",
  "RefLocation",
];
const TAGS = { header: 1, applet: 3 } as const;
const MAGIC = "DECAFFED";
/** Components that a file may have. */
const MOST_COMPONENTS = 16;

/** Components of a CAP file, by path inside it. @throws `se/bad-load-file` */
export function fromCap(files: ReadonlyMap<string, Uint8Array>): LoadFile {
  const named = new Map([...files].map(([path, bytes]) => [/([^/]+)\.cap$/i.exec(path)?.[1], bytes]));
  const parts = COMPONENTS.flatMap((name) => named.get(name) ?? []);
  if (!named.has("Header"))
    throw seError("bad-load-file", "there is no Header.cap in this file; is it a CAP file of Java Card?", {
      files: [...files.keys()].slice(0, 20),
    });
  return fromBlock(concat(...parts));
}

/** A load file data block as it stands, such as an IJC file. Where it is none of Java Card, nothing is known of it. @throws `se/bad-load-file` */
export function fromBlock(block: Uint8Array): LoadFile {
  if (block.length === 0) throw seError("bad-load-file", "the load file is empty", {});
  const components = componentsOf(block);
  const header = components.get(TAGS.header);
  if (!header || hex(header.subarray(0, 4)) !== MAGIC) return { block, modules: [] };
  // magic, versions of format (2), flags, version of package (2), length of AID, AID (6.4)
  const aid = header.subarray(10, 10 + header[9]!);
  const modules: Uint8Array[] = [];
  const applets = components.get(TAGS.applet) ?? new Uint8Array(0);
  // count, then for each length of AID, AID, offset of install method (2) (6.6)
  for (let at = 1, left = applets[0] ?? 0; left > 0 && at < applets.length; left--) {
    const length = applets[at]!;
    modules.push(applets.subarray(at + 1, at + 1 + length));
    at += 1 + length + 2;
  }
  const known = aid.length >= 5 && aid.length <= 16;
  return { block, ...(known && { aid }), modules: modules.filter(({ length }) => length >= 5 && length <= 16) };
}

/** By tag: tag, size (2), what it says. What ends early is left out. */
function componentsOf(block: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  for (let at = 0; at + 3 <= block.length && found.size < MOST_COMPONENTS;) {
    const size = (block[at + 1]! << 8) | block[at + 2]!;
    if (at + 3 + size > block.length) break;
    found.set(block[at]!, block.subarray(at + 3, at + 3 + size));
    at += 3 + size;
  }
  return found;
}
