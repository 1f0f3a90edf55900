import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { seededRandom } from "../../src/util/random.js";
import { elementOnReader, THREE_BLOCKS, wireLost, type ElementOnReader } from "../support/element-on-reader.js";
import { CARD_AID, SELECT_CARD, send } from "../support/emulated-card.js";
import { tapbench, type Ran } from "../unit/cli/console.js";

/*
 * Elements that are managed while something goes wrong: keys, wire, power, answers. The journal is what the next run has to go by.
 */

const DOMAIN = "A00000015153504101";
/** The card is gpCard's: its CPLC counts up from 00. */
const JOURNAL = "cplc-0001-0203-0a0b-0c0d0e0f-1011.json";

let journal: string;
let on: ElementOnReader;
beforeEach(async () => {
  journal = await mkdtemp(join(tmpdir(), "tapbench-element-"));
  on = elementOnReader();
});
afterEach(() => rm(journal, { recursive: true, force: true }));

const se = (...argv: readonly string[]): Promise<Ran> =>
  tapbench(["se", argv[0]!, "pcsc:", ...argv.slice(1), "--journal", journal], { services: on.services });
const KEYS = ["--keys", "test:issuer-domain"] as const;
const store = (...more: readonly string[]): Promise<Ran> =>
  se("store-data", CARD_AID, THREE_BLOCKS, ...KEYS, "--domain", DOMAIN, ...more);
const remembered = async (): Promise<{ attempts: unknown[]; personalisations: object[] }> =>
  JSON.parse(await readFile(join(journal, JOURNAL), "utf8")) as { attempts: unknown[]; personalisations: object[] };
const attempts = (): string[] => on.sent.filter((apdu) => apdu.startsWith("8050"));

async function keysFile(mac: string): Promise<string> {
  const path = join(journal, "keys.yaml");
  const known = "404142434445464748494A4B4C4D4E4F";
  await writeFile(path, `sets:\n  lab: { kind: aes, enc: "${known}", mac: "${mac}", dek: "${known}" }\n`);
  return `${path}:lab`;
}

describe("wrong keys", () => {
  const WRONG = "0F0E0D0C0B0A09080706050403020100";

  test("are tried once: the second run sends no INITIALIZE UPDATE, and no key is in what it says", async () => {
    const set = await keysFile(WRONG);
    const first = await se("list", "--keys", set);
    expect([first.code, attempts().length]).toEqual([3, 1]);
    expect(first.err).toContain("[gp/wrong-cryptogram]");
    expect(on.sent.some((apdu) => apdu.startsWith("8482"))).toBe(false);

    const second = await se("list", "--keys", set);
    expect([second.code, attempts().length]).toEqual([1, 1]);
    expect(second.err).toContain("[se/keys-failed-before]");
    expect(second.err).toContain("--try-again");
    // A dry run authenticates half way, which some elements count.
    expect((await se("list", "--keys", set, "--dry-run")).err).toContain("[se/keys-failed-before]");
    expect(attempts()).toHaveLength(1);

    const third = await se("list", "--keys", set, "--try-again");
    expect([third.code, attempts().length]).toEqual([3, 2]);
    for (const { out, err } of [first, second, third]) expect(out + err).not.toContain(WRONG);
    expect(await readFile(join(journal, JOURNAL), "utf8")).not.toContain(WRONG);
  });

  test("are forgotten once the right ones were taken", async () => {
    const set = await keysFile(WRONG);
    await se("list", "--keys", set);
    expect((await remembered()).attempts).toMatchObject([{ outcome: "wrong-keys", version: 0x30, label: set }]);
    expect((await se("list", ...KEYS)).code).toBe(0);
    expect((await remembered()).attempts).toEqual([]);
  });

  test("on one element say nothing of another", async () => {
    const set = await keysFile(WRONG);
    await se("list", "--keys", set);
    const path = join(journal, JOURNAL);
    await writeFile(join(journal, "cplc-other.json"), await readFile(path, "utf8"));
    await rm(path);
    expect((await se("list", "--keys", set)).code).toBe(3);
  });
});

describe("the wire is lost", () => {
  test("in INITIALIZE UPDATE: counted, and after three of them nothing is sent", async () => {
    on.meddle = (_, apdu) => (apdu.startsWith("8050") ? wireLost() : undefined);
    for (const count of [1, 2, 3]) {
      expect((await se("list", ...KEYS)).code).toBe(2);
      expect((await remembered()).attempts).toHaveLength(count);
    }
    const { code, err } = await se("list", ...KEYS);
    expect(code).toBe(1);
    expect(err).toContain("[se/unsettled-attempts]");
    expect(attempts()).toHaveLength(3);
    on.meddle = undefined;
    expect((await se("list", ...KEYS, "--try-again")).code).toBe(0);
    expect((await remembered()).attempts).toEqual([]);
  });

  /** Loses the wire under STORE DATA number `block`, before or after the card got it. */
  const losing =
    (block: number, got: boolean): ElementOnReader["meddle"] =>
    (_, apdu) => {
      if (!apdu.startsWith("84E2") || Number.parseInt(apdu.slice(6, 8), 16) !== block) return undefined;
      if (got) on.element.process(Uint8Array.from(Buffer.from(apdu, "hex")), "contactless");
      return wireLost();
    };

  test.each([
    [0, false],
    [0, true],
    [1, false],
    [1, true],
  ])(
    "in STORE DATA block %i (the card got it: %s): the next run sends everything again, and the card works",
    async (block, got) => {
      on.meddle = losing(block, got);
      const { code } = await store();
      expect(code).toBe(2);
      expect((await remembered()).personalisations).toMatchObject([{ blocks: 3, sent: block + 1, done: false }]);
      expect(send(on.element, SELECT_CARD)).toBe("6A82");

      on.meddle = undefined;
      on.sent.length = 0;
      const again = await store();
      expect(again.code, again.err).toBe(0);
      expect(again.err).toContain(`interrupted after ${block} of 3 blocks`);
      expect(on.sent.filter((apdu) => apdu.startsWith("84E2"))).toHaveLength(3);
      expect((await remembered()).personalisations).toMatchObject([{ blocks: 3, sent: 3, done: true }]);
      expect(send(on.element, SELECT_CARD)).toMatch(/^6F.*9000$/);
      expect((await store()).err).toContain("[se/already-personalised]");
    },
  );

  test.each([false, true])("in the last block (the card got it: %s): nobody guesses", async (got) => {
    on.meddle = losing(2, got);
    expect((await store()).code).toBe(2);
    on.meddle = undefined;
    on.sent.length = 0;
    const { code, err } = await store();
    expect(code).toBe(1);
    expect(err).toContain("[se/interrupted-personalisation]");
    expect(on.sent.some((apdu) => apdu.startsWith("84E2"))).toBe(false);
    expect((await store("--again")).code).toBe(0);
    expect(send(on.element, SELECT_CARD)).toMatch(/^6F.*9000$/);
  });

  test("an application that was installed by hand is rolled back by the journal", async () => {
    const aid = `${CARD_AID}AA`;
    const data = [aid, THREE_BLOCKS, ...KEYS] as const;
    const install = [
      "--load-file",
      "F0544150424D43484950",
      "--module",
      "F0544150424D434849502E41",
      "--aid",
      aid,
      "--contactless",
    ];
    expect((await se("install", ...install, ...KEYS)).code).toBe(0);
    on.meddle = losing(2, true);
    expect((await se("store-data", ...data)).code).toBe(2);
    on.meddle = undefined;
    expect((await se("store-data", ...data, "--roll-back")).err).toContain("[cli/not-confirmed]");
    on.sent.length = 0;
    const { code, err } = await se("store-data", ...data, "--roll-back", "--yes");
    expect(code, err).toBe(0);
    const instructions = on.sent.map((apdu) => apdu.slice(2, 4)).join(" ");
    expect(instructions).toContain("E4 E6 E6 E2 E2 E2"); // DELETE, INSTALL, INSTALL [for personalization], STORE DATA
  });
});

describe("a roll-back", () => {
  const aid = `${CARD_AID}AA`;
  const data = [aid, THREE_BLOCKS, ...KEYS] as const;
  beforeEach(async () => {
    const from = ["--load-file", "F0544150424D43484950", "--module", "F0544150424D434849502E41"];
    expect((await se("install", ...from, "--aid", aid, "--contactless", ...KEYS)).code).toBe(0);
    on.meddle = (_, apdu) => (apdu.startsWith("84E288") ? wireLost() : undefined);
    expect((await se("store-data", ...data)).code).toBe(2);
  });

  /** Loses the wire under the first command with that instruction, before or after the card got it. */
  const losing = (ins: string, got: boolean): ElementOnReader["meddle"] => {
    let lost = false;
    return (_, apdu) => {
      if (lost || !apdu.startsWith(`84${ins}`)) return undefined;
      lost = true;
      if (got) on.element.process(Uint8Array.from(Buffer.from(apdu, "hex")), "contactless");
      return wireLost();
    };
  };

  test.each([
    ["DELETE", "E4", false],
    ["DELETE", "E4", true],
    ["INSTALL", "E6", false],
    ["INSTALL", "E6", true],
  ])(
    "that loses the wire in %s (%s; the card got it: %s) is done again, though nobody knows of it but the journal",
    async (_, ins, got) => {
      // Only the registry says how it was installed: a journal of before has no installations.
      const path = join(journal, JOURNAL);
      const kept = JSON.parse(await readFile(path, "utf8")) as object;
      await writeFile(path, JSON.stringify({ ...kept, installations: [] }));
      on.meddle = losing(ins, got);
      expect((await se("store-data", ...data, "--roll-back", "--yes")).code).toBe(2);
      on.meddle = undefined;
      const plain = await se("store-data", ...data);
      expect(plain.err).toMatch(/\[se\/(not-in-registry|interrupted-personalisation)\]/);
      expect(plain.err).toContain("--roll-back");
      const again = await se("store-data", ...data, "--roll-back", "--yes");
      expect(again.code, again.err).toBe(0);
      expect(send(on.element, `00A4040008${aid}00`)).toMatch(/^6F.*9000$/);
    },
  );
});

// Of the operations of the last block: its first, one in its middle, and a late one.
test.each([1, 4, 9])(
  "the power goes in the last block, before write %i: as before or as after, and the journal does not guess",
  async (before) => {
    on.meddle = (_, apdu) => {
      if (apdu.startsWith("84E288")) on.element.nvm.planCut({ before });
      return undefined;
    };
    expect((await store()).code).toBe(2);
    on.meddle = undefined;
    expect(on.element.nvm.planCut(undefined)).toBe(false);
    on.element.powerOff("contactless");
    expect(["6A82", "6F"]).toContain(send(on.element, SELECT_CARD).replace(/^6F.+/, "6F"));
    expect((await store()).err).toContain("[se/interrupted-personalisation]");
    expect((await store("--again")).code).toBe(0);
    expect(send(on.element, SELECT_CARD)).toMatch(/^6F.*9000$/);
  },
);

test("Ctrl-C: the command on its way is let finish, the journal has it, and the card is reset", async () => {
  const stop = new AbortController();
  on.meddle = (_, apdu) => {
    if (apdu.startsWith("84E2")) stop.abort(new Error("interrupted"));
    return undefined;
  };
  const argv = ["se", "store-data", "pcsc:", CARD_AID, THREE_BLOCKS, ...KEYS, "--domain", DOMAIN, "--journal", journal];
  const { code, err } = await tapbench(argv, { services: on.services, signal: stop.signal });
  expect(code).toBe(1);
  expect(err).toContain("[cli/interrupted]");
  expect(on.sent.filter((apdu) => apdu.startsWith("84E2"))).toHaveLength(1);
  expect(on.pcsc.calls.slice(-2)).toEqual(["disconnect Reader A reset", "close"]);
  expect((await remembered()).personalisations).toMatchObject([{ sent: 1, done: false }]);
  expect(await readdir(journal)).toEqual([JOURNAL]);
  on.meddle = undefined;
  expect((await store()).code).toBe(0);
});

describe("a journal that cannot be trusted", () => {
  test("stops everything that needs keys, and nothing else", async () => {
    await writeFile(join(journal, JOURNAL), "{");
    const { code, err } = await se("list", ...KEYS);
    expect(code).toBe(1);
    expect(err).toContain("[se/damaged-journal]");
    expect(attempts()).toEqual([]);
    expect((await se("info")).code).toBe(0);
  });
  test("is refused while another run has it, with exit code 2", async () => {
    await writeFile(join(journal, `${JOURNAL}.lock`), "1 elsewhere aa\n");
    const { code, err } = await se("list", ...KEYS);
    expect(code).toBe(2);
    expect(err).toContain("[bench/journal-busy]");
    expect(attempts()).toEqual([]);
  });
});

describe("readers that lose long exchanges", () => {
  test("are not used for many commands, unless somebody insists", async () => {
    on = elementOnReader({}, "ACS ACR122U PICC Interface 00 00");
    const { code, err } = await store();
    expect(code).toBe(1);
    expect(err).toContain("[se/unfit-reader]");
    expect(err).toContain("--any-reader");
    expect(attempts()).toEqual([]);
    expect((await se("list", ...KEYS)).code).toBe(0);
    expect((await store("--any-reader")).code).toBe(0);
  });
});

describe("an element that answers garbage", () => {
  const random = seededRandom("garbage");
  const GARBAGE: Readonly<Record<string, () => Uint8Array>> = {
    "random bytes": () => random.bytes(1 + random.below(64)),
    "random bytes with 9000": () => Uint8Array.of(...random.bytes(random.below(60)), 0x90, 0x00),
    nothing: () => new Uint8Array(0),
    "61xx for ever": () => Uint8Array.of(0x61, 0x10),
    "6310 for ever": () => Uint8Array.of(0x63, 0x10),
  };
  const VERBS: Readonly<Record<string, readonly string[]>> = {
    list: ["list", ...KEYS],
    keys: ["keys", ...KEYS, "--put", "test:issuer-domain", "--version", "0x21", "--yes"],
    "store-data": ["store-data", CARD_AID, THREE_BLOCKS, ...KEYS, "--domain", DOMAIN],
  };

  test.each(Object.keys(VERBS).flatMap((verb) => Object.keys(GARBAGE).map((what) => [verb, what] as const)))(
    "%s, %s at each command: it ends with a code of ours, and never with a crash",
    async (verb, what) => {
      on.sent.length = 0;
      await se(...VERBS[verb]!);
      const commands = on.sent.length;
      expect(commands).toBeGreaterThan(10);
      // Every command of the shortest, every third of the others.
      for (let broken = 1; broken <= commands; broken += verb === "list" ? 1 : 3) {
        on = elementOnReader();
        await rm(join(journal, JOURNAL), { force: true });
        on.meddle = (count) => (count >= broken ? GARBAGE[what]!() : undefined);
        const { code, err } = await se(...VERBS[verb]!);
        expect(err).not.toContain("cli/internal");
        if (code === 0) expect(broken).toBeGreaterThan(1);
        else expect(err, `${broken}`).toMatch(/\[(gp|se|iso7816|device|transport|codec|crypto)\/[a-z0-9-]+\]\n$/);
        expect(code, `${broken} ${err}`).not.toBe(1);
        expect(on.pcsc.calls.slice(-2), `${broken}`).toEqual(["disconnect Reader A reset", "close"]);
      }
    },
    60_000,
  );
});
