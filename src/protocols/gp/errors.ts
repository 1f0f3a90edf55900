import { errorTable } from "../../util/errors.js";

export const gpError = errorTable("gp", ["bad-parameter", "bad-level", "response-mac", "response-padding", "too-long"]);
