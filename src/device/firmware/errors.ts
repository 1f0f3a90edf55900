import { errorTable } from "../../util/errors.js";

export const firmwareError = errorTable("firmware", [
  "too-late",
  "lost-device",
  "no-restart",
  "unknown-image",
  "not-confirmed",
  "no-images",
]);
