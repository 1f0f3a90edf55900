import { testRange } from "../../issuer/pan.js";
import type { TraceSource } from "../../trace/open.js";
import { transferTrace } from "../../trace/transfer.js";
import { outputOf, type Context } from "../context.js";
import { readInput, readPieces } from "../files.js";
import { errorDocument, EXIT, reportError, type ExitCode } from "../output.js";

interface ImportOptions {
  readonly to: string;
  readonly as?: string;
  readonly revealTestData?: boolean;
  readonly json?: boolean;
}

/** `tapbench trace import <file>` */
export async function importTrace(file: string, options: ImportOptions, context: Context): Promise<ExitCode> {
  const output = outputOf(context, options);
  const source = await rereadable(file, context);
  const { header, format, exchanges, frames, remarks, skipped, problem } = await transferTrace(source, options.to, {
    ...(options.as !== undefined && { as: options.as }),
    ...(options.revealTestData === true && { reveal: (pan: string) => testRange(pan) !== undefined }),
  });
  const many = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;
  const times = header.observed.times === "none" ? "no times" : `times ${header.observed.times}`;
  output.lines([
    `${format}: ${many(exchanges, "exchange")}, ${header.observed.frames ? many(frames, "frame") : "no frames"}, ${times}`,
    `trace in ${options.to} (account data ${header.masked ? "masked" : "shown"})`,
  ]);
  output.document({
    format,
    trace: options.to,
    exchanges,
    frames,
    header,
    remarks,
    ...(problem && { error: errorDocument(problem) }),
  });
  for (const remark of remarks) output.note(remark);
  if (skipped > 0) output.note(`${skipped} lines of a newer version were left out; update tapbench to see them`);
  if (!problem) return EXIT.ok;
  return output.json ? EXIT.usage : reportError(context.io, false, problem);
}

/** Standard input comes once, so it is kept; files are read twice. */
async function rereadable(file: string, { io }: Context): Promise<() => TraceSource> {
  if (file !== "-") return () => readPieces(file, io);
  const bytes = await readInput(file, io);
  return () => [bytes];
}
