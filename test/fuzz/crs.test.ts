import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SecureElement } from "../../emulator/se/element.js";
import { parseTlv } from "../../src/codec/tlv.js";
import { applyContactless, decodeCrsRefusals, decodeCrsStatus, tagsOf } from "../../src/protocols/gp/contactless.js";
import { concat, hex, unhex } from "../../src/util/bytes.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { CARD_AID, PPSE_NAME, send } from "../support/emulated-card.js";
import { ask, contactlessCard, open } from "../support/gp-card.js";
import { selectDomain } from "../../src/protocols/gp/poller.js";
import { mutated } from "./mutate.js";

/* The CRS application and the registry behind it, fed with what nobody sends: a status word always, the registry still one afterwards. */

const SELECT_CRS = "00A4040009A0000001514352530000";

const COMMANDS = [
  "80F24000074F005C034F9F7000",
  "80F24001024F0000",
  "80F240000A4F009F700200005C018100",
  "80CA00A500",
  `80F00101094F07${CARD_AID}00`,
  `80F00100124F07${CARD_AID}4F07A000000004306000`,
  `80F00201094F07${CARD_AID}00`,
  `80F00281094F07${CARD_AID}00`,
  `80F00202094F07${CARD_AID}00`,
  "80F0028200",
  "80F004800380014000",
].map(unhex);

const PARAMETERS = [
  `EF21A11FA308 4F06010203040506 A610BF0C0D610B4F07${CARD_AID}5000 870120`,
  "EF0DA00B 800181 810100 A503820140",
  `EF2DA12B 7F20075F50025F45 6D00 A009 4F07${CARD_AID} A109 4F07A0000000043060 A509 4F07A0000000043060`,
  "EF08A006 8606 A004 80028000",
].map((text) => unhex(text.replaceAll(" ", "")));

/** The registry tells of the same applications, and a reader of a directory or of none. */
function stillThere(element: SecureElement): void {
  element.powerOff("wired");
  element.powerOff("contactless");
  send(element, SELECT_CRS, "wired");
  let all = send(element, "80F24000074F005C034F9F7000", "wired");
  expect(all.slice(-4)).toBe("9000");
  all = all.slice(0, -4);
  expect(parseTlv(unhex(all)).map(({ tag }) => tag)).toEqual(Array.from({ length: 6 }, () => 0x61));
  const directory = send(element, `00A404000E${PPSE_NAME}00`);
  expect(directory).toMatch(/^(6F.*9000|6A82)$/);
  if (directory.startsWith("6F")) parseTlv(unhex(directory.slice(0, -4)));
  element.powerOff("contactless");
}

describe("the CRS application", () => {
  test("answers whatever comes with a status word", () => {
    const element = contactlessCard();
    const fresh = element.snapshot();
    fc.assert(
      fc.property(fc.array(mutated(COMMANDS), { minLength: 1, maxLength: 12 }), (commands) => {
        element.restore(fresh);
        for (const via of ["wired", "contactless"] as const) {
          send(element, SELECT_CRS, via);
          for (const command of commands) {
            const { response } = element.process(command, via)!;
            expect(response.length).toBeGreaterThanOrEqual(2);
            expect(response.at(-2)! >> 4 === 0x6 || response.at(-2) === 0x90, hex(response)).toBe(true);
          }
        }
        stillThere(element);
      }),
      { numRuns: 300 },
    );
  });

  test("lives with whatever INSTALL [for registry update] says, and so does the directory", () => {
    const element = contactlessCard();
    const fresh = element.snapshot();
    fc.assert(
      fc.property(fc.array(mutated(PARAMETERS), { minLength: 1, maxLength: 4 }), (all) => {
        element.restore(fresh);
        ask(element, selectDomain());
        const { channel } = open(element, 0x00);
        for (const parameters of all.map((each) => each.subarray(0, 200))) {
          const data = concat(unhex(`000007${CARD_AID}00`), Uint8Array.of(parameters.length), parameters, unhex("00"));
          const { sw } = ask(element, channel.send({ cla: 0x80, ins: 0xe6, p1: 0x40, p2: 0, data, le: 256 }));
          expect([0x9000, 0x6a80, 0x6a84]).toContain(sw);
        }
        stillThere(element);
        // What was kept can be read back whole, after the memory was opened anew.
        element.restore(element.snapshot());
        stillThere(element);
      }),
      { numRuns: 200 },
    );
  });
});

describe("decoders of the contactless registry", () => {
  const answers = [
    "61104F09D2450000007702BBBB9F70020701",
    "61104F050102030405A0074F05060708090AA1074F05A1A2A3A4A5",
    "4F9F707F208081A2A3A4A5A68788898A8B8C8D8E93949596",
  ].map(unhex);

  test.each([
    ["decodeCrsStatus", (bytes: Uint8Array) => void decodeCrsStatus(bytes)],
    ["decodeCrsRefusals", (bytes: Uint8Array) => void decodeCrsRefusals(bytes)],
    ["tagsOf", (bytes: Uint8Array) => void tagsOf(bytes)],
    ["applyContactless", (bytes: Uint8Array) => void applyContactless(new Map(), parseTlv(bytes))],
  ])("%s ends in a value or in one of its own errors", (_name, decode) => {
    let good = 0;
    fc.assert(
      fc.property(mutated([...answers, ...PARAMETERS]), (bytes) => {
        try {
          decode(bytes);
          good++;
        } catch (error) {
          if (!isTapbenchError(error) || !/^(codec|gp)\//.test(error.code)) throw error;
        }
      }),
      { numRuns: 1000 },
    );
    expect(good).toBeGreaterThan(0);
  });
});
