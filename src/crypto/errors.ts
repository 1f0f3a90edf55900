import { errorTable } from "../util/errors.js";

export const cryptoError = errorTable("crypto", [
  "key-length",
  "block-length",
  "rsa-modulus",
  "rsa-exponent",
  "rsa-block",
  "rsa-key",
  "unusable-key",
]);
