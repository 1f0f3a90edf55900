import { outputOf, type Context } from "../context.js";
import { EXIT } from "../output.js";
import type { SeOptions } from "../se-options.js";
import { withSession } from "./se-session.js";
import { dryResult, type VerbAction } from "./se-verb.js";

/** One verb on the command line: session, verb, and what it has to say. */
export async function runVerb(
  action: VerbAction,
  device: string,
  args: readonly (string | readonly string[] | undefined)[],
  options: SeOptions & Readonly<Record<string, string | boolean | undefined>>,
  context: Context,
): Promise<void> {
  const output = outputOf(context, options);
  const result = await withSession(device, options, context, async (session) => {
    const done = await action(session, args, options, output.paint);
    return session.dry ? dryResult(session.dry, output.paint) : done;
  });
  output.lines(result.lines);
  output.document({ device, ...result.document });
  context.exitCode = result.exit ?? EXIT.ok;
}
