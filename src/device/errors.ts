import { errorTable } from "../util/errors.js";

export const deviceError = errorTable("device", [
  "extended-unsupported",
  "command-too-long",
  "response-256",
  "short-answer",
]);
