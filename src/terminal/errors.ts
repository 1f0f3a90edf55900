import { errorTable } from "../util/errors.js";

export const terminalError = errorTable("terminal", [
  "amount-overflow",
  "bad-amount",
  "bad-date",
  "card-data-missing",
  "bad-card-data",
  "bad-pin",
  "no-answer",
]);
