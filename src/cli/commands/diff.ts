import { compareAccounts, type Comparison } from "../../inspect/diff/compare.js";
import type { Account } from "../../inspect/diff/account.js";
import { renderComparison } from "../../inspect/diff/render.js";
import { parseTolerance } from "../../inspect/diff/tolerance.js";
import { outputOf, type Context } from "../context.js";
import { cliError } from "../errors.js";
import { EXIT, type ExitCode } from "../output.js";
import { accountOfFile } from "./trace-input.js";

export interface DiffOptions {
  readonly strict?: boolean;
  readonly tolerance?: string;
  readonly json?: boolean;
}

/** `tapbench trace diff <a> <b>` */
export async function diffTraces(
  left: string,
  right: string,
  options: DiffOptions,
  context: Context,
): Promise<ExitCode> {
  const output = outputOf(context, options);
  const tolerance = options.tolerance === undefined ? undefined : parseTolerance(options.tolerance);
  if (left === "-" && right === "-")
    throw cliError("bad-value", "standard input is one trace; give a file for the other", {});
  const a = await accountOfFile(left, context);
  const b = await accountOfFile(right, context);
  const result = compareAccounts(a, b, { strict: options.strict === true, tolerance });
  output.lines([
    sideLine("a", left, a),
    sideLine("b", right, b),
    ...renderComparison(result, output.paint, options.strict === true ? undefined : "--strict compares them"),
  ]);
  output.document(comparisonDocument(result, { a: { file: left, ...a.header }, b: { file: right, ...b.header } }));
  return result.same ? EXIT.ok : EXIT.no;
}

const sideLine = (side: string, file: string, { header }: Account): string => {
  const facts = [header.tool, ...(header.seed === "" ? [] : [`seed ${header.seed}`]), header.profile].filter(
    (fact) => fact !== "",
  );
  return `${side}: ${file} (${facts.join(", ")})`;
};

/** A comparison as `--json` prints it. */
export const comparisonDocument = (
  { same, differences, more, setAside, notes, tolerance, taps, commands }: Comparison,
  about: object,
): object => ({
  same,
  ...about,
  compared: { taps, commands, tolerance: tolerance ?? null },
  differences,
  ...(more > 0 && { more }),
  setAside,
  notes,
});
