import { findTlv, parseTlv, type Tlv } from "../codec/tlv.js";
import { applicationName } from "../emv/dictionary/aids.js";
import { decodeCommand, MAX_RESPONSE, MAX_SHORT_RESPONSE, type CommandApdu } from "../protocols/iso7816/apdu.js";
import { hex, NO_BYTES } from "../util/bytes.js";
import { isTapbenchError } from "../util/errors.js";
import { commandName } from "./apdu-text.js";
import { dolTree } from "./dol-tree.js";
import type { Field } from "./field.js";
import { tlvTree, type Tree } from "./tree.js";

/** What was known when a command was sent. */
export interface CommandContext {
  /** The list that the card gave for it: PDOL for GET PROCESSING OPTIONS, CDOL for GENERATE AC. */
  readonly dol?: Uint8Array;
  /** Whose meaning tags have. */
  readonly scope?: string;
}

export interface CommandParts {
  readonly name: string;
  readonly fields: readonly Field[];
  /** What stands in its data, where they are objects or answer a list. */
  readonly tree?: Tree;
}

const INS = { select: 0xa4, gpo: 0xa8, generateAc: 0xae } as const;
const COMMAND_TEMPLATE = 0x83;

const objectsIn = (data: Uint8Array): readonly Tlv[] | undefined => {
  try {
    return data.length === 0 ? undefined : parseTlv(data);
  } catch (error) {
    if (isTapbenchError(error)) return undefined;
    throw error;
  }
};

/** A command part by part, and its data as far as they can be told. @throws `iso7816/short-command`, `iso7816/bad-command` */
export function commandParts(bytes: Uint8Array, context: CommandContext = {}): CommandParts {
  const command = decodeCommand(bytes);
  const data = command.data ?? NO_BYTES;
  const tree = dataTree(command, data, context);
  const fields: Field[] = [
    { name: "CLA INS", value: hex(bytes.subarray(0, 2)), says: classOf(command.cla) },
    { name: "P1 P2", value: hex(bytes.subarray(2, 4)) },
  ];
  if (data.length > 0) fields.push({ name: "data", value: hex(data), says: dataSays(command, data) });
  if (command.le !== undefined) fields.push({ name: "Le", says: asked(command.le) });
  return { name: commandName(bytes), fields, ...(tree && { tree }) };
}

const asked = (le: number): string =>
  le === MAX_SHORT_RESPONSE || le === MAX_RESPONSE ? "as much as there is" : `${le} bytes`;

/** ISO/IEC 7816-4, 5.4.1. */
function classOf(cla: number): string {
  const parts = [cla & 0x80 ? "proprietary" : "interindustry"];
  if (cla & 0x10 && (cla & 0x60) === 0) parts.push("chained, more follow");
  if ((cla & 0x60) === 0 && cla & 0x0c) parts.push("secure messaging");
  if ((cla & 0x60) === 0 && cla & 0x03) parts.push(`channel ${cla & 0x03}`);
  return parts.join(", ");
}

function dataSays({ ins, p1 }: CommandApdu, data: Uint8Array): string {
  const size = `${data.length} byte${data.length === 1 ? "" : "s"}`;
  const name = ins === INS.select && p1 === 4 ? applicationName(data) : undefined;
  return name === undefined ? size : `${size}: ${name}`;
}

function dataTree({ ins, p1 }: CommandApdu, data: Uint8Array, { dol, scope }: CommandContext): Tree | undefined {
  if (ins === INS.select && p1 === 4) return undefined;
  if (ins === INS.generateAc) return dol && dolTree(dol, data, scope);
  const objects = objectsIn(data);
  if (ins === INS.gpo && dol && objects) {
    const values = findTlv(objects, COMMAND_TEMPLATE)?.value;
    if (values) return dolTree(dol, values, scope);
  }
  return objects && tlvTree(data, scope === undefined ? {} : { scope });
}
