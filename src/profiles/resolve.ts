import { parseDol } from "../codec/dol.js";
import { hex } from "../util/bytes.js";
import { checkFile } from "./check.js";
import { parseAmount } from "./currencies.js";
import { cardSchema, deviceSchema, readerSchema, terminalSchema } from "./schema.js";
import type {
  CardProfile,
  DeviceProfile,
  FlashPartition,
  ManagementProfile,
  ProfileHead,
  ReaderProfile,
  TerminalProfile,
} from "./types.js";
import { faultAt, type YamlFile } from "./yaml.js";

type Fail = (path: readonly PropertyKey[], says: string, cause?: unknown) => Error;
type Resolver<P> = (data: unknown, files: readonly YamlFile[], name: string) => P;

const failIn =
  (files: readonly YamlFile[]): Fail =>
  (path, says, cause) =>
    faultAt(files, "bad-value", path, says, {}, cause);

function head(
  file: { title: string; synthetic: boolean; sources: readonly string[] },
  name: string,
  fail: Fail,
): ProfileHead {
  if (!file.synthetic && file.sources.length === 0)
    throw fail(["sources"], "values have no source: list their public sources, or say synthetic: true");
  return { name, title: file.title, synthetic: file.synthetic, sources: file.sources };
}

function money(text: string, exponent: number, fail: Fail, path: readonly PropertyKey[]): bigint {
  const amount = parseAmount(text, exponent);
  if (amount !== undefined) return amount;
  throw fail(
    path,
    `'${text}' does not fit; it should be an amount with at most ${exponent} decimals and 12 digits in all`,
  );
}

/** Bits 8 and 7 of the low ATQA byte say how long the UID is (ISO/IEC 14443-3 6.5.2.1). */
const UID_SIZES = [4, 7, 10];

const device: Resolver<DeviceProfile> = (data, files, name) => {
  const fail = failIn(files);
  const file = checkFile(deviceSchema, data, files);
  const { atqa: atqaBytes, sak: sakBytes, uid, ats } = file.nfc;
  const atqa = (atqaBytes[0]! << 8) | atqaBytes[1]!;
  const sak = sakBytes[0]!;
  const size = UID_SIZES[(atqa >> 6) & 3];
  const uidSize = uid === "random" ? 4 : uid.length;
  if (size !== uidSize)
    throw fail(
      ["nfc", "atqa"],
      `ATQA ${hex(atqaBytes)} announces ${size ? `a UID of ${size} bytes` : "no UID size that exists"}, but nfc.uid has ${uidSize}`,
    );
  if ((sak & 0x24) !== 0x20)
    throw fail(["nfc", "sak"], "bit 6 (20) must be set and bit 3 (04) clear: the device speaks ISO/IEC 14443-4");
  for (const way of ["ratesToDevice", "ratesFromDevice"] as const)
    if (!ats[way].includes(1)) throw fail(["nfc", "ats", way], "106 is always there; list it, too");
  const { card, ...element } = file.element;
  if (element.nvmBytes % element.pageBytes !== 0)
    throw fail(["element", "nvmBytes"], `it should be a multiple of the page, ${element.pageBytes} bytes`);
  const { writeBytes, eraseBytes } = element.cells;
  if (element.pageBytes % eraseBytes !== 0)
    throw fail(["element", "cells", "eraseBytes"], `a page of ${element.pageBytes} bytes should be a multiple of it`);
  if (eraseBytes % writeBytes !== 0)
    throw fail(
      ["element", "cells", "writeBytes"],
      `what is erased together, ${eraseBytes} bytes, should be a multiple`,
    );
  if (file.management) checkFlash(file.management, fail);
  const { historical: historicalBytes, sameRates, ...activation } = ats;
  return {
    ...head(file, name, fail),
    form: file.form,
    nfc: {
      atqa,
      sak,
      uid: uid === "random" ? { kind: "random" } : { kind: "fixed", bytes: uid },
      ...activation,
      historicalBytes,
      ...(sameRates && { sameRates }),
    },
    element: { ...element, ...(card && { card: { ...card, i: card.i[0]! } }) },
    compute: file.compute,
    verification: file.verification,
    firmware: file.firmware,
    ...(file.management && { management: file.management }),
  };
};

/** Whole sectors, inside the flash, at least two a partition, and none on top of another. */
function checkFlash({ flash, boot }: ManagementProfile, fail: Fail): void {
  const { bytes, sectorBytes, writeBytes, partitions } = flash;
  const path = ["management", "flash"];
  if (bytes % sectorBytes !== 0) throw fail([...path, "bytes"], `it should be whole sectors of ${sectorBytes} bytes`);
  if (sectorBytes % writeBytes !== 0)
    throw fail([...path, "sectorBytes"], `it should be a multiple of writeBytes, ${writeBytes}`);
  const slots: Readonly<Record<string, FlashPartition>> = boot
    ? { primary: boot.primary, secondary: boot.secondary }
    : {};
  const parts = [
    ...Object.entries(partitions).map(([name, part]) => ({ part, at: [...path, "partitions", name] })),
    ...Object.entries(slots).map(([name, part]) => ({ part, at: ["management", "boot", name] })),
  ].toSorted((a, b) => a.part.offset - b.part.offset);
  let end = 0;
  for (const { part, at } of parts) {
    if (part.offset % sectorBytes !== 0 || part.bytes % (2 * sectorBytes) !== 0)
      throw fail(at, `it should start at a sector and have an even number of sectors of ${sectorBytes} bytes`);
    if (part.offset < end) throw fail(at, "it lies on top of another partition");
    end = part.offset + part.bytes;
    if (end > bytes) throw fail(at, `it ends at ${end}, and the flash has ${bytes} bytes`);
  }
}

/** Lists that a card hands out must hold together before a terminal sees them. */
function checkDol(bytes: Uint8Array, path: string, needed: readonly number[], fail: Fail): void {
  let tags: Set<number>;
  try {
    tags = new Set(parseDol(bytes).map((entry) => entry.tag));
  } catch (error) {
    throw fail([path], `it is no data object list: ${(error as Error).message}`, error);
  }
  const missing = needed.find((tag) => !tags.has(tag));
  if (missing !== undefined)
    throw fail([path], `tag ${missing.toString(16).toUpperCase()} is missing from the list; the cryptogram covers it`);
}

// What cryptogram versions 16 to 21 cover of the terminal's data.
const CRYPTOGRAM_INPUT = [0x9f02, 0x9f03, 0x9f1a, 0x95, 0x5f2a, 0x9a, 0x9c, 0x9f37];

const card: Resolver<CardProfile> = (data, files, name) => {
  const fail = failIn(files);
  const file = checkFile(cardSchema, data, files);
  const { account, oda, extends: _extends, template: _template, ...rest } = file;
  if (file.cvmList.length % 2 !== 0) throw fail(["cvmList"], "two amounts of 4 bytes, then rules of 2 bytes each");
  checkDol(file.cdol1, "cdol1", CRYPTOGRAM_INPUT, fail);
  checkDol(file.cdol2, "cdol2", [], fail);
  checkDol(file.pdol, "pdol", [], fail);
  const signs = (file.aip[0]! & 0x01) !== 0;
  if (signs !== (oda.method === "cda"))
    throw fail(["oda", "method"], `AIP ${hex(file.aip)} says CDA ${signs ? "is" : "is not"} supported (byte 1, bit 1)`);
  for (const key of ["issuerBits", "cardBits"] as const)
    if (oda[key] % 16 !== 0) throw fail(["oda", key], "it should be a multiple of 16");
  if (oda.cardBits > oda.issuerBits)
    throw fail(["oda", "cardBits"], `the issuer key has ${oda.issuerBits} bits and cannot certify a longer one`);
  const { exponent } = file.currency;
  return {
    ...rest,
    ...head(file, name, fail),
    oda,
    account: {
      balance: money(account.balance, exponent, fail, ["account", "balance"]),
      perTransaction: money(account.perTransaction, exponent, fail, ["account", "perTransaction"]),
    },
  };
};

const terminal: Resolver<TerminalProfile> = (data, files, name) => {
  const fail = failIn(files);
  const file = checkFile(terminalSchema, data, files);
  const { zone, type, kernels, extends: _extends, template: _template, ...rest } = file;
  const { exponent } = file.currency;
  return {
    ...rest,
    ...head(file, name, fail),
    zoneMinutes: zone,
    type: type[0]!,
    kernels: kernels.map(({ limits, randomSelection, ...kernel }, i) => {
      const limit = (key: keyof typeof limits): bigint =>
        money(limits[key], exponent, fail, ["kernels", i, "limits", key]);
      const random = randomSelection && {
        target: randomSelection.target,
        maxTarget: randomSelection.maxTarget,
        threshold: money(randomSelection.threshold, exponent, fail, ["kernels", i, "randomSelection", "threshold"]),
      };
      if (random && random.maxTarget < random.target)
        throw fail(
          ["kernels", i, "randomSelection", "maxTarget"],
          `it should be at least the target, ${random.target}`,
        );
      return {
        ...kernel,
        limits: {
          floor: limit("floor"),
          transaction: limit("transaction"),
          transactionOnDevice: limit("transactionOnDevice"),
          cvmRequired: limit("cvmRequired"),
        },
        ...(random && { randomSelection: random }),
      };
    }),
  };
};

/** Checked data of each kind, made into what the rest of tapbench works with. */
const reader: Resolver<ReaderProfile> = (data, files, name) => {
  const { title, synthetic, sources, ...file } = checkFile(readerSchema, data, files);
  const { match, samSlots, usb, extended, maxCommand, response256, unfitForLong, quirks } = file;
  const facts = { match, samSlots, usb, extended, maxCommand, response256, unfitForLong, quirks };
  return { ...head({ title, synthetic, sources }, name, failIn(files)), ...facts };
};

export const resolvers = { device, card, terminal, reader } as const;
