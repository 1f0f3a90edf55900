import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Tlv } from "../../../src/codec/tlv.js";
import { tagHex } from "../../../src/codec/tlv.js";
import { rsaPrivate, rsaPublic } from "../../../src/crypto/rsa.js";
import { generateRsa } from "../../../src/crypto/rsa-generate.js";
import { sha1 } from "../../../src/crypto/hash.js";
import {
  CdaDynamicData,
  IccCertificate,
  IssuerCertificate,
  SignedDynamicData,
  SignedStaticData,
} from "../../../src/emv/certificate-data.js";
import { expiredAt } from "../../../src/emv/certificate-dates.js";
import {
  issueIccCertificate,
  issueIssuerCertificate,
  recoverDynamicData,
  recoverIccCertificate,
  recoverIssuerCertificate,
  recoverStaticData,
  signDynamicData,
  signStaticData,
} from "../../../src/emv/certificates.js";
import { concat, hex, NO_BYTES, unhex } from "../../../src/util/bytes.js";
import { seededRandom } from "../../../src/util/random.js";

const PAN = "5413330000000019";
const DATE = unhex("260115");
const SERIAL = unhex("0A0B0C");
const EXPIRY = unhex("1230");
const STATIC = unhex("5A085413330000000019 5F2403301231");

const random = seededRandom("certificates");
const keyOf = (bits: number, exponent = 3) => generateRsa(bits, exponent, random.fork(`${bits}/${exponent}`));
const caKey = keyOf(1408);
const ca = rsaPrivate(caKey);
const issuerKey = keyOf(1152);
const issuer = rsaPrivate(issuerKey);
const cardKey = keyOf(1024);
const card = rsaPrivate(cardKey);

const value = (objects: readonly Tlv[], tag: number): Uint8Array =>
  objects.find((object) => object.tag === tag)?.value ?? NO_BYTES;
const tags = (objects: readonly Tlv[]): string[] => objects.map(({ tag }) => tagHex(tag));

const issued = issueIssuerCertificate(ca, {
  caIndex: 0xfe,
  issuerIdentifier: "541333",
  expiry: EXPIRY,
  serial: SERIAL,
  publicKey: issuerKey,
});
const iccIssued = issueIccCertificate(issuer, {
  pan: PAN,
  expiry: EXPIRY,
  serial: SERIAL,
  publicKey: cardKey,
  staticData: STATIC,
});

const issuerObjects = {
  certificate: value(issued, 0x90),
  remainder: value(issued, 0x92),
  exponent: value(issued, 0x9f32),
  pan: PAN,
  date: DATE,
};
const iccObjects = {
  certificate: value(iccIssued, 0x9f46),
  remainder: value(iccIssued, 0x9f48),
  exponent: value(iccIssued, 0x9f47),
  staticData: STATIC,
  pan: PAN,
  date: DATE,
};

/** A certificate made by hand, so that it can be wrong in one place. */
function forged(block: Uint8Array, covered: Uint8Array, rehash = true): Uint8Array {
  const hashAt = block.length - 21;
  if (rehash) block.set(sha1(concat(block.subarray(1, hashAt), covered)), hashAt);
  return ca.apply(block);
}
const genuine = (): Uint8Array => rsaPublic(caKey, issuerObjects.certificate);
const covered = concat(issuerObjects.remainder, issuerObjects.exponent);

describe("an issuer certificate", () => {
  it("is, once recovered, laid out as EMV 4.3 Book 2 table 1 has it", () => {
    const block = genuine();
    const room = 176 - 36;
    expect(hex(block.subarray(0, 15))).toBe("6A02541333FF12300A0B0C01019001");
    expect(hex(block.subarray(15, 15 + room))).toBe(hex(issuerKey.modulus.subarray(0, room)));
    expect(hex(block.subarray(15 + room, -1))).toBe(
      hex(sha1(concat(block.subarray(1, 15 + room), issuerKey.modulus.subarray(room), unhex("03")))),
    );
    expect(block.at(-1)).toBe(0xbc);
    expect(hex(issuerObjects.remainder)).toBe(hex(issuerKey.modulus.subarray(room)));
    expect(tags(issued)).toEqual(["8F", "90", "92", "9F32"]);
  });

  it("gives the issuer's key back", () => {
    const recovered = recoverIssuerCertificate(caKey, issuerObjects);
    expect(recovered).toMatchObject({ status: "ok", publicKey: { modulus: issuerKey.modulus, exponent: 3 } });
  });

  it("fills a short key with BB and has no remainder then", () => {
    const short = keyOf(1024, 65537);
    const objects = issueIssuerCertificate(ca, {
      caIndex: 1,
      issuerIdentifier: "541",
      expiry: EXPIRY,
      serial: SERIAL,
      publicKey: short,
    });
    expect(tags(objects)).toEqual(["8F", "90", "9F32"]);
    expect(hex(rsaPublic(caKey, value(objects, 0x90)).subarray(15 + 128, -21))).toBe("BB".repeat(12));
    expect(
      recoverIssuerCertificate(caKey, {
        ...issuerObjects,
        certificate: value(objects, 0x90),
        remainder: undefined,
        exponent: unhex("010001"),
      }),
    ).toMatchObject({
      status: "ok",
      publicKey: { modulus: short.modulus, exponent: 65537 },
    });
  });

  it.each([
    ["length-mismatch", { certificate: issuerObjects.certificate.subarray(1) }],
    ["length-mismatch", { certificate: NO_BYTES }],
    ["not-below-modulus", { certificate: new Uint8Array(176).fill(0xff) }],
    ["wrong-trailer", { certificate: forged(Uint8Array.from(genuine()).fill(0xbd, -1), covered) }],
    ["wrong-header", { certificate: forged(Uint8Array.from(genuine()).fill(0x6b, 0, 1), covered) }],
    ["wrong-format", { certificate: forged(Uint8Array.from(genuine()).fill(0x04, 1, 2), covered) }],
    ["wrong-hash-algorithm", { certificate: forged(Uint8Array.from(genuine()).fill(0x02, 11, 12), covered) }],
    ["wrong-hash", { certificate: forged(Uint8Array.from(genuine()).fill(0x31, 7, 8), covered, false) }],
    ["wrong-hash", { remainder: issuerObjects.remainder.map((byte) => byte ^ 1) }],
    ["missing-remainder", { remainder: undefined }],
    ["wrong-hash", { exponent: unhex("010001") }],
    ["issuer-mismatch", { pan: "4761739001010119" }],
    ["issuer-mismatch", { certificate: forged(Uint8Array.from(genuine()).fill(0xff, 2, 6), covered) }],
    ["wrong-expiry", { certificate: forged(Uint8Array.from(genuine()).fill(0x13, 6, 7), covered) }],
    ["expired", { date: unhex("310101") }],
    ["revoked", { revoked: (serial: Uint8Array) => hex(serial) === "0A0B0C" }],
    ["wrong-key-algorithm", { certificate: forged(Uint8Array.from(genuine()).fill(0x02, 12, 13), covered) }],
    ["wrong-key-length", { certificate: forged(Uint8Array.from(genuine()).fill(0x91, 13, 14), covered) }],
    [
      "wrong-key-length",
      { certificate: forged(Uint8Array.from(genuine()).fill(0x20, 13, 14), unhex("03")), remainder: undefined },
    ],
    [
      "wrong-key-length",
      { certificate: forged(genuine(), concat(unhex("0102"), unhex("03"))), remainder: unhex("0102") },
    ],
    ["wrong-exponent", { certificate: forged(Uint8Array.from(genuine()).fill(0x03, 14, 15), covered) }],
    [
      "wrong-exponent",
      { certificate: forged(genuine(), concat(issuerObjects.remainder, unhex("05"))), exponent: unhex("05") },
    ],
  ] as const)("is refused as %s", (reason, change) => {
    expect(recoverIssuerCertificate(caKey, { ...issuerObjects, ...change })).toEqual({ status: "failed", reason });
  });

  it("is refused where the CA's key itself is out of bounds", () => {
    expect(recoverIssuerCertificate({ modulus: caKey.modulus, exponent: 2 }, issuerObjects)).toEqual({
      status: "failed",
      reason: "bad-signer-key",
    });
  });

  it("needs a date that is one", () => {
    expect(() => recoverIssuerCertificate(caKey, { ...issuerObjects, date: unhex("2613") })).toThrow(
      expect.objectContaining({ code: "emv/certificate-input" }),
    );
  });
});

describe("a card's certificate", () => {
  it("is, once recovered, laid out as EMV 4.3 Book 2 table 10 has it", () => {
    const block = rsaPublic(issuerKey, iccObjects.certificate);
    expect(hex(block.subarray(0, 21))).toBe("6A045413330000000019FFFF12300A0B0C01018001");
    expect(block.at(-1)).toBe(0xbc);
    expect(tags(iccIssued)).toEqual(["9F46", "9F48", "9F47"]);
  });

  it("gives the card's key back", () => {
    expect(recoverIccCertificate(issuerKey, iccObjects)).toMatchObject({
      status: "ok",
      publicKey: { modulus: cardKey.modulus, exponent: 3 },
    });
  });

  it.each([
    ["pan-mismatch", { pan: "5413330000000027" }],
    ["pan-mismatch", { pan: "541333000000001" }],
    ["wrong-hash", { staticData: concat(STATIC, unhex("5980")) }],
    ["missing-remainder", { remainder: undefined }],
    ["expired", { date: unhex("310101") }],
    ["length-mismatch", { certificate: issuerObjects.certificate }],
  ] as const)("is refused as %s", (reason, change) => {
    expect(recoverIccCertificate(issuerKey, { ...iccObjects, ...change })).toEqual({ status: "failed", reason });
  });

  it("is not taken for an issuer's", () => {
    const same = issueIccCertificate(ca, {
      pan: PAN,
      expiry: EXPIRY,
      serial: SERIAL,
      publicKey: cardKey,
      staticData: NO_BYTES,
    });
    expect(
      recoverIssuerCertificate(caKey, {
        ...issuerObjects,
        certificate: value(same, 0x9f46),
        remainder: value(same, 0x9f48),
      }),
    ).toEqual({
      status: "failed",
      reason: "wrong-format",
    });
  });
});

describe("signed data", () => {
  it("static: gives the authentication code back, and holds for its data only", () => {
    const signature = signStaticData(issuer, unhex("DAC1"), STATIC);
    expect(hex(rsaPublic(issuerKey, signature).subarray(0, 6))).toBe("6A0301DAC1BB");
    expect(recoverStaticData(issuerKey, signature, STATIC)).toEqual({
      status: "ok",
      authenticationCode: unhex("DAC1"),
    });
    expect(recoverStaticData(issuerKey, signature, STATIC.subarray(1))).toEqual({
      status: "failed",
      reason: "wrong-hash",
    });
  });

  it("dynamic: gives the dynamic data back, and holds for the terminal's data only", () => {
    const signature = signDynamicData(card, unhex("031122 33"), unhex("01020304"));
    expect(hex(rsaPublic(cardKey, signature).subarray(0, 9))).toBe("6A05010403112233BB");
    expect(recoverDynamicData(cardKey, signature, unhex("01020304"))).toEqual({
      status: "ok",
      dynamicData: unhex("03112233"),
    });
    expect(recoverDynamicData(cardKey, signature, unhex("01020305"))).toEqual({
      status: "failed",
      reason: "wrong-hash",
    });
  });

  it("dynamic: as much as the key has room for, and no more", () => {
    const full = new Uint8Array(128 - 25).fill(7);
    const signature = signDynamicData(card, full, NO_BYTES);
    expect(recoverDynamicData(cardKey, signature, NO_BYTES)).toEqual({ status: "ok", dynamicData: full });
    expect(() => signDynamicData(card, new Uint8Array(128 - 24), NO_BYTES)).toThrow(
      expect.objectContaining({ code: "emv/certificate-input" }),
    );
  });

  it("dynamic: a length that reaches into the hash is refused", () => {
    const block = new Uint8Array(128).fill(0xbb);
    block.set(unhex("6A050168"));
    block.set(sha1(block.subarray(1, 107)), 107);
    block[127] = 0xbc;
    expect(recoverDynamicData(cardKey, card.apply(block), NO_BYTES)).toEqual({
      status: "failed",
      reason: "wrong-dynamic-data",
    });
  });
});

describe("issuing", () => {
  const input = { caIndex: 1, issuerIdentifier: "541333", expiry: EXPIRY, serial: SERIAL, publicKey: issuerKey };
  it.each([
    ["an identifier with letters", () => issueIssuerCertificate(ca, { ...input, issuerIdentifier: "54133F" })],
    ["an expiry of three bytes", () => issueIssuerCertificate(ca, { ...input, expiry: unhex("301231") })],
    ["a serial of two bytes", () => issueIssuerCertificate(ca, { ...input, serial: unhex("0001") })],
    [
      "a PAN of 20 digits",
      () =>
        issueIccCertificate(issuer, {
          pan: "5".repeat(20),
          expiry: EXPIRY,
          serial: SERIAL,
          publicKey: cardKey,
          staticData: STATIC,
        }),
    ],
    ["an authentication code of one byte", () => signStaticData(issuer, unhex("DA"), STATIC)],
  ])("refuses %s", (_what, call) => {
    expect(call).toThrow(expect.objectContaining({ code: "emv/certificate-input" }));
  });
});

describe("expiry dates", () => {
  it.each([
    ["1225", "251231", undefined], // good until the end of its month
    ["1225", "260101", "expired"],
    ["1249", "491231", undefined],
    ["1299", "000101", "expired"], // 1999 lies before 2000
    ["0100", "991231", undefined],
    ["0150", "491231", "expired"], // 50 is 1950
    ["0025", "250101", "wrong-expiry"],
    ["1A25", "250101", "wrong-expiry"],
    ["122F", "250101", "wrong-expiry"],
  ])("%s on %s: %s", (expiry, date, expected) => {
    expect(expiredAt(unhex(expiry), unhex(date))).toBe(expected);
  });
});

describe("declared layouts", () => {
  it("write and read their own samples", () => {
    const samples = seededRandom("layouts");
    for (const layout of [IssuerCertificate, IccCertificate, SignedStaticData, SignedDynamicData, CdaDynamicData]) {
      for (let i = 0; i < 20; i++) {
        const written = layout.encode(layout.sample(samples) as never);
        expect(hex(layout.encode(layout.decode(written) as never)), layout.name).toBe(hex(written));
      }
    }
  });

  it("read literal bytes: dynamic data of a CDA with relay resistance data behind it", () => {
    const data = CdaDynamicData.decode(unhex(`03112233 40 D58B731AF5885C06 ${"AB".repeat(20)} 00010203`));
    expect({ ...data, number: hex(data.number), cryptogram: hex(data.cryptogram), more: hex(data.more) }).toMatchObject(
      {
        number: "112233",
        cid: 0x40,
        cryptogram: "D58B731AF5885C06",
        more: "00010203",
      },
    );
  });
});

describe("whatever stands in a certificate", () => {
  it("recovering gives a value and throws nothing", () => {
    const block = fc.uint8Array({ minLength: 176, maxLength: 176 });
    const rehash = fc.boolean();
    fc.assert(
      fc.property(
        block,
        fc.constantFrom(2, 3, 4, 5),
        rehash,
        fc.uint8Array({ maxLength: 40 }),
        (content, format, hashed, extra) => {
          content[0] = 0x6a;
          content[1] = format;
          content[175] = 0xbc;
          for (const at of [2, 11, 17]) content[at] = 1;
          if (hashed) content.set(sha1(concat(content.subarray(1, 155), extra)), 155);
          const certificate = ca.apply(content);
          const results = [
            recoverIssuerCertificate(caKey, { certificate, exponent: extra, pan: PAN, date: DATE }),
            recoverIssuerCertificate(caKey, {
              certificate,
              remainder: extra,
              exponent: NO_BYTES,
              pan: hex(content.subarray(2, 6)),
              date: DATE,
            }),
            recoverIccCertificate(caKey, { certificate, exponent: NO_BYTES, staticData: extra, pan: PAN, date: DATE }),
            recoverIccCertificate(caKey, {
              certificate,
              exponent: extra,
              staticData: NO_BYTES,
              pan: hex(content.subarray(2, 12)),
              date: DATE,
            }),
            recoverStaticData(caKey, certificate, extra),
            recoverDynamicData(caKey, certificate, extra),
          ];
          for (const result of results) expect(["ok", "failed"]).toContain(result.status);
          if (hashed && format === 3) expect(results[4]!.status).toBe("ok");
        },
      ),
      { numRuns: 60 },
    );
  });

  it("one changed byte is never accepted", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 143 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const certificate = Uint8Array.from(iccObjects.certificate);
        certificate[at]! ^= change;
        expect(recoverIccCertificate(issuerKey, { ...iccObjects, certificate }).status).toBe("failed");
      }),
    );
  });
});
