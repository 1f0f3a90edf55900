import { errorTable } from "../util/errors.js";

export const traceError = errorTable("trace", [
  "not-a-trace",
  "newer-version",
  "bad-line",
  "bad-record",
  "line-too-long",
  "torn",
  "not-test-data",
  "write-failed",
  "read-failed",
  "bad-tap",
  "no-exchanges",
  "too-large",
  "no-frames",
  "bad-block",
  "unknown-format",
]);
