import { errorTable } from "../util/errors.js";

export const inspectError = errorTable("inspect", [
  "nothing-to-decode",
  "bad-tap",
  "too-large",
  "masked",
  "no-exchanges",
]);
