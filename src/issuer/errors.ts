import { errorTable } from "../util/errors.js";

/** Faults of the issuer. Declines are answers, never errors. */
export const issuerError = errorTable("issuer", [
  "not-a-test-bin",
  "not-a-test-key",
  "bad-key",
  "bad-pan",
  "bad-date",
  "bad-amount",
  "range-exhausted",
  "unknown-token",
  "token-deleted",
  "bad-state",
  "unknown-account",
  "account-exists",
  "unknown-hold",
  "bad-request",
  "record-too-long",
  "too-many-blocks",
  "bad-certificate-lengths",
  "bad-order",
  "update-refused",
  "update-unproven",
]);
