import { SW } from "../../src/protocols/iso7816/status.js";
import { isTapbenchError } from "../../src/util/errors.js";

/** What a command is answered where the store refuses. A TransactionException that nobody catches is 6F00 (Java Card). */
const STORE_FAULTS: Readonly<Record<string, number>> = {
  "emulator/store-full": SW.noMemory,
  "emulator/memory-worn": SW.memoryFailure,
  "emulator/transaction-full": SW.noDiagnosis,
  "emulator/transaction-nested": SW.noDiagnosis,
};

/** Status word of a fault of the store; undefined: it is another fault, or the power is gone. */
export const storeFault = (error: unknown): number | undefined =>
  isTapbenchError(error) ? STORE_FAULTS[error.code] : undefined;
