import { errorTable } from "../util/errors.js";

export const emvError = errorTable("emv", [
  "key-length",
  "bad-length",
  "bad-pan",
  "bad-pin",
  "missing-value",
  "certificate-input",
]);
