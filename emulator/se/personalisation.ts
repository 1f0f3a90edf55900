import { concat, NO_BYTES } from "../../src/util/bytes.js";
import type { CommandApdu, ResponseApdu } from "../../src/protocols/iso7816/apdu.js";
import { status } from "../../src/protocols/iso7816/apdu.js";
import { SW } from "../../src/protocols/iso7816/status.js";
import { isTapbenchError } from "../../src/util/errors.js";
import type { AppletContext } from "./applet.js";
import type { StoreChange } from "./transaction.js";

/** Volatile state of a personalisation: blocks that came so far and their bytes. */
export interface PersonalisationState {
  readonly blocks: readonly Uint8Array[];
  readonly length: number;
}

export const NO_PERSONALISATION: PersonalisationState = { blocks: [], length: 0 };

export const INS_STORE_DATA = 0xe2;
/** Longest personalisation that is put together before its last block. */
const MAX_DATA = 16_384;
const MAX_BLOCKS = 1024;
const LAST_BLOCK = 0x80;
const DGI_FORMAT = 0x08;

/** DGIs in order; undefined where the data is malformed (EMV CPS 1.1, 3.2: DGI, length `LL` or `FF LLLL`, value). */
export function splitDgis(data: Uint8Array): [dgi: number, value: Uint8Array][] | undefined {
  const dgis: [number, Uint8Array][] = [];
  let at = 0;
  while (at < data.length) {
    if (at + 3 > data.length) return undefined;
    const dgi = (data[at]! << 8) | data[at + 1]!;
    let length = data[at + 2]!;
    at += 3;
    if (length === 0xff) {
      if (at + 2 > data.length) return undefined;
      length = (data[at]! << 8) | data[at + 1]!;
      at += 2;
    }
    if (at + length > data.length) return undefined;
    dgis.push([dgi, data.subarray(at, at + length)]);
    at += length;
  }
  return dgis;
}

/**
 * STORE DATA (GlobalPlatform Card Specification 2.3.1, 11.11): blocks are numbered from 0 and joined; with the last one all DGIs are
 * stored at once or not at all. `accept` checks a DGI, `finish` all of them; a status word refuses the whole. `finish` names the objects
 * that go as the new ones come, and further ones that come with them.
 */
export function storeData(
  context: AppletContext,
  state: PersonalisationState,
  command: CommandApdu,
  accept: (dgi: number, value: Uint8Array) => number,
  finish: (dgis: ReadonlyMap<number, Uint8Array>) => {
    readonly sw: number;
    readonly remove?: readonly number[];
    readonly add?: readonly StoreChange[];
  },
): { state: PersonalisationState; response: ResponseApdu } {
  const refuse = (sw: number) => ({ state: NO_PERSONALISATION, response: status(sw) });
  if (context.secured !== true) return refuse(SW.conditionsOfUse);
  if ((command.p1 & ~LAST_BLOCK) !== DGI_FORMAT) return refuse(SW.wrongP1P2);
  if (command.p2 !== (state.blocks.length & 0xff)) return refuse(SW.wrongP1P2);
  const block = command.data ?? NO_BYTES;
  const blocks = [...state.blocks, block];
  const length = state.length + block.length;
  if (length > MAX_DATA || blocks.length > MAX_BLOCKS) return refuse(SW.noMemory);
  if (!(command.p1 & LAST_BLOCK)) return { state: { blocks, length }, response: status(SW.ok) };

  const dgis = splitDgis(concat(...blocks));
  if (!dgis) return refuse(SW.wrongData);
  for (const [dgi, value] of dgis) {
    const sw = accept(dgi, value);
    if (sw !== SW.ok) return refuse(sw);
  }
  try {
    const { sw, remove = [], add = [] } = finish(new Map(dgis));
    if (sw !== SW.ok) return refuse(sw);
    context.storage.putAll([...remove.map((id) => [id, undefined] as const), ...add, ...dgis]);
  } catch (error) {
    if (isTapbenchError(error, "emulator/store-full")) return refuse(SW.noMemory);
    throw error;
  }
  return { state: NO_PERSONALISATION, response: status(SW.ok) };
}
