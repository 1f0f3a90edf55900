import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, test } from "vitest";
import type { WireRow } from "./wires.js";

/** Public test vectors are data beside the checkout, not part of it. */
const folder = process.env["TAPBENCH_VECTORS"] ?? fileURLToPath(new URL("../../../shared/vectors", import.meta.url));

const haveVectors = existsSync(folder);

export const vectorsRow: WireRow = {
  name: "vectors",
  probe: () => (haveVectors ? undefined : `there is no folder ${folder}`),
  install: "name their folder in TAPBENCH_VECTORS",
};

/** The content of `<name>.json`; the caller says its shape. */
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as T;
}

/** `describe` over a file of vectors: the body runs only where there are any, else one skipped test stands for it. */
export function describeVectors<T>(name: string, body: (data: T) => void): void {
  describe(name, () => {
    if (haveVectors) body(vectors<T>(name));
    else test.skip("no vectors on this machine");
  });
}

/** A file of the vectors that is no JSON. */
export const vectorBytes = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));
