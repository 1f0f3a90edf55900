import { errorTable } from "../../util/errors.js";

export const mcubootError = errorTable("mcuboot", [
  "not-an-image",
  "truncated",
  "bad-tlv",
  "bad-version",
  "bad-argument",
  "too-large",
  "bad-key",
  "not-encrypted",
  "bad-manifest",
]);
