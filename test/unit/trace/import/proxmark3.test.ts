import { describe, expect, test } from "vitest";
import { maskRecords } from "../../../../src/trace/mask.js";
import { hex, unhex } from "../../../../src/util/bytes.js";
import type { FrameRecord, TraceRecord } from "../../../../src/util/tracer.js";
import { bringIn, bringInText, formatNamed, sampleBytes, type Brought } from "../../../support/samples.js";

const bring = (text: string): Brought => bringInText("proxmark3", text);
const frames = (records: readonly TraceRecord[]): FrameRecord[] =>
  records.filter((record): record is FrameRecord => record.layer === "frame");

/** Bit by bit after ISO/IEC 14443-3 Annex B, whose example is 00 00 -> A0 1E. */
function withCrc(text: string): Uint8Array {
  let crc = 0x6363;
  const bytes = unhex(text);
  for (const byte of bytes)
    for (let bit = 0; bit < 8; bit++) {
      const one = (crc ^ (byte >> bit)) & 1;
      crc = (crc >> 1) ^ (one ? 0x8408 : 0);
    }
  return Uint8Array.of(...bytes, crc & 0xff, crc >> 8);
}
test("the CRC of these tests is the standard's", () => {
  expect(hex(withCrc("0000"))).toBe("0000A01E");
});

/** Rows of 1000 carrier periods each, with a CRC unless it is a short frame. */
const table = (...rows: readonly (readonly ["Rdr" | "Tag", string])[]): string =>
  rows
    .map(([from, text], i) => {
      const data = text.includes("(")
        ? text
        : [...withCrc(text)].map((byte) => byte.toString(16).padStart(2, "0")).join("  ");
      return ` ${i * 2000} | ${i * 2000 + 1000} | ${from} |${data} | |\n`;
    })
    .join("");

describe("frames", () => {
  const { records, observed, remarks } = bringIn(formatNamed("proxmark3"), [sampleBytes("proxmark3")]);
  const all = frames(records);

  test("have their times in carrier periods of 1/13.56 MHz", () => {
    expect(observed).toEqual({ times: "measured", frames: true });
    expect(remarks).toEqual([]);
    expect(all).toHaveLength(22);
    // 10948 / 13.56 MHz = 807375.0 ns, (13508 - 10948) / 13.56 MHz = 188790.6 ns
    expect(all[2]).toEqual({
      layer: "frame",
      at: 807_375,
      took: 188_790,
      from: "pcd",
      bytes: unhex("9320"),
      bits: 16,
      kbps: 106,
    });
  });

  test("of seven bits, with parity errors and on several lines", () => {
    expect(all[0]).toMatchObject({ bytes: unhex("52"), bits: 7, from: "pcd" });
    expect(all[9]).toMatchObject({ fault: "corrupted", from: "picc" });
    expect(all[9]!.bytes).toHaveLength(35);
    expect(all[11]).not.toHaveProperty("fault");
  });

  test("in microseconds are the same frames", () => {
    const micros = frames(bringIn(formatNamed("proxmark3"), [sampleBytes("proxmark3-us")]).records);
    expect(micros.map(({ bytes }) => bytes)).toEqual(all.slice(0, 9).map(({ bytes }) => bytes));
    micros.forEach((frame, i) => expect(Math.abs(frame.at - all[i]!.at)).toBeLessThanOrEqual(50)); // tenths are printed
  });

  test("of older versions: 26 without its bits, blanks around the data, no check-sum column", () => {
    const old = bring("     0 |       992 | Rdr | 26              \n  2404 |      4772 | Tag | 44  00              \n");
    expect(frames(old.records)).toMatchObject([{ bits: 7 }, { bytes: unhex("4400"), bits: 16 }]);
  });

  test("with -r follow each other by their gaps", () => {
    const text = "        Gap |   Duration | Src | Data\n 0 | 1356 | Rdr |26(7) | |\n 2712 | 1356 | Tag |04  00 | |\n";
    expect(frames(bring(text).records)).toMatchObject([
      { at: 0, took: 100_000 },
      { at: 300_000, took: 100_000 },
    ]);
  });

  test("with -c have brackets around their CRC; frame delays and decrypted data are no frames", () => {
    const text = [
      " 0 | 4864 | Rdr |50  00  [57  cd] |  ok | HALT",
      " 4864 | 6000 |     |fdt (Frame Delay Time): 1136",
      "            |            |  *  |30  00  02  A8 |  ok | READBLOCK(0)",
    ].join("\n");
    expect(frames(bring(text).records)).toMatchObject([{ bytes: unhex("500057CD") }]);
  });

  test("a second table goes on where the first ended", () => {
    const head = "      Start |        End | Src | Data\n";
    const rows = " 5000 | 6356 | Rdr |26(7) | |\n";
    expect(frames(bring(head + rows + head + rows).records)).toMatchObject([{ at: 0 }, { at: 100_000 }]);
  });

  test.each([
    [
      "            |            |     |00  01 | |\n",
      "line 1, column 1: a frame goes on here whose beginning is missing; it is left out",
    ],
    [
      " 0 | 10 | Rdr |26(7) | |\n 20 | 30 | Tag |04  zz | |\n",
      "line 2, column 21: not a byte in hex; the frame is taken as damaged",
    ],
    [
      " 90 | 99 | Rdr |26(7) | |\n 20 | 30 | Tag |04  00 | |\n",
      "line 2, column 2: the time runs backwards here; it goes on from the frame before",
    ],
    [" 90 | 9 | Rdr |26(7) | |\n", "line 1, column 2: the frame ends before it begins"],
  ])("%j", (text, remark) => {
    expect(bring(text).remarks).toEqual([remark]);
  });
});

describe("exchanges", () => {
  const SELECT = "00A404000E325041592E5359532E444446303100";

  test.each<readonly [string, string, readonly string[]]>([
    ["a plain one", table(["Rdr", `02${SELECT}`], ["Tag", "026A82"]), [`${SELECT} 6A82`]],
    [
      "a chained command",
      table(["Rdr", "1200A404000E3250"], ["Tag", "A2"], ["Rdr", "0341592E5359532E444446303100"], ["Tag", "036A82"]),
      [`${SELECT} 6A82`],
    ],
    [
      "a part sent again",
      table(
        ["Rdr", "1200A404000E3250"],
        ["Rdr", "1200A404000E3250"],
        ["Tag", "A2"],
        ["Rdr", "0341592E5359532E444446303100"],
        ["Tag", "036A82"],
      ),
      [`${SELECT} 6A82`],
    ],
    [
      "a chained response, a part of it asked for again",
      table(
        ["Rdr", "0200B2010C00"],
        ["Tag", "127003"],
        ["Rdr", "B2"],
        ["Tag", "127003"],
        ["Rdr", "A3"],
        ["Tag", "035F34019000"],
      ),
      ["00B2010C00 70035F34019000"],
    ],
    [
      "more time",
      table(["Rdr", "0200B2010C00"], ["Tag", "F201"], ["Rdr", "F201"], ["Tag", "026A83"]),
      ["00B2010C00 6A83"],
    ],
    ["with a CID", table(["Rdr", "0A0100B2010C00"], ["Tag", "0A016A83"]), ["00B2010C00 6A83"]],
    [
      "the same command twice",
      table(["Rdr", "0200B2010C00"], ["Tag", "026A83"], ["Rdr", "0300B2010C00"], ["Tag", "036A83"]),
      ["00B2010C00 6A83", "00B2010C00 6A83"],
    ],
    [
      "a response that was missed",
      table(["Rdr", "0200B2010C00"], ["Rdr", "0300B2020C00"], ["Tag", "036A83"]),
      ["00B2020C00 6A83"],
    ],
    [
      "a command that was missed",
      table(["Tag", "029000"], ["Rdr", "0300B2020C00"], ["Tag", "036A83"]),
      ["00B2020C00 6A83"],
    ],
    ["a card that left", table(["Rdr", "0200B2010C00"], ["Rdr", "26(7)"], ["Tag", "029000"]), []],
    ["DESELECT", table(["Rdr", "0200B2010C00"], ["Tag", "C2"], ["Tag", "029000"]), []],
  ])("%s", (_, text, exchanges) => {
    expect(bring(text).exchanges).toEqual(exchanges);
  });

  test("a damaged block is none, whatever the table says of its check sum", () => {
    const good = table(["Rdr", "0200B2010C00"], ["Tag", "026A83"]);
    expect(bring(good.replace("6a  83", "6a  82")).exchanges).toEqual([]);
    expect(bring(good.replace("6a  83", "6a! 83")).exchanges).toEqual([]);
  });

  test("frames that carried account data are masked with it", () => {
    const { records } = bringIn(formatNamed("proxmark3"), [sampleBytes("proxmark3")]);
    const text = JSON.stringify(maskRecords(records), (_, value: unknown) =>
      value instanceof Uint8Array ? hex(value) : value,
    );
    expect(text).toContain("541333CCCCCC0044");
    expect(text).not.toContain("5413330089600044");
  });
});
