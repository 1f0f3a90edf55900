import { describe, expect, it } from "vitest";
import { desKey } from "../../../src/crypto/des.js";
import {
  commonSessionKey,
  iccMasterKey,
  iccMasterKeyA,
  iccMasterKeyB,
  skdSessionKey,
  treeSessionKey,
  visaSessionKey,
} from "../../../src/emv/keys.js";
import { hex, unhex } from "../../../src/util/bytes.js";

const ISSUER_KEY = unhex("0123456789ABCDEFFEDCBA9876543210");

describe("ICC master keys", () => {
  // Values: pyemv (MIT), tests/test_kd_hsm.py, checked there against an HSM.
  it("option A: PAN and sequence number", () => {
    expect(hex(iccMasterKeyA(ISSUER_KEY, "12345678901234567", "45"))).toBe("946DC1A8C78A624519BC4645CB073737");
  });

  it("option B: the hashed PAN", () => {
    expect(hex(iccMasterKeyB(ISSUER_KEY, "12345678901234567", "45"))).toBe("F767ECC2263B2C543775CB62AB6B57D6");
    expect(hex(iccMasterKeyB(ISSUER_KEY, "12345678901234567"))).toBe("1C13AE23B54AF7BA49FBE09192C87983");
  });

  it("option B: letters stand in, A as 0 to F as 5, where the hash has too few digits", () => {
    // SHA-1 of 05413330000000010600 is FCE5DC458BCE1D2C9E4E615C2F9E0CCBEC8EBACD: 15 digits, then its first letter
    expect(iccMasterKeyB(ISSUER_KEY, "54133300000000106")).toEqual(iccMasterKeyA(ISSUER_KEY, "54581294615290", "85"));
  });

  it("are chosen by the PAN's length: A up to 16 digits, B above", () => {
    expect(iccMasterKey(ISSUER_KEY, "9901234567890123", "45")).toEqual(
      iccMasterKeyA(ISSUER_KEY, "9901234567890123", "45"),
    );
    expect(iccMasterKey(ISSUER_KEY, "12345678901234567", "45")).toEqual(
      iccMasterKeyB(ISSUER_KEY, "12345678901234567", "45"),
    );
  });

  it("option A fills short PANs with zeros on the left", () => {
    expect(iccMasterKeyA(ISSUER_KEY, "123456789", "01")).toEqual(iccMasterKeyA(ISSUER_KEY, "00000123456789", "01"));
  });

  it("come from bytes and from a kept key alike", () => {
    expect(iccMasterKey(desKey(ISSUER_KEY), "9901234567890123", "45")).toEqual(
      iccMasterKey(ISSUER_KEY, "9901234567890123", "45"),
    );
  });

  it("need digits", () => {
    for (const call of [
      () => iccMasterKey(ISSUER_KEY, "12A4"),
      () => iccMasterKey(ISSUER_KEY, ""),
      () => iccMasterKey(ISSUER_KEY, "1".repeat(20)),
      () => iccMasterKey(ISSUER_KEY, "1234", "1"),
    ])
      expect(call).toThrow(expect.objectContaining({ code: "emv/bad-pan" }));
  });
});

describe("session keys", () => {
  it("M/Chip's is the common one with the unpredictable number in R", () => {
    expect(skdSessionKey(ISSUER_KEY, unhex("001C"), unhex("ABCDEF12"))).toEqual(
      commonSessionKey(ISSUER_KEY, unhex("001C0000ABCDEF12")),
    );
  });

  it("refuse inputs of other lengths", () => {
    for (const call of [
      () => commonSessionKey(ISSUER_KEY, new Uint8Array(7)),
      () => skdSessionKey(ISSUER_KEY, new Uint8Array(3), new Uint8Array(4)),
      () => skdSessionKey(ISSUER_KEY, new Uint8Array(2), new Uint8Array(3)),
      () => visaSessionKey(ISSUER_KEY, new Uint8Array(1)),
      () => treeSessionKey(ISSUER_KEY, new Uint8Array(2), { height: 8, branches: 3 }),
      () => treeSessionKey(ISSUER_KEY, new Uint8Array(2), { height: 8, branches: 4, iv: new Uint8Array(8) }),
    ])
      expect(call).toThrow(expect.objectContaining({ code: "emv/bad-length" }));
    expect(() => visaSessionKey(new Uint8Array(24), new Uint8Array(2))).toThrow(
      expect.objectContaining({ code: "emv/key-length" }),
    );
  });
});
