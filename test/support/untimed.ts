import type { ApduRecord } from "../../src/util/tracer.js";

/** An exchange of which only the bytes were recorded. */
export const untimed = (exchange: Pick<ApduRecord, "command" | "response">): ApduRecord => ({
  layer: "apdu",
  at: 0,
  took: 0,
  via: "contactless",
  ...exchange,
});
