import { expect, it } from "vitest";
import { caKeyHash, caKeysOf } from "../../src/emv/oda.js";
import { hex, unhex } from "../../src/util/bytes.js";
import { describeVectors } from "../support/vectors.js";
import { caKeyOf, type CapkFile } from "./capk.js";

describeVectors<CapkFile>("capk", ({ keys }) => {
  it("has 157 keys of 14 RIDs", () => {
    expect(keys).toHaveLength(157);
    expect(new Set(keys.map(({ rid }) => rid)).size).toBe(14);
  });

  it("the check sums that were published come out", () => {
    const published = keys.filter((key) => key.hash_ok === true);
    expect(published).toHaveLength(30);
    for (const key of published) expect(hex(caKeyHash(caKeyOf(key))), `${key.rid}/${key.index}`).toBe(key.hash_sha1);
  });

  it("the check sums of all others agree with their list, for every length and exponent", () => {
    for (const key of keys) expect(hex(caKeyHash(caKeyOf(key))), `${key.rid}/${key.index}`).toBe(key.hash_sha1);
  });

  it("every key is found by RID and index; of two with the same, the one listed first", () => {
    const all = keys.map(caKeyOf);
    const find = caKeysOf(all);
    let shadowed = 0;
    for (const key of all) {
      const found = find(key.rid, key.index);
      expect(found).toMatchObject({ rid: key.rid, index: key.index });
      if (found !== key) shadowed++;
      expect(caKeysOf([key, ...all])(key.rid, key.index)).toBe(key);
    }
    expect(shadowed).toBe(157 - new Set(keys.map(({ rid, index }) => `${rid}/${index}`)).size);
    expect(find(unhex("A000000999"), 1)).toBeUndefined();
  });
});
