import { errorTable } from "../../util/errors.js";

export const vpcdError = errorTable("vpcd", ["empty", "too-long"]);
