import { concat } from "../../util/bytes.js";
import type { Nanos } from "../../util/time.js";
import type { ImportFormat } from "./format.js";
import { hexAt } from "./hex-text.js";
import { headText } from "./lines.js";
import { pairing, type Pairing } from "./pairing.js";
import type { Place, Remarks } from "./remarks.js";
import { textImporter, type LogReader } from "./text-importer.js";
import { stampReader } from "./timestamps.js";

/*
 * NFC controllers' packets as Android logs them: NxpNciX and NxpNciR of NXP's HAL, BrcmNciX and BrcmNciR of the older AOSP one, `nfc write` and `nfc
 * nRead` of some kernels. X goes to the controller. Packets are NCI (NFC Forum, NFC Controller Interface 2.0): with the ISO-DEP
 * interface, data packets of the static RF connection are APDUs. A phone that plays the card (HCE) gets the command from the controller.
 */

type Direction = "X" | "R";

const PACKET =
  /\b(?:(?<nxp>NxpNci)(?<a>[XR])\b[^=\n]{0,20}len ?= *(?<length>\d+) *[<>=]+ *|(?<brcm>BrcmNci)(?<b>[XR])\b *(?:\( *\d+\))? *: *|(?<kernel>nfc) (?<c>write|nRead): *\w+:? +)(?=[0-9A-F]{6})/i;

const MT = { data: 0, notification: 3 } as const;
const HEADER = 3;
const GID_RF = 1;
/** RF_INTF_ACTIVATED_NTF, RF_DEACTIVATE_NTF, RF_FIELD_INFO_NTF. */
const OID = { activated: 5, deactivated: 6, fieldInfo: 7 } as const;
const ISO_DEP_INTERFACE = 2;
/** The listen modes have b8. */
const LISTEN = 0x80;
/** Deactivation types Sleep Mode and Sleep_AF Mode: the field stays. */
const SLEEP: ReadonlySet<number> = new Set([1, 2]);
const MAX_MESSAGE = 65_544;

/** A status word that stands at the end of a response, and at the end of no usual command. */
const endsLikeResponse = (bytes: Uint8Array): boolean =>
  bytes.length >= 2 &&
  /^(?:9[0-9a-f]|6[1-9a-f])$/.test(bytes.at(-2)!.toString(16)) &&
  (bytes.length === 2 || bytes[0]! >= 0x60);

interface Message {
  readonly parts: Uint8Array[];
  length: number;
  readonly place: Place;
  readonly at: Nanos | undefined;
}

function nciReader(exchanges: Pairing, remarks: Remarks): LogReader {
  const stampOf = stampReader();
  const messages: Record<Direction, Message | undefined> = { X: undefined, R: undefined };
  let family: string | undefined;
  /** Where commands come from: known from the activation, or guessed from the first message. */
  let commands: Direction | undefined;
  let isoDep = true;
  let field = false;

  const fieldIs = (on: boolean, place: Place, at: Nanos | undefined): void => {
    if (field === on) return;
    field = on;
    exchanges.field(on, place, at);
  };

  const notification = (oid: number, payload: Uint8Array, place: Place, at: Nanos | undefined): void => {
    if (oid === OID.activated && payload.length >= 4) {
      messages.X = messages.R = undefined;
      isoDep = payload[1] === ISO_DEP_INTERFACE;
      commands = (payload[3]! & LISTEN) === 0 ? "X" : "R";
      fieldIs(true, place, at);
    } else if (oid === OID.deactivated) {
      messages.X = messages.R = undefined;
      if (!SLEEP.has(payload[0] ?? 0)) fieldIs(false, place, at);
    } else if (oid === OID.fieldInfo && payload.length >= 1) fieldIs((payload[0]! & 1) === 1, place, at);
  };

  const message = (direction: Direction, bytes: Uint8Array, place: Place, at: Nanos | undefined): void => {
    if (commands === undefined) {
      const other = direction === "X" ? "R" : "X";
      commands = endsLikeResponse(bytes) ? other : direction;
      remarks.note("the log begins after the activation; who sends the commands was told from the first packet");
    }
    if (direction === commands) exchanges.command(bytes, place, at);
    else exchanges.response(bytes, place, { at });
  };

  const data = (
    direction: Direction,
    more: boolean,
    payload: Uint8Array,
    place: Place,
    at: Nanos | undefined,
  ): void => {
    if (!isoDep) return remarks.note("data of other RF interfaces than ISO-DEP are no APDUs; they were left out");
    const open = (messages[direction] ??= { parts: [], length: 0, place, at });
    open.length += payload.length;
    if (open.length > MAX_MESSAGE || open.parts.length === MAX_MESSAGE) {
      remarks.add(place, `a message of more than ${MAX_MESSAGE} bytes; it is left out`);
      messages[direction] = undefined;
      return;
    }
    open.parts.push(payload);
    if (more) return;
    messages[direction] = undefined;
    if (open.length > 0) message(direction, concat(...open.parts), open.place, commands === direction ? open.at : at);
  };

  return {
    line(text, number) {
      const match = PACKET.exec(text);
      if (!match) return;
      const { nxp, brcm, kernel, a, b, c, length } = match.groups!;
      // The same packet may be logged by several layers: one of them is listened to.
      const name = nxp ?? brcm ?? kernel!;
      family ??= name;
      if (name !== family) return;
      const from = match.index + match[0].length;
      const hex = hexAt(text, from);
      const place = { line: number, column: from + 1 };
      if (!hex || hex.fault || hex.bytes.length < HEADER)
        return remarks.add(
          { line: number, column: (hex?.fault?.at ?? from) + 1 },
          "no whole packet in hex; it is left out",
        );
      const packet = hex.bytes;
      const said = HEADER + packet[2]!;
      if (packet.length < said || (length !== undefined && Number(length) !== packet.length))
        remarks.add(place, `the packet should have ${length ?? said} bytes and has ${packet.length}`);
      const direction: Direction = c === undefined ? ((a ?? b)!.toUpperCase() as Direction) : c === "write" ? "X" : "R";
      const at = stampOf(text)?.at;
      const payload = packet.subarray(HEADER, said);
      const type = packet[0]! >> 5;
      const group = packet[0]! & 0x0f;
      if (type === MT.data && group === 0) data(direction, (packet[0]! & 0x10) !== 0, payload, place, at);
      else if (type === MT.notification && group === GID_RF && direction === "R")
        notification(packet[1]! & 0x3f, payload, place, at);
    },
    end() {
      const { timed } = exchanges.end();
      return { times: timed ? "measured" : "none", frames: false };
    },
  };
}

/** NCI packets in logcat, or in the log of linux_libnfc-nci. */
export const nciLog: ImportFormat = {
  name: "nci-log",
  title: "Android NFC log with NCI packets",
  recognises: (head) =>
    headText(head)
      .split(/[\r\n]/)
      .some((line) => PACKET.test(line)),
  start: (onRecord) => textImporter((remarks) => nciReader(pairing(onRecord, remarks), remarks)),
};
