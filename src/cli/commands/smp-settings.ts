import { settings } from "../../protocols/smp/groups/settings.js";
import type { ManagedDevice } from "../../device/management.js";
import { hex, printable, unhex } from "../../util/bytes.js";
import { isTapbenchError } from "../../util/errors.js";
import { outputOf, type Context } from "../context.js";
import { cliError } from "../errors.js";
import { EXIT, type ExitCode } from "../output.js";
import { withDevice, type SmpOptions } from "./smp-device.js";

export interface SettingsOptions extends SmpOptions {
  readonly hex?: boolean;
  readonly save?: boolean;
}

interface Asked {
  readonly action: string;
  readonly name: string | undefined;
  readonly value: string | undefined;
}

interface Action {
  readonly takes: readonly ("name" | "value")[];
  /** What may be left out. */
  readonly optional?: boolean;
  readonly run: (
    device: ManagedDevice,
    asked: { readonly name: string | undefined; readonly value: Uint8Array },
    options: { readonly signal: AbortSignal },
  ) => Promise<Uint8Array | undefined>;
}

const ACTIONS: Readonly<Record<string, Action>> = {
  read: {
    takes: ["name"],
    run: async (device, { name }, options) => (await device.request(settings.read, { name: name! }, options)).val,
  },
  write: {
    takes: ["name", "value"],
    run: async (device, { name, value }, options) =>
      void (await device.request(settings.write, { name: name!, val: value }, options)),
  },
  delete: {
    takes: ["name"],
    run: async (device, { name }, options) => void (await device.request(settings.delete, { name: name! }, options)),
  },
  save: {
    takes: ["name"],
    optional: true,
    run: async (device, { name }, options) =>
      void (await device.request(settings.save, name === undefined ? {} : { name }, options)),
  },
  load: { takes: [], run: async (device, _asked, options) => void (await device.request(settings.load, {}, options)) },
  commit: {
    takes: [],
    run: async (device, _asked, options) => void (await device.request(settings.commit, {}, options)),
  },
};

/** `tapbench smp settings <device> <action> [name] [value]` */
export async function settingsOf(
  spec: string,
  asked: Asked,
  options: SettingsOptions,
  context: Context,
): Promise<ExitCode> {
  const action = Object.hasOwn(ACTIONS, asked.action) ? ACTIONS[asked.action]! : undefined;
  if (!action)
    throw cliError("bad-value", `'${asked.action.slice(0, 20)}' is none of ${Object.keys(ACTIONS).join(", ")}`, {});
  for (const each of ["name", "value"] as const) {
    const given = asked[each] !== undefined;
    if (given && !action.takes.includes(each))
      throw cliError("too-many-arguments", `${asked.action} takes no ${each}`, {});
    if (!given && action.takes.includes(each) && action.optional !== true)
      throw cliError("missing-argument", `${asked.action} needs a ${each}`, {});
  }
  if (options.save === true && asked.action !== "write")
    throw cliError("bad-value", `--save goes with write, and ${asked.action} is another action; leave it out`, {});
  const value = bytesOf(asked.value ?? "", options.hex === true);
  const output = outputOf(context, options);
  return withDevice(spec, options, context, async ({ management }, signal) => {
    const read = await action.run(management, { name: asked.name, value }, { signal });
    if (options.save === true) await management.request(settings.save, {}, { signal });
    if (read) output.lines([`${hex(read)}  ${output.paint("dim", `'${printable(read)}'`)}`]);
    const document = { device: spec, action: asked.action, name: asked.name, ...(read && { value: read }) };
    output.document({ ...document, ...(options.save === true && { saved: true }) });
    return EXIT.ok;
  });
}

/** @throws `cli/bad-value` */
function bytesOf(text: string, isHex: boolean): Uint8Array {
  if (!isHex) return new TextEncoder().encode(text);
  try {
    return unhex(text);
  } catch (error) {
    if (!isTapbenchError(error)) throw error;
    throw cliError("bad-value", `the value is no hex: ${error.message}`, {}, error);
  }
}
