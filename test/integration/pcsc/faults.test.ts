import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { emulate, emulationOf, type Emulation } from "../../support/emulation.js";
import { pcscClient, READER, type PcscClient } from "../../support/pcsc-client.js";
import { startPcscd, type Pcscd } from "../../support/pcscd.js";
import { missing } from "../../support/wires.js";
import { SELECT_ECHO } from "../../support/echo-applet.js";

const ATR = "3B84800131C173C84E";
const SELECT_PPSE = "00A404000E325041592E5359532E444446303100";
const GET_UID = "FFCA000000";
const HANG = "9000000000";

let pcscd: Pcscd;
const clients: PcscClient[] = [];
const client = (): PcscClient => {
  const made = pcscClient(pcscd);
  clients.push(made);
  return made;
};
/** The echo applet in the reader, with this watchdog. */
const echoCard = async (...args: readonly string[]): Promise<Emulation> => {
  const card = emulationOf(pcscd.spawn(process.execPath, ["--import", "tsx", "test/support/echo-card.ts", ...args]));
  await card.next("ready");
  return card;
};

describe.skipIf(missing("pcsc"))("faults around an emulated reader", () => {
  beforeEach(async () => {
    pcscd = await startPcscd();
  });
  afterEach(async () => {
    for (const each of clients.splice(0)) await each.close();
    await pcscd?.close();
  });

  test("power off and on, and reset: the card forgets, and its random UID is new", async () => {
    await emulate(pcscd, "band-s1");
    const one = client();
    expect(await one.connect()).toEqual({ atr: ATR });
    const before = await one.transmit(GET_UID);
    expect(await one.transmit(SELECT_PPSE)).toMatch(/9000$/);
    expect(await one.transmit(GET_UID)).toBe(before);
    expect(await one.ask({ do: "reset" })).toEqual({});
    const after = await one.transmit(GET_UID);
    expect(before).toMatch(/^08.{6}9000$/);
    expect(after).toMatch(/^08.{6}9000$/);
    expect(after).not.toBe(before);
    expect(await one.transmit("80CA9F1700")).toBe("6A88"); // the issuer's domain is selected again, and has no such object
  });

  test("pcscd is killed and started again while the device is shown: it comes back", async () => {
    const band = await emulate(pcscd, "band-s1");
    const one = client();
    await one.connect();
    await pcscd.kill();
    expect(await band.next("removed")).toMatchObject({ why: "reader-gone" });
    expect(await one.ask({ do: "transmit", apdu: GET_UID })).toHaveProperty("error");
    await pcscd.start();
    expect(await band.next("placed")).toEqual({ event: "placed", atr: ATR });
    const two = client();
    await two.wait(true);
    expect(await two.connect()).toEqual({ atr: ATR });
    expect(await two.transmit(SELECT_PPSE)).toMatch(/9000$/);
    expect(await band.stop()).toBe(0);
  });

  test("the emulator is killed during a command: the client is told, pcscd lives, a new one works", async () => {
    const card = await echoCard();
    const one = client();
    await one.connect();
    const asked = one.ask({ do: "transmit", apdu: HANG });
    await card.next("working");
    const gone = once(card.child, "exit");
    card.child.kill("SIGKILL");
    await gone;
    expect(await asked).toHaveProperty("error");
    expect(pcscd.alive).toBe(true);
    await one.wait(false);

    await emulate(pcscd, "band-s1");
    const two = client();
    await two.wait(true);
    expect(await two.connect()).toEqual({ atr: ATR });
    expect(await two.transmit(SELECT_PPSE)).toMatch(/9000$/);
  });

  test("the device is lost in its field during a command: the client is told, and the device comes back by itself", async () => {
    const card = await echoCard();
    const one = client();
    await one.connect();
    expect(await one.transmit(SELECT_ECHO)).toBe("9000");
    // Works for hours of its time: the reader gives it up.
    expect(await one.ask({ do: "transmit", apdu: "80140001" })).toHaveProperty("error");
    expect(await card.next("gone")).toMatchObject({ why: "card-lost" });
    await card.next("visible"); // the first
    await card.next("visible");
    const two = client();
    await two.wait(true);
    await two.connect();
    expect(await two.transmit(SELECT_ECHO)).toBe("9000");
  });

  test("a device that never answers: the watchdog does, and the next command is answered", async () => {
    const card = await echoCard("200");
    const one = client();
    await one.connect();
    expect(await one.transmit(HANG)).toBe("6F00");
    expect(await card.next("trouble")).toMatchObject({ says: expect.stringContaining("200 ms") as string });
    expect(await one.transmit(SELECT_ECHO)).toBe("9000");
  });

  test("a device that breaks: the command is answered, and the device comes back as new", async () => {
    const card = await echoCard();
    const one = client();
    await one.connect();
    expect(await one.transmit(SELECT_ECHO)).toBe("9000");
    expect(await one.transmit("80160000")).toBe("6F00");
    expect(await card.next("gone")).toMatchObject({ why: "card-lost" });
    await card.next("visible"); // the first
    await card.next("visible");
    const two = client();
    await two.wait(true);
    await two.connect();
    expect(await two.transmit(SELECT_ECHO)).toBe("9000");
  });

  test("two programs on one reader: shared in turn, a transaction keeps the other out, exclusive is refused", async () => {
    await emulate(pcscd, "band-s1");
    const [one, two] = [client(), client()];
    await one.connect();
    await two.connect();
    for (let i = 0; i < 5; i++)
      expect(await Promise.all([one.transmit(SELECT_PPSE), two.transmit(GET_UID)])).toEqual([
        expect.stringMatching(/^6F.*9000$/),
        expect.stringMatching(/^08.{6}9000$/),
      ]);
    expect(await client().ask({ do: "connect", reader: READER, exclusive: true })).toHaveProperty("error");

    await one.ask({ do: "begin" });
    let second: unknown;
    const waiting = two.ask({ do: "transmit", apdu: GET_UID }).then((answer) => (second = answer));
    for (let i = 0; i < 20; i++) expect(await one.transmit(SELECT_PPSE)).toMatch(/9000$/);
    const during = second;
    await one.ask({ do: "end" });
    await waiting;
    // pcscd refuses or delays it while the transaction lasts; it is never answered in between.
    expect(during === undefined || "error" in (during as object)).toBe(true);
    expect(await two.transmit(GET_UID)).toMatch(/9000$/);
  });

  test.each([
    ["at once", []],
    ["without immediate acknowledgement", ["5000", "plain"]],
  ])("responses and commands of every length, %s", async (_, args) => {
    await echoCard(...args);
    const one = client();
    await one.connect();
    expect(await one.transmit(SELECT_ECHO)).toBe("9000");
    for (const total of [2, 3, 255, 256, 257, 258, 259, 4096, 65_000]) {
      const p1p2 = (total - 2).toString(16).padStart(4, "0");
      // Le: the short form where that is enough, else extended.
      const apdu = total <= 258 ? `8010${p1p2}00` : `8010${p1p2}000000`;
      expect(await one.ask({ do: "length", apdu })).toEqual({ length: total, counts: true, end: "9000" });
    }
    for (const length of [1, 255, 256, 4096, 60_000, 65_500])
      expect(await one.ask({ do: "echo", length })).toEqual({ same: true });
    expect(await one.transmit("80100000")).toBe("9000"); // four bytes
  });
});

describe.skipIf(missing("pcsc"))("taken away and placed", () => {
  const TIMES = 50;
  afterEach(() => pcscd?.close());

  test(`${TIMES} times: pcscd counts every one`, async () => {
    pcscd = await startPcscd();
    const band = await emulate(pcscd, "band-s1");
    const one = pcscClient(pcscd);
    // The band tells what the driver asked it; pcscd has counted a change only when it tells a client of it.
    await one.wait(true);
    for (let i = 0; i < TIMES; i++) {
      band.press("r");
      await band.next("removed");
      await one.wait(false);
      band.press("p");
      await band.next("placed");
      await one.wait(true);
    }
    band.press("r");
    await band.next("removed");
    // pcscd's own count of insertions and removals.
    const { events } = await one.wait(false);
    band.press("q");
    await band.next("stopped");
    expect(events).toBe(1 + 2 * TIMES + 1);

    await emulate(pcscd, "band-s1");
    await one.wait(true);
    expect(await one.connect()).toEqual({ atr: ATR });
    expect(await one.transmit(SELECT_PPSE)).toMatch(/9000$/);
    await one.close();
  }, 180_000);
});
