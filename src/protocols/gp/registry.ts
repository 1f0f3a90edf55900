import { bitFields, u24be } from "../../codec/fields.js";
import { parseTlv, tlv, tlv as object } from "../../codec/tlv.js";
import { concat, NO_BYTES } from "../../util/bytes.js";
import { gpError } from "./errors.js";

/*
 * What GET STATUS tells of the card's registry: GlobalPlatform Card Specification 2.3.1, 11.4, and of contactless applications Amendment C.
 */

/** P1 of GET STATUS, and of SET STATUS (tables 11-33 and 11-85). */
export const SCOPES = {
  issuerDomain: 0x80,
  applications: 0x40,
  loadFiles: 0x20,
  loadFilesAndModules: 0x10,
} as const;
export type Scope = keyof typeof SCOPES;

/** Privileges, three bytes (tables 11-7 to 11-9); only the first is sent where the others are empty. */
export const PRIVILEGES = {
  securityDomain: [23, 1],
  dapVerification: [22, 1],
  delegatedManagement: [21, 1],
  cardLock: [20, 1],
  cardTerminate: [19, 1],
  cardReset: [18, 1],
  cvmManagement: [17, 1],
  mandatedDapVerification: [16, 1],
  trustedPath: [15, 1],
  authorizedManagement: [14, 1],
  tokenVerification: [13, 1],
  globalDelete: [12, 1],
  globalLock: [11, 1],
  globalRegistry: [10, 1],
  finalApplication: [9, 1],
  globalService: [8, 1],
  receiptGeneration: [7, 1],
  cipheredLoadFileDataBlock: [6, 1],
  contactlessActivation: [5, 1],
  contactlessSelfActivation: [4, 1],
} as const;
export type Privilege = keyof typeof PRIVILEGES;

const PRIVILEGE_BITS = bitFields(u24be, PRIVILEGES);

/** The privileges that are set. `bytes` has one or three; what is cut off is not set. */
export function privilegesOf(bytes: Uint8Array): ReadonlySet<Privilege> {
  const three = concat(bytes, new Uint8Array(3)).subarray(0, 3);
  const bits = PRIVILEGE_BITS.decode({ bytes: three, at: 0 }, {});
  return new Set((Object.keys(PRIVILEGES) as Privilege[]).filter((name) => bits[name] === 1));
}

/** Three bytes. */
export function privilegeBytes(privileges: Iterable<Privilege>): Uint8Array {
  let sum = 0;
  for (const name of privileges) sum |= 1 << PRIVILEGES[name][0];
  return Uint8Array.of(sum >> 16, (sum >> 8) & 0xff, sum & 0xff);
}

/** Card life cycle, that of the issuer security domain (table 11-6). */
export const CARD_STATES = {
  opReady: 0x01,
  initialized: 0x07,
  secured: 0x0f,
  cardLocked: 0x7f,
  terminated: 0xff,
} as const;

/** Application life cycle (table 11-4); bit 8 locks, bits 4 to 7 are the application's own. */
export const APPLICATION_STATES = { installed: 0x03, selectable: 0x07, personalized: 0x0f, locked: 0x80 } as const;
/** Executable load files know one state (table 11-3). */
export const LOADED = 0x01;

/** Contactless activation state, the second byte of 9F70 (Amendment C 1.3, table 3-8). */
export const ACTIVATION = { deactivated: 0x00, activated: 0x01, nonActivatable: 0x80 } as const;

/** One line of the registry, as GET STATUS tells it. Absent: not told in this format. */
export interface RegistryEntry {
  readonly aid: Uint8Array;
  readonly lifeCycle: number;
  /** Applications and domains; load files have none. */
  readonly privileges?: ReadonlySet<Privilege>;
  readonly activation?: number;
  readonly loadFile?: Uint8Array;
  readonly version?: Uint8Array;
  readonly modules?: readonly Uint8Array[];
  readonly domain?: Uint8Array;
}

/** Tags of one entry (table 11-36). */
export const REGISTRY_TAGS = {
  entry: 0xe3,
  aid: 0x4f,
  lifeCycle: 0x9f70,
  privileges: 0xc5,
  loadFile: 0xc4,
  version: 0xce,
  module: 0x84,
  domain: 0xcc,
} as const;

/** P2's formats: a bare list, deprecated and still what old tools ask for, or E3 templates (table 11-34). */
export const STATUS_FORMAT = { list: 0x00, tlv: 0x02 } as const;
/** P2 bit 1: the next part. */
export const NEXT = 0x01;

const isLoadFile = (scope: Scope): boolean => scope === "loadFiles" || scope === "loadFilesAndModules";

/** One entry in the format of table 11-36, without what a tag list leaves out. */
function tlvEntry(entry: RegistryEntry, tags: readonly number[] | undefined): Uint8Array {
  const tlv = (tag: number, ...values: readonly Uint8Array[]): Uint8Array =>
    tag === REGISTRY_TAGS.entry || !tags || tags.includes(tag) ? object(tag, ...values) : NO_BYTES;
  const { aid, lifeCycle, activation, privileges, loadFile, version, modules, domain } = entry;
  const state = activation === undefined ? [lifeCycle] : [lifeCycle, activation];
  return tlv(
    REGISTRY_TAGS.entry,
    tlv(REGISTRY_TAGS.aid, aid),
    tlv(REGISTRY_TAGS.lifeCycle, Uint8Array.from(state)),
    privileges ? tlv(REGISTRY_TAGS.privileges, privilegeBytes(privileges)) : NO_BYTES,
    loadFile ? tlv(REGISTRY_TAGS.loadFile, loadFile) : NO_BYTES,
    version ? tlv(REGISTRY_TAGS.version, version) : NO_BYTES,
    ...(modules ?? []).map((module) => tlv(REGISTRY_TAGS.module, module)),
    domain ? tlv(REGISTRY_TAGS.domain, domain) : NO_BYTES,
  );
}

/** One entry in the format of table 11-35: the modules of load files follow when they were asked for. */
function listEntry({ aid, lifeCycle, privileges, modules = [] }: RegistryEntry, scope: Scope): Uint8Array {
  const first = privileges ? privilegeBytes(privileges)[0]! : 0;
  const counted = scope === "loadFilesAndModules" ? [modules.length] : [];
  const named =
    scope === "loadFilesAndModules" ? modules.map((module) => concat(Uint8Array.of(module.length), module)) : [];
  return concat(Uint8Array.of(aid.length), aid, Uint8Array.of(lifeCycle, first, ...counted), ...named);
}

/** Entries as the data of one or more answers, none longer than `most`; `tags`: the objects that a tag list asks for. */
export function encodeRegistry(
  entries: readonly RegistryEntry[],
  scope: Scope,
  format: keyof typeof STATUS_FORMAT,
  most: number,
  tags?: readonly number[],
): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    const bytes = format === "tlv" ? tlvEntry(entry, tags) : listEntry(entry, scope);
    const last = parts.at(-1);
    if (last && last.length + bytes.length <= most) parts[parts.length - 1] = concat(last, bytes);
    else parts.push(bytes);
  }
  return parts;
}

const MAX_ENTRIES = 1024;

/** All parts of an answer, put together. @throws `gp/bad-registry`, `codec/...` */
export function decodeRegistry(data: Uint8Array, scope: Scope, format: keyof typeof STATUS_FORMAT): RegistryEntry[] {
  const entries = format === "tlv" ? decodeTlvEntries(data) : decodeListEntries(data, scope);
  if (entries.length > MAX_ENTRIES)
    throw gpError("bad-registry", `the card tells of ${entries.length} entries; ${MAX_ENTRIES} are the limit`, {
      entries: entries.length,
    });
  return entries;
}

function decodeTlvEntries(data: Uint8Array): RegistryEntry[] {
  return parseTlv(data).map(({ tag, children }) => {
    const state = children && children.find((object) => object.tag === REGISTRY_TAGS.lifeCycle)?.value;
    const aid = children && children.find((object) => object.tag === REGISTRY_TAGS.aid)?.value;
    if (tag !== REGISTRY_TAGS.entry || !children || !aid || !state?.length)
      throw gpError(
        "bad-registry",
        "the card's answer to GET STATUS is not a list of E3 templates with 4F and 9F70",
        {},
      );
    const found = (wanted: number): Uint8Array | undefined => children.find((object) => object.tag === wanted)?.value;
    const privileges = found(REGISTRY_TAGS.privileges);
    const loadFile = found(REGISTRY_TAGS.loadFile);
    const version = found(REGISTRY_TAGS.version);
    const domain = found(REGISTRY_TAGS.domain);
    const modules = children.filter((object) => object.tag === REGISTRY_TAGS.module).map(({ value }) => value);
    return {
      aid,
      lifeCycle: state[0]!,
      ...(state.length > 1 && { activation: state[1]! }),
      ...(privileges && { privileges: privilegesOf(privileges) }),
      ...(loadFile && { loadFile }),
      ...(version && { version }),
      ...(modules.length > 0 && { modules }),
      ...(domain && { domain }),
    };
  });
}

function decodeListEntries(data: Uint8Array, scope: Scope): RegistryEntry[] {
  const entries: RegistryEntry[] = [];
  let at = 0;
  const take = (length: number): Uint8Array => {
    if (at + length > data.length)
      throw gpError("bad-registry", `the card's answer to GET STATUS ends inside an entry, at byte ${data.length}`, {
        offset: data.length,
      });
    at += length;
    return data.subarray(at - length, at);
  };
  const named = (): Uint8Array => take(take(1)[0]!);
  while (at < data.length) {
    const aid = named();
    const [lifeCycle, privileges] = take(2) as unknown as [number, number];
    const modules = scope === "loadFilesAndModules" ? Array.from({ length: take(1)[0]! }, named) : undefined;
    entries.push({
      aid,
      lifeCycle,
      ...(!isLoadFile(scope) && { privileges: privilegesOf(Uint8Array.of(privileges)) }),
      ...(modules && { modules }),
    });
  }
  return entries;
}

/** Key information template, E0: what GET DATA 00E0 tells of the keys (11.3.3.1). */
export interface KeyInformation {
  readonly id: number;
  readonly version: number;
  readonly type: number;
  readonly length: number;
}

/** Basic format: C0, identifier, version, then type and length of each component (table 11-26). */
export const encodeKeyInformation = (keys: readonly KeyInformation[]): Uint8Array =>
  tlv(0xe0, ...keys.map(({ id, version, type, length }) => tlv(0xc0, Uint8Array.of(id, version, type, length))));

/** OIDs of GlobalPlatform (Annex H): 1.2.840.114283. */
const GP_OID = Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xfc, 0x6b);

/** Card recognition data, tag 66 (Annex H.2): GlobalPlatform 2.3.1, and the secure channel protocols with their options. */
export const cardRecognition = (protocols: readonly { readonly scp: number; readonly i: number }[]): Uint8Array =>
  tlv(
    0x66,
    tlv(
      0x73,
      tlv(0x06, GP_OID, Uint8Array.of(0x01)),
      tlv(0x60, tlv(0x06, GP_OID, Uint8Array.of(0x02, 0x02, 0x03, 0x01))),
      tlv(0x63, tlv(0x06, GP_OID, Uint8Array.of(0x03))),
      ...protocols.map(({ scp, i }) => tlv(0x64, tlv(0x06, GP_OID, Uint8Array.of(0x04, scp, i)))),
    ),
  );
