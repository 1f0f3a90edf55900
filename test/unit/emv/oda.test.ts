import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tagHex, tlv, type Tlv } from "../../../src/codec/tlv.js";
import { rsaPrivate } from "../../../src/crypto/rsa.js";
import { recoverIccCertificate, signCda, signDynamicData, signStaticData } from "../../../src/emv/certificates.js";
import {
  staticDataToAuthenticate,
  transactionDataHash,
  verifyCda,
  verifyChain,
  verifyDda,
  verifySda,
  type CdaInput,
  type ChainInput,
} from "../../../src/emv/oda.js";
import { createTestCa } from "../../../src/emv/test-ca.js";
import { concat, hex, NO_BYTES, unhex } from "../../../src/util/bytes.js";
import { isTapbenchError } from "../../../src/util/errors.js";
import { seededRandom } from "../../../src/util/random.js";

const PAN = "5413330000000019";
const RID = unhex("A000000004");
const AIP = unhex("1980");
const RECORD = tlv(0x70, unhex("5A085413330000000019 5F2403491231 9F4A0182"));
const STATIC = concat(RECORD.subarray(2), AIP);
const DATE = unhex("260115");

const ca = createTestCa({ random: seededRandom("oda"), rid: RID, index: 0xfe });
const issuer = ca.issuer({ issuerIdentifier: "541333" });
const card = issuer.card({ pan: PAN, staticData: STATIC });
const cardSigner = rsaPrivate(card.key);

const valuesOf = (...lists: readonly (readonly Tlv[])[]): Map<number, Uint8Array> =>
  new Map([
    [0x5a, unhex(PAN)],
    [0x82, AIP],
    [0x9f4a, unhex("82")],
    ...lists.flat().map(({ tag, value }) => [tag, value] as const),
  ]);

function chainInput(
  values = valuesOf(issuer.objects, card.objects),
  change: Partial<Omit<ChainInput, "valueOf">> = {},
): ChainInput {
  return {
    rid: RID,
    valueOf: (tag) => values.get(tag),
    records: [{ sfi: 2, data: RECORD }],
    date: DATE,
    caKeys: ca.keys,
    ...change,
  };
}
const without = (tag: number) => {
  const values = valuesOf(issuer.objects, card.objects);
  values.delete(tag);
  return chainInput(values);
};
const flipped = (tag: number, at: number) => {
  const values = valuesOf(issuer.objects, card.objects);
  const changed = Uint8Array.from(values.get(tag)!);
  changed[at]! ^= 0x01;
  return chainInput(values.set(tag, changed));
};

describe("a chain from the test CA", () => {
  it("holds, with issuer and card keys of 1408 bits under a CA key of 1984", () => {
    const chain = verifyChain(chainInput());
    expect(chain.issuer).toMatchObject({
      status: "ok",
      publicKey: { modulus: issuer.key.modulus },
      ca: { index: 0xfe },
    });
    expect(chain.card).toMatchObject({ status: "ok", publicKey: { modulus: card.key.modulus } });
    expect(chain.staticData).toEqual({ status: "ok", data: STATIC });
    expect(issuer.objects.map(({ tag }) => tag)).toEqual([0x8f, 0x90, 0x9f32]);
    expect(card.objects.map(({ tag }) => tag)).toEqual([0x9f46, 0x9f48, 0x9f47]);
  });

  it.each([
    { caBits: 1984, issuerBits: 1984, cardBits: 1152, remainders: [0x92] },
    { caBits: 1408, issuerBits: 1152, cardBits: 1152, remainders: [0x92, 0x9f48] },
    { caBits: 1152, issuerBits: 1024, cardBits: 768, remainders: [0x92, 0x9f48] },
    { caBits: 1984, issuerBits: 1408, cardBits: 1024, remainders: [] },
  ])(
    "holds with keys of $caBits, $issuerBits and $cardBits bits, and has remainders where they are needed",
    ({ caBits, issuerBits, cardBits, remainders }) => {
      const other = createTestCa({ random: seededRandom(`oda/${caBits}`), rid: RID, index: 1, caBits });
      const one = other.issuer({ issuerIdentifier: "541333", bits: issuerBits, exponent: 65537 });
      const two = one.card({ pan: PAN, staticData: STATIC, bits: cardBits });
      const objects = [...one.objects, ...two.objects];
      expect(objects.map(({ tag }) => tag).filter((tag) => tag === 0x92 || tag === 0x9f48)).toEqual(remainders);
      const chain = verifyChain(chainInput(valuesOf(objects), { caKeys: other.keys }));
      expect(chain.card).toMatchObject({ status: "ok", publicKey: { modulus: two.key.modulus } });
      for (const remainder of remainders) {
        const values = valuesOf(objects);
        values.delete(remainder);
        const incomplete = verifyChain(chainInput(values, { caKeys: other.keys }));
        expect(remainder === 0x92 ? incomplete.issuer : incomplete.card).toEqual({
          status: "missing",
          what: tagHex(remainder),
        });
      }
    },
  );

  it("is the same again from the same seed, and another from another", () => {
    const make = (seed: string) =>
      createTestCa({ random: seededRandom(seed), rid: RID, index: 1, caBits: 768 }).issuer({
        issuerIdentifier: "541",
        bits: 768,
      });
    expect(make("x").objects).toEqual(make("x").objects);
    expect(make("x").objects).not.toEqual(make("y").objects);
  });

  it("certifies again the key of a card whose records changed", () => {
    const changed = concat(STATIC, unhex("00"));
    const objects = issuer.certify(card.key, { pan: PAN, staticData: changed });
    const [certificate, remainder, exponent] = objects.map(({ value }) => value);
    const data = { certificate: certificate!, remainder, exponent: exponent!, pan: PAN, date: DATE };
    expect(recoverIccCertificate(issuer.key, { ...data, staticData: changed }).status).toBe("ok");
    expect(recoverIccCertificate(issuer.key, { ...data, staticData: STATIC }).status).toBe("failed");
  });

  it("finds the PAN in track 2 where 5A is not given", () => {
    const values = valuesOf(issuer.objects, card.objects);
    values.delete(0x5a);
    expect(verifyChain(chainInput(values.set(0x57, unhex(`${PAN}D4912201000000000F`)))).card.status).toBe("ok");
  });
});

describe("a chain that does not hold", () => {
  it("names a CA key that the terminal does not have, which is no fault of the card", () => {
    const chain = verifyChain(chainInput(undefined, { caKeys: () => undefined }));
    expect(chain.issuer).toEqual({ status: "missing", what: "ca-key" });
    expect(chain.card).toEqual({ status: "not-evaluated" });
    expect(verifyChain(chainInput(undefined, { rid: unhex("A000000003") })).issuer).toEqual({
      status: "missing",
      what: "ca-key",
    });
  });

  it.each([0x8f, 0x90, 0x9f32, 0x5a])("names %i (decimal) when the card did not give it", (tag) => {
    const chain = verifyChain(without(tag));
    expect(chain.issuer).toEqual({ status: "missing", what: tag.toString(16).toUpperCase() });
    expect(chain.card).toEqual({ status: "not-evaluated" });
  });

  it.each([0x9f46, 0x9f47])("names %i (decimal) when the card did not give it, and the issuer's link stands", (tag) => {
    const chain = verifyChain(without(tag));
    expect(chain.issuer.status).toBe("ok");
    expect(chain.card).toEqual({ status: "missing", what: tag.toString(16).toUpperCase() });
  });

  it("stops where a byte was changed", () => {
    for (const at of [0, 1, 100, 247]) {
      const chain = verifyChain(flipped(0x90, at));
      expect(chain.issuer.status).toBe("failed");
      expect(chain.card.status).toBe("not-evaluated");
    }
    for (const [tag, at] of [
      [0x9f46, 0],
      [0x9f46, 175],
      [0x9f48, 3],
      [0x82, 1],
    ] as const) {
      const chain = verifyChain(flipped(tag, at));
      expect(chain.issuer.status).toBe("ok");
      expect(chain.card).toMatchObject({ status: "failed" });
    }
    const record = Uint8Array.from(RECORD);
    record[5]! ^= 0x10;
    expect(verifyChain(chainInput(undefined, { records: [{ sfi: 2, data: record }] })).card).toEqual({
      status: "failed",
      reason: "wrong-hash",
    });
  });

  it("refuses what has expired or been revoked", () => {
    const revoked = (rid: Uint8Array, index: number, serial: Uint8Array) =>
      hex(rid) === hex(RID) && index === 0xfe && hex(serial) === "000001";
    expect(verifyChain(chainInput(undefined, { revoked })).issuer).toEqual({ status: "failed", reason: "revoked" });
    const old = { ...ca.publicKey, expiry: unhex("251231") };
    expect(verifyChain(chainInput(undefined, { caKeys: () => old })).issuer).toEqual({
      status: "failed",
      reason: "ca-expired",
    });
    expect(
      verifyChain(chainInput(undefined, { caKeys: () => ({ ...old, expiry: unhex("260115") }) })).issuer.status,
    ).toBe("ok");
    const soon = issuer.card({ pan: PAN, staticData: STATIC, expiry: unhex("1225") });
    expect(verifyChain(chainInput(valuesOf(issuer.objects, soon.objects))).card).toEqual({
      status: "failed",
      reason: "expired",
    });
  });
});

describe("static data to authenticate (EMV 4.3 Book 3 10.3)", () => {
  const long = tlv(0x70, tlv(0x9f1f, new Uint8Array(200)));

  it("leaves the template out up to SFI 10 and keeps it from SFI 11 on", () => {
    const inner = unhex("5A0412345678");
    const record = tlv(0x70, inner);
    expect(staticDataToAuthenticate([{ sfi: 10, data: record }])).toEqual({ status: "ok", data: inner });
    expect(staticDataToAuthenticate([{ sfi: 11, data: record }])).toEqual({ status: "ok", data: record });
    expect(
      staticDataToAuthenticate([
        { sfi: 1, data: long },
        { sfi: 1, data: record },
      ]),
    ).toEqual({ status: "ok", data: concat(long.subarray(3), inner) });
  });

  it("adds the AIP's value where the tag list asks for it, and takes no other tag", () => {
    expect(staticDataToAuthenticate([], unhex("82"), AIP)).toEqual({ status: "ok", data: AIP });
    expect(staticDataToAuthenticate([], NO_BYTES, AIP)).toEqual({ status: "ok", data: NO_BYTES });
    expect(staticDataToAuthenticate([], undefined, AIP)).toEqual({ status: "ok", data: NO_BYTES });
    expect(staticDataToAuthenticate([], unhex("82"))).toEqual({ status: "missing", what: "82" });
    for (const list of ["5A", "8282", "829F36"])
      expect(staticDataToAuthenticate([], unhex(list), AIP)).toEqual({ status: "failed", reason: "bad-tag-list" });
  });

  it.each(["", "70", "7003 0102", "7001 0102", "7705 5A03123456", "7081", "708405", "7080"])(
    "refuses the record '%s' below SFI 11",
    (record) => {
      expect(staticDataToAuthenticate([{ sfi: 1, data: unhex(record) }])).toEqual({
        status: "failed",
        reason: "bad-record",
      });
    },
  );

  it("breaks the chain when it cannot be put together", () => {
    const values = valuesOf(issuer.objects, card.objects).set(0x9f4a, unhex("5A"));
    const chain = verifyChain(chainInput(values));
    expect(chain.staticData).toEqual({ status: "failed", reason: "bad-tag-list" });
    expect(chain.issuer.status).toBe("ok");
    expect(chain.card.status).toBe("not-evaluated");
    expect(verifySda(chain, NO_BYTES).status).toBe("not-evaluated");
  });
});

describe("static and dynamic authentication", () => {
  const chain = verifyChain(chainInput());
  const broken = verifyChain(chainInput(undefined, { caKeys: () => undefined }));

  it("SDA gives the authentication code", () => {
    const signature = signStaticData(issuer.signer, unhex("DAC1"), STATIC);
    expect(verifySda(chain, signature)).toEqual({ status: "ok", authenticationCode: unhex("DAC1") });
    signature[9]! ^= 1;
    expect(verifySda(chain, signature).status).toBe("failed");
    expect(verifySda(chain, undefined)).toEqual({ status: "missing", what: "93" });
    expect(verifySda(broken, signature)).toEqual({ status: "not-evaluated" });
  });

  it("DDA gives the ICC dynamic number, and holds for the terminal's data only", () => {
    const terminalData = unhex("0EEC8522");
    const signature = signDynamicData(cardSigner, unhex("020001"), terminalData);
    expect(verifyDda(chain, signature, terminalData)).toMatchObject({ status: "ok", iccDynamicNumber: unhex("0001") });
    expect(verifyDda(chain, signature, unhex("0EEC8523"))).toEqual({ status: "failed", reason: "wrong-hash" });
    expect(verifyDda(chain, undefined, terminalData)).toEqual({ status: "missing", what: "9F4B" });
    expect(verifyDda(broken, signature, terminalData)).toEqual({ status: "not-evaluated" });
  });

  it.each(["", "0101", "020001".slice(0, 4), "09010203040506070809"])(
    "DDA refuses the dynamic data '%s'",
    (dynamicData) => {
      expect(verifyDda(chain, signDynamicData(cardSigner, unhex(dynamicData), NO_BYTES), NO_BYTES)).toEqual({
        status: "failed",
        reason: "wrong-dynamic-data",
      });
    },
  );
});

describe("combined authentication", () => {
  const chain = verifyChain(chainInput());
  const un = unhex("0EEC8522");
  const pdolData = unhex("F620C000");
  const cdol1Data = unhex("0000000010000000000000000036");
  const before = concat(tlv(0x9f27, unhex("80")), tlv(0x9f36, unhex("0042")));
  const after = tlv(0x9f10, unhex("0110A00003220000DAC000000000000000FF"));
  const ac = unhex("0123456789ABCDEF");

  const respond = (cid = 0x80, more: Uint8Array = NO_BYTES, number = unhex("11223344")): Uint8Array => {
    const transactionHash = transactionDataHash(pdolData, cdol1Data, before, after);
    return concat(
      before,
      tlv(0x9f4b, signCda(cardSigner, { number, cid, cryptogram: ac, transactionHash, more }, un)),
      after,
    );
  };
  const input = (change: Partial<CdaInput> = {}): CdaInput => ({
    un,
    pdolData,
    cdol1Data,
    response: respond(),
    ...change,
  });

  it("gives cryptogram, CID and dynamic number", () => {
    expect(verifyCda(chain, input())).toEqual({
      status: "ok",
      cid: 0x80,
      ac,
      iccDynamicNumber: unhex("11223344"),
      transactionDataHash: transactionDataHash(pdolData, cdol1Data, before, after),
      more: NO_BYTES,
    });
  });

  it("gives what follows the hash: relay resistance data", () => {
    const relay = unhex("01020304 05060708 0003 0007 0004");
    expect(verifyCda(chain, input({ response: respond(0x80, relay) }))).toMatchObject({ status: "ok", more: relay });
  });

  it("leaves padding between objects out of the hash", () => {
    const response = respond();
    expect(
      verifyCda(
        chain,
        input({
          response: concat(unhex("0000"), response.subarray(0, 4), unhex("00"), response.subarray(4), unhex("00")),
        }),
      ).status,
    ).toBe("ok");
  });

  it.each([
    ["wrong-hash", { un: unhex("0EEC8523") }],
    ["wrong-transaction-hash", { pdolData: NO_BYTES }],
    ["wrong-transaction-hash", { cdol1Data: concat(cdol1Data, unhex("00")) }],
    ["wrong-transaction-hash", { cdol2Data: unhex("00") }],
    ["wrong-transaction-hash", { response: concat(respond(), tlv(0x9f4c, unhex("0000"))) }],
    ["cid-mismatch", { response: respond(0x40) }],
    ["wrong-dynamic-data", { response: respond(0x80, NO_BYTES, unhex("11")) }],
    ["bad-response", { response: unhex("9F27") }],
    ["length-mismatch", { response: concat(before, tlv(0x9f4b, new Uint8Array(10)), after) }],
  ] as const)("fails as %s", (reason, change) => {
    expect(verifyCda(chain, input(change))).toEqual({ status: "failed", reason });
  });

  it("names what the answer lacks", () => {
    expect(verifyCda(chain, input({ response: concat(before, after) }))).toEqual({ status: "missing", what: "9F4B" });
    expect(verifyCda(chain, input({ response: respond().subarray(4) }))).toEqual({ status: "missing", what: "9F27" });
  });

  it("is not evaluated behind a broken chain", () => {
    expect(verifyCda(verifyChain(chainInput(undefined, { caKeys: () => undefined })), input())).toEqual({
      status: "not-evaluated",
    });
  });

  it("throws nothing but our own errors, whatever the card answers", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 250 }),
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom(0x90, 0x92, 0x9f32, 0x9f46, 0x9f47, 0x9f48, 0x5a, 0x9f4a),
        (response, value, tag) => {
          try {
            const other = verifyChain(chainInput(valuesOf(issuer.objects, card.objects).set(tag, value)));
            expect(["failed", "missing", "not-evaluated", "ok"]).toContain(other.card.status);
            expect(verifyCda(chain, input({ response })).status).not.toBe("ok");
          } catch (error) {
            expect(isTapbenchError(error), String(error)).toBe(true);
          }
        },
      ),
    );
  });
});
