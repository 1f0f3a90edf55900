import type { AnyCommand, Group } from "./command.js";
import { element } from "./groups/element.js";
import { enumeration } from "./groups/enumeration.js";
import { files } from "./groups/files.js";
import { image } from "./groups/image.js";
import { nfc } from "./groups/nfc.js";
import { os } from "./groups/os.js";
import { settings } from "./groups/settings.js";
import { shell } from "./groups/shell.js";
import { statistics } from "./groups/statistics.js";
import { wallet } from "./groups/wallet.js";
import { zephyr } from "./groups/zephyr.js";

const group = (id: number, name: string, commands: Readonly<Record<string, AnyCommand>>): Group => ({
  id,
  name,
  commands: Object.values(commands),
});

/** Every group that is spoken here; a row adds one. */
export const GROUPS: readonly Group[] = [
  group(0, "os mgmt", os),
  group(1, "img mgmt", image),
  group(2, "stat mgmt", statistics),
  group(3, "settings mgmt", settings),
  group(8, "fs mgmt", files),
  group(9, "shell mgmt", shell),
  group(10, "enum mgmt", enumeration),
  group(63, "zephyr basic mgmt", zephyr),
  group(64, "secure element", element),
  group(65, "wallet", wallet),
  group(66, "nfc test", nfc),
];

/** Group, command, operation of the request: one number to look it up by. */
export const commandKey = (group: number, id: number, op: number): number => (group << 10) | (id << 2) | (op & 2);

const OP_BITS = { read: 0, write: 2 } as const;
export const keyOf = ({ group, id, op }: AnyCommand): number => commandKey(group, id, OP_BITS[op]);

const BY_KEY: ReadonlyMap<number, AnyCommand> = new Map(
  GROUPS.flatMap(({ commands }) => commands.map((command) => [keyOf(command), command] as const)),
);

/** The command that a message is about, request or response; undefined: an unknown one. */
export const commandOf = (message: {
  readonly group: number;
  readonly command: number;
  readonly op: number;
}): AnyCommand | undefined => BY_KEY.get(commandKey(message.group, message.command, message.op));

/** The documentation table of all commands. */
export const commandTable = (): readonly {
  readonly name: string;
  readonly group: number;
  readonly id: number;
  readonly op: string;
  readonly says: string;
  readonly request: string;
  readonly response: string;
}[] =>
  GROUPS.flatMap(({ commands }) =>
    commands.map(({ name, group, id, op, says, request, response }) => {
      const fields = (table: typeof request.table): string =>
        table.map(({ field, type }) => `${field}: ${type}`).join("; ");
      return { name, group, id, op, says, request: fields(request.table), response: fields(response.table) };
    }),
  );
