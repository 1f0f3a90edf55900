import { errorTable } from "../../util/errors.js";

export const pcscError = errorTable("pcsc", ["not-contactless", "bad-atr"]);
