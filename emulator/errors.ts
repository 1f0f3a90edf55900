import { errorTable } from "../src/util/errors.js";

export const emulatorError = errorTable("emulator", [
  "power-lost",
  "busy",
  "stuck",
  "nvm-range",
  "store-full",
  "store-damaged",
  "unknown-module",
  "bad-fault",
  "snapshot-mismatch",
  "no-reader-driver",
  "slot-taken",
  "flash-range",
  "flash-alignment",
  "flash-not-erased",
  "log-full",
  "too-many-ports",
]);
