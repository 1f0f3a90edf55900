import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBench, type BenchOptions } from "../../../src/bench/bench.js";
import { encodeGroupings, groupings } from "../../support/emulated-card.js";
import { meddledPcsc, type Meddler } from "../../support/bench-on-pcscd.js";
import { emulate, tapbench as commandLine, type Emulation } from "../../support/emulation.js";
import { pcscClient } from "../../support/pcsc-client.js";
import { startPcscd, type Pcscd } from "../../support/pcscd.js";
import { missing } from "../../support/wires.js";
import { tapbench, type Ran } from "../../unit/cli/console.js";

/*
 * An emulated band's element is managed through pcscd by another program, which keeps its journal: list, info, install, personalise, lock, delete.
 */

const AID = "A0000000041010AA";
const DATA = encodeGroupings(groupings());
const ISSUER = ["--keys", "test:issuer-domain"] as const;
const INSTALL = [
  "--load-file",
  "F0544150424D43484950",
  "--module",
  "F0544150424D434849502E41",
  "--aid",
  AID,
  "--contactless",
] as const;

describe.skipIf(missing("pcsc") ?? missing("nfc-pcsc"))("an element on pcscd's virtual reader", () => {
  let pcscd: Pcscd;
  let band: Emulation;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tapbench-element-"));
    pcscd = await startPcscd();
    band = await emulate(pcscd, "band-s1", "--seed", "7");
  });
  afterAll(async () => {
    await pcscd?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const meddler: Meddler = { count: 0 };
  const se = (verb: string, ...more: readonly string[]): Promise<Ran> => {
    const services = {
      openBench: (options: BenchOptions) => openBench({ ...options, pcsc: meddledPcsc(pcscd, meddler) }),
    };
    return tapbench(["se", verb, "pcsc:00 00", ...more, "--journal", folder], { services });
  };
  const select = async (): Promise<string> => {
    const client = pcscClient(pcscd);
    try {
      await client.connect();
      return await client.transmit(`00A4040008${AID}00`);
    } finally {
      await client.close();
    }
  };

  test("info needs no keys and no journal", async () => {
    // As somebody types it, in a process of its own.
    const argv = commandLine("se", "info", "pcsc:00 00", "--json", "--journal", folder);
    const { code, out, err } = await pcscd.run(process.execPath, argv, { within: 60_000 });
    expect([code, err]).toEqual([0, ""]);
    expect(JSON.parse(out)).toMatchObject({
      via: "contactless",
      atr: "3B84800131C173C84E",
      domain: "A000000151000000",
      protocols: [{ scp: 3, i: "70" }],
      cplc: { fabricator: "5442" },
    });
  });

  test("list, install, personalise, lock, unlock, delete", async () => {
    const before = await se("list", ...ISSUER, "--json");
    expect(before.code).toBe(0);
    expect(before.out).not.toContain(AID);

    const dry = await se("install", ...INSTALL, ...ISSUER, "--dry-run");
    expect(dry.code).toBe(0);
    expect(dry.out).toContain("80E60C00");
    expect(await select()).toBe("6A82");

    const installed = await se("install", ...INSTALL, ...ISSUER);
    expect([installed.code, installed.out]).toEqual([
      0,
      `installed ${AID} from F0544150424D43484950, selectable, contactless too\n`,
    ]);
    expect(await se("list", ...ISSUER)).toMatchObject({
      err: "",
      out: expect.stringMatching(new RegExp(`${AID} +application +SELECTABLE`)) as string,
    });

    const data = join(folder, "card.dgi");
    await writeFile(data, DATA);
    const stored = await se("store-data", AID, data, ...ISSUER);
    expect([stored.code, stored.err]).toEqual([0, ""]);
    expect(await select()).toMatch(/^6F.*9000$/);
    expect((await se("store-data", AID, data, ...ISSUER)).err).toContain("[se/already-personalised]");

    expect((await se("lock", AID, ...ISSUER)).code).toBe(0);
    expect(await select()).toBe("6A82");
    expect((await se("lock", AID, "--unlock", ...ISSUER)).code).toBe(0);
    expect(await select()).toMatch(/^6F.*9000$/);

    const refused = await se("delete", AID, ...ISSUER);
    expect([refused.code, refused.err.includes("[cli/not-confirmed]")]).toEqual([1, true]);
    expect((await se("delete", AID, ...ISSUER, "--yes")).code).toBe(0);
    expect(await select()).toBe("6A82");
  }, 180_000);

  test("the wire is lost in the last block of a personalisation: nobody guesses, and rolling back makes it whole", async () => {
    expect(await se("install", ...INSTALL, ...ISSUER)).toMatchObject({ code: 0, err: "" });

    // Two blocks: the band goes away when the journal says that the second is about to be sent.
    const data = `${DATA}${encodeGroupings({ "0202": `7081B4${"5F2D02656E".repeat(36)}` })}`;
    const journal = async (): Promise<string> => readFile(join(folder, await journalName(folder)), "utf8");
    meddler.before = async () => {
      if (!/"sent": 2/.test(await journal())) return;
      delete meddler.before;
      band.press("r");
      await band.next("removed");
    };
    const torn = await se("store-data", AID, data, ...ISSUER);
    expect(torn.code).toBe(2);
    expect(torn.err).toMatch(/\[transport\//);
    expect(await journal()).toMatch(/"blocks": 2,\s*"sent": 2,[^}]*"done": false/);

    band.press("p");
    await band.next("placed");
    const refused = await se("store-data", AID, data, ...ISSUER);
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("may be complete") as string]);
    const rolledBack = await se("store-data", AID, data, ...ISSUER, "--roll-back", "--yes");
    expect([rolledBack.code, rolledBack.err]).toEqual([0, ""]);
    expect(await select()).toMatch(/^6F.*9000$/);
    expect(await journal()).toMatch(/"done": true/);
  }, 120_000);
});

const journalName = async (folder: string): Promise<string> =>
  (await readdir(folder)).find((name) => name.startsWith("cplc-") && name.endsWith(".json"))!;
