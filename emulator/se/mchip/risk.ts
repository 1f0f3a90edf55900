import { AC_AAC, AC_ARQC, AC_NOT_REQUESTED, AC_TC, MchipCvr, EMPTY_CVR } from "../../../src/emv/mchip-cvr.js";
import { equalBytes } from "../../../src/util/bytes.js";
import type { MchipData } from "./data.js";

/** Types of cryptogram, as in the CID and in P1 of GENERATE AC (EMV 4.3 Book 3 table 12 and 14). */
export const CID = { aac: 0x00, tc: 0x40, arqc: 0x80 } as const;
export type CryptogramType = (typeof CID)[keyof typeof CID];

const MAX_NIBBLE = 15;
const AC_OF = { [CID.aac]: AC_AAC, [CID.tc]: AC_TC, [CID.arqc]: AC_ARQC } as const;

/** Scripts since the issuer last knew of them: how many were carried out, whether one came, whether one was not carried out. */
export interface ScriptReport {
  readonly done: number;
  readonly received: boolean;
  readonly failed: boolean;
}

/** How the issuer's authentication went: whether data for it came, were wrong, and approve. */
export interface IssuerAnswer {
  readonly performed: boolean;
  readonly failed: boolean;
  readonly approved: boolean;
}

/** What the card knows of itself, besides what it was personalised with. */
export interface CardFacts {
  readonly offlineInRow: number;
  /** By the issuer: AAC only. */
  readonly blocked: boolean;
  /** Where the card has a PIN. */
  readonly pin: { readonly tries: number; readonly limit: number; readonly verified: boolean } | undefined;
  readonly scripts: ScriptReport;
  readonly onlineNextTime: boolean;
  readonly authenticationFailed: boolean;
}

/** What comes with the command, and from the device. */
export interface RiskInput {
  readonly asked: CryptogramType;
  readonly cda: boolean;
  /** Terminal country, 9F1A. */
  readonly country: Uint8Array | undefined;
  /** CVM results, 9F34. */
  readonly cvmResults: Uint8Array | undefined;
  readonly holderVerified: boolean;
  /** Present for the second cryptogram, behind an ARQC: how the issuer's authentication went. */
  readonly second?: IssuerAnswer;
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
export function decide(data: MchipData, own: CardFacts, input: RiskInput): RiskDecision {
  const { decline, online } = data.cardIssuerActionCodes;
  const onDevice = (data.aip[0]! & 0x02) !== 0;
  const believedVerified = input.cvmResults?.[0] !== undefined && (input.cvmResults[0] & 0x3f) === CVM_ON_DEVICE;
  const domestic = input.country && data.issuerCountry ? equalBytes(input.country, data.issuerCountry) : false;
  const { pin, scripts } = own;
  const { second } = input;
  const facts = (ac: number, cda: boolean): Uint8Array =>
    MchipCvr.encode({
      ...EMPTY_CVR,
      results: {
        ...EMPTY_CVR.results,
        ...(second ? { secondAc: ac, firstAc: AC_ARQC } : { secondAc: AC_NOT_REQUESTED, firstAc: ac }),
        pinPerformed: pin?.verified ? 1 : 0,
        pinSuccessful: pin?.verified ? 1 : 0,
      },
      functions: {
        ...EMPTY_CVR.functions,
        cdaInFirst: cda ? 1 : 0,
        onDeviceSupported: onDevice ? 1 : 0,
        onDeviceSuccessful: input.holderVerified ? 1 : 0,
        issuerAuthenticationPerformed: second?.performed ? 1 : 0,
      },
      counters: { scripts: Math.min(scripts.done, MAX_NIBBLE), pinTries: pin?.tries ?? 0 },
      pin: {
        ...EMPTY_CVR.pin,
        international: domestic ? 0 : 1,
        domestic: domestic ? 1 : 0,
        pinNotPerformed: pin && !pin.verified ? 1 : 0,
        pinFailed: pin && pin.tries < pin.limit ? 1 : 0,
        pinTriesExceeded: pin?.tries === 0 ? 1 : 0,
        wronglyBelievedVerified: believedVerified && !input.holderVerified ? 1 : 0,
      },
      limits: {
        ...EMPTY_CVR.limits,
        lowerConsecutive: own.offlineInRow + 1 > data.offlineLimits.lower ? 1 : 0,
        upperConsecutive: own.offlineInRow + 1 > data.offlineLimits.upper ? 1 : 0,
        onlineNextTime: own.onlineNextTime ? 1 : 0,
        issuerAuthenticationFailed: own.authenticationFailed || second?.failed ? 1 : 0,
        scriptReceived: scripts.received ? 1 : 0,
        scriptFailed: scripts.failed ? 1 : 0,
      },
    });

  const signs = (type: CryptogramType): boolean => input.cda && type !== CID.aac; // an AAC is never signed (Book C-2: CDA is for TC and ARQC)
  const before = facts(AC_OF[input.asked], signs(input.asked));
  const meets = (actionCode: Uint8Array): boolean => actionCode.some((byte, i) => (byte & before[3 + i]!) !== 0);
  const type =
    second !== undefined && !own.blocked
      ? input.asked // the issuer has judged
      : input.asked === CID.aac || own.blocked || meets(decline)
        ? CID.aac
        : input.asked === CID.tc && meets(online)
          ? CID.arqc
          : input.asked;
  return { type, cvr: type === input.asked ? before : facts(AC_OF[type], signs(type)) };
}
