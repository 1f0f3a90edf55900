import { AC_AAC, AC_ARQC, AC_NOT_REQUESTED, AC_TC, MchipCvr, EMPTY_CVR } from "../../../src/emv/mchip-cvr.js";
import { equalBytes } from "../../../src/util/bytes.js";
import type { MchipData } from "./data.js";

/** Types of cryptogram, as in the CID and in P1 of GENERATE AC (EMV 4.3 Book 3 table 12 and 14). */
export const CID = { aac: 0x00, tc: 0x40, arqc: 0x80 } as const;
export type CryptogramType = (typeof CID)[keyof typeof CID];

const AC_OF = { [CID.aac]: AC_AAC, [CID.tc]: AC_TC, [CID.arqc]: AC_ARQC } as const;

export interface RiskInput {
  readonly asked: CryptogramType;
  readonly cda: boolean;
  /** Terminal country, 9F1A. */
  readonly country: Uint8Array | undefined;
  /** CVM results, 9F34. */
  readonly cvmResults: Uint8Array | undefined;
  readonly holderVerified: boolean;
  readonly offlineInRow: number;
}

export interface RiskDecision {
  readonly type: CryptogramType;
  readonly cvr: Uint8Array;
}

/** Verification on the device, as kernel 2 reports it in the CVM results (Book C-2, CVM code 01). */
const CVM_ON_DEVICE = 0x01;

/**
 * Card risk management in M/Chip's manner: the CVR says what is the case, the card issuer action codes say what follows. The card goes along
 * with what was asked or below it: TC, then ARQC, then AAC.
 */
export function decide(data: MchipData, input: RiskInput): RiskDecision {
  const { decline, online } = data.cardIssuerActionCodes;
  const onDevice = (data.aip[0]! & 0x02) !== 0;
  const believedVerified = input.cvmResults?.[0] !== undefined && (input.cvmResults[0] & 0x3f) === CVM_ON_DEVICE;
  const domestic = input.country && data.issuerCountry ? equalBytes(input.country, data.issuerCountry) : false;
  const facts = (firstAc: number, cda: boolean): Uint8Array =>
    MchipCvr.encode({
      ...EMPTY_CVR,
      results: { ...EMPTY_CVR.results, secondAc: AC_NOT_REQUESTED, firstAc },
      functions: {
        ...EMPTY_CVR.functions,
        cdaInFirst: cda ? 1 : 0,
        onDeviceSupported: onDevice ? 1 : 0,
        onDeviceSuccessful: input.holderVerified ? 1 : 0,
      },
      pin: {
        ...EMPTY_CVR.pin,
        international: domestic ? 0 : 1,
        domestic: domestic ? 1 : 0,
        wronglyBelievedVerified: believedVerified && !input.holderVerified ? 1 : 0,
      },
      limits: {
        ...EMPTY_CVR.limits,
        lowerConsecutive: input.offlineInRow + 1 > data.offlineLimits.lower ? 1 : 0,
        upperConsecutive: input.offlineInRow + 1 > data.offlineLimits.upper ? 1 : 0,
      },
    });

  const signs = (type: CryptogramType): boolean => input.cda && type !== CID.aac; // an AAC is never signed (Book C-2: CDA is for TC and ARQC)
  const before = facts(AC_OF[input.asked], signs(input.asked));
  const meets = (actionCode: Uint8Array): boolean => actionCode.some((byte, i) => (byte & before[3 + i]!) !== 0);
  const type =
    input.asked === CID.aac || meets(decline)
      ? CID.aac
      : input.asked === CID.tc && meets(online)
        ? CID.arqc
        : input.asked;
  return { type, cvr: type === input.asked ? before : facts(AC_OF[type], signs(type)) };
}
