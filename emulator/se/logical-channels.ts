import type { CommandApdu, ResponseApdu } from "../../src/protocols/iso7816/apdu.js";
import { status } from "../../src/protocols/iso7816/apdu.js";
import { SW } from "../../src/protocols/iso7816/status.js";
import { concat, NO_BYTES } from "../../src/util/bytes.js";

/** One logical channel of one interface; a value. */
export interface Channel {
  readonly selected?: number | undefined;
  readonly appletState?: unknown;
  /** A chained command so far. */
  readonly chain?: CommandApdu | undefined;
  /** Response bytes that wait for GET RESPONSE, or for the same command with the right Le. */
  readonly held?: { readonly response: ResponseApdu; readonly for?: CommandApdu } | undefined;
}

/** Logical channels by number; number 0 is always open, others where MANAGE CHANNEL has opened them. */
export type Channels = readonly (Channel | undefined)[];
export const ONLY_BASIC: Channels = [{}];

const MAX_CHANNELS = 20;
const MAX_CHAIN = 65_535;
const CLA_CHAINING = 0x10;

/** Logical channel of a class byte (ISO/IEC 7816-4 5.1.1): 0 to 3, or 4 to 19 in the further form. */
export const channelOf = (cla: number): number => ((cla & 0x40) === 0 ? cla & 0x03 : 4 + (cla & 0x0f));

/** The class byte as the same command on channel 0 has it, so that applets need not know of channels. */
export const onBasicChannel = (cla: number): number =>
  (cla & 0x40) === 0 ? cla & ~0x03 : (cla & 0x80) | (cla & CLA_CHAINING) | ((cla & 0x20) === 0 ? 0 : 0x04);

/** What a command is on a channel: whole, or a status word for now; and the channel from then on. */
export interface Chained {
  readonly channel: Channel;
  readonly whole: CommandApdu | ResponseApdu;
}

/** Puts a chained command together (ISO/IEC 7816-4 5.3.3). */
export function chained(channel: Channel, command: CommandApdu): Chained {
  const { selected, appletState, chain, held } = channel;
  const more = (command.cla & CLA_CHAINING) !== 0;
  if (!chain && !held && !more) return { channel, whole: command };
  const rest = { selected, appletState };
  const cla = command.cla & ~CLA_CHAINING;
  const { ins, p1, p2 } = command;
  const fits = !chain || (chain.cla === cla && chain.ins === ins && chain.p1 === p1 && chain.p2 === p2);
  if (!fits) return { channel: rest, whole: status(SW.lastOfChainExpected) };
  if (!chain && !more) return { channel: rest, whole: command };
  const data = concat(chain?.data ?? NO_BYTES, command.data ?? NO_BYTES);
  if (data.length > MAX_CHAIN) return { channel: rest, whole: status(SW.wrongLength) };
  const whole = { ...command, cla, data };
  return more ? { channel: { ...rest, chain: whole }, whole: status(SW.ok) } : { channel: rest, whole };
}

/**
 * MANAGE CHANNEL: opens the next free logical channel or a named one, or closes one (ISO/IEC 7816-4 7.1.2). None is opened where the card is
 * locked. @param on the channel that it came on
 */
export function manageChannel(
  channels: Channels,
  on: number,
  { p1, p2, le }: CommandApdu,
  locked: boolean,
): { readonly channels: Channels; readonly response: ResponseApdu } {
  const only = (sw: number) => ({ channels, response: status(sw) });
  if (p1 === 0x80) {
    const closed = p2 === 0 ? on : p2;
    if (closed === 0 || closed >= MAX_CHANNELS) return only(SW.wrongP1P2);
    if (!channels[closed]) return only(SW.alreadyClosed);
    return { channels: channels.with(closed, undefined), response: status(SW.ok) };
  }
  if (p1 !== 0 || p2 >= MAX_CHANNELS) return only(SW.wrongP1P2);
  if (locked) return only(SW.functionNotSupported);
  if (p2 === 0 && le === undefined) return only(SW.wrongLength);
  const numbers = Array.from({ length: MAX_CHANNELS }, (_, number) => number).slice(1);
  const opened = p2 === 0 ? numbers.find((number) => !channels[number]) : p2;
  if (opened === undefined) return only(SW.functionNotSupported);
  if (channels[opened]) return only(SW.wrongP1P2);
  const all = Array.from({ length: Math.max(channels.length, opened + 1) }, (_, number) => channels[number]);
  return {
    channels: all.with(opened, {}),
    response: { data: p2 === 0 ? Uint8Array.of(opened) : NO_BYTES, sw: SW.ok },
  };
}
