import { encodeCommand } from "../../src/protocols/iso7816/apdu.js";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBench } from "../../src/bench/bench.js";
import type { Services } from "../../src/cli/run.js";
import { loadKeySet } from "../../src/profiles/key-sets.js";
import type { TraceRecord } from "../../src/util/tracer.js";
import { keyCanary, leaks, panCanary, type Canary } from "../support/canary-search.js";
import { tapbench } from "../unit/cli/console.js";

/*
 * Account numbers and keys of a tap are searched for in everything that a tap and its trace are written to. What may be found nowhere is taken from
 * the bench itself, before anything masks it.
 */

let folder: string;
const at = (name: string): string => join(folder, name);
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex").toUpperCase();

/** Everything that benches recorded, unmasked, and their account numbers. */
const spied = { records: [] as TraceRecord[], pans: new Set<string>(), issued: [] as Uint8Array[] };
const spying: Services = {
  openBench: async (options) => {
    const { tracer } = options;
    const bench = await openBench({
      ...options,
      tracer: {
        record(record) {
          spied.records.push(record);
          tracer?.record(record);
        },
      },
    });
    const { issuer } = bench;
    const provision = issuer.provision.bind(issuer);
    issuer.provision = (card, domain, how) => {
      spied.pans.add(card.token.dpan).add(card.token.fpan);
      spied.issued.push(...issuer.personalise(card, how).commands.map(encodeCommand));
      return provision(card, domain, how);
    };
    return bench;
  },
};

/** Groupings of STORE DATA before the issuer's secure channel enciphers them (EMV Card Personalization Specification): 8000 holds three keys, 8201 to 8205 the parts of the RSA key. */
function cardKeys(): Canary[] {
  const found: Canary[] = [];
  let data = "";
  for (const command of spied.issued) {
    if (command[1] !== 0xe2) continue;
    data += hexOf(command.subarray(5, 5 + command[4]!));
    if ((command[2]! & 0x80) === 0) continue;
    for (let at = 0, length = 0; at < data.length; at += length) {
      const [dgi, long] = [data.slice(at, at + 4), data.slice(at + 4, at + 6) === "FF"];
      length = 2 * Number.parseInt(data.slice(at + (long ? 6 : 4), at + (long ? 10 : 6)), 16);
      at += long ? 10 : 6;
      const value = data.slice(at, at + length);
      if (dgi === "8000") found.push(...value.match(/.{32}/g)!.map((key, i) => keyCanary(`card key ${i}`, key)));
      else if (dgi.startsWith("82")) found.push(keyCanary(`RSA part ${dgi}`, value));
    }
    data = "";
  }
  return found;
}

let keys: Canary[];
let pans: Canary[];
let all: Canary[];

/** A command line that spies, with files beside it. */
async function ran(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { out, err } = await tapbench(argv, { services: spying, env });
  return `${out}\n${err}`;
}

const REPORTS = ["html", "junit", "csv"] as const;
const CONVERSIONS = [...REPORTS, "pcapng"] as const;
const into = (name: string): string[] => REPORTS.flatMap((report) => [`--${report}`, at(`${name}.${report}`)]);
const tap = (name: string, ...more: readonly string[]): string[] => [
  "tap",
  "emu:band-s1",
  "--seed",
  name === "pin" || name === "declined" ? name : "canary",
  "--trace",
  at(`${name}.jsonl`),
  ...more,
];

/** What was printed, by the name of the row. */
const printed = new Map<string, string>();

/** Taps that write everything, and how. One leaves test data as they are. */
const TAPS: Readonly<Record<string, readonly string[]>> = {
  approved: ["--explain"],
  "approved-json": ["--json", "--explain"],
  declined: ["--amount", "600", "--explain"],
  "field-lost": ["--fault", "field-loss@in:read-record#2"],
  "field-lost-late": ["--fault", "field-loss@after:generate-ac", "--json"],
  noise: ["--fault", "noise:2@in:read-record", "--fault", "lost:1@in:generate-ac"],
  noisy: ["--fault", "noisy:0.08@all"],
  "no-answer": ["--fault", "noise:40@in:generate-ac"],
  pin: ["--pin", "1234", "--card", "k2-online", "--amount", "80"],
  shown: ["--reveal-test-data"],
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tapbench-canaries-"));
  const set = await loadKeySet("test:default");
  for (const [name, options] of Object.entries(TAPS))
    printed.set(name, await ran(tap(name, ...into(name), ...options), { TAPBENCH_DEBUG: "1" }));
  printed.set("repeat", await ran(tap("repeat", "--repeat", "3")));
  printed.set("repeat-json", await ran(tap("repeat-json", "--repeat", "3", "--json-lines")));
  printed.set("demo", await ran(["demo", "--seed", "canary", "--trace", at("demo.jsonl")]));
  printed.set("demo-json", await ran(["demo", "--json", "--seed", "canary", "--trace", at("demo-json.jsonl")]));
  keys = [
    ...cardKeys(),
    ...(["ac", "smi", "smc"] as const).map((name) => keyCanary(`issuer key ${name}`, hexOf(set[name]))),
  ];
  pans = [...spied.pans].map(panCanary);
  all = [...pans, ...keys];
}, 180_000);
afterAll(() => rm(folder, { recursive: true }));

test("there is something to be found", () => {
  expect(spied.pans.size).toBeGreaterThanOrEqual(4);
  expect([...spied.pans].every((pan) => /^541333\d{10}$/.test(pan))).toBe(true);
  expect(keys.filter(({ name }) => name.startsWith("card key")).length).toBeGreaterThanOrEqual(3);
  expect(new Set(keys.flatMap(({ name }) => (name.startsWith("RSA") ? [name] : []))).size).toBe(5);
  const wire = spied.records
    .map((record) => (record.layer === "apdu" ? `${hexOf(record.command)}\n${hexOf(record.response)}` : ""))
    .join("\n");
  // All but the issuer's own account numbers and keys are in what was issued and recorded; keys never were on a wire.
  const found = leaks([wire, ...spied.issued.map(hexOf)].join("\n"), all).map((leak) => leak.split(":")[0]!);
  expect(leaks(wire, keys)).toEqual([]);
  expect(found.filter((name) => name.startsWith("PAN"))).toHaveLength(spied.pans.size / 2);
  expect(found).toEqual(
    expect.arrayContaining(keys.map(({ name }) => name).filter((name) => !name.startsWith("issuer"))),
  );
});

const NAMES = [...Object.keys(TAPS), "repeat", "repeat-json", "demo", "demo-json"];
const MASKED = NAMES.filter((name) => name !== "shown");

describe("a tap", () => {
  test.each(NAMES)("prints nothing: %s", (name) => {
    expect(printed.get(name)).toMatch(/\S/);
    expect(leaks(printed.get(name)!, all)).toEqual([]);
  });

  test.each(MASKED)("traces nothing: %s", async (name) => {
    expect(leaks(await readFile(at(`${name}.jsonl`)), all)).toEqual([]);
  });

  test.each(Object.keys(TAPS).flatMap((name) => REPORTS.map((report) => [name, report] as const)))(
    "reports nothing: %s, %s",
    async (name, report) => {
      expect(leaks(await readFile(at(`${name}.${report}`)), name === "shown" ? keys : all)).toEqual([]);
    },
  );

  test.each(["jsonl", "html", "csv"])(
    "shows test data where it is told to, to nobody else, and no keys: %s",
    async (kind) => {
      const file = await readFile(at(`shown.${kind}`));
      expect(leaks(file, pans)).toHaveLength(1);
      expect(leaks(file, keys)).toEqual([]);
      expect((await stat(at(`shown.${kind}`))).mode & 0o777).toBe(0o600);
    },
  );
});

/** Of a masked trace. */
const COMMANDS: Readonly<Record<string, (file: string) => readonly string[]>> = {
  show: (file) => ["trace", "show", file],
  "show --frames": (file) => ["trace", "show", "--frames", file],
  "show --json": (file) => ["trace", "show", "--frames", "--json", file],
  explain: (file) => ["trace", "explain", "--decisions", file],
  "explain --json": (file) => ["trace", "explain", "--json", file],
  verify: (file) => ["trace", "verify", file],
  "verify --json": (file) => ["trace", "verify", "--json", file],
  diff: (file) => ["trace", "diff", "--strict", file, at("noise.jsonl")],
  "diff --json": (file) => ["trace", "diff", "--strict", "--json", file, at("pin.jsonl")],
};
/** Not held back by a trace that shows test data: what they print is for more people than the trace. */
const ALWAYS_MASK = new Set(["explain", "explain --json", "verify", "verify --json", "diff", "diff --json"]);

describe.each(Object.entries(COMMANDS))("trace %s", (name, argv) => {
  test.each(MASKED)("prints nothing of %s", async (trace) => {
    const text = await ran(argv(at(`${trace}.jsonl`)));
    expect(text.length).toBeGreaterThan(100);
    expect(leaks(text, all)).toEqual([]);
  });

  test("prints no key of a trace that shows test data", async () => {
    const text = await ran(argv(at("shown.jsonl")));
    expect(leaks(text, ALWAYS_MASK.has(name) ? all : keys)).toEqual([]);
    if (name.startsWith("show")) expect(leaks(text, pans)).not.toEqual([]);
  });
});

describe("from a trace that shows test data", () => {
  test.each(CONVERSIONS)("convert --%s writes none, unless it is told to", async (report) => {
    const target = at(`converted.${report}`);
    await ran(["trace", "convert", at("shown.jsonl"), `--${report}`, target]);
    expect(leaks(await readFile(target), all)).toEqual([]);
    await ran(["trace", "convert", at("shown.jsonl"), `--${report}`, target, "--reveal-test-data"]);
    expect(leaks(await readFile(target), keys)).toEqual([]);
    // A JUnit report says what a tap came to: there is no place for account data in it.
    if (report !== "junit") expect(leaks(await readFile(target), pans)).toHaveLength(1);
  });

  test("golden save writes none", async () => {
    await ran(["trace", "golden", "save", at("shown.jsonl"), "--to", at("golden.jsonl")]);
    expect(leaks(await readFile(at("golden.jsonl")), all)).toEqual([]);
    const text = await ran(["trace", "golden", "check", at("golden.jsonl"), at("pin.jsonl"), "--json"]);
    expect(leaks(text, all)).toEqual([]);
  });

  test("trace import writes none, unless it is told to", async () => {
    const capture = at("capture.pcapng");
    await ran(["trace", "convert", at("shown.jsonl"), "--pcapng", capture, "--reveal-test-data"]);
    expect(leaks(await readFile(capture), pans)).toHaveLength(1);
    for (const source of [capture, at("shown.jsonl")]) {
      const text = await ran(["trace", "import", source, "--to", at("imported.jsonl")]);
      expect(leaks(text + (await readFile(at("imported.jsonl"), "utf8")), all)).toEqual([]);
      expect(
        leaks(
          await ran(["trace", "show", "--frames", "--json", source === capture ? capture : at("imported.jsonl")]),
          all,
        ),
      ).toEqual([]);
    }
  });
});

describe("a crash", () => {
  /** A bench whose tracer breaks at one record, with everything that it was given in its error. */
  const breaking = (stop: number, told: (record: TraceRecord) => Error): Services => ({
    openBench: async (options) => {
      let left = stop;
      const { tracer } = options;
      return openBench({
        ...options,
        tracer: {
          record(record) {
            tracer?.record(record);
            if (left-- === 0) throw told(record);
          },
        },
      });
    },
  });
  const textOf = (record: TraceRecord): string =>
    JSON.stringify(record, (_, value: unknown) => (value instanceof Uint8Array ? hexOf(value) : value));
  const errors: Readonly<Record<string, (record: TraceRecord) => Error>> = {
    "with what it was given": (record) => new Error(`broken at ${textOf(record)}`),
    "with its cause": (record) => new Error("broken", { cause: new Error(textOf(record)) }),
    "with a number in groups": () =>
      new Error(`broken at ${[...spied.pans].map((pan) => pan.replace(/.{4}(?=.)/g, "$& ")).join(" and ")}`),
  };
  /** Of the records of a whole tap: every seventh, and so every kind of them. */
  const stops = Array.from({ length: 8 }, (_, i) => 1 + 7 * i);

  test.each(Object.entries(errors))(
    "%s tells nothing of it",
    async (_, told) => {
      for (const stop of stops)
        for (const format of [[], ["--json"]]) {
          const name = `crash-${stop}`;
          const { out, err, code } = await tapbench(tap(name, ...format), {
            services: breaking(stop, told),
            env: { TAPBENCH_DEBUG: "1" },
          });
          expect(code, `${stop} ${err}`).toBe(2);
          expect(out + err).toContain("broken");
          expect(leaks(`${out}\n${err}`, all)).toEqual([]);
          const trace = await readFile(at(`${name}.jsonl`)).catch(() => undefined);
          if (trace) expect(leaks(trace, all)).toEqual([]);
        }
    },
    60_000,
  );
});
