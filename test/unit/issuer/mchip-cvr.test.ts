import { expect, test } from "vitest";
import { cvrFlags, EMPTY_CVR, MCHIP_IAD_BYTES, MchipCounters, MchipCvr, MchipIad } from "../../../src/emv/mchip-cvr.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { seededRandom } from "../../../src/util/random.js";

test("the CVR of the cryptogram vectors: ARQC, three tries left, no PIN, at home", () => {
  const cvr = MchipCvr.decode(unhex("A00003220000"));
  expect(cvr.results).toMatchObject({ secondAc: 2, firstAc: 2 });
  expect(cvr.counters).toEqual({ scripts: 0, pinTries: 3 });
  expect(cvrFlags(cvr)).toEqual(["pinNotPerformed", "domestic"]);
});

test("each bit, by its place in the byte", () => {
  const flags = (text: string): readonly string[] => cvrFlags(MchipCvr.decode(unhex(text)));
  expect(flags("0F0000000000")).toEqual(["dateCheckFailed", "pinPerformed", "encipheredPinPerformed", "pinSuccessful"]);
  expect(flags("00F000000000")).toEqual(["ddaReturned", "cdaInFirst", "cdaInSecond", "issuerAuthenticationPerformed"]);
  expect(flags("000B00000000")).toEqual(["defaultSkippedOnCat3", "onDeviceSupported", "onDeviceSuccessful"]);
  expect(flags("0000007D0000")).toEqual([
    "unableToGoOnline",
    "pinNotPerformed",
    "pinFailed",
    "pinTriesExceeded",
    "international",
    "wronglyBelievedVerified",
  ]);
  expect(flags("00000000C000")).toEqual(["lowerConsecutive", "upperConsecutive"]);
  expect(flags("000000003F00")).toEqual([
    "lowerCumulative",
    "upperCumulative",
    "onlineNextTime",
    "issuerAuthenticationFailed",
    "scriptReceived",
    "scriptFailed",
  ]);
  expect(flags("000000000003")).toEqual(["additionalMatch", "additionalNoMatch"]);
  expect(hex(MchipCvr.encode(EMPTY_CVR))).toBe("A00000000000");
});

test("issuer application data of a recorded tap", () => {
  // binaryfoo/emv-bertlv, contactless-mastercard: 9F10 of the answer to GENERATE AC.
  const iad = MchipIad.decode(unhex("0110120110900924840000000000000029FF"));
  expect([iad.keyIndex, iad.cvn, hex(iad.cvr), hex(iad.dac), hex(iad.counters)]).toEqual([
    1,
    16,
    "120110900924",
    "8400",
    "00000000000029FF",
  ]);
  // A TC; bits that have no meaning here are let through.
  expect(MchipCvr.decode(iad.cvr).results).toMatchObject({ secondAc: 0, firstAc: 1 });
  expect(MCHIP_IAD_BYTES).toBe(18);
});

test("counters: eight bytes", () => {
  expect(hex(MchipCounters.encode({ lastOnlineAtc: 0x1c, offlineInRow: 3, offlineAmount: 1250, end: 0xff }))).toBe(
    "001C03000004E2FF",
  );
});

test("what is encoded decodes to the same", () => {
  const random = seededRandom("cvr");
  for (let i = 0; i < 50; i++) {
    const value = MchipCvr.sample(random);
    expect(MchipCvr.decode(MchipCvr.encode(value))).toEqual(value);
  }
});
