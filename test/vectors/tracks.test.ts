import { expect, test } from "vitest";
import { parseTrack1, parseTrack2 } from "../../src/emv/track.js";
import { hex, unhex } from "../../src/util/bytes.js";
import { describeVectors } from "../support/vectors.js";

interface TrackFile {
  readonly track2: readonly {
    readonly tag: string;
    readonly hex: string;
    readonly parsed: {
      readonly pan: string;
      readonly exp_yymm: string;
      readonly service_code: string;
      readonly discretionary: string;
    } | null;
  }[];
  readonly track1_56_hex: readonly string[];
}

describeVectors<TrackFile>("tracks", ({ track2, track1_56_hex: track1 }) => {
  test("there are 16 of track 2 and 3 of track 1", () => {
    expect([track2.length, track1.length]).toEqual([16, 3]);
  });

  test.each(track2)("$tag $hex", ({ hex: text, parsed }) => {
    const track = parseTrack2(unhex(text));
    if (parsed === null) expect(track).toBeUndefined();
    else
      expect(track).toEqual({
        pan: parsed.pan,
        expiry: parsed.exp_yymm,
        serviceCode: parsed.service_code,
        discretionary: parsed.discretionary,
      });
  });

  test.each(track1)("56 %s", (text) => {
    const [pan, name, rest] = Buffer.from(text, "hex").toString("latin1").slice(1).split("^") as [
      string,
      string,
      string,
    ];
    const track = parseTrack1(unhex(text));
    // The first sample holds zero bytes where digits of the PAN should be.
    if (!/^[0-9]+$/.test(pan)) expect(track).toBeUndefined();
    else
      expect(track).toEqual({
        pan,
        name: name.trimEnd(),
        expiry: rest.slice(0, 4),
        serviceCode: rest.slice(4, 7),
        discretionary: rest.slice(7),
      });
    expect(hex(unhex(text))).toBe(text);
  });
});
