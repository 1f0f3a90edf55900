import { tlv } from "../../src/codec/tlv.js";
import { decodeBytes } from "../../src/inspect/decode.js";
import { concat, unhex } from "../../src/util/bytes.js";
import { EXPLAIN_BARS, measureExplain } from "./measure-explain.js";
import { measureImport } from "./measure-import.js";
import { measureReport, REPORT_BARS } from "./measure-report.js";
import { alternate, median } from "./measure.js";

export const description = "what people read: objects with their names and meanings";

/** One measurement: what it is called, how its work is prepared, and how much of the bar's unit one run of it is. */
interface Measurement {
  readonly key: string;
  readonly prepare: () => { readonly once: () => void; readonly amount: number };
  readonly bar: { readonly atLeast: number } | { readonly atMost: number };
}

const MEGABYTE = 1 << 20;

/** Objects by tag in hex, as cards have them in a record. */
const record = (tag: number, objects: Readonly<Record<string, string>>): Uint8Array =>
  tlv(tag, ...Object.entries(objects).map(([name, value]) => tlv(parseInt(name, 16), unhex(value))));

/**
 * A card's answers as terminals meet them: FCI, processing options, account, risk and verification data, keys, cryptogram. Values are those of
 * the recorded M/Chip tap of binaryfoo/emv-bertlv; certificates are filled.
 */
const ANSWERS: readonly Uint8Array[] = [
  tlv(
    0x6f,
    tlv(0x84, unhex("A0000000041010")),
    record(0xa5, { "50": "505043204D43442030342020763230", "87": "01", "5F2D": "656E", "9F38": "9F1D089F1A02" }),
  ),
  record(0x77, { "82": "5980", "94": "08010100100101011801020020010200" }),
  record(0x70, {
    "57": "5413330089600044D14122010123409172",
    "5A": "5413330089600044",
    "5F24": "141231",
    "5F25": "030401",
    "5F28": "0056",
    "5F34": "01",
    "8C": "9F02069F03069F1A0295055F2A029A039C019F37049F35019F45029F4C089F3403",
    "8D": "910A8A0295059F37049F4C08",
    "8E": "000000000000000042031E031F03",
    "9F07": "FF00",
    "9F08": "0002",
    "9F0D": "B0509C8800",
    "9F0E": "0000000000",
    "9F0F": "B0709C9800",
    "9F42": "0978",
    "9F4A": "82",
  }),
  record(0x70, { "90": "A5".repeat(176), "8F": "EF", "92": "5A".repeat(36), "9F32": "03" }),
  record(0x70, { "9F46": "C3".repeat(176), "9F47": "03", "9F48": "3C".repeat(42) }),
  record(0x77, {
    "9F27": "40",
    "9F36": "0035",
    "9F4B": "7B".repeat(176),
    "9F10": "0110904009248400000000000000000029FF",
  }),
];

/** The answers over and over, as many times as go into a megabyte. */
function megabyte(): Uint8Array {
  const one = concat(...ANSWERS);
  return concat(...Array.from({ length: Math.floor(MEGABYTE / one.length) }, () => one));
}

const MEASUREMENTS: readonly Measurement[] = [
  {
    key: "tlvMegabytesPerSecond",
    bar: { atLeast: 20 },
    prepare() {
      const bytes = megabyte();
      return {
        amount: bytes.length / MEGABYTE,
        once() {
          if (decodeBytes(bytes).tree.problem) throw new Error("the objects are malformed");
        },
      };
    },
  },
];

/** Bars of the measurements that have a file of their own. */
const IMPORT_BARS = [
  { key: "importMillis", atMost: 4000 },
  { key: "importMegabytes", atMost: 300 },
] as const;

export async function run({ seconds }: { seconds: number }) {
  const figures: Record<string, number> = {};
  for (const { key, prepare } of MEASUREMENTS) {
    const { once, amount } = prepare();
    figures[key] = median(alternate({ [key]: once }, seconds)[key]!) * amount;
  }
  Object.assign(figures, await measureExplain(seconds), await measureImport(), await measureReport());
  const bars = MEASUREMENTS.map(({ key, bar }) => ({ key, ...bar }));
  return { figures, bars: [...bars, ...EXPLAIN_BARS, ...IMPORT_BARS, ...REPORT_BARS] };
}
