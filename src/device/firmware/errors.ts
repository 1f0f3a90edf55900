import { errorTable } from "../../util/errors.js";

export const firmwareError = errorTable("firmware", [
  "too-late",
  "lost-device",
  "no-restart",
  "not-confirmed",
  "no-images",
  "nothing-to-revert",
  "no-such-image",
]);
