import { errorTable } from "../util/errors.js";

export const benchError = errorTable("bench", [
  "bad-spec",
  "unknown-wire",
  "bad-parameter",
  "provisioning-refused",
  "wrong-currency",
  "not-of-this-bench",
  "emulated-only",
  "watched-long-enough",
  "state-folder",
  "state-busy",
  "state-damaged",
  "state-version",
  "state-seed",
  "state-taken",
  "not-managed",
  "journal-busy",
  "journal-failed",
  "bad-archive",
  "state-device",
  "not-published",
]);
