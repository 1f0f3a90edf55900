import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import { lacksPcscd } from "./pcscd.js";
import { lacksScpWitness } from "./scp-witness.js";

/** Something outside the checkout that tests drive or read. */
export interface WireRow {
  readonly name: string;
  /** What is missing on this machine, in a few words; undefined when nothing is. Cheap: every test file that needs it asks. */
  readonly probe: () => string | undefined;
  /** The command that provides it. */
  readonly install: string;
}

/** Looks where a program finds it: this file runs from a build, too. */
function lacksBinding(): string | undefined {
  try {
    const inside = createRequire(createRequire(import.meta.url).resolve("nfc-pcsc"));
    const binding = join(dirname(inside.resolve("@pokusew/pcsclite/package.json")), "build/Release/pcsclite.node");
    return existsSync(binding) ? undefined : "nfc-pcsc is not compiled";
  } catch {
    return "no nfc-pcsc";
  }
}

function lacksSerial(): string | undefined {
  try {
    const here = createRequire(import.meta.url);
    for (const name of ["@serialport/stream", "@serialport/bindings-cpp"]) here.resolve(name);
  } catch {
    return "no @serialport/stream with @serialport/bindings-cpp";
  }
  return programMissing("socat");
}

/** The wires that tests can drive. */
export const wires: readonly WireRow[] = [
  { name: "emu", probe: () => undefined, install: "npm ci" },
  { name: "serial", probe: lacksSerial, install: "apt-get install socat && npm ci" },
  { name: "udp", probe: () => undefined, install: "npm ci" },
  // Compiles what stands in for socat.
  { name: "cc", probe: () => programMissing("gcc"), install: "apt-get install gcc libc6-dev" },
  // Wireshark's command line, and the tools beside it that write captures of their own.
  { name: "tshark", probe: () => programMissing("tshark", "text2pcap", "editcap"), install: "apt-get install tshark" },
  { name: "pcsc-spy", probe: () => programMissing("pcsc-spy"), install: "apt-get install libpcsclite-dev" },
  {
    name: "python-cbor2",
    probe: lacksPythonClient,
    install: "apt-get install python3-cbor2 python3-serial",
  },
  {
    name: "pcsc",
    probe: lacksPcscd,
    install: "apt-get install pcscd vsmartcard-vpcd opensc pcsc-tools python3-pyscard iproute2",
  },
  { name: "scp-witness", probe: lacksScpWitness, install: "apt-get install python3-cryptography" },
  {
    name: "nfc-pcsc",
    probe: lacksBinding,
    install: "apt-get install libpcsclite-dev g++ make python3 && npm ci",
  },
];

/** What test/support/smp_client.py is written with. */
function lacksPythonClient(): string | undefined {
  const packages = ["cbor2", "serial"];
  const absent = packages.find((name) => !existsSync(`/usr/lib/python3/dist-packages/${name}`));
  return absent === undefined ? undefined : `Debian's Python has no ${absent}`;
}

/** Which of the programs is not on the path. */
function programMissing(...names: readonly string[]): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const absent = names.find((name) => !folders.some((folder) => existsSync(join(folder, name))));
  return absent === undefined ? undefined : `there is no program ${absent}`;
}

export interface Survey {
  /** A line for each row that is missing and not required. */
  readonly notes: readonly string[];
  /** One line, when something required is missing or unknown. */
  readonly failure?: string;
}

/** What is missing of `rows`, and whether that may be; `required` is a list of names with commas, as in TAPBENCH_REQUIRE. */
export function survey(rows: readonly WireRow[], required = ""): Survey {
  const names = required
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const known = rows.map((row) => row.name);
  const notes: string[] = [];
  const faults = names.filter((name) => !known.includes(name)).map((name) => `${name} is unknown`);
  for (const { name, probe, install } of rows) {
    const lack = probe();
    if (lack === undefined) continue;
    if (names.includes(name)) faults.push(`${name} is missing (${lack}; to get it: ${install})`);
    else notes.push(`tests that need ${name} are skipped: ${lack}; to run them: ${install}`);
  }
  if (faults.length === 0) return { notes };
  return { notes, failure: `TAPBENCH_REQUIRE: ${faults.join(", ")}; known: ${known.join(", ")}` };
}

/** Why the wire `name` cannot be driven here, for `describe.skipIf(missing("pcsc"))("a reader", ...)`. */
export function missing(name: string, rows: readonly WireRow[] = wires): string | undefined {
  const row = rows.find((each) => each.name === name);
  if (row === undefined) throw new Error(`no wire "${name}"; known: ${rows.map((each) => each.name).join(", ")}`);
  return row.probe();
}
