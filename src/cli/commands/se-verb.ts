import type { ExitCode } from "../output.js";
import type { Paint } from "../../inspect/paint.js";
import type { DryApdu, SeSession } from "./se-session.js";
import { hex } from "../../util/bytes.js";

/** What a verb has to say: text for people, and the same for programs. */
export interface VerbResult {
  readonly lines: readonly string[];
  readonly document: Readonly<Record<string, unknown>>;
  readonly exit?: ExitCode;
}

/** What a verb of `tapbench se` does, on the command line or in a shell. */
export type VerbAction = (
  session: SeSession,
  args: readonly (string | readonly string[] | undefined)[],
  options: Readonly<Record<string, string | boolean | undefined>>,
  paint: Paint,
) => Promise<VerbResult>;

/** An option's value, where it was given. */
export function textOption(options: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" ? value : undefined;
}

/** What a dry run has to say instead. */
export const dryResult = (apdus: readonly DryApdu[], paint: Paint): VerbResult => ({
  lines: [
    "nothing was sent after INITIALIZE UPDATE; these would follow:",
    ...apdus.flatMap(({ says, plain, secured }) => [
      paint("heading", says),
      ...(plain ? [`  plain    ${hex(plain)}`] : []),
      `  ${paint("tag", "secured")}  ${hex(secured)}`,
    ]),
  ],
  document: {
    dryRun: true,
    apdus: apdus.map(({ says, plain, secured }) => ({ says, plain: plain ? hex(plain) : null, secured: hex(secured) })),
  },
});

/** Columns as wide as what stands in them. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at]!)))
      .join("  ")
      .trimEnd(),
  );
}

export const byteText = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, "0");
/** As it is typed: without 0x a number is decimal. */
export const versionText = (version: number): string => `0x${byteText(version)}`;
