import { errorTable } from "../util/errors.js";

/** Faults of profile and key files. Context: `file`, and where they are known `path` (`nfc.ats.fwi`), `line`, `column`. */
export const profileError = errorTable("profile", [
  "not-found",
  "not-readable",
  "too-large",
  "bad-yaml",
  "unknown-key",
  "missing-key",
  "bad-value",
  "circle",
  "too-deep",
  "is-template",
  "unknown-currency",
  "check-value",
]);
