import { accountOf } from "../../inspect/diff/read-account.js";
import type { Account } from "../../inspect/diff/account.js";
import { inspectError } from "../../inspect/errors.js";
import { openTrace } from "../../trace/open.js";
import type { Context } from "../context.js";
import { readInput } from "../files.js";

/**
 * What is compared of the trace in a file or on standard input, whatever wrote it.
 * @throws `inspect/no-exchanges`, the problem that ended the reading, and what `openTrace` throws
 */
export async function accountOfFile(file: string, context: Context): Promise<Account> {
  const { problem, ...trace } = await openTrace([await readInput(file, context.io)]);
  if (problem) throw problem;
  const account = accountOf(trace);
  if (account.taps.length === 0)
    throw inspectError("no-exchanges", `there is no tap in ${file}, so there is nothing to compare`, { file });
  return account;
}
