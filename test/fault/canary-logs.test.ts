import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keyCanary, leaks, panCanary, type Canary } from "../support/canary-search.js";
import { LOGS, type LoggedExchange } from "../support/canary-logs.js";
import { tapbench } from "../unit/cli/console.js";

/*
 * Logs of other tools with account numbers and keys in them, wherever a card, a terminal or a personaliser may have put them, go through everything
 * that reads such logs.
 */

let folder: string;
const at = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tapbench-canary-logs-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Of test BINs, 13 to 19 digits, with right check digits but for the last. */
const PANS = {
  thirteen: "4111113902718",
  fifteen: "378282739516204",
  sixteen: "5413339602271126",
  eighteen: "620000871936425178",
  nineteen: "6011117839261504732",
} as const;
const DES = "9B1E57C2D86A43F07588B3E1264DAF0C";
const AES = "F3A91C6E0B5784D2E96F3A178C40B25D";
const RSA = "C93A5E17".repeat(4) + "D86F02B4791ACE35".repeat(4) + "71E8A6035CF2894B".repeat(2);

const size = (hex: string): string => (hex.length / 2).toString(16).padStart(2, "0").toUpperCase();
const tlv = (tag: string, value: string): string => tag + (value.length > 254 ? "81" : "") + size(value) + value;
const padded = (digits: string): string => digits + "F".repeat(digits.length % 2);
const ascii = (text: string): string => Buffer.from(text).toString("hex").toUpperCase();
const command = (head: string, data: string): string => head + size(data) + data;
const SELECT: LoggedExchange = [
  "00A4040007A000000004101000",
  "6F1C8407A0000000041010A511500F505043204D434420303420207632309000",
];
const READ = "00B2011400";

/** What a log says of one account number; each of them alone. */
const ACCOUNTS: Readonly<Record<string, (pan: string) => readonly LoggedExchange[]>> = {
  "PAN in a record": (pan) => [[READ, `${tlv("70", tlv("5A", padded(pan)) + tlv("5F24", "301231"))}9000`]],
  "track 2 in a record": (pan) => [[READ, `${tlv("70", tlv("57", padded(`${pan}D30122010123456`)))}9000`]],
  "track 1 in a record": (pan) => [[READ, `${tlv("70", tlv("56", ascii(`B${pan}^A/B^3012201000`)))}9000`]],
  "9F6B in an answer to GPO": (pan) => [
    ["80A8000002830000", `${tlv("77", tlv("82", "1980") + tlv("9F6B", padded(`${pan}D30122010000`)))}9000`],
  ],
  "GET RESPONSE that cuts it": (pan) => {
    const record = tlv("70", tlv("5A", padded(pan)));
    return [
      [READ, `${record.slice(0, 14)}61${size(record.slice(14))}`],
      [`00C00000${size(record.slice(14))}`, `${record.slice(14)}9000`],
    ];
  },
  "STORE DATA": (pan) => [
    [command("80E28800", `0101${size(tlv("70", tlv("5A", padded(pan))))}${tlv("70", tlv("5A", padded(pan)))}`), "9000"],
  ],
  "STORE DATA that is cut": (pan) => {
    const dgi = `0101${size(tlv("70", tlv("57", padded(`${pan}D3012201`))))}${tlv("70", tlv("57", padded(`${pan}D3012201`)))}`;
    return [
      [command("80E20800", dgi.slice(0, 18)), "9000"],
      [command("80E28801", dgi.slice(18)), "9000"],
    ];
  },
  "chained STORE DATA": (pan) => {
    const data = `0101${size(tlv("70", tlv("5A", padded(pan))))}${tlv("70", tlv("5A", padded(pan)))}`;
    return [
      [command("90E28800", data.slice(0, 20)), "9000"],
      [command("80E28800", data.slice(20)), "9000"],
    ];
  },
  "PUT DATA": (pan) => [[command("00DA005A", padded(pan)), "9000"]],
  "PUT DATA of a template": (pan) => [[command("00DB3FFF", tlv("70", tlv("5A", padded(pan)))), "9000"]],
  "UPDATE RECORD": (pan) => [[command("00DC0114", tlv("70", tlv("5A", padded(pan)))), "9000"]],
  "UPDATE RECORD that is chained": (pan) => {
    const record = tlv("70", tlv("5A", padded(pan)));
    return [
      [command("10DC0114", record.slice(0, 16)), "9000"],
      [command("00DC0114", record.slice(16)), "9000"],
    ];
  },
  "UPDATE BINARY with track 2": (pan) => [[command("00D60000", padded(`00${pan}D30122010123`)), "9000"]],
  "GET DATA of it": (pan) => [["80CA005A00", `${tlv("5A", padded(pan))}9000`]],
  "an answer in text, known from a record": (pan) => [
    [READ, `${tlv("70", tlv("5A", padded(pan)))}9000`],
    ["80CADF0100", `${tlv("DF01", ascii(`card ${pan}`))}9000`],
  ],
  "DOL data": (pan) => [
    [READ, `${tlv("70", tlv("5A", padded(pan)))}9000`],
    [command("80AE8000", `00000000${padded(pan)}`), "6985"],
  ],
  "a record that is cut": (pan) => [[READ, `${tlv("70", tlv("5A", padded(pan))).slice(0, -2)}9000`]],
  "no answer": (pan) => [
    [READ, `${tlv("70", tlv("5A", padded(pan)))}9000`],
    [command("80E28800", tlv("5A", padded(pan))), ""],
  ],
};

const KEYS: Readonly<Record<string, (key: string) => readonly LoggedExchange[]>> = {
  "PUT KEY": (key) => [[command("80D80081", `0188${size(key)}${key}03112233`), "9000"]],
  "PUT KEY in a secure channel": (key) => [
    [command("84D80081", `0188${size(key)}${key}03112233A1B2C3D4E5F60718`), "9000"],
  ],
  "chained PUT KEY": (key) => [
    [command("90D80081", `0188${size(key)}${key}`.slice(0, 20)), "9000"],
    [command("80D80081", `0188${size(key)}${key}`.slice(20)), "9000"],
  ],
  "STORE DATA": (key) => [[command("80E28800", `8000${size(key)}${key}`), "9000"]],
  "STORE DATA that is cut": (key) => [
    [command("80E20800", `8201${size(key)}${key}`.slice(0, 28)), "9000"],
    [command("80E28801", `8201${size(key)}${key}`.slice(28)), "9000"],
  ],
  "STORE DATA that only goes on": (key) => [[command("80E28801", key), "9000"]],
  "PUT DATA": (key) => [[command("80DA8000", key), "9000"]],
};

interface Row {
  readonly what: string;
  readonly exchanges: readonly LoggedExchange[];
  readonly canary: Canary;
}
/** Every length in the simplest log; in the others they take turns. */
const rowsOf = (format: string): readonly Row[] => [
  ...Object.entries(ACCOUNTS).flatMap(([what, made], i) =>
    Object.values(PANS)
      .filter((_, length, { length: lengths }) => format === "pasted" || length === i % lengths)
      .map((pan) => ({ what: `${what}, ${pan.length} digits`, exchanges: made(pan), canary: panCanary(pan) })),
  ),
  ...Object.entries(KEYS).flatMap(([what, made], i) =>
    Object.entries({ DES, AES, RSA })
      .filter((_, kind, { length: kinds }) => format === "pasted" || kind === i % kinds)
      .map(([name, key]) => ({ what: `${what}, ${name}`, exchanges: made(key), canary: keyCanary(name, key) })),
  ),
];
/** In a recorded tap every command has an answer. */
const answered = ({ exchanges }: Row): boolean => exchanges.every(([, response]) => response !== "");

const REPORTS = ["html", "junit", "csv", "pcapng"] as const;

/** Everything that a log can be put through, and what that wrote and printed. */
async function putThrough(file: string, name: string): Promise<Record<string, string | Uint8Array>> {
  const written: Record<string, string | Uint8Array> = {};
  const note = async (what: string, argv: readonly string[], target?: string): Promise<void> => {
    const { out, err } = await tapbench(argv, { env: { TAPBENCH_DEBUG: "1" } });
    written[what] = `${out}\n${err}`;
    const bytes = target === undefined ? undefined : await readFile(target).catch(() => undefined);
    if (bytes) written[`${what}: file`] = bytes;
  };
  const trace = at(`${name}.jsonl`);
  await note("import", ["trace", "import", file, "--to", trace, "--json"], trace);
  await note("show", ["trace", "show", "--frames", file]);
  await note("show --json", ["trace", "show", "--frames", "--json", file]);
  await note("explain", ["trace", "explain", "--decisions", file]);
  await note("verify", ["trace", "verify", "--json", file]);
  await note("diff", ["trace", "diff", "--strict", file, trace]);
  await note(
    "golden",
    ["trace", "golden", "save", file, "--to", at(`${name}.golden`), "--force"],
    at(`${name}.golden`),
  );
  for (const report of REPORTS)
    await note(
      `convert --${report}`,
      ["trace", "convert", file, `--${report}`, at(`${name}.${report}`)],
      at(`${name}.${report}`),
    );
  return written;
}

const found = (written: Record<string, string | Uint8Array>, canary: Canary): string[] =>
  Object.entries(written).flatMap(([what, text]) => leaks(text, [canary]).map((leak) => `${what}: ${leak}`));

describe.each(Object.keys(LOGS))("a log of %s", (format) => {
  const rows = rowsOf(format).filter((row) => format !== "recorded" || answered(row));
  test("is found to hold them, before it goes anywhere", () => {
    const blind = rows.filter(
      ({ exchanges, canary }) => leaks(LOGS[format]!([SELECT, ...exchanges]), [canary]).length === 0,
    );
    expect(blind.map(({ what }) => what)).toEqual([]);
  });

  test.each(rows)("leaks nothing: $what", async ({ what, exchanges, canary }) => {
    const name = `${format}-${what}`.replace(/\W+/g, "-");
    const file = at(`${name}.log`);
    await writeFile(file, LOGS[format]!([SELECT, ...exchanges]));
    const written = await putThrough(file, name);
    expect(written["import"]).toMatch(/"exchanges": [1-9]/);
    expect(found(written, canary)).toEqual([]);
  });
});
