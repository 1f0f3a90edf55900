import { errorTable } from "../../util/errors.js";

export const iso14443Error = errorTable("iso14443", [
  "no-answer",
  "transmission",
  "protocol",
  "no-card",
  "not-iso-dep",
  "bad-ats",

  "too-long",
]);
