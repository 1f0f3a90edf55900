import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { emulate, tapbench, type Emulation } from "../../support/emulation.js";
import { PYTHON, READER } from "../../support/pcsc-client.js";
import { startPcscd, type Pcscd } from "../../support/pcscd.js";
import { missing } from "../../support/wires.js";

/*
 * Programs that are not ours look at an emulated band through pcscd. The ATR is typed in: TS 3B, T0 84, TD1 80, TD2 01 (PC/SC part 3), the
 * band's four historical bytes 31 C1 73 C8 (its profile), TCK 4E.
 */
const ATR = "3B84800131C173C84E";
const ATR_SPACED = ATR.replace(/..(?=.)/g, "$& ");
const SELECT_PPSE = "00A404000E325041592E5359532E444446303100";
const WALK = fileURLToPath(new URL("walk.py", import.meta.url));

describe.skipIf(missing("pcsc"))("tapbench emulate band-s1 --pcsc", () => {
  let pcscd: Pcscd;
  let band: Emulation;
  beforeAll(async () => {
    pcscd = await startPcscd();
    band = await emulate(pcscd, "band-s1", "--seed", "7");
  });
  afterAll(() => pcscd?.close());

  test("ready says which reader, and which card", () => {
    expect(band.events[0]).toEqual({
      event: "ready",
      reader: READER,
      atr: ATR,
      profile: "band-s1",
      card: "k2-credit",
      pan: expect.stringMatching(/^541333\*+\d{4}$/) as string,
      seed: "7",
    });
  });

  test("opensc-tool -l lists the reader with a card in it", async () => {
    const { code, out } = await pcscd.run("opensc-tool", ["-l"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^0 +Yes +Virtual PCD 00 00$/m);
    expect(out).toMatch(/^1 +No +Virtual PCD 00 01$/m);
  });

  test("opensc-tool -a reads the ATR", async () => {
    const { code, out } = await pcscd.run("opensc-tool", ["-a"]);
    expect(code).toBe(0);
    expect(out.trim()).toBe(ATR.toLowerCase().replace(/..(?=.)/g, "$&:"));
  });

  test("opensc-tool -s: the directory, and the reader's own commands", async () => {
    const commands = [SELECT_PPSE, "FFCA000000", "FFCA010000", "FF82000006FFFFFFFFFFFF"];
    const { code, out } = await pcscd.run("opensc-tool", ["-c", "default", ...commands.flatMap((it) => ["-s", it])]);
    expect(code).toBe(0);
    const answers = [...out.matchAll(/SW1=0x(..), SW2=0x(..)\)(?::\n([\s\S]*?)(?=Sending|$))?/g)].map(
      ([, sw1, sw2, dump = ""]) => dump.replace(/^((?:[0-9A-F]{2} )+).*$/gm, "$1").replace(/\s/g, "") + sw1! + sw2!,
    );
    expect(answers).toEqual([
      // FCI: PPSE's name; in it the card's directory entry with AID A0000000041010 and priority 1.
      expect.stringMatching(/^6F..840E325041592E5359532E4444463031A5..BF0C..61..4F07A0000000041010.*8701019.*9000$/),
      expect.stringMatching(/^08[0-9A-F]{6}9000$/), // a random UID begins with 08
      "31C173C89000",
      "6A81",
    ]);
  });

  test("pcsc_scan sees the card", async () => {
    // It runs until it is stopped: -t ends it after seconds without a change.
    const { out } = await pcscd.run("pcsc_scan", ["-n", "-t", "1"]);
    expect(out).toMatch(/Reader 0: Virtual PCD 00 00\s+Event number: \d+\s+Card state: Card inserted,/);
    expect(out).toContain(`ATR: ${ATR_SPACED}`);
  });

  test("its ATR is well formed to ATR_analysis", async () => {
    const { out } = await pcscd.run("ATR_analysis", [ATR], { env: { HOME: tmpdir() } });
    expect(out).toContain("+ T0 = 84, Y(1): 1000, K: 4 (historical bytes)");
    expect(out).toContain("+ Historical bytes: 31 C1 73 C8");
    expect(out).toContain("+ TCK = 4E (correct checksum)");
  });

  test("pyscard walks the card as a terminal would", async () => {
    const { code, out, err } = await pcscd.run(PYTHON, [WALK, READER]);
    expect(err).toBe("");
    expect(code).toBe(0);
    const lines = out.trim().split("\n");
    expect(lines[0]).toBe(`ATR ${ATR}`);
    expect(lines).toContain("AID A0000000041010");
    const sent = lines.filter((line) => line.includes(" -> "));
    expect(sent.every((line) => line.endsWith("9000"))).toBe(true);
    expect(sent[1]).toMatch(/^00A4040007A000000004101000 -> 6F..8407A0000000041010A5/);
    expect(sent[2]).toMatch(/^80A800000[0-9A-F]83[0-9A-F]+ -> 77..8202....94/); // AIP and AFL
    expect(sent.slice(3).every((line) => /^00B2..[0-9A-F]{2}00 -> 70/.test(line))).toBe(true);
    expect(lines.filter((line) => line.startsWith("record ")).length).toBeGreaterThanOrEqual(3);
    const records = sent.slice(3).join("");
    expect(records).toMatch(/5A08541333/); // the token of this test BIN
  });

  test("nothing of that is in the events: account data stays inside", () => {
    expect(JSON.stringify(band.events)).not.toMatch(/541333\d{6}/);
  });
});

describe.skipIf(missing("pcsc"))("starting and stopping", () => {
  let pcscd: Pcscd;
  beforeAll(async () => {
    pcscd = await startPcscd();
  });
  afterAll(() => pcscd?.close());

  test.each(["SIGINT", "SIGTERM"] as const)("%s is a clean end", async (signal) => {
    const band = await emulate(pcscd, "band-s1");
    expect(await band.stop(signal)).toBe(0);
    expect(band.events.map(({ event }) => event)).toEqual(["ready", "removed", "stopped"]);
    expect((await pcscd.run("opensc-tool", ["-l"])).out).toMatch(/^0 +No +Virtual PCD 00 00$/m);
  });

  test("q quits; a schedule removes and places; --apdus masks", async () => {
    const band = await emulate(pcscd, "ring-r1", "--slot", "2", "--apdus", "--schedule", "200ms out, 1min in");
    expect(band.events[0]).toMatchObject({ reader: "Virtual PCD 00 01" });
    await band.next("removed");
    await band.next("placed");
    await pcscd.run(PYTHON, [WALK, "Virtual PCD 00 01"]);
    band.press("q");
    expect(await band.next("stopped")).toMatchObject({ exchanges: expect.any(Number) as number });
    const apdus = band.events.filter(({ event }) => event === "apdu");
    expect(apdus[0]).toMatchObject({ command: SELECT_PPSE });
    const all = JSON.stringify(apdus);
    expect(all).toMatch(/5A08541333CCCCCC/);
    expect(all).not.toMatch(/541333[0-9]{7}/);
  });

  test("without pcscd it is exit 2, and says what to install and start", async () => {
    await pcscd.kill();
    const { code, out, err } = await pcscd.run(process.execPath, tapbench("emulate", "band-s1", "--pcsc"));
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(
      /^tapbench: nothing listens on 127\.0\.0\.1:35963; .*apt-get install pcscd vsmartcard-vpcd.*\n$/,
    );
  });
});
