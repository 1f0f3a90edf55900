import { bitFields, literal, restBut, u8 } from "../../codec/fields.js";
import { message, type MessageValue } from "../../codec/message.js";
import type { CommandApdu } from "../iso7816/apdu.js";
import { pcscError } from "./errors.js";

/** An ATR holds at most so many historical bytes: their count has four bits. */
export const MAX_HISTORICAL = 15;

/** The ATR that a reader makes up for a contactless card: T=0 and T=1 offered, no interface bytes. */
export const ContactlessAtr = message("pcsc.ATR", "PC/SC part 3, 3.1.3.2.3", {
  ts: [literal("3B"), "TS: direct convention"],
  format: [bitFields(u8, { historical: [0, 4], interfaces: [4, 4] }), "T0: TD1 follows, number of historical bytes"],
  td1: [literal("80"), "TD1: TD2 follows, T=0"],
  td2: [literal("01"), "TD2: nothing follows, T=1"],
  historical: [
    restBut(1, MAX_HISTORICAL),
    "historical bytes: of the ATS (type A); ATQB's application data, protocol info and MBLI (type B)",
  ],
  check: [u8, "TCK: exclusive or of all bytes from T0"],
});

const INTERFACES_TD1 = 0x8;

/** The ATR of a card with these historical bytes; an ATS may have more than fit, which are left out. */
export function contactlessAtr(historical: Uint8Array): Uint8Array {
  const shown = historical.subarray(0, MAX_HISTORICAL);
  const format = { historical: shown.length, interfaces: INTERFACES_TD1 };
  const atr = ContactlessAtr.encode({ format, historical: shown, check: 0 });
  atr[atr.length - 1] = checkByte(atr);
  return atr;
}

/** The historical bytes of such an ATR. @throws `pcsc/not-contactless` for any other ATR, `pcsc/bad-atr` where count or TCK is wrong */
export function historicalOfAtr(atr: Uint8Array): Uint8Array {
  let value: MessageValue<typeof ContactlessAtr>;
  try {
    value = ContactlessAtr.decode(atr);
  } catch (cause) {
    throw pcscError(
      "not-contactless",
      "this ATR is not one that PC/SC readers make up for contactless cards; is there a contact card in the reader?",
      { length: atr.length },
      cause,
    );
  }
  const { format, historical, check } = value;
  if (format.interfaces !== INTERFACES_TD1 || format.historical !== historical.length || check !== checkByte(atr))
    throw pcscError(
      "bad-atr",
      "the ATR's count of historical bytes or its check byte is wrong; the reader is at fault",
      {
        says: format.historical,
        has: historical.length,
      },
    );
  return historical;
}

/** TCK: all bytes from T0 to the one before it (ISO/IEC 7816-3 8.2.5). */
const checkByte = (atr: Uint8Array): number => atr.subarray(1, -1).reduce((sum, byte) => sum ^ byte, 0);

/** Class of the commands that a PC/SC reader answers itself (PC/SC part 3, 3.2.2.1). */
export const CLA_READER = 0xff;

/** Instructions of that class. */
export const READER_INS = {
  getData: 0xca,
  loadKeys: 0x82,
  generalAuthenticate: 0x86,
  verify: 0x20,
  readBinary: 0xb0,
  updateBinary: 0xd6,
} as const;

/** P1 of GET DATA. */
export const GET_DATA = { uid: 0x00, historicalBytes: 0x01 } as const;

/** `FF CA 00 00 00`: the card's UID, least significant byte last as in the anticollision. */
export const getUid: CommandApdu = { cla: CLA_READER, ins: READER_INS.getData, p1: GET_DATA.uid, p2: 0, le: 256 };
/** `FF CA 01 00 00`: the historical bytes of its ATS. Some readers answer with the whole ATS. */
export const getHistoricalBytes: CommandApdu = { ...getUid, p1: GET_DATA.historicalBytes };
