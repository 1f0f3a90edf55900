import { errorTable } from "../util/errors.js";

export const inspectError = errorTable("inspect", ["nothing-to-decode", "masked", "no-exchanges"]);
