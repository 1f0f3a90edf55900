import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openBench } from "../../../src/bench/bench.js";
import type { ReaderEvent } from "../../../src/bench/pcsc.js";
import { compareAccounts } from "../../../src/inspect/diff/compare.js";
import { accountOf } from "../../../src/inspect/diff/read-account.js";
import { contactlessExchanges } from "../../../src/inspect/exchanges.js";
import { traceHeader } from "../../../src/trace/header.js";
import { memoryTrace } from "../../../src/trace/memory.js";
import { nativePcsc } from "../../../src/transport/pcsc/native-driver.js";
import { encodeCommand } from "../../../src/protocols/iso7816/apdu.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { SECOND } from "../../../src/util/time.js";
import { core } from "../../conformance/core.js";
import { benchOnPcscd, SHOP, type BenchOnPcscd } from "../../support/bench-on-pcscd.js";
import { SELECT_ECHO } from "../../support/echo-applet.js";
import { emulate, emulationOf, type Emulation } from "../../support/emulation.js";
import { pcscClient, READER } from "../../support/pcsc-client.js";
import { startPcscd, type Pcscd } from "../../support/pcscd.js";
import { missing } from "../../support/wires.js";

/*
 * The host pays with an emulated band that is another program behind pcscd, and comes through whatever happens to card, reader and service.
 */
const SEED = "7";
const SELECT_PPSE = unhex("00A404000E325041592E5359532E444446303100");
/** Commands of a CDA tap with k2-credit: SELECT twice, GPO, five records, GENERATE AC. */
const COMMANDS = 9;
/** `npm run soak` does ten times as many. */
const ROUNDS = 50 * Number(process.env["TAPBENCH_SOAK"] ?? 1);
const PATIENCE = { within: 10 * SECOND };

describe.skipIf(missing("pcsc") ?? missing("nfc-pcsc"))("a band on pcscd's virtual reader", () => {
  let pcscd: Pcscd;
  let band: Emulation;
  let on: BenchOnPcscd;
  /** The counter only ever goes up. */
  let lastAtc = 0;

  beforeAll(async () => {
    pcscd = await startPcscd();
    band = await emulate(pcscd, "band-s1", "--seed", SEED);
    on = await benchOnPcscd(pcscd, SEED);
  });
  afterAll(async () => {
    await on?.device.close();
    await pcscd?.close();
  });
  afterEach(() => {
    delete on.meddler.before;
    delete on.meddler.after;
  });

  const tap = (): ReturnType<typeof on.bench.tapCard> => {
    on.meddler.count = 0;
    on.trace.clear();
    return on.bench.tapCard(on.device, SHOP);
  };

  async function expectGoodTap(): Promise<void> {
    const report = await tap();
    expect([report.outcome, report.oda, report.odaStatus, report.apdus]).toEqual([
      "online-request",
      "cda",
      "ok",
      COMMANDS,
    ]);
    expect(report.details.atc).toBeGreaterThan(lastAtc);
    lastAtc = report.details.atc!;
  }

  test("a tap sends and gets what the same seed does on the emulator, byte for byte", async () => {
    await expectGoodTap();
    expect(lastAtc).toBe(1);
    const trace = memoryTrace();
    const bench = await openBench({ seed: SEED, tracer: trace });
    const device = await bench.open("emu:band-s1");
    await bench.provision(device, "k2-credit");
    await bench.tap(device, SHOP);
    const told = (records: typeof trace.records) =>
      contactlessExchanges(records).map(({ command, response }) => [hex(command), hex(response)]);
    expect(told(on.trace.records)).toEqual(told(trace.records));
    const rules = (records: typeof trace.records) =>
      records.flatMap((record) => ("rule" in record && !/^(issuer|wallet)/.test(record.layer) ? [record.rule] : []));
    expect(rules(on.trace.records)).toEqual(rules(trace.records));
    const identity = { seed: SEED, profile: "", configuration: "" };
    const observed = { times: "measured", frames: false } as const;
    const compared = compareAccounts(
      accountOf({ header: traceHeader(identity, false), records: trace.records }),
      accountOf({ header: traceHeader({ ...identity, observed }, false), records: on.trace.records }),
    );
    expect(compared.differences.map((difference) => difference.says)).toEqual([]);
    expect(compared.notes).toContain("issuer: only asked in a");
  });

  test("what cannot be seen is not told: no frames, no computing, no issuer", async () => {
    const report = await tap();
    lastAtc = report.details.atc!;
    expect(report.issuer).toBeUndefined();
    expect(report.cryptogram).toEqual({ type: "ARQC", verified: undefined });
    expect(on.trace.records.filter(({ layer }) => layer === "frame" || layer === "field")).toEqual([]);
    expect(on.trace.records.filter((record) => "compute" in record)).toEqual([]);
  });

  describe("the conformance script", () => {
    const card = {
      name: "pcsc",
      transmit: async (apdu: Uint8Array) => (await on.device.card.apdu(apdu, PATIENCE)).answer,
      reset: async () => void (await on.device.card.activate(PATIENCE)),
    };
    beforeAll(() => card.reset());
    test.each(core)("$name", async (one) => {
      await expect(one.run(card)).resolves.toBeUndefined();
    });
  });

  describe("the band is taken away", () => {
    test.each(Array.from({ length: COMMANDS }, (_, i) => i + 1))("after command %i", async (last) => {
      on.meddler.after = async (count) => {
        if (count !== last) return;
        band.press("r");
        await band.next("removed");
      };
      const report = await tap();
      if (last < COMMANDS) expect(report.outcome).not.toBe("online-request");
      else lastAtc = report.details.atc!; // the terminal had all it wanted
      expect(report.apdus).toBe(last);
      delete on.meddler.after;
      band.press("p");
      await expectGoodTap();
    });

    test("while a command is on its way", async () => {
      on.meddler.before = (count) => {
        if (count === 4) band.press("r");
      };
      const report = await tap();
      // Whoever is faster: the tap is whole, or it broke off.
      if (report.outcome === "online-request") lastAtc = report.details.atc!;
      await on.device.card.release(PATIENCE);
      delete on.meddler.before;
      await band.next("removed");
      band.press("p");
      await expectGoodTap();
    });
  });

  test("pcscd is killed in the middle of a tap, and comes back", async () => {
    on.meddler.after = async (count) => {
      if (count === 4) await pcscd.kill();
    };
    await expect(tap()).rejects.toMatchObject({
      code: expect.stringMatching(/^transport\/(service-lost|no-service)$/) as string,
    });
    await expect(tap()).rejects.toMatchObject({ code: "transport/no-service" });
    delete on.meddler.after;
    await pcscd.start();
    await expectGoodTap();
  });

  test("pcscd hangs in the middle of a command: the deadline holds, and all is well afterwards", async () => {
    await on.device.card.activate(PATIENCE);
    const pid = parseInt(await readFile(join(dirname(pcscd.socket), "pcscd.pid"), "utf8"), 10);
    process.kill(pid, "SIGSTOP");
    const begin = performance.now();
    try {
      await expect(on.device.card.apdu(SELECT_PPSE, { within: SECOND })).rejects.toMatchObject({
        code: "transport/time-out",
      });
      expect(performance.now() - begin).toBeLessThan(3000);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await expectGoodTap();
  });

  test("somebody gives up in the middle of a command: the signal's reason, and all is well afterwards", async () => {
    const stop = new AbortController();
    on.meddler.before = (count) => {
      if (count === 5) stop.abort(new Error("enough"));
    };
    on.meddler.count = 0;
    await expect(on.bench.tapCard(on.device, SHOP, stop.signal)).rejects.toThrow("enough");
    delete on.meddler.before;
    await expectGoodTap();
  });

  test("two programs on one reader: sharing works, keeping it to oneself is told to the other", async () => {
    const other = pcscClient(pcscd);
    await other.connect();
    await expectGoodTap();
    const alone = await benchOnPcscd(pcscd, SEED, "pcsc:00 00?share=exclusive");
    try {
      await expect(alone.bench.tapCard(alone.device, SHOP)).rejects.toMatchObject({ code: "transport/busy" });
      await other.close();
      await on.device.card.release(PATIENCE);
      const report = await alone.bench.tapCard(alone.device, SHOP);
      expect(report.outcome).toBe("online-request");
      lastAtc = report.details.atc!;
      await alone.device.card.connect(PATIENCE);
      await expect(tap()).rejects.toMatchObject({ code: "transport/busy" });
    } finally {
      await alone.device.close();
      await other.close();
    }
    await expectGoodTap();
  });

  test("readers are listed with what lies on them", async () => {
    await on.device.card.release(PATIENCE);
    const readers = await on.bench.listReaders();
    expect(readers.map(({ name, holds, model }) => [name, holds, model])).toEqual([
      [READER, "card", "vpcd, the virtual reader of pcscd"],
      ["Virtual PCD 00 01", "nothing", "vpcd, the virtual reader of pcscd"],
    ]);
    const [{ card } = {}] = readers;
    expect(hex(card!.atr)).toBe("3B84800131C173C84E");
    // A random UID has four bytes and begins with 08 (ISO/IEC 14443-3 6.5.4); the ATS's historical bytes are the profile's.
    expect(hex(card!.uid!)).toMatch(/^08.{6}$/);
    expect(hex(card!.ats!)).toBe("31C173C8");
  });

  test(
    `soak: ${ROUNDS} times on and off the reader; each is seen, in order, and the band still pays`,
    { timeout: ROUNDS * 4000 },
    async () => {
      await on.device.card.release(PATIENCE);
      const stop = new AbortController();
      const seen: ReaderEvent[] = [];
      let wake = (): void => {};
      const watching = on.bench.watchReaders((event) => {
        if ("reader" in event && event.reader === READER && event.event !== "attached") seen.push(event);
        wake();
      }, stop.signal);
      const count = async (length: number): Promise<void> => {
        while (seen.length < length) await new Promise<void>((resolve) => (wake = resolve));
      };
      await count(1);
      for (let i = 0; i < ROUNDS; i++) {
        band.press("r");
        await count(2 * i + 2);
        band.press("p");
        await count(2 * i + 3);
      }
      stop.abort();
      await watching;
      const order = ["placed", ...Array.from({ length: ROUNDS }, () => ["removed", "placed"]).flat()];
      expect(seen.map(({ event }) => event)).toEqual(order);
      await expectGoodTap();
    },
  );

  test("the emulator is killed in the middle of a tap, and another band takes its place", async () => {
    on.meddler.after = async (count) => {
      if (count === 6) await band.stop("SIGKILL");
    };
    const report = await tap();
    expect(report.outcome).not.toBe("online-request");
    delete on.meddler.after;
    band = await emulate(pcscd, "band-s1", "--seed", SEED);
    lastAtc = 0; // a new band counts anew
    await expectGoodTap();
  });
});

describe.skipIf(missing("pcsc") ?? missing("nfc-pcsc"))("lengths", () => {
  let pcscd: Pcscd;
  let on: BenchOnPcscd;
  beforeAll(async () => {
    pcscd = await startPcscd();
    await emulationOf(pcscd.spawn(process.execPath, ["--import", "tsx", "test/support/echo-card.ts"])).next("ready");
    on = await benchOnPcscd(pcscd, "lengths");
    await on.device.card.activate(PATIENCE);
    await on.device.card.apdu(unhex(SELECT_ECHO), PATIENCE);
  });
  afterAll(async () => {
    await on?.device.close();
    await pcscd?.close();
  });

  /** `80 10 P1 P2`, Le 256 or extended: the echo applet answers that many bytes, which count up. */
  test.each([0, 253, 254, 255, 256])("a response of %i bytes and a status word", async (length) => {
    const { answer } = await on.device.card.apdu(Uint8Array.of(0x80, 0x10, length >> 8, length & 0xff, 0), PATIENCE);
    expect(hex(answer)).toBe(`${counting(length)}9000`);
  });
  test.each([257, 4096, 65_000])("an extended response of %i bytes and a status word", async (length) => {
    const command = Uint8Array.of(0x80, 0x10, length >> 8, length & 0xff, 0, 0, 0);
    const { answer } = await on.device.card.apdu(command, PATIENCE);
    expect(hex(answer) === `${counting(length)}9000`).toBe(true);
  });
  /** `80 12`: its own data come back. 65,000 and not 65,535: pcscd's buffer holds both, vpcd's u16 length the answer. */
  test.each([1, 255, 256, 4096, 65_000])("a command of %i bytes of data", async (length) => {
    const data = Uint8Array.from({ length }, (_, i) => i);
    const command = encodeCommand({ cla: 0x80, ins: 0x12, p1: 0, p2: 0, data, le: length > 255 ? 65_536 : 256 });
    const { answer } = await on.device.card.apdu(command, PATIENCE);
    expect(hex(answer) === `${counting(length)}9000`).toBe(true);
  });
  test("a command that is never answered: the deadline holds, and the reader is well afterwards", async () => {
    const begin = performance.now();
    await expect(on.device.card.apdu(unhex("9000000000"), { within: SECOND })).rejects.toMatchObject({
      code: "transport/time-out",
    });
    expect(performance.now() - begin).toBeLessThan(3000);
    // pcscd waits for the card's own watchdog (5 s) before it serves anybody again.
    await on.device.card.activate({ within: 20 * SECOND });
    const { answer } = await on.device.card.apdu(unhex(SELECT_ECHO), PATIENCE);
    expect(hex(answer)).toBe("9000");
  });
});

const counting = (length: number): string => hex(Uint8Array.from({ length }, (_, i) => i));

describe.skipIf(missing("nfc-pcsc"))("no pcscd", () => {
  test("is said at once, and nothing hangs", async () => {
    const bench = await openBench({ pcsc: nativePcsc({ socket: "/nowhere/pcscd.comm" }) });
    await expect(bench.listReaders()).rejects.toMatchObject({ code: "transport/no-service" });
    await expect(bench.open("pcsc:")).rejects.toMatchObject({ code: "transport/no-service" });
  });
});
