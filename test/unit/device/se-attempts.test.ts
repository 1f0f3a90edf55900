import { describe, expect, test } from "vitest";
import { against, begun, cleared, settled, type Attempt } from "../../../src/device/se/attempts.js";
import { authenticate, bestLevel, type JournalKeeper, type prepareCarefully } from "../../../src/device/se/session.js";
import { keysDigest, newJournal } from "../../../src/device/se/journal.js";
import { encodeCommand } from "../../../src/protocols/iso7816/apdu.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { ask, gpCard, ISSUER_DOMAIN, TEST_KEYS } from "../../support/gp-card.js";

const DOMAIN = "A000000151000000";
const tried = (outcome: Attempt["outcome"], more: Partial<Attempt> = {}): Attempt => ({
  domain: DOMAIN,
  asked: 0x30,
  keys: "AA",
  label: "test:a",
  outcome,
  ...more,
});
const wanted = (more: Partial<Attempt> = {}): Omit<Attempt, "outcome"> => ({
  domain: DOMAIN,
  asked: 0x30,
  keys: "AA",
  label: "test:a",
  ...more,
});

describe("keys that failed on an element", () => {
  test.each([
    ["the same version", tried("wrong-keys"), wanted(), "se/keys-failed-before"],
    [
      "the card's choice was that version",
      tried("wrong-keys", { asked: 0, version: 0x30 }),
      wanted(),
      "se/keys-failed-before",
    ],
    [
      "the card's choice, which may be that version",
      tried("wrong-keys"),
      wanted({ asked: 0 }),
      "se/keys-failed-before",
    ],
    ["other keys", tried("wrong-keys", { keys: "BB" }), wanted(), undefined],
    ["another version", tried("wrong-keys", { asked: 0x31, version: 0x31 }), wanted(), undefined],
    ["another domain", tried("wrong-keys", { domain: "A0000001515350" }), wanted(), undefined],
    ["the card gave no challenge", tried("refused"), wanted(), undefined],
    ["once without an answer", tried("begun"), wanted(), undefined],
  ] as const)("%s", (_, attempt, next, code) => {
    expect(against([attempt], next, true)?.code).toBe(code);
  });

  test("are remembered however often the card refuses a challenge afterwards", () => {
    let attempts: readonly Attempt[] = [tried("wrong-keys")];
    for (let run = 0; run < 100; run++)
      attempts = settled(begun(attempts, wanted({ asked: 0x77, keys: "CC" })), "refused");
    expect(against(attempts, wanted(), true)?.code).toBe("se/keys-failed-before");
    expect(attempts.map(({ outcome }) => outcome)).toEqual(["wrong-keys", "refused"]);
  });

  test("the sentence names the keys and how to insist, and never a digest", () => {
    const { message } = against(
      [tried("wrong-keys", { keys: "0123456789ABCDEF" })],
      wanted({ keys: "0123456789ABCDEF" }),
      true,
    )!;
    expect(message).toContain("test:a");
    expect(message).toContain("--try-again");
    expect(message).toContain("nothing was sent");
    expect(message).not.toContain("0123456789ABCDEF");
  });
});

describe("attempts that came to nothing", () => {
  const three = (outcome: Attempt["outcome"], keys = "AA"): Attempt[] => [1, 2, 3].map(() => tried(outcome, { keys }));

  test.each([
    ["three that broke off", three("begun"), true, "se/unsettled-attempts"],
    ["two that broke off", three("begun").slice(1), true, undefined],
    ["three dry runs, and another", three("fits"), false, "se/unsettled-attempts"],
    ["three dry runs, then the real thing with the keys that fit", three("fits"), true, undefined],
    ["three dry runs with other keys", three("fits", "BB"), true, "se/unsettled-attempts"],
  ] as const)("%s", (_, attempts, authenticates, code) => {
    expect(against(attempts, wanted(), authenticates)?.code).toBe(code);
  });

  test("success forgives a version and no other", () => {
    const all = begun(
      [tried("wrong-keys", { keys: "BB" }), tried("wrong-keys", { asked: 0x31 })],
      wanted({ asked: 0 }),
    );
    const now = cleared(settled(all, "fits", 0x30), DOMAIN, 0x30);
    expect(now).toEqual([tried("wrong-keys", { asked: 0x31 })]);
  });

  test("no more than 64 are kept", () => {
    let all: readonly Attempt[] = [];
    for (let count = 0; count < 100; count++) all = begun(all, wanted());
    expect(all).toHaveLength(64);
  });
});

/** What happened in which order: commands by their instruction, and what the journal said then. */
function diary(): { events: string[]; keeper: JournalKeeper } {
  const events: string[] = [];
  let journal = newJournal("cplc-test", new Uint8Array(16));
  return {
    events,
    keeper: {
      get journal() {
        return journal;
      },
      put(next) {
        journal = next;
        events.push(
          `journal ${next.attempts.map(({ outcome, version }) => `${outcome} ${version ?? "?"}`).join(", ")}`,
        );
      },
    },
  };
}

describe("a session with its journal", () => {
  const options = (keeper: JournalKeeper, keys = TEST_KEYS) => ({
    label: "test:issuer-domain",
    digest: keysDigest(keeper.journal, keys),
    domain: hex(ISSUER_DOMAIN),
    keysFor: () => keys,
    version: 0,
    challenge: (bytes: number) => new Uint8Array(bytes).fill(0x5a),
    keeper,
  });
  const told = (events: string[], dialogue: ReturnType<typeof authenticate> | ReturnType<typeof prepareCarefully>) => {
    const card = gpCard();
    let step = dialogue.next();
    while (step.done !== true) {
      events.push(`sent ${hex(encodeCommand(step.value)).slice(2, 4)}`);
      const command = step.value;
      step = dialogue.next({
        answer: ask(
          card,
          (function* () {
            return (yield command).answer;
          })(),
        ),
        took: 1,
      });
    }
    return step.value;
  };

  test("the attempt is written down before INITIALIZE UPDATE, its outcome before EXTERNAL AUTHENTICATE, and success clears", () => {
    const { events, keeper } = diary();
    expect(told(events, authenticate(options(keeper)))).toMatchObject({ version: 0x30, scp: 3, i: 0x70 });
    expect(events).toEqual(["journal begun ?", "sent 50", "journal fits 48", "sent 82", "journal "]);
  });

  test("wrong keys: INITIALIZE UPDATE is all that is sent, and the second time nothing is", () => {
    const { events, keeper } = diary();
    const wrong = { ...TEST_KEYS, mac: unhex("00112233445566778899AABBCCDDEEFF") };
    expect(() => told(events, authenticate(options(keeper, wrong)))).toThrow(
      expect.objectContaining({ code: "gp/wrong-cryptogram" }),
    );
    expect(events).toEqual(["journal begun ?", "sent 50", "journal wrong-keys 48"]);
    expect(() => told(events, authenticate(options(keeper, wrong)))).toThrow(
      expect.objectContaining({ code: "se/keys-failed-before" }),
    );
    expect(events).toHaveLength(3);
    told(events, authenticate({ ...options(keeper, wrong), keysFor: () => TEST_KEYS, again: true }));
    expect(events.at(-1)).toBe("journal ");
  });

  test("a journal that cannot be written stops everything", () => {
    const { events, keeper } = diary();
    const full: JournalKeeper = {
      journal: keeper.journal,
      put: () => {
        throw new Error("disk full");
      },
    };
    expect(() => told(events, authenticate(options(full)))).toThrow("disk full");
    expect(events).toEqual([]);
  });

  test("a card that refuses INITIALIZE UPDATE has judged no keys", () => {
    const { events, keeper } = diary();
    expect(() => told(events, authenticate({ ...options(keeper), version: 0x42 }))).toThrow(
      expect.objectContaining({ code: "gp/refused" }),
    );
    expect(events.at(-1)).toBe("journal refused ?");
  });
});

// Amendment D, table 5-1: bits of "i"; SCP02 has no R-MAC in its options 15 and 55.
test.each([
  [3, 0x70, 0x33],
  [3, 0x60, 0x33],
  [3, 0x30, 0x13],
  [3, 0x10, 0x03],
  [3, 0x71, 0x33],
  [2, 0x15, 0x03],
] as const)("SCP0%i, i = %i: level %i", (scp, i, level) => {
  expect(bestLevel(scp, i)).toBe(level);
});
