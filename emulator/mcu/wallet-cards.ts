import { parseTlv, valueOf } from "../../src/codec/tlv.js";
import { decodeResponse, encodeCommand } from "../../src/protocols/iso7816/apdu.js";
import { SW } from "../../src/protocols/iso7816/status.js";
import { ascii, equalBytes, printable, readUint } from "../../src/util/bytes.js";
import { attempt } from "../../src/util/errors.js";
import type { Nanos } from "../../src/util/time.js";
import type { ElementPort } from "./parts.js";

/** A card as a terminal would find it. */
export interface WalletCard {
  readonly aid: Uint8Array;
  readonly label: string;
  readonly priority: number;
  readonly default: boolean;
}

const PPSE = ascii("2PAY.SYS.DDF01");
const LAST = 15;

/**
 * The cards that the element offers to terminals, from its PPSE (EMV Contactless Book B 3.3.1), read on a logical channel of its own, so that what somebody
 * has selected stays selected. `cards` undefined: the element does not answer.
 */
export function walletCards(transmit: ElementPort["transmit"]): {
  readonly cards: readonly WalletCard[] | undefined;
  readonly took: Nanos;
} {
  let took = 0;
  const send = (ins: number, p1: number, p2: number, rest: { cla?: number; data?: Uint8Array; le?: number }) => {
    const { cla = 0, data, le } = rest;
    const apdu = encodeCommand({ cla, ins, p1, p2, ...(data && { data }), ...(le !== undefined && { le }) });
    const answer = transmit(apdu);
    took += answer?.took ?? 0;
    return answer && attempt(() => decodeResponse(answer.response));
  };
  const opened = send(0x70, 0, 0, { le: 1 });
  const channel = opened?.sw === SW.ok ? opened.data[0] : undefined;
  if (channel === undefined) return { cards: undefined, took };
  const cla = channel < 4 ? channel : 0x40 | (channel - 4);
  const answer = send(0xa4, 0x04, 0x00, { cla, data: PPSE, le: 256 });
  send(0x70, 0x80, channel, {});
  if (!answer) return { cards: undefined, took };
  return { cards: answer.sw === SW.ok ? cardsOf(answer.data) : [], took };
}

/** The directory entries of a PPSE's FCI: 6F, A5, BF0C, one 61 each. What is not well-formed is no card. */
function cardsOf(fci: Uint8Array): readonly WalletCard[] {
  const issuerData = attempt(() => parseTlv(fci))
    ?.find(({ tag }) => tag === 0x6f)
    ?.children?.find(({ tag }) => tag === 0xa5)
    ?.children?.find(({ tag }) => tag === 0xbf0c);
  const found = (issuerData?.children ?? [])
    .filter(({ tag, children }) => tag === 0x61 && children)
    .map(({ children }) => ({
      aid: valueOf(children!, 0x4f),
      label: printable(valueOf(children!, 0x50)).slice(0, 16),
      priority: readUint(valueOf(children!, 0x87).subarray(0, 1)) & 0x0f || LAST,
    }));
  const first = found.toSorted((a, b) => a.priority - b.priority)[0];
  return found.map((card) => ({ ...card, default: first !== undefined && equalBytes(card.aid, first.aid) }));
}
