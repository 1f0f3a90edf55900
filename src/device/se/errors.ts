import { errorTable } from "../../util/errors.js";

export const seError = errorTable("se", [
  "no-domain",
  "garbled-answer",
  "keys-failed-before",
  "unsettled-attempts",
  "damaged-journal",
  "already-personalised",
  "interrupted-personalisation",
  "bad-personalisation-data",
  "bad-load-file",
  "unfit-reader",
  "wrong-keys-kind",
  "not-in-registry",
]);
