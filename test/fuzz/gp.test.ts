import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SecureElement } from "../../emulator/se/element.js";
import { getStatus, openSession, selectDomain, type SecuredCard } from "../../src/protocols/gp/poller.js";
import {
  decodeCommand,
  decodeResponse,
  encodeCommand,
  type CommandApdu,
  type ResponseApdu,
} from "../../src/protocols/iso7816/apdu.js";
import { hex, unhex } from "../../src/util/bytes.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { CARD_AID, encodeGroupings, groupings } from "../support/emulated-card.js";
import { ask, gpCard, lv, open, PAYMENT_DOMAIN, TEST_DES_KEYS, TEST_KEYS } from "../support/gp-card.js";

/*
 * Secured commands as nobody should send them: a status word always, a crash never; a wrong MAC ends the session and does nothing; the host takes no
 * answer without its MAC; no error tells a key.
 */

const CHOICES = [
  { scp: 3, i: 0x70, level: 0x33, keys: TEST_KEYS },
  { scp: 3, i: 0x71, level: 0x33, keys: TEST_KEYS },
  { scp: 3, i: 0x00, level: 0x01, keys: TEST_KEYS },
  { scp: 2, i: 0x55, level: 0x03, keys: TEST_DES_KEYS },
] as const;
type Choice = (typeof CHOICES)[number];

const KEY = "404142434445464748494A4B4C4D4E4F";
const elements = CHOICES.map((choice) => gpCard(choice));
const fresh = elements.map((element) => element.snapshot());

interface Session {
  readonly element: SecureElement;
  readonly channel: SecuredCard;
}

/** The same card each time, a session with the issuer's domain or the payment domain. */
function session(which: number, domain?: Uint8Array): Session {
  const element = elements[which]!;
  element.restore(fresh[which]!);
  ask(element, selectDomain(domain));
  const { level, keys, i }: Choice = CHOICES[which]!;
  if (i !== 0x71) return { element, channel: open(element, level, keys).channel };
  return { element, channel: openLong(element, level) };
}

/** S16 mode asks for challenges of 16 bytes. */
function openLong(element: SecureElement, level: number): SecuredCard {
  return ask(
    element,
    openSession({ keysFor: () => TEST_KEYS, version: 0, level, size: 16, challenge: (n) => new Uint8Array(n) }),
  ).channel;
}

/** What stands in an error, its causes included. */
function told(error: unknown): string {
  let text = "";
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    text += `${at.message} ${isTapbenchError(at) ? JSON.stringify(at.context) : ""} ${at.stack ?? ""}`;
  return text.toUpperCase();
}

/** Drives one secured command by hand: the wire in between may be changed on the way there and back. */
function carry(
  { element, channel }: Session,
  command: CommandApdu,
  there: (secured: Uint8Array) => Uint8Array = (bytes) => bytes,
  back: (answer: ResponseApdu) => ResponseApdu = (answer) => answer,
): ResponseApdu {
  const dialogue = channel.send(command);
  const step = dialogue.next();
  if (step.done === true) return step.value;
  const { response, took } = element.process(there(encodeCommand(step.value)), "wired")!;
  const end = dialogue.next({ answer: back(decodeResponse(response)), took });
  return end.value as ResponseApdu;
}

const plain = (apdu: string): CommandApdu => decodeCommand(unhex(apdu));
const INSTALL = `80E60C00${lv(["F05441504250505345", "F054415042505053452E41", "A000000999010203", "00", "C900", ""].map(lv).join(""))}`;
const PERSONALIZE = `80E62000${lv(`0000${lv(CARD_AID)}000000`)}`;
/** Commands as they should be, to begin from. */
const RIGHT: readonly string[] = [
  INSTALL,
  PERSONALIZE,
  `80E61000${lv(`${lv(hex(PAYMENT_DOMAIN))}00${lv(CARD_AID)}000000`)}`,
  `80E60201${lv(`${lv("F05441504250505345")}00000000`)}`,
  `80E60E01${lv(`${lv("F05441504250505345")}00000000`)}`,
  `80E88000${lv("C40401020304")}`,
  `80E40080${lv(`4F${lv("F05441504250505345")}`)}`,
  `80E40000${lv("D20130")}`,
  `80D80081${lv(`41${`8810${"00".repeat(16)}03000000`.repeat(3)}`)}`,
  `80E20800${lv(encodeGroupings(groupings()).slice(0, 300))}`,
  `80E28800${lv(encodeGroupings(groupings()).slice(0, 400))}`,
  `80E2E800${lv(`8000${lv("00".repeat(48))}`)}`,
  `80E29000${lv("4203112233")}`,
  `80F04080${lv(CARD_AID)}`,
  "80F0807F",
  "80F24002024F0000",
  "80F21003024F0000",
  "80CA00E000",
  "8050000008010203040506070800",
];

const byte = fc.integer({ min: 0, max: 255 });
/** A command with its header and data changed here and there, or made of nothing. */
const wild: fc.Arbitrary<CommandApdu> = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(...RIGHT.map(plain)),
      fc.array(fc.tuple(fc.nat(), byte), { maxLength: 3 }),
      fc.option(fc.nat({ max: 200 })),
    )
    .map(([command, edits, length]) => {
      const data = Uint8Array.from(command.data ?? []);
      for (const [at, value] of edits) if (data.length > 0) data[at % data.length] = value;
      return { ...command, data: length === null ? data : data.subarray(0, length) };
    }),
  fc.record({
    cla: fc.constantFrom(0x80, 0x80, 0x00, 0x90, 0xa0),
    ins: fc.oneof(fc.constantFrom(...RIGHT.map((apdu) => plain(apdu).ins)), byte),
    p1: fc.oneof(fc.constantFrom(0x00, 0x02, 0x04, 0x0c, 0x0e, 0x10, 0x20, 0x40, 0x80, 0x88), byte),
    p2: fc.oneof(fc.constantFrom(0x00, 0x01, 0x02, 0x03, 0x80, 0x81), byte),
    data: fc.uint8Array({ maxLength: 200 }),
    le: fc.constantFrom(undefined, 256),
  }),
);
const which = fc.nat({ max: CHOICES.length - 1 });
const MANAGED = (element: SecureElement): string =>
  `${send(element, "80CA00E000")} ${send(element, "80CA9F7F00").slice(-4)}`;
const send = (element: SecureElement, apdu: string): string => hex(element.process(unhex(apdu), "wired")!.response);

describe("commands that are secured as they should be", () => {
  test("always get a status word, whatever is in them, and the card goes on", () => {
    fc.assert(
      fc.property(which, fc.boolean(), fc.array(wild, { minLength: 1, maxLength: 6 }), (choice, owner, commands) => {
        const one = session(choice, owner ? PAYMENT_DOMAIN : undefined);
        for (const command of commands) {
          try {
            const { sw } = carry(one, command);
            expect(sw).toBeGreaterThanOrEqual(0x6000);
            expect(sw === 0x6f00, "no precise diagnosis").toBe(false);
          } catch (error) {
            // The session has ended, and answers have no MAC any more; or the command is no short one.
            expect(isTapbenchError(error) ? error.code : error).toMatch(
              /^gp\/(response-mac|response-padding|too-long)$/,
            );
            expect(told(error)).not.toContain(KEY);
          }
        }
        one.element.powerOff("wired");
        expect(MANAGED(one.element)).toMatch(/ 9000$/);
      }),
      { numRuns: 400 },
    );
  });
});

describe("commands whose MAC is not theirs", () => {
  const states = (element: SecureElement, choice: number): string =>
    JSON.stringify(
      ask(element, getStatus(again(element, choice), "applications")).map(({ aid, lifeCycle }) => [
        hex(aid),
        lifeCycle,
      ]),
    );
  const again = (element: SecureElement, choice: number): SecuredCard => {
    element.powerOff("wired");
    ask(element, selectDomain());
    const { level, keys, i } = CHOICES[choice]!;
    return i === 0x71 ? openLong(element, level) : open(element, level, keys).channel;
  };
  const before = CHOICES.map((_, choice) => states(session(choice).element, choice));

  /** On the next command, which is as it should be, the session is over. */
  function over(one: Session): void {
    const { sw } = carry(one, plain("80F24002024F0000"));
    expect(sw).toBe(0x6982);
  }

  test("one bit changed in header, data or MAC: nothing is done and the session is over", () => {
    fc.assert(
      fc.property(which, fc.nat(), (choice, at) => {
        const one = session(choice);
        const refused = carry(one, plain(INSTALL), (bytes) => {
          const changed = Uint8Array.from(bytes);
          // Le is not part of the MAC, and the length is tried below; the class byte has its own test.
          const end = 5 + bytes[4]!;
          const bit = 8 + (at % ((end - 1) * 8));
          const byteAt = bit >> 3;
          if (byteAt === 4) return changed.with(2, changed[2]! ^ 0x80);
          return changed.with(byteAt, changed[byteAt]! ^ (1 << (bit & 7)));
        });
        expect(refused.sw).toBe(0x6982);
        over(one);
        expect(states(one.element, choice)).toBe(before[choice]);
      }),
      { numRuns: 150 },
    );
  });

  test("cut off or drawn out: a status word, nothing done", () => {
    fc.assert(
      fc.property(which, fc.nat({ max: 80 }), fc.boolean(), (choice, length, right) => {
        const one = session(choice);
        const { sw } = carry(one, plain(INSTALL), (bytes) => {
          const data = bytes.subarray(5, 5 + bytes[4]!);
          // Le is not part of the MAC.
          if (!right) return bytes.subarray(0, Math.min(length, 4 + data.length));
          return encodeCommand({ ...decodeCommand(bytes), data: data.subarray(0, Math.min(length, data.length - 1)) });
        });
        // Where the lengths do not fit each other, the operating system refuses before the domain is asked.
        expect([0x6982, 0x6700]).toContain(sw);
        expect(states(one.element, choice)).toBe(before[choice]);
      }),
      { numRuns: 100 },
    );
  });

  test.each(CHOICES.map(({ scp, i }, choice) => [scp, i, choice] as const))(
    "SCP0%i, i = %i: sent twice, in another order, from an earlier session or without its security",
    (_scp, _i, choice) => {
      const sent: Uint8Array[] = [];
      const keep = (bytes: Uint8Array): Uint8Array => (sent.push(bytes), bytes);
      const one = session(choice);
      carry(one, plain("80CA00E000"), keep);
      expect(carry(one, plain("80CA00E000"), () => sent[0]!).sw).toBe(0x6982);
      over(one);

      const other = session(choice);
      carry(other, plain("80CA00C100"), (bytes) => (keep(bytes), unhex("00")));
      expect(carry(other, plain(INSTALL)).sw).toBe(0x6982); // the second one first
      expect(hex(other.element.process(sent.at(-1)!, "wired")!.response)).toBe("6982");
      over(other);

      const late = session(choice);
      const old: Uint8Array[] = [];
      carry(late, plain(INSTALL), (bytes) => (old.push(bytes), unhex("00")));
      const channel = again(late.element, choice);
      expect(carry({ element: late.element, channel }, plain(INSTALL), () => old[0]!).sw).toBe(0x6982);
      expect(states(late.element, choice)).toBe(before[choice]);

      const clear = session(choice);
      expect(send(clear.element, INSTALL)).toBe("6982");
      over(clear);
    },
  );

  test("of any class byte: only its own is taken", () => {
    for (let cla = 0; cla < 256; cla++) {
      const { element, channel } = session(0);
      const secured = channel.send(plain(INSTALL)).next().value as CommandApdu;
      const answer = hex(element.process(encodeCommand({ ...secured, cla }), "wired")!.response);
      if (cla === 0x84) expect(answer.slice(-4)).toBe("9000");
      // A chain's first part on the basic channel is taken, and waits for the rest.
      else expect(answer, cla.toString(16)).toMatch((cla & 0x5b) === 0x10 ? /^9000$/ : /^(6982|6881|6882|6E00)$/);
      if (cla !== 0x84) expect(states(element, 0), cla.toString(16)).toBe(before[0]);
    }
  });

  test("on another logical channel: that one has no session, and this one keeps its own", () => {
    fc.assert(
      fc.property(which, fc.integer({ min: 1, max: 19 }), (choice, number) => {
        const one = session(choice);
        for (let opened = 1; opened <= number; opened++) send(one.element, "0070000001");
        const secured = one.channel.send(plain(INSTALL)).next().value as CommandApdu;
        const cla = number < 4 ? 0x84 | number : 0xe0 | (number - 4);
        const answers = [cla, secured.cla].map((each) =>
          hex(one.element.process(encodeCommand({ ...secured, cla: each }), "wired")!.response).slice(-4),
        );
        // Without an Le its one byte waits.
        expect(answers).toEqual(["6982", CHOICES[choice]!.level === 0x33 ? "9000" : "6101"]);
      }),
      { numRuns: 40 },
    );
  });
});

describe("answers whose MAC is not theirs", () => {
  const R_MAC = fc.constantFrom(0, 1);

  test("one bit changed in data or MAC, bytes lost or added: the host takes nothing of it", () => {
    fc.assert(
      fc.property(R_MAC, fc.nat(), fc.constantFrom("flip", "cut", "add"), (choice, at, how) => {
        const one = session(choice);
        const change = ({ data, sw }: ResponseApdu): ResponseApdu => {
          const i = at % data.length;
          const bit = 1 << (at & 7);
          if (how === "flip") return { data: data.with(i, data[i]! ^ bit), sw };
          return { data: how === "cut" ? data.subarray(0, i) : Uint8Array.from([...data, at & 0xff]), sw };
        };
        let error: unknown;
        try {
          carry(one, plain("80CA00E000"), undefined, change);
        } catch (thrown) {
          error = thrown;
        }
        expect(error).toMatchObject({ code: "gp/response-mac" });
        expect(told(error)).not.toContain(KEY);
      }),
      { numRuns: 150 },
    );
  });

  test.each([0x6283, 0x6300, 0x6310, 0x61ff, 0x63c0])("9000 turned into %i has no MAC either", (sw) => {
    const one = session(0);
    expect(() => carry(one, plain("80CA00E000"), undefined, ({ data }) => ({ data, sw }))).toThrow(/MAC/);
  });

  test("an error's data is not taken", () => {
    const one = session(0);
    const answer = carry(one, plain("80CA00E000"), undefined, ({ data }) => ({ data, sw: 0x6a88 }));
    expect(answer).toEqual({ data: new Uint8Array(0), sw: 0x6a88 });
  });
});

describe("bytes that are nothing", () => {
  test("in an open session get a status word, over either interface", () => {
    fc.assert(
      fc.property(
        which,
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.constantFrom("wired", "contactless")), {
          maxLength: 12,
        }),
        (choice, apdus) => {
          const { element } = session(choice);
          for (const [apdu, via] of apdus)
            expect(element.process(apdu, via)!.response.length).toBeGreaterThanOrEqual(2);
          element.powerOff("wired");
          expect(MANAGED(element)).toMatch(/ 9000$/);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("in place of an authentication are refused and counted, and never tell a key", () => {
    fc.assert(
      fc.property(which, fc.uint8Array({ maxLength: 40 }), byte, (choice, data, level) => {
        const element = elements[choice]!;
        element.restore(fresh[choice]!);
        const size = CHOICES[choice]!.i === 0x71 ? 16 : 8;
        const update = send(element, `80500000${lv("00".repeat(size))}00`);
        const answer = element.process(encodeCommand({ cla: 0x84, ins: 0x82, p1: level, p2: 0, data }), "wired")!;
        expect(["6300", "6A86", "6982"]).toContain(hex(answer.response));
        expect(update + hex(answer.response)).not.toContain(KEY);
        expect(send(element, "80F28002024F0000")).toBe("6982");
      }),
      { numRuns: 150 },
    );
  });
});
