import { errorTable } from "../../util/errors.js";

export const iso7816Error = errorTable("iso7816", [
  "short-command",
  "short-response",
  "bad-command",
  "too-long",
  "endless-response",
  "bad-atr",
]);
