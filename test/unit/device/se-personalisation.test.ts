import { describe, expect, test } from "vitest";
import type { Personalisation } from "../../../src/device/se/journal.js";
import { decodeJournal, encodeJournal, keysDigest, newJournal } from "../../../src/device/se/journal.js";
import { decide, personalise, type Way } from "../../../src/device/se/personalisation.js";
import { groupsOf } from "../../../src/device/se/store-script.js";
import type { SecuredCard } from "../../../src/protocols/gp/poller.js";
import { encodeCommand } from "../../../src/protocols/iso7816/apdu.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { TEST_KEYS } from "../../support/gp-card.js";

const AID = "A0000000041010";
const before = (more: Partial<Personalisation> = {}): Personalisation => ({
  application: AID,
  data: "AA",
  blocks: 4,
  sent: 0,
  groups: 0,
  done: false,
  ...more,
});
const entry = (lifeCycle: number, domain = false) => ({
  lifeCycle,
  privileges: new Set(domain ? (["securityDomain"] as const) : []),
});

// What an interrupted personalisation comes to, row by row: the rule stands in personalisation.ts.
describe("what is allowed", () => {
  test.each<[string, Personalisation | undefined, number, Way | undefined, string | number]>([
    ["nothing was there", undefined, 0x07, undefined, 0],
    ["nothing is known, and the element says PERSONALIZED", undefined, 0x0f, undefined, "se/already-personalised"],
    ["the same, locked", undefined, 0x8f, undefined, "se/already-personalised"],
    ["it was complete", before({ sent: 4, done: true }), 0x07, undefined, "se/already-personalised"],
    [
      "it was complete, with other data",
      before({ sent: 4, done: true, data: "BB" }),
      0x07,
      undefined,
      "se/already-personalised",
    ],
    ["it was complete, and somebody insists", before({ sent: 4, done: true }), 0x07, "again", 0],
    ["INSTALL only", before(), 0x07, undefined, 0],
    ["INSTALL only, with other data", before({ data: "BB" }), 0x07, undefined, 0],
    ["interrupted: from the beginning", before({ sent: 3, groups: 2 }), 0x07, undefined, 0],
    ["interrupted: behind what is whole", before({ sent: 3, groups: 2 }), 0x07, "resume", 2],
    ["interrupted with other data", before({ sent: 3, data: "BB" }), 0x07, undefined, "se/interrupted-personalisation"],
    [
      "interrupted with other data, which cannot go on",
      before({ sent: 3, data: "BB" }),
      0x07,
      "resume",
      "se/interrupted-personalisation",
    ],
    [
      "interrupted at its last block",
      before({ sent: 4, groups: 3 }),
      0x07,
      undefined,
      "se/interrupted-personalisation",
    ],
    [
      "interrupted at its last block, which cannot go on",
      before({ sent: 4, groups: 3 }),
      0x07,
      "resume",
      "se/interrupted-personalisation",
    ],
    [
      "interrupted at its last block, which the element took",
      before({ sent: 4, groups: 3 }),
      0x0f,
      undefined,
      "se/already-personalised",
    ],
    ["interrupted at its last block, and somebody knows", before({ sent: 4 }), 0x07, "again", 0],
  ])("%s", (_, journal, lifeCycle, way, expected) => {
    const decision = (): number => decide(journal, { application: AID, data: "AA" }, entry(lifeCycle), way).skip;
    if (typeof expected === "number") expect(decision()).toBe(expected);
    else expect(decision).toThrow(expect.objectContaining({ code: expected }));
  });

  test("a security domain takes its objects whenever somebody likes", () => {
    const done = before({ sent: 1, blocks: 1, done: true });
    expect(decide(done, { application: AID, data: "AA" }, entry(0x0f, true), undefined)).toEqual({ skip: 0 });
  });

  test("refusals say what helps", () => {
    const refused = (): unknown =>
      decide(before({ sent: 4 }), { application: AID, data: "AA" }, entry(0x07), undefined);
    expect(refused).toThrow(/--roll-back.*--again/);
  });
});

describe("blocks and their journal", () => {
  /** A card that takes so many commands, and then is gone. */
  function run(takes: number, skip = 0, start = newJournal("test", new Uint8Array(16))) {
    const events: string[] = [];
    let journal = start;
    let left = takes;
    const card: SecuredCard = {
      level: 0,
      room: 8,
      protect: (secret) => secret,
      // oxlint-disable-next-line require-yield -- the card is right here
      *send(command) {
        events.push(hex(encodeCommand(command)).slice(0, 8));
        if (left-- === 0) throw new Error("gone");
        return { data: new Uint8Array(0), sw: 0x9000 };
      },
    };
    const dialogue = personalise(card, {
      application: unhex(AID),
      format: "dgi",
      hidden: false,
      groups: groupsOf(unhex("01010511111111110102052222222222010305333333333301040111"), "dgi"),
      skip,
      digest: "AA",
      keeper: {
        get journal() {
          return journal;
        },
        put(next) {
          journal = next;
          const { sent, groups, done } = next.personalisations[0]!;
          events.push(`sent ${sent}, whole ${groups}${done ? ", done" : ""}`);
        },
      },
    });
    let failed = false;
    try {
      dialogue.next();
    } catch {
      failed = true;
    }
    return { events, failed, journal };
  }

  test("each block is in the journal before it is sent", () => {
    const { events, failed } = run(99);
    expect(failed).toBe(false);
    expect(events).toEqual([
      "sent 0, whole 0",
      "80E62000",
      "sent 1, whole 0",
      "80E20800",
      "sent 2, whole 1",
      "80E20801",
      "sent 3, whole 2",
      "80E20802",
      "sent 4, whole 3",
      "80E28803",
      "sent 4, whole 4, done",
    ]);
  });

  test("what broke off goes on behind what was acknowledged, numbered from 0", () => {
    const { events, failed, journal } = run(3);
    expect(failed).toBe(true);
    expect(events.at(-1)).toBe("80E20802");
    expect(journal.personalisations).toEqual([
      { application: AID, data: "AA", blocks: 4, sent: 3, groups: 2, done: false },
    ]);
    const { skip, says } = decide(journal.personalisations[0], { application: AID, data: "AA" }, entry(0x07), "resume");
    expect(says).toContain("2 of 4 blocks");
    const resumed = run(99, skip, journal);
    expect(resumed.events.filter((event) => event.startsWith("80"))).toEqual(["80E62000", "80E20800", "80E28801"]);
    expect(resumed.journal.personalisations[0]).toMatchObject({ done: true, groups: 4 });
  });

  test("starting over does not forget what an element has kept", () => {
    const { journal } = run(3);
    const again = run(2, 0, journal);
    expect(again.journal.personalisations[0]).toMatchObject({ sent: 2, groups: 2, done: false });
  });
});

describe("a journal's text", () => {
  const journal = {
    ...newJournal("cplc-1", unhex("000102030405060708090A0B0C0D0E0F")),
    attempts: [{ domain: "A000000151000000", asked: 0, keys: "AABB", label: "test:a", outcome: "begun" as const }],
    personalisations: [before()],
  };

  test("comes back as it was, and holds no key", () => {
    const digest = keysDigest(journal, TEST_KEYS);
    const text = encodeJournal({ ...journal, attempts: [{ ...journal.attempts[0]!, keys: digest }] });
    expect(decodeJournal(text, "cplc-1", "x").attempts[0]!.keys).toBe(digest);
    expect(text).not.toContain("404142434445464748494A4B4C4D4E4F");
    // SHA-256 over salt, "aes" and three keys, by sha256sum; its first half.
    expect(digest).toBe("A47786EA9B14A583776DE0B6B3895469");
    const other = newJournal("cplc-2", unhex("FF0102030405060708090A0B0C0D0E0F"));
    expect(keysDigest(other, TEST_KEYS)).not.toBe(digest);
  });

  const text = encodeJournal(journal);
  test.each<[string, string]>([
    ["nothing", ""],
    ["half of it", text.slice(0, text.length / 2)],
    ["no object", "7"],
    ["null", "null"],
    ["another format", text.replace("tapbench-element", "something")],
    ["a later version", text.replace('"version": 1', '"version": 2')],
    ["another element", text.replace("cplc-1", "cplc-9")],
    ["an outcome that there is not", text.replace('"begun"', '"fine"')],
    ["an attempt short of a field", text.replace(/"keys": "AABB",\s*/, "")],
    ["a field too many", text.replace('"asked": 0', '"asked": 0, "more": 1')],
    ["a count below zero", text.replace('"sent": 0', '"sent": -1')],
    ["no salt", text.replace("000102030405060708090A0B0C0D0E0F", "00")],
    ["attempts that are no list", text.replace(/"attempts": \[[^\]]*\]/, '"attempts": {}')],
  ])("%s is damaged, and says where", (_, damaged) => {
    expect(damaged).not.toBe(text);
    expect(() => decodeJournal(damaged, "cplc-1", "/tmp/journal.json")).toThrow(
      expect.objectContaining({
        code: "se/damaged-journal",
        message: expect.stringContaining("/tmp/journal.json") as string,
      }),
    );
  });
});
