import { fromBcd } from "../codec/bcd.js";
import { tagHex } from "../codec/tlv.js";
import type { AuthorisationRequest } from "../emv/acquirer.js";
import { MCHIP_IAD_BYTES, MchipCvr, MchipIad, type MchipCvrValue, type MchipIadValue } from "../emv/mchip-cvr.js";
import { readUint } from "../util/bytes.js";
import { isTapbenchError } from "../util/errors.js";

/** Chip data that an authorisation cannot do without, and how long each is. */
const NEEDED: readonly (readonly [tag: number, length: number])[] = [
  [0x9f26, 8],
  [0x9f27, 1],
  [0x9f36, 2],
  [0x9f37, 4],
  [0x9f02, 6],
  [0x9f03, 6],
  [0x9f1a, 2],
  [0x5f2a, 2],
  [0x95, 5],
  [0x9a, 3],
  [0x9c, 1],
  [0x82, 2],
];

/** What an issuer reads out of a request. */
export interface ChipFacts {
  readonly cryptogram: Uint8Array;
  /** Bits 8-7 of the CID: 0 AAC, 1 TC, 2 ARQC. */
  readonly cryptogramType: number;
  readonly atc: number;
  readonly atcBytes: Uint8Array;
  readonly un: Uint8Array;
  readonly iad: MchipIadValue;
  readonly cvr: MchipCvrValue;
  readonly tvr: Uint8Array;
  readonly amount: bigint;
  /** Three digits. */
  readonly currency: string;
  /** YYMMDD. */
  readonly date: string;
  readonly type: number;
  /** 9F34, where it came. */
  readonly cvmResults?: Uint8Array | undefined;
}

/** Facts, or what is wrong with the data. */
export type ReadRequest = { readonly facts: ChipFacts } | { readonly missing: string } | { readonly malformed: string };

/** Reads chip data without believing it. Nothing is thrown. */
export function readRequest(request: AuthorisationRequest): ReadRequest {
  const { chip } = request;
  for (const [tag, length] of NEEDED) {
    const value = chip.get(tag);
    if (!value) return { missing: tagHex(tag) };
    if (value.length !== length) return { malformed: tagHex(tag) };
  }
  const at = (tag: number): Uint8Array => chip.get(tag)!;
  const iadBytes = chip.get(0x9f10);
  if (!iadBytes) return { missing: "9F10" };
  if (iadBytes.length !== MCHIP_IAD_BYTES) return { malformed: "9F10" };
  const cvmResults = chip.get(0x9f34);
  if (cvmResults && cvmResults.length !== 3) return { malformed: "9F34" };
  try {
    const iad = MchipIad.decode(iadBytes);
    return {
      facts: {
        cryptogram: at(0x9f26),
        cryptogramType: at(0x9f27)[0]! >> 6,
        atc: readUint(at(0x9f36)),
        atcBytes: at(0x9f36),
        un: at(0x9f37),
        iad,
        cvr: MchipCvr.decode(iad.cvr),
        tvr: at(0x95),
        amount: BigInt(fromBcd(at(0x9f02))),
        currency: fromBcd(at(0x5f2a)).slice(1),
        date: fromBcd(at(0x9a)),
        type: at(0x9c)[0]!,
        cvmResults,
      },
    };
  } catch (error) {
    // Numeric fields that hold no digits: the only thing the decoders can still object to.
    if (isTapbenchError(error)) return { malformed: "9F02, 5F2A or 9A" };
    throw error;
  }
}
