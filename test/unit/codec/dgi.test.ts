import { expect, test } from "vitest";
import { encodeDataGrouping, splitDataGroupings } from "../../../src/codec/dgi.js";
import { hex, unhex } from "../../../src/util/bytes.js";

/* EMV Card Personalization Specification 1.1, 3.2: a length of one byte up to FE, else FF and two bytes. */

const split = (text: string): readonly (readonly [string, string])[] => {
  const bytes = unhex(text);
  const { whole, end } = splitDataGroupings(bytes);
  return [
    ...whole.map(({ dgi, from, to }) => [dgi.toString(16), hex(bytes.subarray(from, to))] as const),
    ["left", hex(bytes.subarray(end))],
  ];
};

test.each([
  ["nothing", "", [["left", ""]]],
  [
    "two, one of them empty",
    "0101027000" + "800000",
    [
      ["101", "7000"],
      ["8000", ""],
      ["left", ""],
    ],
  ],
  [
    "a long length for a short value",
    "9010FF0002AABB",
    [
      ["9010", "AABB"],
      ["left", ""],
    ],
  ],
  [
    "a value that goes on elsewhere",
    "010101AA" + "800010BBCC",
    [
      ["101", "AA"],
      ["left", "800010BBCC"],
    ],
  ],
  ["a long length that is cut off", "8201FF01", [["left", "8201FF01"]]],
  [
    "a head that is cut off",
    "0101000101",
    [
      ["101", ""],
      ["left", "0101"],
    ],
  ],
] as const)("%s", (_, text, found) => {
  expect(split(text)).toEqual(found);
});

test.each([
  [0x0101, "7000", "0101027000"],
  [0x9010, "AA".repeat(254), `9010FE${"AA".repeat(254)}`],
  [0x8201, "AA".repeat(255), `8201FF00FF${"AA".repeat(255)}`],
  [0x8000, "BB".repeat(256), `8000FF0100${"BB".repeat(256)}`],
])("encodes %i", (dgi, value, bytes) => {
  expect(hex(encodeDataGrouping(dgi, unhex(value)))).toBe(bytes);
});
