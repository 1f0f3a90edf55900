/** One bit of a data object: byte index and mask. */
export type Bit = readonly [byte: number, mask: number];

/** Terminal Verification Results (95), the bits that this kernel sets. EMV 4.3 Book 3, Annex C5. */
export const TVR = {
  odaNotPerformed: [0, 0x80],
  iccDataMissing: [0, 0x20],
  cdaFailed: [0, 0x04],
  versionsDiffer: [1, 0x80],
  expired: [1, 0x40],
  notYetEffective: [1, 0x20],
  serviceNotAllowed: [1, 0x10],
  cvmNotSuccessful: [2, 0x80],
  cvmUnrecognised: [2, 0x40],
  onlinePin: [2, 0x04],
  floorLimit: [3, 0x80],
  randomSelection: [3, 0x10],
} as const satisfies Record<string, Bit>;

/** Application Interchange Profile (82). EMV 4.3 Book 3, Annex C1; the contactless bits: Book C-2 A.1.16. */
export const AIP = {
  cdaSupported: [0, 0x01],
  onDeviceCvm: [0, 0x02],
  cardholderVerification: [0, 0x10],
  emvMode: [1, 0x80],
} as const satisfies Record<string, Bit>;

/** Kernel Configuration (DF811B). Book C-2 Annex A. */
export const KERNEL_CONFIGURATION = {
  magstripeModeNotSupported: [0, 0x80],
  emvModeNotSupported: [0, 0x40],
  onDeviceCvm: [0, 0x20],
} as const satisfies Record<string, Bit>;

/** Application Usage Control (9F07). EMV 4.3 Book 3, Annex C2. */
export const AUC = {
  domesticCash: [0, 0x80],
  internationalCash: [0, 0x40],
  domesticGoods: [0, 0x20],
  internationalGoods: [0, 0x10],
  domesticServices: [0, 0x08],
  internationalServices: [0, 0x04],
  atms: [0, 0x02],
  notAtms: [0, 0x01],
  domesticCashback: [1, 0x80],
  internationalCashback: [1, 0x40],
} as const satisfies Record<string, Bit>;

/** Terminal Capabilities (9F33). EMV 4.3 Book 4, Annex A2. */
export const CAPABILITIES = {
  contacts: [0, 0x20],
  onlinePin: [1, 0x40],
  signature: [1, 0x20],
  noCvm: [1, 0x08],
  cda: [2, 0x08],
} as const satisfies Record<string, Bit>;

/** Application Capabilities Information (9F5D), byte 2: whether the card signs an AAC as well. Book C-2 Annex A. */
export const CDA_OVER_AAC: Bit = [1, 0x01];
/** Additional Terminal Capabilities (9F40), byte 1: the terminal hands out cash. EMV 4.3 Book 4, Annex A3. */
export const CASH: Bit = [0, 0x80];

export const isSet = (bytes: Uint8Array | undefined, [byte, mask]: Bit): boolean =>
  bytes !== undefined && ((bytes[byte] ?? 0) & mask) !== 0;

export const setBit = (bytes: Uint8Array, [byte, mask]: Bit): void => {
  bytes[byte] = (bytes[byte] ?? 0) | mask;
};

/** Transaction types (9C) that kernels tell apart: the first two digits of ISO 8583's processing code. */
export const TRANSACTION = {
  purchase: 0x00,
  cash: 0x01,
  cashback: 0x09,
  cashDisbursement: 0x17,
  refund: 0x20,
} as const;
