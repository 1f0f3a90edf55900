import { stat } from "node:fs/promises";
import { parseTolerance } from "../../inspect/diff/tolerance.js";
import type { Comparison } from "../../inspect/diff/compare.js";
import { accountOf, type ComparedTrace } from "../../inspect/diff/read-account.js";
import { renderComparison } from "../../inspect/diff/render.js";
import { compareWithGolden, goldenLines, readGolden, type Golden } from "../../inspect/golden.js";
import type { Paint } from "../../inspect/paint.js";
import { writeWhole } from "../../trace/file.js";
import { outputOf, type Context } from "../context.js";
import { cliError } from "../errors.js";
import { readInput } from "../files.js";
import { EXIT, type ExitCode } from "../output.js";
import { comparisonDocument } from "./diff.js";
import { accountOfFile } from "./trace-input.js";

export interface SaveOptions {
  readonly to: string;
  /** Of `--no-times`. */
  readonly times: boolean;
  readonly tolerance?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

export interface CheckOptions {
  readonly tolerance?: string;
  readonly json?: boolean;
}

const toleranceOf = ({ tolerance }: CheckOptions): ReturnType<typeof parseTolerance> | undefined =>
  tolerance === undefined ? undefined : parseTolerance(tolerance);

/** `tapbench trace golden save <trace>` */
export async function saveGolden(file: string, options: SaveOptions, context: Context): Promise<ExitCode> {
  const output = outputOf(context, options);
  const tolerance = toleranceOf(options);
  const account = await accountOfFile(file, context);
  if (options.force !== true && (await isThere(options.to)))
    throw cliError("would-overwrite", `${options.to} is there already; look at it, then give --force or another --to`, {
      path: options.to,
    });
  await writeWhole(options.to, goldenLines(account, { times: options.times, tolerance }), 0o644);
  const steps = account.taps.reduce((sum, tap) => sum + tap.steps.length, 0);
  output.lines([
    `golden file in ${options.to}: ${account.taps.length} tap${account.taps.length === 1 ? "" : "s"}, ${steps} steps; review it before it is kept`,
  ]);
  output.document({ golden: options.to, taps: account.taps.length, steps });
  return EXIT.ok;
}

const isThere = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined;

/** `tapbench trace golden check <golden> <trace>` */
export async function checkGolden(
  golden: string,
  file: string,
  options: CheckOptions,
  context: Context,
): Promise<ExitCode> {
  const output = outputOf(context, options);
  const tolerance = toleranceOf(options);
  if (golden === "-" && file === "-")
    throw cliError("bad-value", "standard input is one file; give the golden file or the trace by name", {});
  const run = await readGoldenFile(golden, context);
  const result = compareWithGolden(run, await accountOfFile(file, context), tolerance);
  output.lines(renderComparison(result, output.paint));
  output.document(comparisonDocument(result, { golden, trace: file }));
  return result.same ? EXIT.ok : EXIT.no;
}

/** @throws `inspect/...golden`, `cli/...` */
export async function readGoldenFile(path: string, { io }: Context): Promise<Golden> {
  return readGolden(new TextDecoder("utf-8").decode(await readInput(path, io)));
}

/** A tap that was just made, against the golden run: for `tap --golden`. */
export const checkTap = (golden: Golden, made: ComparedTrace): Comparison => compareWithGolden(golden, accountOf(made));

/** For people, below a tap. */
export function renderGoldenCheck(file: string, { differences, more }: Comparison, paint: Paint): string[] {
  const [first] = differences;
  if (!first) return ["", `${paint("good", "no difference")} from the golden run in ${file}`];
  const others = differences.length + more - 1;
  return [
    "",
    paint("bad", `first difference from the golden run: ${first.says}`),
    ...(others > 0 ? [`and ${others} more; tapbench trace golden check ${file} <trace> tells all`] : []),
  ];
}
