import { errorTable } from "../util/errors.js";

export const inspectError = errorTable("inspect", [
  "nothing-to-decode",
  "masked",
  "no-exchanges",
  "dol-mismatch",
  "not-that-kind",
  "bad-tolerance",
  "not-golden",
  "newer-golden",
  "bad-golden",
]);
