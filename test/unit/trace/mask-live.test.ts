import { expect, test } from "vitest";
import { liveMask } from "../../../src/trace/mask-live.js";
import { hex, unhex } from "../../../src/util/bytes.js";

const exchange = (command: string, response: string) => ({ command: unhex(command), response: unhex(response) });
const shown = (made: readonly { readonly command: Uint8Array; readonly response: Uint8Array }[]): string[] =>
  made.map(({ command, response }) => `${hex(command)} ${hex(response)}`);

test("a whole answer is shown at once, its account masked", () => {
  const mask = liveMask([]);
  expect(shown(mask.push(exchange("00B2010C00", "700A5A0854133300896010759000")))).toEqual([
    "00B2010C00 700A5A08541333CCCCCC10759000",
  ]);
  expect(mask.flush()).toEqual([]);
});

test("an answer in parts is shown when it is whole: a PAN that the parts cut is found", () => {
  const mask = liveMask([]);
  expect(mask.push(exchange("00B2010C", "6106"))).toEqual([]);
  expect(mask.push(exchange("00C0000006", "700A5A0854136106"))).toEqual([]);
  expect(shown(mask.push(exchange("00C0000006", "3300896010759000")))).toEqual([
    "00B2010C 6106",
    "00C0000006 700A5A0854136106",
    "00C0000006 33CCCCCC10759000",
  ]);
});

test("what is left at the end comes masked as far as it is known", () => {
  const mask = liveMask([]);
  expect(mask.push(exchange("00B2010C00", "700A5A08541333008960107561FF"))).toEqual([]);
  expect(shown(mask.flush())).toEqual(["00B2010C00 700A5A08541333CCCCCC107561FF"]);
});

test("a PAN that is known before, or was met, is found outside its tags", () => {
  const mask = liveMask(["5413330089601075"]);
  expect(shown(mask.push(exchange("80CA9F7F00", "9F7F0854133300896010759000")))[0]).not.toContain("541333008960");
  const met = liveMask([]);
  met.push(exchange("00B2010C00", "700A5A0854133300896010759000"));
  expect(shown(met.push(exchange("0012000000", "54133300896010759000")))[0]).not.toContain("541333008960");
});

test("a reader's own commands: what it answers is shown, what it is told is not", () => {
  const mask = liveMask([]);
  expect(shown(mask.push(exchange("FFCA000000", "08A6AAA99000")))).toEqual(["FFCA000000 08A6AAA99000"]);
  expect(shown(mask.push(exchange("FF82000006A0A1A2A3A4A5", "9000")))).toEqual(["FF82000006CCCCCCCCCCCC 9000"]);
});

test("parts without end are not kept without end", () => {
  const mask = liveMask([]);
  let most = 0;
  for (let i = 0; i < 1000; i++) most = Math.max(most, mask.push(exchange("00C0000000", "0061FF")).length);
  expect(most).toBe(256);
});
