import { errorTable } from "../util/errors.js";

/** Faults of wires to the outside. Context: `reader`, `port` or `address`, and for PC/SC `scard`, the code that it gave, in hex. */
export const transportError = errorTable("transport", [
  "driver-missing",
  "no-service",
  "service-lost",
  "no-reader",
  "ambiguous-reader",
  "no-card",
  "busy",
  "removed",
  "reset",
  "not-connected",
  "time-out",
  "failed",
  "too-long",
  "overlap",
  "closed",
  "no-port",
  "no-permission",
  "unplugged",
  "refused",
  "bad-address",
]);
