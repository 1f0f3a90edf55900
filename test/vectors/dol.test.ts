import { expect, test } from "vitest";
import { buildDol, dolLength, parseDol, splitDol } from "../../src/codec/dol.js";
import { tagHex } from "../../src/codec/tlv.js";
import { dolFormat } from "../../src/emv/tags.js";
import { hex, unhex } from "../../src/util/bytes.js";
import { describeVectors } from "../support/vectors.js";

interface DolFile {
  readonly parse: readonly {
    readonly tag: string;
    readonly hex: string;
    readonly entries: readonly (readonly [string, number])[] | null;
  }[];
  readonly build: readonly {
    readonly name: string;
    readonly dol: string;
    readonly source1: Readonly<Record<string, string>>;
    readonly source2: Readonly<Record<string, string>>;
    readonly data: string;
  }[];
  readonly malformed: readonly string[];
}

describeVectors<DolFile>("dol", ({ parse, build, malformed }) => {
  test("there are 15 to parse, 2 to build, 2 that are malformed", () => {
    expect([parse.length, build.length, malformed.length]).toEqual([15, 2, 2]);
  });

  test.each(parse)("$tag $hex", ({ hex: text, entries }) => {
    // One value is under a list's tag and no list: kernel 3 uses 9F69 for something else.
    if (entries === null)
      expect(() => parseDol(unhex(text))).toThrow(expect.objectContaining({ code: "codec/truncated" }));
    else expect(parseDol(unhex(text)).map(({ tag, length }) => [tagHex(tag), length])).toEqual(entries);
  });

  test.each(build)("$name", ({ dol, source1, source2, data }) => {
    const list = parseDol(unhex(dol));
    const valueOf = (tag: number): Uint8Array | undefined => {
      const text = source1[tagHex(tag)] ?? source2[tagHex(tag)];
      return text === undefined ? undefined : unhex(text);
    };
    const built = buildDol(list, valueOf, dolFormat);
    expect(hex(built)).toBe(data);
    expect(built).toHaveLength(dolLength(list));
    expect(hex(splitDol(list, built).get(list[0]!.tag)!)).toBe(data.slice(0, list[0]!.length * 2));
  });

  test.each(malformed)("%s is malformed", (text) => {
    expect(() => parseDol(unhex(text))).toThrow(expect.objectContaining({ code: "codec/truncated" }));
  });
});
