import { errorTable } from "../../util/errors.js";

export const gpError = errorTable("gp", [
  "bad-parameter",
  "bad-level",
  "response-mac",
  "response-padding",
  "too-long",
  "unknown-protocol",
  "bad-registry",
  "wrong-cryptogram",
  "no-keys",
  "refused",
  "endless-registry",
  "wrong-key-check",
]);
