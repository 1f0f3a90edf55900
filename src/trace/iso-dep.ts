/* Just enough of the blocks of ISO/IEC 14443-4 7.1 for traces: where their information fields are. All bytes are with CRC. */

export const CRC_LENGTH = 2;

/** Place of an I-block's information field. */
export interface IBlock {
  readonly number: number;
  readonly chained: boolean;
  readonly from: number;
  readonly to: number;
}

/** PCB of ISO/IEC 14443-4 7.1.1.1: 00x0 xx1x is an I-block; b4 announces a CID, b3 a NAD. */
export function iBlock(bytes: Uint8Array): IBlock | undefined {
  const pcb = bytes[0];
  if (pcb === undefined || (pcb & 0xe2) !== 0x02) return undefined;
  const from = 1 + (pcb & 0x08 ? 1 : 0) + (pcb & 0x04 ? 1 : 0);
  const to = bytes.length - CRC_LENGTH;
  return from > to ? undefined : { number: pcb & 1, chained: (pcb & 0x10) !== 0, from, to };
}

/** R- and S-blocks: acknowledgement, waiting time, parameters, DESELECT. They have no room for account data. */
export const isControlBlock = (bytes: Uint8Array): boolean =>
  bytes.length <= 5 && ((bytes[0]! & 0xe6) === 0xa2 || (bytes[0]! & 0xc7) === 0xc2);

/** S(DESELECT), with or without a CID. */
export const isDeselect = (bytes: Uint8Array): boolean => bytes.length <= 4 && (bytes[0]! & 0xf7) === 0xc2;
