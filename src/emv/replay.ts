import { tlv } from "../codec/tlv.js";
import {
  decodeResponse,
  encodeCommand,
  status,
  type CommandApdu,
  type ResponseApdu,
} from "../protocols/iso7816/apdu.js";
import { SW } from "../protocols/iso7816/status.js";
import { NO_BYTES, hex, unhex } from "../util/bytes.js";
import type { Reply } from "../util/dialogue.js";

/** One command of a recorded tap and its answer with the status word, in hex. */
export interface RecordedExchange {
  readonly c: string;
  readonly r: string;
}

/** Where a run left the recording. Codes are stable. */
export type Divergence =
  | { readonly code: "replay/not-recorded"; readonly command: string }
  | { readonly code: "replay/different-command"; readonly command: string; readonly recorded: string };

/** A recording that answers commands; `answer` goes into `answerWith` (util/dialogue.ts). */
export interface Replay {
  readonly answer: (command: CommandApdu) => Reply<ResponseApdu>;
  /** What did not go as recorded, in order. */
  readonly divergences: readonly Divergence[];
  /** Commands asked so far, in hex. */
  readonly commands: readonly string[];
}

const READ_RECORD = 0xb2;
/** Commands that a card answers by their data; the recorded answer to another one of them still shows how the tap went on. */
const BY_DATA: readonly number[] = [0xa8, 0xae, 0x2a];

/**
 * Plays a recorded tap back. A command that was recorded gets its answer, and where it was recorded several times, the next one. A record that
 * nobody read when it was recorded comes back empty. GET PROCESSING OPTIONS, GENERATE AC and COMPUTE CRYPTOGRAPHIC CHECKSUM with other data
 * get the recorded answer. Both are reported, and so is anything else, which gets 6A82.
 */
export function replay(exchanges: readonly RecordedExchange[]): Replay {
  const recorded = exchanges.map(({ c, r }) => ({
    command: hex(unhex(c)),
    response: decodeResponse(unhex(r)),
    used: false,
  }));
  const divergences: Divergence[] = [];
  const commands: string[] = [];

  const find = (fits: (command: string) => boolean): (typeof recorded)[number] | undefined => {
    const fitting = recorded.filter(({ command }) => fits(command));
    const next = fitting.find(({ used }) => !used) ?? fitting.at(-1);
    if (next) next.used = true;
    return next;
  };

  const respond = (apdu: CommandApdu): ResponseApdu => {
    const command = hex(encodeCommand(apdu));
    commands.push(command);
    const exact = find((other) => other === command);
    if (exact) return exact.response;
    if (BY_DATA.includes(apdu.ins)) {
      const similar = find((other) => other.slice(0, 4) === command.slice(0, 4));
      if (similar) {
        divergences.push({ code: "replay/different-command", command, recorded: similar.command });
        return similar.response;
      }
    }
    divergences.push({ code: "replay/not-recorded", command });
    return apdu.ins === READ_RECORD ? { data: tlv(0x70, NO_BYTES), sw: SW.ok } : status(SW.notFound);
  };

  return { answer: (command) => ({ answer: respond(command), took: 0 }), divergences, commands };
}
