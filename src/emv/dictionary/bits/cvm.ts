import { readUint } from "../../../util/bytes.js";

/** Methods by the code in bits 6 to 1: EMV 4.4 Book 3, Annex C3. */
const METHODS: ReadonlyMap<number, string> = new Map([
  [0x00, "fail CVM processing"],
  [0x01, "plaintext PIN checked by the card"],
  [0x02, "enciphered PIN checked online"],
  [0x03, "plaintext PIN checked by the card, and signature"],
  [0x04, "enciphered PIN checked by the card"],
  [0x05, "enciphered PIN checked by the card, and signature"],
  [0x06, "face checked by the card"],
  [0x07, "face checked online"],
  [0x08, "finger checked by the card"],
  [0x09, "finger checked online"],
  [0x0a, "palm checked by the card"],
  [0x0b, "palm checked online"],
  [0x0c, "iris checked by the card"],
  [0x0d, "iris checked online"],
  [0x0e, "voice checked by the card"],
  [0x0f, "voice checked online"],
  [0x1e, "signature"],
  [0x1f, "no CVM required"],
]);

/** EMV 4.4 Book 3, Annex C3. X and Y stand at the start of the list. */
const CONDITIONS: readonly string[] = [
  "always",
  "if unattended cash",
  "if neither cash nor cashback",
  "if the terminal supports it",
  "if manual cash",
  "if purchase with cashback",
  "if in the application currency and under X",
  "if in the application currency and over X",
  "if in the application currency and under Y",
  "if in the application currency and over Y",
];

const GO_ON = 0x40;
const NOT_PERFORMED = 0x3f;

const methodOf = (code: number): string =>
  METHODS.get(code & 0x3f) ?? ((code & 0x20) !== 0 ? "method of the payment system" : "reserved method");

const conditionOf = (code: number): string =>
  CONDITIONS[code] ?? (code >= 0x80 ? "under a condition of the payment system" : "under a reserved condition");

/** One rule of a CVM list in words: method, condition, what follows when it fails. */
export const cvmRule = (method: number, condition: number): string =>
  `${methodOf(method)}, ${conditionOf(condition)}; if that fails, ${(method & GO_ON) === 0 ? "verification has failed" : "the next rule"}`;

/** A CVM list (8E, 9F68) line by line; undefined where it has no two amounts and whole rules. EMV 4.4 Book 3, 10.5 and Annex C3. */
export function cvmList(value: Uint8Array): string[] | undefined {
  if (value.length < 8 || value.length % 2 !== 0) return undefined;
  const lines = [`X ${readUint(value.subarray(0, 4))}, Y ${readUint(value.subarray(4, 8))}`];
  for (let at = 8; at < value.length; at += 2) lines.push(cvmRule(value[at]!, value[at + 1]!));
  return lines;
}

const RESULTS = ["unknown", "failed", "successful"] as const;

/** CVM results (9F34). EMV 4.4 Book 4, Annex A4. */
export function cvmResults(value: Uint8Array): string[] | undefined {
  if (value.length !== 3) return undefined;
  const [method, condition, result] = value as unknown as readonly [number, number, number];
  const performed = method === NOT_PERFORMED ? "no CVM performed" : methodOf(method);
  return [`${performed}, ${conditionOf(condition)}: ${RESULTS[result] ?? "reserved result"}`];
}
