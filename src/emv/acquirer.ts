import type { DataObjects } from "./tags.js";

/** What a terminal asks an issuer, by way of its acquirer: the chip data and how the card was read. */
export interface AuthorisationRequest {
  /** Primary account number (a token's DPAN) and its sequence number, from 5A or 57, and 5F34. */
  readonly pan: string;
  readonly panSequence?: string | undefined;
  /** YYMM. */
  readonly expiry: string;
  /** Minor units. */
  readonly amount: bigint;
  /** ISO 4217 numeric, three digits. */
  readonly currency: string;
  /** The data record: 9F26 9F27 9F10 9F37 9F36 95 9A 9C 9F02 5F2A 82 9F1A 9F03 9F33 9F34 9F35 ... */
  readonly chip: DataObjects;
  /** Enciphered PIN, present when the outcome asked for online PIN. */
  readonly pin?: Uint8Array | undefined;
}

/** The issuer's answer. `reason` is its stable name: `approved`, `cryptogram-invalid`, `atc-replayed`, ... */
export interface AuthorisationResponse {
  readonly approved: boolean;
  /** Authorisation response code (tag 8A), two characters: `00`, `05`, `51`, ... */
  readonly arc: string;
  readonly reason: string;
  /** One sentence for people. */
  readonly says: string;
  /** Whether the application cryptogram was right; absent when it was not reached. */
  readonly cryptogramVerified?: boolean;
  readonly authorisationCode?: string;
  /** Issuer authentication data (tag 91): ARPC and response code. */
  readonly issuerAuthenticationData?: Uint8Array;
}

/** A synchronous issuer, as the emulated bench has one. */
export type Authorise = (request: AuthorisationRequest) => AuthorisationResponse;
