import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aidOf, levelOf, numberOf, privilegesFrom } from "../../../src/cli/se-arguments.js";
import { encodeGroupings, groupings } from "../../support/emulated-card.js";
import { documentOf, tapbench, type Ran } from "./console.js";

const BAND = "emu:band-s1";
const ISSUER = ["--keys", "test:issuer-domain"] as const;
const PAYMENT = ["--keys", "test:payment-domain", "--domain", "A00000015153504101"] as const;
const CARD = "A0000000041010";
const DATA = encodeGroupings(groupings());
const MODULE = ["--load-file", "F0544150424D43484950", "--module", "F0544150424D434849502E41"] as const;
const KNOWN = "404142434445464748494A4B4C4D4E4F";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tapbench-se-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const se = (verb: string, ...argv: readonly string[]): Promise<Ran> => tapbench(["se", verb, BAND, ...argv]);
const shell = (lines: readonly string[], ...argv: readonly string[]): Promise<Ran> =>
  tapbench(["se", "shell", BAND, ...argv], { stdin: lines.map((line) => `${line}\n`).join("") });

test.each(["info", "list", "install", "delete", "keys", "store-data", "lock", "shell", "apdu"])(
  "se %s has examples, and --json",
  async (verb) => {
    const { code, out } = await tapbench(["se", verb, "--help"]);
    expect(code).toBe(0);
    expect(out).toMatch(/Examples:\n {2}\$ (printf .*)?tapbench se /);
    expect(out).toContain("--json");
  },
);

describe("se info", () => {
  test("needs no keys", async () => {
    const { code, out, err } = await se("info");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^issuer domain +A000000151000000$/m);
    expect(out).toMatch(/^secure channel +SCP03 \(i = 70\)$/m);
    expect(out).toMatch(/^keys 0x30 +1: AES 128, 2: AES 128, 3: AES 128$/m);
    expect(out).toMatch(/^ {2}IC fabricator +5442$/m);
    expect(out).not.toContain("life cycle  ");
  });
  test("tells the life cycle where there are keys, and everything to programs", async () => {
    const ran = await se("info", "--json", ...ISSUER);
    expect(documentOf(ran)).toMatchObject({
      device: BAND,
      via: "wired",
      domain: "A000000151000000",
      lifeCycle: "SECURED",
      globalPlatform: "2.3.1",
      protocols: [{ scp: 3, i: "70" }],
      cplc: { fabricator: "5442", type: "0001" },
      keys: [{ id: 1, version: 48, type: "AES", length: 16 }, {}, {}],
      resources: { applications: 5 },
      garbled: [],
    });
  });
});

describe("se list", () => {
  test("shows the registry by domain", async () => {
    const { code, out } = await se("list", ...ISSUER);
    expect(code).toBe(0);
    const lines = out.split("\n");
    expect(lines[0]).toMatch(/^A000000151000000 +issuer domain +SECURED +securityDomain cardLock cardTerminate/);
    expect(lines[1]).toMatch(
      /^ {2}A00000015153504101 +domain +PERSONALIZED +from A0000001515350; securityDomain trustedPath$/,
    );
    expect(lines[3]).toMatch(/^ {4}A0000000041010 +application +SELECTABLE +from F0544150424D43484950$/);
    expect(out).toMatch(/^ {4}F0544150424D434849502E41 +module$/m);
  });
  test("a domain sees what is its own", async () => {
    const { registry } = documentOf<{ registry: { aid: string; below: { aid: string }[] }[] }>(
      await se("list", "--json", ...PAYMENT),
    );
    expect(registry.map(({ aid }) => aid)).toEqual(["A00000015153504101"]);
    expect(registry[0]!.below.map(({ aid }) => aid)).toEqual(["325041592E5359532E4444463031", CARD]);
  });
  test("with a card, it is the card's bench that provisions", async () => {
    const { code, out } = await se("list", "--card", "k2-credit", ...ISSUER);
    expect(code).toBe(0);
    expect(out).toContain(CARD);
  });
});

describe("keys for a session", () => {
  const withEnv = (env: Readonly<Record<string, string>>, ...argv: readonly string[]): Promise<Ran> =>
    tapbench(["se", "list", BAND, ...argv], { env });
  const ENV = { TAPBENCH_SE_ENC: KNOWN, TAPBENCH_SE_MAC: KNOWN, TAPBENCH_SE_DEK: KNOWN };

  test("are never taken unasked", async () => {
    const { code, err } = await se("list");
    expect(code).toBe(1);
    expect(err).toContain("--keys");
    expect(err).toContain("[cli/usage]");
  });
  test("come from the environment", async () => {
    expect((await withEnv(ENV)).code).toBe(0);
  });
  test("of the option beat those of the environment", async () => {
    const wrong = { ...ENV, TAPBENCH_SE_MAC: "000102030405060708090A0B0C0D0E0F" };
    expect((await withEnv(wrong)).code).toBe(3);
    expect((await withEnv(wrong, ...ISSUER)).code).toBe(0);
  });
  test.each([
    [{ TAPBENCH_SE_ENC: KNOWN }, "profile/missing-key"],
    [{ ...ENV, TAPBENCH_SE_DEK: "4041424344454647" }, "profile/bad-value"],
    [{ ...ENV, TAPBENCH_SE_KIND: "rsa" }, "profile/bad-value"],
    [{ ...ENV, TAPBENCH_SE_KIND: "des", TAPBENCH_SE_DIVERSIFICATION: "kdf3" }, "profile/bad-value"],
  ])("that make no sense are refused, and not repeated: %j", async (env, code) => {
    const ran = await withEnv(env);
    expect(ran.code).toBe(1);
    expect(ran.err).toContain(`[${code}]`);
    expect(ran.err).not.toContain("4041424344454647");
  });
  test("of a kind that the card does not take are refused before an attempt is made", async () => {
    const { code, err } = await se("list", "--keys", "test:issuer-domain-des");
    expect(code).toBe(1);
    expect(err).toContain("[se/wrong-keys-kind]");
    expect((await withEnv({ ...ENV, TAPBENCH_SE_KIND: "des" })).err).toContain("[se/wrong-keys-kind]");
  });
  test("that are wrong are exit code 3: the check was made", async () => {
    const { code, err } = await se("list", "--keys", "test:payment-domain");
    expect(code).toBe(3);
    expect(err).toContain("[gp/wrong-cryptogram]");
  });
  test.each([
    [["--level", "44"], "cli/bad-value"],
    [["--key-version", "300"], "cli/bad-value"],
    [["--domain", "A0"], "cli/bad-value"],
    [["--keys", "test:nobody"], "profile/not-found"],
    [["--keys", "default"], "profile/not-found"],
  ])("%j is refused", async (argv, code) => {
    const ran = await se("list", ...ISSUER, ...argv);
    expect([ran.code, ran.out]).toEqual([1, ""]);
    expect(ran.err).toContain(`[${code}]`);
  });
  test.each(["01", "03", "11", "13", "33", "mac", "enc", "rmac", "renc"])("level %s works", async (level) => {
    expect((await se("list", ...ISSUER, "--level", level)).code).toBe(0);
  });
});

describe("changes", () => {
  test("install, lock, delete, in one shell", async () => {
    const aid = `${CARD}AA`;
    const ran = await shell(
      [
        `install ${MODULE.join(" ")} --aid ${aid} --privileges card-reset,contactlessActivation --contactless`,
        "list",
        `lock ${aid}`,
        "list",
        `lock ${aid} --unlock`,
        `delete ${aid} --yes`,
        "list",
      ],
      "--json",
      ...ISSUER,
    );
    expect(ran.code).toBe(0);
    const { results } = documentOf<{ results: readonly Record<string, unknown>[] }>(ran);
    expect(results[0]).toMatchObject({ installed: { aid, privileges: ["cardReset", "contactlessActivation"] } });
    const found = (at: number): string => JSON.stringify(results[at]);
    expect(found(1)).toContain(`"${aid}","kind":"application","lifeCycle":"SELECTABLE"`);
    expect(found(3)).toContain(`"${aid}","kind":"application","lifeCycle":"LOCKED (SELECTABLE)"`);
    expect(results[4]).toMatchObject({ aid, locked: false });
    expect(found(6)).not.toContain(aid);
  });

  test("load from a file, which names itself", async () => {
    // Header and applet component of the band's own package (Java Card Virtual Machine Specification, 6.4 and 6.6).
    const file = join(folder, "mchip.ijc");
    await writeFile(
      file,
      Buffer.from("010014DECAFFED01020400010AF0544150424D43484950" + "030010010CF0544150424D434849502E410008", "hex"),
    );
    const aid = `${CARD}BB`;
    const ran = await shell(
      ["delete F0544150424D43484950 --related --yes", `install --file ${file} --aid ${aid}`, "list"],
      "--json",
      ...ISSUER,
    );
    expect(ran.err).toBe("");
    const { results } = documentOf<{ results: readonly Record<string, unknown>[] }>(ran);
    expect(results[1]).toMatchObject({
      loaded: { loadFile: "F0544150424D43484950", bytes: 42 },
      installed: { aid, module: "F0544150424D434849502E41" },
    });
    expect(JSON.stringify(results[2])).toContain(aid);
  });

  test("personalise, and the card answers a terminal", async () => {
    const file = join(folder, "card.dgi");
    await writeFile(file, `# a card\n${DATA.replace(/(.{64})/g, "$1\n")}\n`);
    const { code, out } = await se("store-data", CARD, file, ...PAYMENT);
    expect([code, out]).toEqual([0, `${CARD} is personalised: 6 data groupings, 159 bytes, in 1 block\n`]);
    const twice = await shell([`store-data ${CARD} ${file}`, `store-data ${CARD} ${file}`], ...PAYMENT);
    expect(twice.code).toBe(1);
    expect(twice.err).toContain("[se/already-personalised]");
  });

  test("personalise the domain itself: it takes STORE DATA as it is (GlobalPlatform Card Specification 2.3.1, 7.3.3)", async () => {
    const issuer = "A000000151000000";
    const dry = await se("store-data", issuer, "4204DEADBEEF", "--tlv", "--dry-run", "--json", ...ISSUER);
    const { apdus } = documentOf<{ apdus: readonly { plain: string | null }[] }>(dry);
    expect(apdus.map(({ plain }) => plain)).toEqual([null, "80E29000064204DEADBEEF"]);
    const ran = await shell([`store-data ${issuer} 4204DEADBEEF --tlv`, "apdu 80CA004200"], "--json", ...ISSUER);
    const { results } = documentOf<{ results: readonly unknown[] }>(ran);
    expect(results[1]).toMatchObject({ exchanges: [{ response: "4204DEADBEEF", sw: "9000" }] });
  });

  test("lock the card and take the lock off, in the specification's words", async () => {
    const { code, out } = await shell(["lock --card --yes", "lock --card --unlock"], ...ISSUER);
    expect([code, out]).toEqual([0, "the card is CARD_LOCKED\nthe card is SECURED\n"]);
  });

  test("tell key versions as they are typed", async () => {
    expect((await se("keys", ...ISSUER)).out).toMatch(/^version 0x30 /);
    expect(
      (await se("keys", "--keys", "test:payment-domain", "--level", "mac", "--key-version", "0x31")).err,
    ).toContain("6A88");
    expect((await se("list", "--keys", "test:payment-domain")).err).toContain("version 0x30");
  });

  test("put a key version, use it, delete the old one", async () => {
    const ran = await shell(
      ["keys --put test:payment-domain --version 0x21 --yes", "keys", "keys --delete 0x30 --yes", "keys"],
      "--json",
      ...ISSUER,
    );
    const { results } = documentOf<{ results: readonly { keys?: { version: number }[] }[] }>(ran);
    expect(ran.code).toBe(0);
    expect(results[0]).toMatchObject({ put: { label: "test:payment-domain", version: 0x21, replaced: null } });
    expect(new Set(results[1]!.keys!.map(({ version }) => version))).toEqual(new Set([0x21, 0x30]));
    expect(new Set(results[3]!.keys!.map(({ version }) => version))).toEqual(new Set([0x21]));
  });

  test("check values are those of the keys", async () => {
    // AES-128 with the known key over sixteen bytes 01, by python3-cryptography: 504A77...
    const ran = await se("keys", "--put", "test:issuer-domain", "--version", "0x21", "--yes", "--json", ...ISSUER);
    expect(documentOf(ran)).toMatchObject({
      put: { checkValues: { enc: "504A77", mac: "504A77", dek: "504A77" } },
    });
  });

  test("what the card refuses is exit code 2, with its status word", async () => {
    const ran = await se("delete", "A0000000FFFFFF", "--yes", "--json", ...ISSUER);
    expect(ran.code).toBe(2);
    expect(documentOf(ran)).toMatchObject({ error: { code: "gp/refused", context: { sw: "6A88" } } });
  });

  test.each([
    ["delete", [CARD, ...ISSUER]],
    ["lock", ["--card", ...ISSUER]],
    ["lock", ["--terminate", ...ISSUER]],
    ["keys", ["--put", "test:issuer-domain", "--version", "0x21", ...ISSUER]],
    ["keys", ["--delete", "0x30", ...ISSUER]],
  ])("%s %j asks first", async (verb, argv) => {
    const { code, out, err } = await se(verb, ...argv);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toContain("--yes");
    expect(err).toContain("[cli/not-confirmed]");
  });

  test.each([
    ["lock", [], "one of them"],
    ["lock", [CARD, "--card"], "one of them"],
    ["lock", ["--terminate", "--unlock"], "one of them"],
    ["keys", ["--put", "test:issuer-domain"], "--version 0x31"],
    ["keys", ["--version", "0x31"], "go with --put"],
    ["install", ["--aid", CARD], "--load-file"],
    ["install", ["--load-file", "F0544150424D43484950"], "--module"],
    ["install", [...MODULE, "--privileges", "flying"], "cardReset"],
    ["store-data", [CARD, "xyz"], "neither hex nor a file"],
    ["store-data", [CARD, "0101"], "ends early"],
    ["store-data", [CARD, DATA, "--tlv", "--dgi"], "one format"],
    ["store-data", [CARD, DATA, "--tlv", "--encrypt"], "--dgi"],
    ["store-data", [CARD, DATA, "--resume", "--again"], "at a time"],
    ["store-data", ["A000000004101099", DATA], "install it first"],
  ])("%s %j is refused: %s", async (verb, argv, says) => {
    const { code, out, err } = await se(verb, ...argv, "--yes", ...ISSUER);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toContain(says);
  });
});

describe("--dry-run", () => {
  test("shows each command plain and secured, and changes nothing", async () => {
    const [first, second, changed] = await Promise.all([
      se("delete", CARD, "--dry-run", "--json", ...ISSUER),
      se("delete", CARD, "--dry-run", "--json", ...ISSUER),
      shell([`delete ${CARD} --yes`, "list"], ...ISSUER, "--dry-run"),
    ]);
    const { apdus, dryRun } = documentOf<{
      dryRun: boolean;
      apdus: { says: string; plain: string; secured: string }[];
    }>(first);
    expect(dryRun).toBe(true);
    expect(apdus.map(({ plain }) => plain)).toEqual([null, `80E40000094F07${CARD}00`]);
    expect(apdus[0]!.secured).toMatch(/^8482330010[0-9A-F]{32}$/);
    // Nine bytes padded to sixteen, and a MAC of eight.
    expect(apdus[1]!.secured).toMatch(/^84E4000018[0-9A-F]{48}00$/);
    expect(second.out).toBe(first.out);
    expect(changed.code).toBe(0);
    expect(changed.out).toContain("84F2");
  });

  test("is what the real run then sends", async () => {
    const trace = join(folder, "delete.jsonl");
    const dry = await se("delete", CARD, "--dry-run", "--json", ...ISSUER);
    expect((await se("delete", CARD, "--yes", "--trace", trace, ...ISSUER)).code).toBe(0);
    const sent = (await readFile(trace, "utf8"))
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => (JSON.parse(line) as { command: string }).command);
    const { apdus } = documentOf<{ apdus: { secured: string }[] }>(dry);
    expect(sent.slice(-2)).toEqual(apdus.map(({ secured }) => secured));
  });

  test("of a personalisation that would be encrypted under the data encryption key", async () => {
    const ran = await se("store-data", CARD, DATA, "--encrypt", "--level", "mac", "--dry-run", "--json", ...PAYMENT);
    const { apdus } = documentOf<{ apdus: { plain: string | null }[] }>(ran);
    const blocks = apdus.map(({ plain }) => plain).filter((plain) => plain?.startsWith("80E2"));
    // P1: encrypted (60), DGI (08), the last one (80). Keys of 48 bytes are whole blocks.
    expect(blocks.at(-1)).toMatch(/^80E2E8/);
    expect(blocks[0]).toMatch(/^80E2.{6}800030/);
    expect(ran.out).not.toContain("0123456789ABCDEF");
  });
});

describe("se shell", () => {
  test("apdu goes through the session, help and quit do not", async () => {
    const ran = await shell(["# a comment", "", "help lock", "apdu 80CA00C100", "quit", "apdu 00"], ...ISSUER);
    expect([ran.code, ran.err]).toEqual([0, ""]);
    expect(ran.out).toContain("Usage: se lock [options] [aid]");
    expect(ran.out).toMatch(/^> 80CA00C100\n< C1030000019000 {2}ok$/m);
  });
  test("without keys commands go as they are", async () => {
    const ran = await shell(["apdu 80CA9F7F00"], "--json");
    expect(documentOf(ran)).toMatchObject({
      results: [{ secured: false, exchanges: [{ command: "80CA9F7F00", sw: "9000" }] }],
    });
  });
  test("from a pipe the first line that fails ends it, and is told", async () => {
    const ran = await shell(["list", "nonsense", "list"], "--json", ...ISSUER);
    expect(ran.code).toBe(1);
    const { results } = documentOf<{ results: readonly unknown[] }>(ran);
    expect(results).toHaveLength(2);
    expect(results[1]).toMatchObject({ line: "nonsense", error: { code: "cli/usage" } });
  });
  test.each([
    [`apdu ${"00".repeat(9000)}`, "cli/too-large"],
    ['delete "A0', "cli/bad-value"],
    ["delete", "cli/usage"],
    ["apdu 00A4", "cli/bad-value"],
  ])("a line that is no command: %#", async (line, code) => {
    const ran = await shell([line]);
    expect(ran.code).toBe(1);
    expect(ran.err).toContain(`[${code}]`);
  });
  test("one session: an INITIALIZE UPDATE for all lines", async () => {
    const trace = join(folder, "shell.jsonl");
    expect((await shell(["list", "keys", "list"], "--trace", trace, ...ISSUER)).code).toBe(0);
    const text = await readFile(trace, "utf8");
    expect(text.match(/"command":"8050/g)).toHaveLength(1);
    expect(text.split("\n")[0]).toContain('"profile":"emu:band-s1"');
  });
});

describe("--state", () => {
  test("keeps the element, and its journal with it", async () => {
    const state = join(folder, "band");
    const kept = (verb: string, ...argv: readonly string[]): Promise<Ran> => se(verb, ...argv, "--state", state);
    expect((await kept("store-data", CARD, DATA, ...PAYMENT)).code).toBe(0);
    expect((await kept("store-data", CARD, DATA, ...PAYMENT)).err).toContain("[se/already-personalised]");
    expect((await kept("lock", CARD, ...ISSUER)).code).toBe(0);
    expect((await kept("list", ...ISSUER)).out).toMatch(/A0000000041010 +application +LOCKED/);
    expect((await kept("list", "--keys", "test:payment-domain")).code).toBe(3);
    expect((await kept("list", "--keys", "test:payment-domain")).err).toContain("[se/keys-failed-before]");
    // Another band with the same seed is another band.
    expect((await se("list", "--keys", "test:payment-domain", "--state", join(folder, "other"))).code).toBe(3);
  });
});

describe("arguments", () => {
  test.each([
    ["48", 48],
    ["0x30", 48],
    ["0", 0],
  ])("number %s", (text, number) => {
    expect(numberOf(text, "a number", 0, 0xff)).toBe(number);
  });
  test.each(["", "-1", "256", "0x", "30h", "1e1", " 1"])("%j is no key version", (text) => {
    expect(() => numberOf(text, "a key version", 0, 0xff)).toThrow(expect.objectContaining({ code: "cli/bad-value" }));
  });
  test("levels, AIDs and privileges", () => {
    expect([levelOf("mac"), levelOf("33")]).toEqual([0x01, 0x33]);
    expect(() => levelOf("constructor")).toThrow(expect.objectContaining({ code: "cli/bad-value" }));
    expect(() => aidOf("A000")).toThrow(expect.objectContaining({ code: "cli/bad-value" }));
    expect(privilegesFrom("Card-Lock, global_delete,")).toEqual(["cardLock", "globalDelete"]);
  });
});
