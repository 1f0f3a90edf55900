import { describe, expect, it } from "vitest";
import {
  cryptogramRecipe,
  cryptogramVersions,
  mchipCryptogram,
  versionOfIad,
  type CryptogramVersionName,
} from "../../../src/emv/cryptogram-versions.js";
import { arpc1, arpc2 } from "../../../src/emv/cryptogram.js";
import { encryptCommandData, isPinBlock2, pinBlock2, visPinBlock } from "../../../src/emv/secure-messaging.js";
import { concat, hex, unhex } from "../../../src/util/bytes.js";

const KEY = unhex("0123456789ABCDEFFEDCBA9876543210");
const AIP = unhex("1800");
const ATC = unhex("001C");
const IAD = unhex("0111 A00003220000 DAC1 00000000000322FF");
const TRANSACTION: readonly (readonly [number, string])[] = [
  [0x9f02, "000000009999"],
  [0x9f03, "000000000000"],
  [0x9f1a, "0124"],
  [0x95, "8000000000"],
  [0x5f2a, "0124"],
  [0x9a, "209906"],
  [0x9c, "00"],
  [0x9f37, "ABCDEF12"],
];
const values = new Map([
  ...TRANSACTION.map(([tag, value]) => [tag, unhex(value)] as const),
  [0x82, AIP],
  [0x9f36, ATC],
  [0x9f10, IAD],
]);
const cdol1Data = concat(...TRANSACTION.map(([, value]) => unhex(value)), unhex("22 0000 1122334455667788 5E0300"));

describe("M/Chip recipes", () => {
  it.each([0x10, 0x11, 0x14, 0x15] as const)("CVN %i: the short way from CDOL1 covers the same data", (cvn) => {
    const recipe = mchipCryptogram(cvn);
    expect(recipe.version.cvn).toBe(cvn);
    expect(hex(recipe.fromCdol1(cdol1Data, AIP, ATC, IAD))).toBe(hex(recipe.data((tag) => values.get(tag))));
  });

  it("cover the counters in CVN 17 and 21 only", () => {
    expect(hex(mchipCryptogram(0x10).fromCdol1(cdol1Data, AIP, ATC, IAD)).slice(-12)).toBe("A00003220000");
    expect(hex(mchipCryptogram(0x15).fromCdol1(cdol1Data, AIP, ATC, IAD)).slice(-28)).toBe(
      "A0000322000000000000000322FF",
    );
  });

  it("say what is too short", () => {
    const recipe = mchipCryptogram(0x11);
    expect(() => recipe.fromCdol1(cdol1Data.subarray(0, 28), AIP, ATC, IAD)).toThrow(
      expect.objectContaining({ code: "emv/bad-length" }),
    );
    expect(() => recipe.fromCdol1(cdol1Data, AIP, ATC, IAD.subarray(0, 17))).toThrow(
      expect.objectContaining({ code: "emv/bad-length" }),
    );
  });
});

describe("recipes", () => {
  it("name the object that a cryptogram lacks", () => {
    const recipe = cryptogramRecipe("visa-18");
    expect(() => recipe.data((tag) => (tag === 0x9f1a ? undefined : values.get(tag)))).toThrow(
      expect.objectContaining({ code: "emv/missing-value", context: { tag: "9F1A" } }),
    );
  });

  it("make their ARPC with the key and the method that the version has", () => {
    const session = unhex("101112131415161718191A1B1C1D1E1F");
    const arqc = unhex("0011223344556677");
    const keys = { master: KEY, session };
    expect(cryptogramRecipe("mchip-16").arpc(keys, arqc, unhex("0010"))).toEqual(arpc1(KEY, arqc, unhex("0010")));
    expect(cryptogramRecipe("mchip-20").arpc(keys, arqc, unhex("0010"))).toEqual(arpc1(session, arqc, unhex("0010")));
    expect(cryptogramRecipe("visa-18").arpc(keys, arqc, { csu: unhex("00820000") })).toEqual(
      arpc2(session, arqc, unhex("00820000")),
    );
    expect(() => cryptogramRecipe("visa-18").arpc(keys, arqc, unhex("0010"))).toThrow(
      expect.objectContaining({ code: "emv/bad-length" }),
    );
    expect(() => cryptogramRecipe("visa-10").arpc(keys, arqc, { csu: unhex("00820000") })).toThrow(
      expect.objectContaining({ code: "emv/bad-length" }),
    );
    expect(() => arpc1(KEY, arqc, unhex("00"))).toThrow(expect.objectContaining({ code: "emv/bad-length" }));
    expect(() => arpc2(KEY, arqc, unhex("00820000"), new Uint8Array(9))).toThrow(
      expect.objectContaining({ code: "emv/bad-length" }),
    );
  });

  it("are told by the issuer application data, per scheme", () => {
    expect(versionOfIad("mchip", IAD)).toBe("mchip-17");
    expect(versionOfIad("visa", unhex("06011203A0B800"))).toBe("visa-18");
    expect(versionOfIad("visa", unhex("06010A03A06010"))).toBe("visa-10");
    expect(versionOfIad("interac", unhex("1501850440B100000000B00000000000000000000000"))).toBe("interac-133");
    expect(versionOfIad("visa", unhex("0601FF03A0B800"))).toBeUndefined();
    expect(versionOfIad("visa", unhex(""))).toBeUndefined();
  });

  it("visa-17 covers four pieces, 13 bytes: amount, unpredictable number, ATC, one byte of the CVR", () => {
    const iad = new Map(values).set(0x9f10, unhex("06011103A0B800"));
    expect(hex(cryptogramRecipe("visa-17").data((tag) => iad.get(tag)))).toBe("000000009999ABCDEF12001CA0");
  });

  it("have no two versions of one scheme with one number", () => {
    const names = Object.entries(cryptogramVersions).map(([, { scheme, cvn }]) => `${scheme}/${cvn}`);
    expect(new Set(names).size).toBe(names.length);
    for (const name of Object.keys(cryptogramVersions))
      expect(cryptogramRecipe(name as CryptogramVersionName).version.input.length).toBeGreaterThan(3);
  });
});

describe("PIN blocks and command data", () => {
  it("take PINs of 4 to 12 digits", () => {
    expect(hex(pinBlock2("1234"))).toBe("241234FFFFFFFFFF"); // ISO 9564-1, format 2
    for (const pin of ["123", "1234567890123", "12a4", ""]) {
      expect(() => pinBlock2(pin)).toThrow(expect.objectContaining({ code: "emv/bad-pin" }));
      expect(() => visPinBlock(KEY, "1234", pin)).toThrow(expect.objectContaining({ code: "emv/bad-pin" }));
    }
  });

  it("tell a PIN block of format 2 from other bytes", () => {
    // the first two: pyemv tests/test_sm_hsm.py; the others differ in length, format, a digit, the filler
    for (const block of ["2C999999999999FF", "249999FFFFFFFFFF"]) expect(isPinBlock2(unhex(block))).toBe(true);
    for (const block of [
      "23999FFFFFFFFFFF",
      "2D9999999999999F",
      "049999FFFFFFFFFF",
      "24999AFFFFFFFFFF",
      "249999FFFFFFFF0F",
      "",
    ])
      expect(isPinBlock2(unhex(block))).toBe(false);
    expect(isPinBlock2(unhex("249999FFFFFFFFFFFF"))).toBe(false);
  });

  it("bounds what is enciphered", () => {
    expect(() => encryptCommandData(KEY, new Uint8Array(0), "emv")).toThrow(
      expect.objectContaining({ code: "emv/bad-length" }),
    );
    expect(() => encryptCommandData(KEY, new Uint8Array(241), "visa")).toThrow(
      expect.objectContaining({ code: "emv/bad-length" }),
    );
    expect(encryptCommandData(KEY, new Uint8Array(8), "mastercard")).toHaveLength(8);
    expect(encryptCommandData(KEY, new Uint8Array(7), "mastercard")).toHaveLength(8);
    expect(encryptCommandData(KEY, new Uint8Array(8), "emv")).toHaveLength(16);
    expect(encryptCommandData(KEY, new Uint8Array(7), "visa")).toHaveLength(8);
  });
});
