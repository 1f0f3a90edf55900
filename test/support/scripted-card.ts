import { parseDol, splitDol } from "../../src/codec/dol.js";
import { parseTlv, tlv, valueOf } from "../../src/codec/tlv.js";
import { rsaPrivate, type RsaPrivate } from "../../src/crypto/rsa.js";
import { signCda } from "../../src/emv/certificates.js";
import type { KernelInput } from "../../src/emv/kernel.js";
import { transactionDataHash, type CaKeys } from "../../src/emv/oda.js";
import { createTestCa } from "../../src/emv/test-ca.js";
import type { CommandApdu, ResponseApdu } from "../../src/protocols/iso7816/apdu.js";
import { concat, unhex } from "../../src/util/bytes.js";
import type { Reply } from "../../src/util/dialogue.js";
import type { Random } from "../../src/util/random.js";
import { seededRandom } from "../../src/util/random.js";

/** Tag in hex to value in hex; undefined takes the object away. */
export type Objects = Readonly<Record<string, string | undefined>>;

export const AID = unhex("A0000000041010");
export const UN = "0A0B0C0D";
const PAN = "5413330089601075";

/** The card's data, unless a test says otherwise: no offline data authentication, no verification, no action codes. */
const OBJECTS: Objects = {
  "84": "A0000000041010",
  "50": "54455354",
  "5F2D": "656E6465",
  "82": "0080",
  "94": "10010101",
  "57": "5413330089601075D2912201123456789F",
  "5A": "5413330089601075",
  "5F24": "291231",
  "5F25": "200101",
  "5F28": "0056",
  "5F34": "01",
  "8C": "9F02069F03069F1A0295055F2A029A039C019F37049F35019F34039F3303",
  "8E": "000000000000000042031E031F03",
  "9F07": "FFC0",
  "9F08": "0002",
  "9F0D": "0000000000",
  "9F0E": "0000000000",
  "9F0F": "0000000000",
  "9F42": "0978",
};
const FCI_TAGS = ["50", "87", "5F2D", "9F11", "9F12", "9F38"];
const DISCRETIONARY_TAGS = ["9F5D", "9F6E"];
const GPO_TAGS = ["82", "94"];

export interface Script {
  /** Data objects of FCI, GET PROCESSING OPTIONS and the one record; they overrule the defaults. */
  readonly objects?: Objects;
  /** What GENERATE AC answers: a CID, or what it was asked for. */
  readonly cid?: number;
  /** Objects of the answer to GENERATE AC, over ATC and the rest. */
  readonly ac?: Objects;
  /** Sign with CDA where asked. The chain is real; the objects go into records 18/1 and 20/1. */
  readonly cda?: boolean;
  /** Spoils what GENERATE AC signs. */
  readonly forge?: (signature: Uint8Array) => Uint8Array;
  /** Overrules any answer: a response in hex with its status word, or an error that the link throws. */
  readonly respond?: (
    command: CommandApdu,
    index: number,
    usual: () => ResponseApdu,
  ) => ResponseApdu | string | undefined;
}

export interface ScriptedCard {
  readonly aid: Uint8Array;
  readonly fci: Uint8Array;
  readonly answer: (command: CommandApdu) => Reply<ResponseApdu>;
  readonly commands: readonly CommandApdu[];
}

const object = (tag: string, value: string): Uint8Array => tlv(parseInt(tag, 16), unhex(value));
const objectsIn = (all: Objects, tags: readonly string[]): Uint8Array =>
  concat(...tags.flatMap((tag) => (all[tag] === undefined ? [] : [object(tag, all[tag])])));

const response = (text: string): ResponseApdu => {
  const bytes = unhex(text);
  return { data: bytes.subarray(0, -2), sw: bytes.at(-2)! * 256 + bytes.at(-1)! };
};

const CDA_AFL = "100101011801010020010100";
let chain:
  | { keys: CaKeys; signer: RsaPrivate; issuer: Uint8Array; certify: (staticData: Uint8Array) => Uint8Array }
  | undefined;

/** CA, issuer and card keys, made once: short ones, which are as good for a test. */
function testChain(): NonNullable<typeof chain> {
  if (chain) return chain;
  const ca = createTestCa({ random: seededRandom("scripted card"), rid: AID.slice(0, 5), index: 0xf1, caBits: 1024 });
  const issuer = ca.issuer({ issuerIdentifier: "541333", bits: 1024 });
  const { key } = issuer.card({ pan: PAN, staticData: new Uint8Array(0), bits: 896 });
  const encoded = (objects: readonly { tag: number; value: Uint8Array }[]) =>
    concat(...objects.map(({ tag, value }) => tlv(tag, value)));
  chain = {
    keys: ca.keys,
    signer: rsaPrivate(key),
    issuer: encoded(issuer.objects),
    certify: (staticData) => encoded(issuer.certify(key, { pan: PAN, staticData })),
  };
  return chain;
}

/** The CA keys that trust scripted cards. */
export const testCaKeys = (): CaKeys => testChain().keys;

/** A card that answers from a table of objects. It checks nothing: what a kernel sends is the test's business. */
export function scriptedCard(script: Script = {}): ScriptedCard {
  const cdaDefaults: Objects = script.cda ? { "82": "0180", "94": CDA_AFL, "9F4A": "82" } : {};
  const all: Objects = { ...OBJECTS, ...cdaDefaults, ...script.objects };
  const elsewhere = new Set(["84", ...FCI_TAGS, ...DISCRETIONARY_TAGS, ...GPO_TAGS]);
  const discretionary = objectsIn(all, DISCRETIONARY_TAGS);
  const proprietary = concat(
    objectsIn(all, FCI_TAGS),
    discretionary.length > 0 ? tlv(0xbf0c, discretionary) : discretionary,
  );
  const fci = tlv(0x6f, objectsIn(all, ["84"]), tlv(0xa5, proprietary));

  const records = new Map<string, Uint8Array>();
  const first = objectsIn(
    all,
    Object.keys(all).filter((tag) => !elsewhere.has(tag)),
  );
  records.set("2/1", tlv(0x70, first));
  if (script.cda) {
    const withAip = all["9F4A"] === undefined ? first : concat(first, unhex(all["82"] ?? ""));
    records.set("3/1", tlv(0x70, testChain().issuer)).set("4/1", tlv(0x70, testChain().certify(withAip)));
  }

  const commands: CommandApdu[] = [];
  let pdolData: Uint8Array = new Uint8Array(0);

  const usual = (command: CommandApdu): ResponseApdu => {
    const data = command.data ?? new Uint8Array(0);
    switch (command.ins) {
      case 0xa4:
        return { data: fci, sw: 0x9000 };
      case 0xa8:
        pdolData = valueOf(parseTlv(data), 0x83);
        return { data: tlv(0x77, objectsIn(all, GPO_TAGS)), sw: 0x9000 };
      case 0xb2: {
        const record = records.get(`${command.p2 >> 3}/${command.p1}`);
        return record ? { data: record, sw: 0x9000 } : response("6A83");
      }
      case 0xae:
        return { data: tlv(0x77, generateAc(command.p1, data)), sw: 0x9000 };
      default:
        return response("6D00");
    }
  };

  const generateAc = (p1: number, data: Uint8Array): Uint8Array => {
    const cid = script.cid ?? p1 & 0xc0;
    const signed = script.cda === true && (p1 & 0x10) !== 0 && (cid & 0xc0) !== 0;
    const answered: Objects = {
      "9F27": cid.toString(16).padStart(2, "0"),
      "9F36": "0011",
      ...(!signed && { "9F26": "1122334455667788" }),
      "9F10": "0110A00003220000000000000000000000FF",
      ...script.ac,
    };
    const plain = objectsIn(answered, Object.keys(answered));
    if (!signed) return plain;
    const cdol = unhex(all["8C"]!);
    const un = splitDol(parseDol(cdol), data).get(0x9f37) ?? new Uint8Array(4);
    const signature = signCda(
      testChain().signer,
      {
        number: unhex("A1A2A3A4A5A6A7A8"),
        cid,
        cryptogram: unhex("8877665544332211"),
        transactionHash: transactionDataHash(pdolData, data, plain),
        more: new Uint8Array(0),
      },
      un,
    );
    return concat(plain, tlv(0x9f4b, script.forge ? script.forge(signature) : signature));
  };

  return {
    aid: AID,
    fci,
    commands,
    answer: (command) => {
      const index = commands.push(command) - 1;
      const overruled = script.respond?.(command, index, () => usual(command));
      const answer =
        overruled === undefined ? usual(command) : typeof overruled === "string" ? response(overruled) : overruled;
      return { answer, took: 0 };
    },
  };
}

/** A generator of randomness that gives what it is told to: `bytes` for the unpredictable number, `draws` for `below`. */
export function fixedRandom(bytes = UN, draws: readonly number[] = []): Random {
  let drawn = 0;
  const random: Random = {
    bytes: (count) => unhex(bytes).subarray(0, count),
    below: () => draws[drawn++] ?? 0,
    fork: () => random,
    position: () => ({ key: new Uint8Array(32), block: 0, used: 32 }),
  };
  return random;
}

/** A terminal in Belgium, euro, offline with online capability; limits of 50 (CVM), 100 (floor), 200, and 500 with CDCVM. */
const TERMINAL: Objects = {
  "9F02": "000000001000",
  "9F03": "000000000000",
  "9F09": "0002",
  "9F1A": "0056",
  "9F33": "E06808",
  "9F35": "22",
  "9F40": "6000003000",
  "5F2A": "0978",
  "9A": "260115",
  "9F21": "120000",
  "9C": "00",
  DF8118: "60",
  DF8119: "08",
  DF811B: "A0",
  DF8120: "0000000000",
  DF8121: "0000000000",
  DF8122: "0000000000",
  DF812D: "000013",
};

export interface Setup extends Partial<Omit<KernelInput, "terminal" | "limits">> {
  /** Over the default terminal. */
  readonly terminal?: Objects;
  readonly limits?: Partial<KernelInput["limits"]>;
}

const n12 = (amount: bigint): string => String(amount).padStart(12, "0");

/** Terminal objects from hex. */
export function terminalObjects(objects: Objects): Map<number, Uint8Array> {
  const out = new Map<number, Uint8Array>();
  for (const [tag, value] of Object.entries(objects)) if (value !== undefined) out.set(parseInt(tag, 16), unhex(value));
  return out;
}

/** What a kernel gets for a tap of that card. */
export function kernelInput(
  card: ScriptedCard,
  { terminal, limits, amount = 1000n, ...rest }: Setup = {},
): KernelInput {
  return {
    aid: card.aid,
    fci: card.fci,
    amount,
    limits: { floor: 10_000n, transaction: 20_000n, transactionOnDevice: 50_000n, cvmRequired: 5_000n, ...limits },
    terminal: terminalObjects({ ...TERMINAL, "9F02": n12(amount), ...terminal }),
    caKeys: () => undefined,
    random: fixedRandom(),
    ...rest,
  };
}

/** The data of a GENERATE AC cut apart by the CDOL1 that asked for it. */
export function cdolValues(card: ScriptedCard, cdol = OBJECTS["8C"]!): Map<number, Uint8Array> {
  const command = card.commands.find(({ ins }) => ins === 0xae);
  if (!command?.data) throw new Error("there was no GENERATE AC");
  return splitDol(parseDol(unhex(cdol)), command.data);
}
