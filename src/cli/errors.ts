import { errorTable } from "../util/errors.js";

export const cliError = errorTable("cli", [
  "usage",
  "unknown-command",
  "unknown-option",
  "missing-argument",
  "too-many-arguments",
  "bad-value",
  "bad-amount",
  "amount-overflow",
  "bad-date",
  "no-such-file",
  "read-failed",
  "write-failed",
  "too-large",
  "interrupted",
  "internal",
  "unknown-tag",
  "unknown-key",
  "would-overwrite",
  "not-confirmed",
]);
