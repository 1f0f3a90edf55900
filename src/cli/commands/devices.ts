import { outputOf, type Context } from "../context.js";
import { EXIT, type ExitCode } from "../output.js";

/** `tapbench devices` */
export async function listDevices(options: { readonly json?: boolean }, context: Context): Promise<ExitCode> {
  const output = outputOf(context, options);
  const bench = await context.openBench({});
  const devices = await bench.listDevices();
  const width = Math.max(0, ...devices.map(({ spec }) => spec.length));
  output.lines(
    devices.map(
      ({ spec, title, note }) =>
        `${output.paint("tag", spec.padEnd(width))}  ${title}${note === undefined ? "" : output.paint("dim", ` (${note})`)}`,
    ),
  );
  output.document({ devices });
  return EXIT.ok;
}
