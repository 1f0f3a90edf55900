import { expect, test } from "vitest";
import { findTlv, parseTlv } from "../../src/codec/tlv.js";
import { recoverSignature } from "../../src/inspect/certificate-fields.js";
import { concat, NO_BYTES, readUint, unhex } from "../../src/util/bytes.js";
import { describeVectors, vectors } from "../support/vectors.js";

interface Keys {
  readonly keys: readonly {
    readonly rid: string;
    readonly index: string;
    readonly modulus: string;
    readonly exp: string;
  }[];
}

describeVectors<{ readonly exchanges: readonly { readonly r: string }[] }>(
  "taps/bertlv-contactless-mastercard",
  ({ exchanges }) => {
    const found = (tag: number): Uint8Array | undefined => {
      for (const { r } of exchanges) {
        const value = findTlv(parseTlv(unhex(r).subarray(0, -2)), 0x70, tag)?.value;
        if (value) return value;
      }
      return undefined;
    };
    const ca = vectors<Keys>("capk").keys.find(({ rid, index }) => rid === "A000000004" && index === "EF")!;
    const key = { modulus: unhex(ca.modulus), exponent: readUint(unhex(ca.exp)) };
    const certificate = found(0x90)!;
    const covered = concat(found(0x92) ?? NO_BYTES, found(0x9f32)!);

    // Expected: the log's own account, oda_expected.json ("issuer_ok": true), and EMV 4.4 Book 2, 5.3 for what stands in it:
    // the identifier begins the PAN of the tap, 5413330089600044.
    test("the issuer certificate of the recorded tap", () => {
      const recovered = recoverSignature(key, certificate, covered);
      expect(recovered).toMatchObject({ ok: true, title: "issuer public key certificate (90)" });
      const values = Object.fromEntries(recovered.fields.map(({ name, value }) => [name, value]));
      expect(values).toMatchObject({
        start: "6A02",
        issuerIdentifier: "54133300",
        hashAlgorithm: "01",
        keyAlgorithm: "01",
      });
      expect(recovered.fields.at(-1)).toMatchObject({ name: "hash", says: "right" });
    });

    test("without the covered data the hash is not judged; with others it is wrong", () => {
      expect(recoverSignature(key, certificate).fields.at(-1)!.says).toMatch(/^not checked/);
      expect(recoverSignature(key, certificate, unhex("010001AA"))).toMatchObject({ ok: false });
    });
  },
);
