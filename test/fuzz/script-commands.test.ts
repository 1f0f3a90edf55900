import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CardInterface } from "../../emulator/se/applet.js";
import type { SecureElement } from "../../emulator/se/element.js";
import {
  generateAc,
  GPO,
  newElement,
  object,
  personalised,
  SELECT_CARD,
  send,
  sendAll,
} from "../support/emulated-card.js";
import { openScripts } from "../support/script-session.js";

/* Whatever comes in a command of PINs, scripts and the issuer's answer: a status word, and no change without a right MAC. */

const RUNS = { numRuns: 300 };
const PIN = "241234FFFFFFFFFF";
const STATUS = /^(?:[0-9A-F]{2})*[69][0-9A-F]{3}$/;

const start = personalised({ pin: PIN, cdol2: "910A8A0295059F3704" });
const session = openScripts(start);
const open = start.snapshot();
const opened = (): SecureElement => {
  const element = newElement();
  element.restore(open);
  return element;
};

const hexOf = (bytes: Uint8Array | readonly number[]): string => Buffer.from(bytes).toString("hex").toUpperCase();
const byte = fc.integer({ min: 0, max: 0xff });
const via = fc.constantFrom<CardInterface>("wired", "contactless");
const some = fc.uint8Array({ maxLength: 40 }).map(hexOf);
const headers = fc
  .tuple(
    fc.oneof(fc.constantFrom(0x00, 0x04, 0x80, 0x84, 0x14, 0x94), byte),
    fc.constantFrom(0x16, 0x18, 0x1e, 0x20, 0x24, 0xa8, 0xae, 0xb2, 0xca, 0xda, 0xdc, 0xe2),
    fc.oneof(fc.constantFrom(0x00, 0x01, 0x9f, 0x40), byte),
    fc.oneof(fc.constantFrom(0x00, 0x02, 0x14, 0x17, 0x23, 0x80, 0x0c), byte),
  )
  .map(hexOf);
const commands = fc
  .tuple(headers, some, fc.boolean(), fc.constantFrom("", "00"))
  .map(([header, data, right, le]) =>
    data === "" ? header + le : header + hexOf([right ? data.length / 2 : (data.length * 7) & 0xff]) + data + le,
  );

/** Records with some list of what the terminal is to bring. */
const LIST = ["9F0206", "9F0306", "9F1A02", "9505", "5F2A02", "9A03", "9C01", "9F3704", "9F3403", "9F3703", "9F3402"];
const records = fc.shuffledSubarray(LIST, { minLength: 8 }).map((list) => object("70", object("8C", list.join(""))));

/** What scripts and PINs change, but for tries. */
function state(element: SecureElement): string[] {
  element.powerOff("wired");
  element.powerOff("contactless");
  const asked = [SELECT_CARD, "80CA9F1400", "80CA9F2300", "80CA9F1300", "00B2011400"];
  return sendAll(element, asked, "wired");
}
const before = state(opened());

describe("any command", () => {
  test("is answered with a status word, and changes nothing that only the issuer may", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(commands, via), { minLength: 1, maxLength: 8 }), (list) => {
        const element = opened();
        sendAll(element, [SELECT_CARD, GPO, generateAc("80")]);
        let secured = false;
        for (const [command, through] of list) {
          const answer = send(element, command, through);
          expect(answer).toMatch(STATUS);
          secured ||= command.slice(2, 4) === "E2"; // personalisation has its own rules
        }
        if (!secured) expect(state(element)).toEqual(before);
      }),
      RUNS,
    );
  });

  test("with a right MAC is answered with a status word, and the card stays one", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(
        fc.constantFrom("841E", "8418", "8424", "04DA", "04DC"),
        fc.constantFrom("0000", "0002", "9F14", "9F23", "0114", "0214", "FFFF"),
        fc.oneof(
          some,
          records,
          fc.constantFrom("", "05", "7000", session.encipher(PIN), session.encipher("0".repeat(16))),
        ),
        (instruction, p1p2, data) => {
          const element = opened();
          const { seal } = openScripts(element);
          const answer = send(element, seal(instruction + p1p2, data), "wired");
          expect(answer).toMatch(/^(9000|6A8[03468]|6700)$/);
          seen.add(answer);
          for (const apdu of [SELECT_CARD, GPO, generateAc("80")]) expect(send(element, apdu)).toMatch(STATUS);
          expect(send(element, SELECT_CARD)).toMatch(/^6F.*(9000|6283)$/);
          if (answer === "9000") return;
          expect(state(element)).toEqual(before);
        },
      ),
      RUNS,
    );
    expect([...seen].toSorted()).toEqual(["6700", "6A80", "6A83", "6A86", "6A88", "9000"]);
  });

  test("of any PIN but the right one counts down, and three of them block it", () => {
    fc.assert(
      fc.property(
        fc
          .array(fc.stringMatching(/^[0-9]{4,12}$/), { minLength: 3, maxLength: 6 })
          .filter((pins) => !pins.includes("1234")),
        (pins) => {
          const element = opened();
          send(element, SELECT_CARD, "wired");
          const answers = pins.map((pin) =>
            send(element, `00200080082${pin.length.toString(16)}${pin.padEnd(14, "F")}`, "wired"),
          );
          expect(answers).toEqual(["63C2", "63C1", "63C0", "6983", "6983", "6983"].slice(0, pins.length));
          expect(send(element, `0020008008${PIN}`, "wired")).toBe("6983");
        },
      ),
      RUNS,
    );
  });
});
