import type { CommandApdu, ResponseApdu } from "../iso7816/apdu.js";

/** Security level, the sum of what is on (GlobalPlatform Card Specification 2.3.1, table 10-1; Amendment D, table 7-6). */
export const LEVEL = {
  commandMac: 0x01,
  commandEncryption: 0x02,
  responseMac: 0x10,
  responseEncryption: 0x20,
} as const;

/**
 * One end of a secure channel after EXTERNAL AUTHENTICATE, as pure steps: each gives the session that follows. Either end keeps the
 * session only while every step succeeds; a failed one ends it.
 */
export interface SecureChannel<S> {
  /** Off-card: a command with its MAC and encryption. @throws `gp/too-long` where it no longer fits an APDU */
  readonly wrap: (session: S, command: CommandApdu) => { session: S; command: CommandApdu };
  /** Off-card: what the card answered. @throws `gp/response-mac`, `gp/response-padding` */
  readonly unwrapResponse: (session: S, response: ResponseApdu) => ResponseApdu;
  /** On-card: the command behind a secured one; undefined: a wrong MAC or malformed padding, which ends the session. */
  readonly unwrap: (session: S, command: CommandApdu) => { session: S; command: CommandApdu } | undefined;
  /** On-card: the answer as the level wants it. */
  readonly wrapResponse: (session: S, response: ResponseApdu) => ResponseApdu;
}

/** Class byte as MACs see it: secure messaging shown, logical channel 0 (Card Specification 2.3.1, E.4.4 and 11.1.4). */
export const macClass = (cla: number): number => (cla & 0x80) | 0x04;

/** Class byte with secure messaging shown, or not: bit 3 on channels 0 to 3, bit 6 on the others (Card Specification 2.3.1, 11.1.4). */
export const securedClass = (cla: number, secured: boolean): number => {
  const bit = (cla & 0x40) === 0 ? 0x04 : 0x20;
  return secured ? cla | bit : cla & ~bit;
};

/** Whether the class byte shows GlobalPlatform's secure messaging and nothing else: 84 to 87, E0 to EF, or their interindustry forms. */
export const isSecured = (cla: number): boolean => (cla & 0x7c) === 0x04 || (cla & 0x70) === 0x60;

/** Error status words: such an answer has neither data nor MAC. 62xx and 63xx are warnings and have both (ISO/IEC 7816-4 5.1.3). */
export const isError = (sw: number): boolean =>
  sw !== 0x9000 && sw >> 8 !== 0x61 && sw >> 8 !== 0x62 && sw >> 8 !== 0x63;
