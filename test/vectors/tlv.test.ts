import { expect, test } from "vitest";
import { parseTlv, tagHex, tlv, type Tlv } from "../../src/codec/tlv.js";
import { tlvTree, type TreeNode } from "../../src/inspect/tree.js";
import { concat, hex, unhex } from "../../src/util/bytes.js";
import { isTapbenchError, type TapbenchError } from "../../src/util/errors.js";
import { describeVectors } from "../support/vectors.js";

interface Sample {
  readonly hex: string;
  readonly expect?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly tag: string; readonly offset: number };
  readonly note?: string;
}
type Branch = readonly [tag: string, value: string | readonly Branch[]];
interface Response {
  readonly hex: string;
  readonly from: string;
  readonly tree: readonly Branch[];
}

const failure = (run: () => unknown): TapbenchError => {
  try {
    run();
  } catch (error) {
    if (isTapbenchError(error)) return error;
    throw error;
  }
  throw new Error("it was parsed");
};

/** The samples' form: tag to value, or to the same of what it holds. */
const record = (objects: readonly Tlv[]): Record<string, unknown> =>
  Object.fromEntries(
    objects.map(({ tag, value, children }) => [tagHex(tag), children ? record(children) : hex(value)]),
  );
const branches = (objects: readonly Tlv[]): Branch[] =>
  objects.map(({ tag, value, children }) => [tagHex(tag), children ? branches(children) : hex(value)]);
const treeBranches = (nodes: readonly TreeNode[]): Branch[] =>
  nodes.map(({ tag, value, children }) => [tag, value ?? treeBranches(children!)]);
const rebuilt = (list: readonly Branch[]): Uint8Array =>
  concat(
    ...list.map(([tag, value]) => tlv(parseInt(tag, 16), typeof value === "string" ? unhex(value) : rebuilt(value))),
  );

describeVectors<{ readonly cases: readonly Sample[] }>("tlv_samples", ({ cases }) => {
  const good = cases.filter((sample) => sample.expect !== undefined);
  const bad = cases.filter((sample) => sample.error !== undefined);

  test("there are all 32 of them", () => {
    expect([good.length, bad.length]).toEqual([17, 15]);
  });

  test.each(good)("$hex", (sample) => {
    expect(record(parseTlv(unhex(sample.hex)))).toEqual(sample.expect);
  });

  test.each(bad)("$hex is malformed", (sample) => {
    const error = failure(() => parseTlv(unhex(sample.hex)));
    expect(error.code).toMatch(/^codec\/(truncated|bad-tag|bad-length)$/);
    expect(error.context).toMatchObject(
      sample.error!.offset === undefined ? {} : { tag: sample.error!.tag, offset: sample.error!.offset },
    );
  });
});

describeVectors<{ readonly cases: readonly Response[] }>("tlv_real_responses", ({ cases }) => {
  test("there are all 94 of them", () => {
    expect(cases).toHaveLength(94);
  });

  test.each(cases.map((entry, index) => ({ ...entry, index })))("$index from $from", (entry) => {
    expect(branches(parseTlv(unhex(entry.hex)))).toEqual(entry.tree);
    const tree = tlvTree(unhex(entry.hex));
    expect(treeBranches(tree.nodes)).toEqual(entry.tree);
    expect(tree.problem).toBeUndefined();
  });

  test("the trees written again are the responses, where they used the shortest lengths and no padding", () => {
    const same = cases.filter(({ hex: text, tree }) => hex(rebuilt(tree)) === text);
    expect(same.length).toBeGreaterThan(85);
    for (const { hex: text, tree } of cases) expect(branches(parseTlv(rebuilt(tree))), text).toEqual(tree);
  });
});
