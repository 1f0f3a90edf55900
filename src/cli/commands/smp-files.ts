import { crc32 } from "../../codec/crc.js";
import type { ManagedDevice } from "../../device/management.js";
import { files } from "../../protocols/smp/groups/files.js";
import { hex, u32be } from "../../util/bytes.js";
import { outputOf, type Context } from "../context.js";
import { cliError } from "../errors.js";
import { readInput, writeBytes } from "../files.js";
import { EXIT, type ExitCode, type Output } from "../output.js";
import { withDevice, type SmpOptions } from "./smp-device.js";

export type FileOptions = SmpOptions;

interface Asked {
  readonly action: string;
  readonly path: string;
  readonly file: string | undefined;
}

type Facts = Readonly<Record<string, unknown>>;
interface Run {
  readonly device: ManagedDevice;
  readonly path: string;
  readonly file: string;
  readonly options: { readonly signal: AbortSignal; readonly progress?: (done: number, total: number) => void };
  readonly context: Context;
}

const ACTIONS: Readonly<Record<string, { readonly takesFile: boolean; readonly run: (run: Run) => Promise<Facts> }>> = {
  upload: {
    takesFile: true,
    async run({ device, path, file, options, context }) {
      const data = await readInput(file, context.io);
      await device.upload(path, data, options);
      return { bytes: data.length, crc32: hex(u32be(crc32(data))) };
    },
  },
  download: {
    takesFile: true,
    async run({ device, path, file, options, context }) {
      const data = await device.download(path, options);
      if (file === "-") context.io.stdout.write(data);
      else await writeBytes(file, data);
      return { bytes: data.length, crc32: hex(u32be(crc32(data))) };
    },
  },
  stat: {
    takesFile: false,
    run: async ({ device, path, options }) => ({
      bytes: (await device.request(files.status, { name: path }, options)).len,
    }),
  },
  hash: {
    takesFile: false,
    async run({ device, path, options }) {
      const { type, len, output } = await device.request(files.hash, { name: path }, options);
      return { bytes: len, [type]: typeof output === "number" ? hex(u32be(output)) : hex(output) };
    },
  },
};

/** `tapbench smp fs <device> <action> <path> [file]` */
export async function filesOf(spec: string, asked: Asked, options: FileOptions, context: Context): Promise<ExitCode> {
  const { path, file } = asked;
  const action = Object.hasOwn(ACTIONS, asked.action) ? ACTIONS[asked.action]! : undefined;
  if (!action)
    throw cliError("bad-value", `'${asked.action.slice(0, 20)}' is none of ${Object.keys(ACTIONS).join(", ")}`, {});
  if (action.takesFile !== (file !== undefined))
    throw action.takesFile
      ? cliError("missing-argument", `${asked.action} needs a file here; - is standard input or output`, {})
      : cliError("too-many-arguments", `${asked.action} takes no file`, {});
  if (options.json === true && asked.action === "download" && file === "-")
    throw cliError("bad-value", "standard output cannot take the file and the JSON document; name a file", {});
  const output = outputOf(context, options);
  return withDevice(spec, options, context, async ({ management }, signal) => {
    const progress = progressOn(context);
    const facts = await action.run({
      device: management,
      path,
      file: file ?? "-",
      options: { signal, ...(progress && { progress }) },
      context,
    });
    if (progress) context.io.stderr.write("\r");
    tell(output, asked, facts);
    output.document({ device: spec, action: asked.action, path, ...facts });
    return EXIT.ok;
  });
}

/** The file itself may be on standard output. */
function tell(output: Output, { action, path, file }: Asked, facts: Facts): void {
  const says = Object.entries(facts).map(([name, value]) => `${String(value)} ${name}`);
  if (action !== "download" || file !== "-") output.lines([`${path}: ${says.join(", ")}`]);
}

/** For people at a terminal only. */
const progressOn = ({ io: { stderr } }: Context): ((done: number, total: number) => void) | undefined =>
  stderr.isTTY ? (done, total) => stderr.write(`\r${done} of ${total} bytes`) : undefined;
