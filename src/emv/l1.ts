import { isTapbenchError } from "../util/errors.js";
import type { ErrorIndication } from "./outcome.js";

/** Link errors as kernels name them. A new wire adds its rows. */
const L1_ERRORS: Readonly<Record<string, NonNullable<ErrorIndication["l1"]>>> = {
  "iso14443/no-answer": "time-out",
  "iso14443/transmission": "transmission",
  "iso14443/protocol": "protocol",
  "iso14443/too-long": "protocol",
  "iso7816/short-response": "protocol",
  "iso7816/endless-response": "protocol",
  "terminal/no-answer": "time-out",
  "transport/time-out": "time-out",
  "transport/removed": "time-out",
  "transport/no-card": "time-out",
  "transport/reset": "transmission",
  "transport/failed": "transmission",
  "device/short-answer": "protocol",
};

/** The kernel's name for a link error; undefined: not a link error, so throw it on. */
export const l1Error = (error: unknown): ErrorIndication["l1"] =>
  isTapbenchError(error) ? L1_ERRORS[error.code] : undefined;
