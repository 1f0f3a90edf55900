import { errorTable } from "../util/errors.js";

export const codecError = errorTable("codec", [
  "truncated",
  "too-long",
  "too-deep",
  "too-many",
  "trailing",
  "bad-tag",
  "bad-length",
  "bad-value",
  "bad-digit",
  "duplicate-key",
  "bad-text",
]);
