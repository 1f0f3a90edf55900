import { errorTable } from "../../util/errors.js";

export const smpError = errorTable("smp", [
  "bad-length",
  "not-a-response",
  "refused",
  "no-answer",
  "too-long",
  "window-closed",
  "stuck-transfer",
  "wrong-transfer",
  "upload-taken",
]);
