import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openBench } from "../../src/bench/bench.js";
import type { Services } from "../../src/cli/run.js";
import { keyCanary, leaks, type Canary } from "../support/canary-search.js";
import { elementOnReader, THREE_BLOCKS } from "../support/element-on-reader.js";
import { CARD_AID } from "../support/emulated-card.js";
import { tapbench, type Ran } from "../unit/cli/console.js";

/*
 * Keys of security domains are searched for in everything that the verbs of `tapbench se` print, trace and remember, with right keys and wrong ones,
 * from files and from the environment, in crashes too.
 */

const DOMAIN = "A00000015153504101";
const SETS = {
  now: {
    enc: "404142434445464748494A4B4C4D4E4F",
    mac: "404142434445464748494A4B4C4D4E4F",
    dek: "404142434445464748494A4B4C4D4E4F",
  },
  next: {
    enc: "6C8F1BE00A97D352C4417EB9F02D853A",
    mac: "93D07A5E1C2B68F4A60D35EF871942CB",
    dek: "B5E4206D9F7138CA5D02E961784FA3BC",
  },
  wrong: {
    enc: "D1C9478AE36F0B52947D18C05AF3E62B",
    mac: "27BE60F59C14D83AE1507A9D4F32C68B",
    dek: "8AF6351DC0427B9EE95083D7164FCA2B",
  },
} as const;
const canaries: readonly Canary[] = Object.entries(SETS).flatMap(([set, keys]) =>
  Object.entries(keys).map(([name, key]) => keyCanary(`${set} ${name}`, key)),
);

let folder: string;
let keys: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tapbench-element-canaries-"));
  keys = join(folder, "keys.yaml");
  const rows = Object.entries(SETS).map(
    ([name, { enc, mac, dek }]) => `  ${name}: { kind: aes, enc: "${enc}", mac: "${mac}", dek: "${dek}" }`,
  );
  await writeFile(keys, `sets:\n${rows.join("\n")}\n`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const env = ({ enc, mac, dek }: (typeof SETS)[keyof typeof SETS]): Readonly<Record<string, string>> => ({
  TAPBENCH_SE_ENC: enc,
  TAPBENCH_SE_MAC: mac,
  TAPBENCH_SE_DEK: dek,
  TAPBENCH_DEBUG: "1",
});

const LINES: readonly (readonly string[])[] = [
  ["info"],
  ["list"],
  ["keys"],
  ["keys", "--put", "@next", "--version", "0x21", "--yes"],
  ["keys", "--put", "@next", "--version", "0x21", "--dry-run"],
  ["keys", "--put", "@next", "--version", "0x00", "--yes"],
  ["keys", "--delete", "0x42", "--yes"],
  ["store-data", CARD_AID, THREE_BLOCKS, "--domain", DOMAIN, "--encrypt"],
  ["lock", CARD_AID],
  ["delete", "A000000000FFFF", "--yes"],
];

/** Everything that came of a line: text, trace, journal. */
async function traces(
  line: readonly string[],
  more: readonly string[],
  around: object,
): Promise<{ ran: Ran; text: string }> {
  const on = elementOnReader();
  const trace = join(folder, "trace.jsonl");
  const journal = join(folder, "journal");
  await rm(journal, { recursive: true, force: true });
  const argv = line.map((word) => (word.startsWith("@") ? `${keys}:${word.slice(1)}` : word));
  const ran = await tapbench(
    ["se", argv[0]!, "pcsc:", ...argv.slice(1), ...more, "--trace", trace, "--journal", journal],
    { services: on.services, ...around },
  );
  const files = (await readdir(journal).catch(() => [])).map((name) => join(journal, name));
  const kept = await Promise.all([trace, ...files].map((path) => readFile(path, "utf8").catch(() => "")));
  return { ran, text: [ran.out, ran.err, ...on.sent, ...kept].join("\n") };
}

test("what is searched for would be found", () => {
  expect(leaks(`key ${SETS.next.mac}`, canaries)).toHaveLength(1);
  expect(leaks(Buffer.from(SETS.wrong.dek, "hex").toString("base64"), canaries)).not.toEqual([]);
});

test.each(LINES)("%s %s %s prints, traces and remembers no key", async (...line) => {
  for (const format of [[], ["--json"]])
    for (const set of ["now", "wrong"] as const) {
      const fromFile = await traces(line, ["--keys", `${keys}:${set}`, ...format], { env: { TAPBENCH_DEBUG: "1" } });
      const fromEnvironment = await traces(line, format, { env: env(SETS[set]) });
      for (const { ran, text } of [fromFile, fromEnvironment]) {
        expect(text).toMatch(/\S{20}/);
        expect(leaks(text, canaries), `${ran.code} ${set}`).toEqual([]);
      }
      expect(fromFile.ran.code).toBe(fromEnvironment.ran.code);
      if (set === "wrong") expect(fromFile.ran.code).not.toBe(0);
    }
});

test("a crash with everything that was at hand tells nothing of it", async () => {
  const on = elementOnReader();
  on.meddle = (_, apdu) => {
    if (apdu.startsWith("8482"))
      throw new Error(`broken at ${SETS.now.enc} and ${apdu}`, { cause: new Error(SETS.next.mac) });
    return undefined;
  };
  const { code, out, err } = await tapbench(["se", "list", "pcsc:", "--journal", folder], {
    services: on.services,
    env: env(SETS.now),
  });
  expect(code).toBe(2);
  expect(leaks(`${out}\n${err}`, canaries)).toEqual([]);
});

test("an emulated device's keys are in no trace of the work on it", async () => {
  const trace = join(folder, "emulated.jsonl");
  const services: Services = { openBench };
  const ran = await tapbench(
    ["se", "shell", "emu:band-s1", "--card", "k2-credit", "--keys", "test:issuer-domain", "--trace", trace],
    { services, stdin: `keys --put ${keys}:next --version 0x21 --yes\nlist\n` },
  );
  expect(ran.code).toBe(0);
  expect(leaks(`${ran.out}${ran.err}${await readFile(trace, "utf8")}`, canaries)).toEqual([]);
});
