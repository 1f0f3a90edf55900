import { describe, expect, it } from "vitest";
import { parseDol, splitDol } from "../../src/codec/dol.js";
import { findTlv, leaves, parseTlv } from "../../src/codec/tlv.js";
import { caKeysOf, verifyCda, verifyChain, type Chain, type Link, type SignedRecord } from "../../src/emv/oda.js";
import { hex, NO_BYTES, unhex } from "../../src/util/bytes.js";
import { describeVectors, vectors } from "../support/vectors.js";
import { caKeyOf, type CapkFile } from "./capk.js";

interface Expected {
  readonly log: string;
  readonly aid: string;
  readonly ca_index: string;
  readonly aip: string;
  readonly un: string;
  readonly ac: string;
  readonly cid: string;
}
interface Recording {
  readonly exchanges: readonly { readonly c: string; readonly r: string }[];
}

/** What a terminal gathered in a recorded tap. */
interface Gathered {
  readonly rid: Uint8Array;
  readonly values: Map<number, Uint8Array>;
  readonly records: SignedRecord[];
  readonly pdolData: Uint8Array;
  readonly cdol1Data: Uint8Array;
  readonly un: Uint8Array;
  /** The day on which it was tapped: certificates have expired since. */
  readonly date: Uint8Array;
  readonly response: Uint8Array;
}

function gather(recording: Recording, expected: Expected): Gathered {
  const values = new Map<number, Uint8Array>();
  const read = new Map<string, Uint8Array>();
  let pdolData: Uint8Array = NO_BYTES;
  let afl: Uint8Array = NO_BYTES;
  let cdol1Data: Uint8Array = NO_BYTES;
  let response: Uint8Array = NO_BYTES;
  for (const { c, r } of recording.exchanges) {
    const command = unhex(c);
    const answer = unhex(r).slice(0, -2);
    const data = command.subarray(5, 5 + command[4]!);
    const objects = parseTlv(answer);
    switch (command[1]) {
      case 0xa8:
        pdolData = data.slice(2);
        afl = objects[0]!.tag === 0x80 ? objects[0]!.value.subarray(2) : findTlv(objects, 0x77, 0x94)!.value;
        values.set(
          0x82,
          objects[0]!.tag === 0x80 ? objects[0]!.value.slice(0, 2) : findTlv(objects, 0x77, 0x82)!.value,
        );
        break;
      case 0xb2:
        for (const { tag, value } of leaves(objects)) values.set(tag, value);
        read.set(`${command[3]! >> 3}/${command[2]}`, answer);
        break;
      case 0xae:
        cdol1Data = data.slice();
        response = objects[0]!.value;
        break;
      default: // SELECT
    }
  }
  const records: SignedRecord[] = [];
  for (let at = 0; at < afl.length; at += 4) {
    const [sfi, first, , signed] = [afl[at]! >> 3, afl[at + 1]!, afl[at + 2]!, afl[at + 3]!];
    for (let n = first; n < first + signed; n++) records.push({ sfi, data: read.get(`${sfi}/${n}`)! });
  }
  return {
    rid: unhex(expected.aid).subarray(0, 5),
    values,
    records,
    pdolData,
    cdol1Data,
    un: unhex(expected.un),
    date: splitDol(parseDol(values.get(0x8c)!), cdol1Data).get(0x9a)!,
    response,
  };
}

const flip = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 0x01 : byte));
/** First, last, and some in between. */
const positions = (length: number): number[] =>
  [...new Set([0, 1, 2, 15, Math.floor(length / 3), Math.floor(length / 2), length - 21, length - 1])].filter(
    (at) => at >= 0 && at < length,
  );
const statusOf = (link: Link): string => link.status;

describeVectors<readonly Expected[]>("taps/oda_expected", (all) => {
  const capk = vectors<CapkFile>("capk").keys;
  const caKeys = caKeysOf(capk.map(caKeyOf));
  const taps = all.map(
    (expected) => [expected.log, expected, gather(vectors<Recording>(`taps/${expected.log}`), expected)] as const,
  );
  const chainOf = ({ rid, values, records, date }: Gathered, tag?: number, value?: Uint8Array): Chain =>
    verifyChain({
      rid,
      valueOf: (wanted) => (wanted === tag ? value : values.get(wanted)),
      records,
      date,
      caKeys,
    });

  it("are the two that are expected", () => {
    expect(taps.map(([name]) => name)).toEqual(["bertlv-contactless-mastercard", "bertlv-amex-cda"]);
  });

  describe.each(taps)("%s", (_name, expected, tap) => {
    const chain = chainOf(tap);

    it("issuer, card, signature, transaction data hash, cryptogram and CID come out as recorded", () => {
      expect(hex(tap.values.get(0x82)!)).toBe(expected.aip);
      expect(hex(tap.values.get(0x8f)!)).toBe(expected.ca_index);
      expect(chain.issuer.status).toBe("ok");
      expect(chain.card.status).toBe("ok");
      const signed = verifyCda(chain, tap);
      expect(signed.status).toBe("ok");
      if (signed.status !== "ok") return;
      expect(hex(signed.ac)).toBe(expected.ac);
      expect(signed.cid).toBe(parseInt(expected.cid, 16));
    });

    it("a changed byte of the issuer's certificate breaks the issuer's link", () => {
      const certificate = tap.values.get(0x90)!;
      for (const at of positions(certificate.length)) {
        const broken = chainOf(tap, 0x90, flip(certificate, at));
        expect([at, statusOf(broken.issuer), statusOf(broken.card)]).toEqual([at, "failed", "not-evaluated"]);
      }
    });

    it.each([0x9f46, 0x9f48])("a changed byte of %i (decimal) breaks the card's link and not the issuer's", (tag) => {
      const value = tap.values.get(tag)!;
      for (const at of positions(value.length)) {
        const broken = chainOf(tap, tag, flip(value, at));
        expect([at, statusOf(broken.issuer), statusOf(broken.card)]).toEqual([at, "ok", "failed"]);
      }
    });

    it("a changed byte of any signed record breaks the card's link", () => {
      expect(tap.records.length).toBeGreaterThan(0);
      for (const [n, record] of tap.records.entries())
        for (const at of positions(record.data.length)) {
          const records = tap.records.map((one, i) => (i === n ? { ...one, data: flip(one.data, at) } : one));
          const broken = chainOf({ ...tap, records });
          expect(statusOf(broken.issuer)).toBe("ok");
          expect([n, at, broken.card.status]).not.toEqual([n, at, "ok"]);
        }
    });

    it("a changed AIP breaks the card's link, as the tag list covers it", () => {
      expect(hex(tap.values.get(0x9f4a)!)).toBe("82");
      expect(chainOf(tap, 0x82, flip(tap.values.get(0x82)!, 0)).card).toEqual({
        status: "failed",
        reason: "wrong-hash",
      });
    });

    it("a changed byte of the signature, the unpredictable number, or what was signed breaks the last link only", () => {
      expect(verifyCda(chain, { ...tap, un: flip(tap.un, 3) })).toEqual({ status: "failed", reason: "wrong-hash" });
      const { byteOffset, length } = findTlv(parseTlv(tap.response), 0x9f4b)!.value;
      const from = byteOffset - tap.response.byteOffset;
      for (const at of positions(length))
        expect([at, verifyCda(chain, { ...tap, response: flip(tap.response, from + at) }).status]).toEqual([
          at,
          "failed",
        ]);
      for (const at of [0, tap.cdol1Data.length - 1])
        expect(verifyCda(chain, { ...tap, cdol1Data: flip(tap.cdol1Data, at) })).toEqual({
          status: "failed",
          reason: "wrong-transaction-hash",
        });
      // the last byte of the answer belongs to 9F10, the fourth is the CID
      expect(verifyCda(chain, { ...tap, response: flip(tap.response, tap.response.length - 1) })).toEqual({
        status: "failed",
        reason: "wrong-transaction-hash",
      });
      expect(verifyCda(chain, { ...tap, response: flip(tap.response, 3) })).toEqual({
        status: "failed",
        reason: "cid-mismatch",
      });
    });

    it("a terminal without the CA's key says so, and does not call the certificate wrong", () => {
      const unknown = verifyChain({
        rid: tap.rid,
        valueOf: (tag) => tap.values.get(tag),
        records: tap.records,
        date: tap.date,
        caKeys: () => undefined,
      });
      expect(unknown.issuer).toEqual({ status: "missing", what: "ca-key" });
      expect(verifyCda(unknown, tap)).toEqual({ status: "not-evaluated" });
    });

    it("another CA key of the same RID does not verify it", () => {
      const others = capk.filter(({ rid, index }) => rid === hex(tap.rid) && index !== expected.ca_index);
      expect(others.length).toBeGreaterThan(0);
      for (const other of others) {
        const chainOfOther = verifyChain({
          rid: tap.rid,
          valueOf: (tag) => tap.values.get(tag),
          records: tap.records,
          date: tap.date,
          caKeys: () => caKeyOf(other),
        });
        expect(chainOfOther.issuer.status).toBe("failed");
      }
    });
  });
});
