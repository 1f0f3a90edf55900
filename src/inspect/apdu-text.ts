import { tagHex } from "../codec/tlv.js";
import { decodeCommand, decodeResponse, type CommandApdu } from "../protocols/iso7816/apdu.js";
import { swHex, swMeaning } from "../protocols/iso7816/status.js";
import { hex, NO_BYTES, printable } from "../util/bytes.js";
import { attempt } from "../util/errors.js";
import type { Exchange } from "./exchanges.js";
import { plain, type Paint } from "./paint.js";

type Describe = (command: CommandApdu) => string;

const data = (command: CommandApdu): Uint8Array => command.data ?? NO_BYTES;
const tagOf = ({ p1, p2 }: CommandApdu): string => tagHex(p1 === 0 ? p2 : p1 * 256 + p2);

const selectName: Describe = (command) => {
  const name = data(command);
  const text = Buffer.from(name).toString("latin1");
  const shown = /^[\x20-\x7e]+$/.test(text) ? printable(name) : hex(name);
  return `SELECT ${shown === "" ? "the default application" : shown}${(command.p2 & 0x03) === 2 ? " (next)" : ""}`;
};

const ASKED = ["AAC", "TC", "ARQC", "?"] as const;
const generateAc: Describe = ({ p1 }) => `GENERATE AC ${ASKED[p1 >> 6]}${p1 & 0x10 ? " with CDA" : ""}`;

const BLOCK = (command: CommandApdu): string => `block ${command.p2}${command.p1 & 0x80 ? ", the last" : ""}`;

/** Names by instruction. EMV 4.3 Book 3 6.5, Book C-2 5, ISO/IEC 7816-4 table 4, GlobalPlatform Card Specification 2.3.1 11. */
const NAMES: ReadonlyMap<number, Describe> = new Map<number, Describe>([
  [0x16, () => "CARD BLOCK"],
  [0x18, () => "APPLICATION UNBLOCK"],
  [0x1e, () => "APPLICATION BLOCK"],
  [0x20, () => "VERIFY"],
  [0x24, () => "PIN CHANGE/UNBLOCK"],
  [
    0x2a,
    ({ p1, p2 }) => (p1 === 0x8e && p2 === 0x80 ? "COMPUTE CRYPTOGRAPHIC CHECKSUM" : "PERFORM SECURITY OPERATION"),
  ],
  [0x50, () => "INITIALIZE UPDATE"],
  [0x70, ({ p1 }) => (p1 & 0x80 ? "MANAGE CHANNEL close" : "MANAGE CHANNEL open")],
  [0x82, () => "EXTERNAL AUTHENTICATE"],
  [0x84, () => "GET CHALLENGE"],
  [0x88, () => "INTERNAL AUTHENTICATE"],
  [0xa4, (command) => (command.p1 === 4 ? selectName(command) : `SELECT FILE ${hex(data(command))}`)],
  [0xa8, () => "GET PROCESSING OPTIONS"],
  [0xae, generateAc],
  [0xb0, () => "READ BINARY"],
  [0xb2, ({ p1, p2 }) => `READ RECORD SFI ${p2 >> 3} record ${p1}`],
  [0xc0, () => "GET RESPONSE"],
  [0xca, (command) => `GET DATA ${tagOf(command)}`],
  [0xd6, () => "UPDATE BINARY"],
  [0xd8, () => "PUT KEY"],
  [0xda, (command) => `PUT DATA ${tagOf(command)}`],
  [0xdc, ({ p1, p2 }) => `UPDATE RECORD SFI ${p2 >> 3} record ${p1}`],
  [0xe2, (command) => `STORE DATA ${BLOCK(command)}`],
  [0xe4, () => "DELETE"],
  [0xe6, () => "INSTALL"],
  [0xe8, (command) => `LOAD ${BLOCK(command)}`],
  [0xd0, () => "RECOVER AC"],
  [0xea, () => "EXCHANGE RELAY RESISTANCE DATA"],
  [0xf0, () => "SET STATUS"],
  [0xf2, () => "GET STATUS"],
]);

/** Classes of payment and card management: interindustry ones, proprietary ones, both with secure messaging or chaining. */
const CLASSES: ReadonlySet<number> = new Set([0x00, 0x04, 0x0c, 0x10, 0x80, 0x84, 0x8c, 0x90, 0x94]);

/** Whether cards of this kind take such a command. */
export const isKnownInstruction = (cla: number, ins: number): boolean => CLASSES.has(cla) && NAMES.has(ins);

/** A command in a few words: `READ RECORD SFI 2 record 1`. */
export function commandName(command: Uint8Array): string {
  const decoded = attempt(() => decodeCommand(command));
  if (!decoded) return "malformed command";
  const describe = NAMES.get(decoded.ins);
  const secured = (decoded.cla & 0x0c) !== 0 ? ", secured" : "";
  return describe ? `${describe(decoded)}${secured}` : `command ${hex(command.subarray(0, 4))}`;
}

/** An answer in a few words: status word, what it means, how much data. */
export function responseName(response: Uint8Array): string {
  const decoded = attempt(() => decodeResponse(response));
  if (!decoded) return `no status word (${response.length} byte${response.length === 1 ? "" : "s"})`;
  const size = decoded.data.length;
  return `${swHex(decoded.sw)} ${swMeaning(decoded.sw)}${size > 0 ? `, ${size} byte${size === 1 ? "" : "s"}` : ""}`;
}

/** One line for an exchange. */
export function exchangeLine({ command, response }: Exchange, paint: Paint = plain): string {
  const good = response.length >= 2 && (response.at(-2) === 0x90 || response.at(-2) === 0x61);
  return `${paint("name", commandName(command))} -> ${paint(good ? "good" : "bad", responseName(response))}`;
}
