import { describe, expect, test } from "vitest";
import { openBench } from "../../../src/bench/bench.js";
import { enterPin, type PinEntry } from "../../../src/emv/offline-pin.js";
import type { UpdateReport, UpdateWishes } from "../../../src/issuer/update.js";
import type { CardAsking } from "../../../src/protocols/iso7816/poller.js";
import { exchange } from "../../../src/protocols/iso7816/poller.js";
import { loadProfile } from "../../../src/profiles/load.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { isTapbenchError } from "../../../src/util/errors.js";
import { answerWith } from "../../../src/util/dialogue.js";

/* An issuer's orders, carried to the secure element of an emulated band over its wired interface, and what the next taps make of them. */

const AT = new Date("2026-06-15T10:00:00Z");
const CARD = "A0000000041010";

async function band(card = "k2-pin") {
  const taps: string[] = [];
  const bench = await openBench({
    seed: "update",
    tracer: { record: (record) => record.layer === "apdu" && taps.push(hex(record.response)) },
  });
  const device = await bench.open("emu:band-s1");
  const issued: Parameters<typeof bench.issuer.update>[0][] = [];
  const issue = bench.issuer.issue.bind(bench.issuer);
  bench.issuer.issue = (...given) => {
    const made = issue(...given);
    issued.push(made);
    return made;
  };
  await bench.provision(device, card);
  const wire: string[] = [];
  const wired = (apdu: string): string => {
    const response = hex(device.emulated.wired(unhex(apdu)).response);
    wire.push(apdu, response);
    return response;
  };
  const carry = <R>(dialogue: CardAsking<R>): R =>
    answerWith(dialogue, (command) =>
      answerWith(exchange(command), (bytes) => {
        const response = wired(hex(bytes));
        return { answer: unhex(response), took: 0 };
      }),
    );
  const update = (wishes: UpdateWishes): UpdateReport => carry(bench.issuer.update(issued[0]!, wishes, AT));
  const select = (): string => wired(`00A4040007${CARD}00`);
  /** What is selected over the wire is let go, so that the air can have it. */
  const pay = (amount: bigint) => {
    wired("00A4040000");
    return bench.tap(device, { amount, terminal: "supermarket" });
  };
  const verify = (pin: string): string => wired(`00200080082${pin.length.toString(16)}${pin.padEnd(14, "F")}`);
  const enter = (pin: string): PinEntry => carry(enterPin(pin));
  /** CVR of the last cryptogram. */
  const cvr = (): string | undefined => /9F1012.{4}(.{12})/.exec(taps.findLast((it) => it.includes("9F1012"))!)?.[1];
  return { enter, cvr, bench, device, card: issued[0]!, update, wired, wire, select, pay, verify };
}

describe("an update", () => {
  test("resets the offline counters, so that offline payments go on", async () => {
    const { pay, update, select, wired } = await band();
    const types = async (times: number): Promise<(string | undefined)[]> => {
      const found: (string | undefined)[] = [];
      for (let i = 0; i < times; i++) found.push((await pay(1_000n)).cryptogram?.type);
      return found;
    };
    // lower limit 3: the fourth in a row wants to go online
    expect(await types(5)).toEqual(["TC", "TC", "TC", "ARQC", "ARQC"]);
    const report = update({ resetCounters: true });
    expect(report).toMatchObject({ atc: 6, wasBlocked: false, answerTaken: true, steps: [], complete: true });
    select();
    expect(wired("80CA9F1300")).toBe("9F130200069000"); // last online ATC
    expect(await types(4)).toEqual(["TC", "TC", "TC", "ARQC"]);
  });

  test("without that wish leaves them", async () => {
    const { pay, update } = await band();
    for (let i = 0; i < 3; i++) await pay(1_000n);
    expect(update({})).toMatchObject({ answerTaken: true, complete: true });
    expect((await pay(1_000n)).cryptogram?.type).toBe("ARQC");
  });

  test("a wallet hears how a PIN entry ended", async () => {
    const { select, enter, bench, card, update } = await band();
    const wrong = bench.issuer.pin(card) === "9999" ? "8888" : "9999";
    select();
    expect([enter(bench.issuer.pin(card)!), ...[1, 2, 3, 4].map(() => enter(wrong))]).toEqual([
      { kind: "verified" },
      { kind: "wrong", triesLeft: 2 },
      { kind: "wrong", triesLeft: 1 },
      { kind: "wrong", triesLeft: 0 },
      { kind: "blocked" },
    ]);
    expect(update({ orders: [{ kind: "block" }] }).complete).toBe(true);
    select();
    expect(enter(wrong)).toEqual({ kind: "refused", sw: 0x6985 });
    expect(() => enter("123")).toThrow(expect.objectContaining({ code: "emv/bad-pin" }));
  });

  test("changes the limits: a card that may do one offline, and then none", async () => {
    const { pay, update, wired, select } = await band();
    const report = update({
      orders: [
        { kind: "lower-limit", value: 1 },
        { kind: "upper-limit", value: 2 },
      ],
    });
    expect(report.steps).toEqual([
      { says: "lower limit of offline transactions: 1", sw: 0x9000 },
      { says: "upper limit of offline transactions: 2", sw: 0x9000 },
    ]);
    select();
    expect([wired("80CA9F1400"), wired("80CA9F2300")]).toEqual(["9F1401019000", "9F2301029000"]);
    expect([(await pay(1_000n)).cryptogram?.type, (await pay(1_000n)).cryptogram?.type]).toEqual(["TC", "ARQC"]);
  });

  test("blocks the application, and takes that back", async () => {
    const { pay, update, select } = await band();
    expect(update({ orders: [{ kind: "block" }] }).complete).toBe(true);
    expect(select().slice(-4)).toBe("6283");
    const blocked = await pay(1_000n);
    expect(blocked.outcome).not.toBe("approved");
    expect(blocked.cryptogram).toBeUndefined();
    const back = update({ orders: [{ kind: "unblock" }], resetCounters: true });
    expect(back).toMatchObject({ wasBlocked: true, answerTaken: false, complete: false, steps: [{ sw: 0x9000 }] });
    expect(select().slice(-4)).toBe("9000");
    expect((await pay(1_000n)).outcome).toBe("approved");
    expect(update({ resetCounters: true }).complete).toBe(true);
  });

  test("blocks the card for good", async () => {
    const { pay, update, select } = await band();
    expect(update({ orders: [{ kind: "block-card" }, { kind: "unblock" }] })).toMatchObject({
      complete: false,
      steps: [{ sw: 0x9000 }, { sw: 0x6985 }],
    });
    expect(select()).toBe("6A81");
    expect(() => update({ orders: [{ kind: "unblock" }] })).toThrow(
      expect.objectContaining({ code: "issuer/update-refused", context: { sw: "6A81", command: "SELECT" } }),
    );
    expect((await pay(1_000n)).outcome).not.toBe("approved");
  });

  test("gives PIN tries back, and changes the PIN without showing it", async () => {
    const { update, select, verify, wired, bench, card, wire } = await band();
    const pin = bench.issuer.pin(card)!;
    expect(pin).toMatch(/^[0-9]{4}$/);
    const wrong = pin === "9999" ? "8888" : "9999";
    select();
    expect([wired("80CA9F1700"), verify(pin), verify(wrong), verify(wrong), verify(wrong), verify(pin)]).toEqual([
      "9F1701039000",
      "9000",
      "63C2",
      "63C1",
      "63C0",
      "6983",
    ]);
    wire.length = 0;
    expect(update({ orders: [{ kind: "unblock-pin" }] })).toMatchObject({
      complete: true,
      cvr: { counters: { pinTries: 0 }, pin: { pinTriesExceeded: 1 } },
    });
    select();
    expect(verify(pin)).toBe("9000");
    wire.length = 0;
    expect(update({ orders: [{ kind: "change-pin", pin: "271828182845" }] }).complete).toBe(true);
    expect(wire.join(" ")).not.toContain("2718");
    expect(bench.issuer.pin(card)).toBe("271828182845");
    select();
    expect([verify(pin), verify("271828182845"), wired("80CA9F1700")]).toEqual(["63C2", "9000", "9F1701039000"]);
  });

  test("whose last answer was lost: the next one hears that it was carried out", async () => {
    const { device, bench, card, update, wired } = await band();
    let answers = 0;
    expect(() =>
      answerWith(bench.issuer.update(card, { orders: [{ kind: "unblock-pin" }, { kind: "block" }] }, AT), (command) =>
        answerWith(exchange(command), (apdu) => {
          const response = unhex(wired(hex(apdu)));
          if (++answers === 6) throw new Error("the wire broke"); // behind SELECT, GPO, two cryptograms, the first order
          return { answer: response, took: 0 };
        }),
      ),
    ).toThrow("the wire broke");
    device.emulated.element.powerOff("wired");
    const next = update({});
    expect(next).toMatchObject({
      wasBlocked: true,
      cvr: { counters: { scripts: 2 }, limits: { scriptReceived: 1, scriptFailed: 0 } },
    });
  });

  test("with the power cut at each operation: the old PIN or the new one, never neither, and the next update works", async () => {
    const { device, bench, card, update, select, enter } = await band("k2-pin");
    const { nvm } = device.emulated.element;
    let known = bench.issuer.pin(card)!;
    const ends = new Set<string>();
    let cuts = 0;
    for (let operation = 1; ; operation++) {
      const wanted = String(100_000 + operation);
      nvm.planCut(operation % 2 ? { inside: operation, kept: 5 } : { before: operation });
      let lost = false;
      try {
        update({ orders: [{ kind: "change-pin", pin: wanted }], resetCounters: true });
      } catch (error) {
        expect(isTapbenchError(error, "emulator/power-lost")).toBe(true);
        lost = true;
      }
      nvm.planCut(undefined);
      select();
      const taken = enter(wanted).kind === "verified";
      expect(enter(known).kind === "verified").toBe(!taken);
      if (taken) known = wanted;
      expect(enter(known)).toEqual({ kind: "verified" }); // and with it all tries
      if (!lost) break;
      ends.add(taken ? "new" : "old");
      cuts++;
    }
    expect(ends).toEqual(new Set(["old", "new"]));
    expect(cuts).toBeGreaterThanOrEqual(12);
    expect(bench.issuer.pin(card)).toBe(known);
  });

  test("a PIN that was refused is not the issuer's", async () => {
    const { update, bench, card } = await band("k2-online");
    expect(bench.issuer.pin(card)).toBeUndefined();
    expect(update({ orders: [{ kind: "change-pin", pin: "1234" }, { kind: "block" }] })).toMatchObject({
      complete: false,
      steps: [{ sw: 0x6984 }, { says: "block the application" }],
    });
    expect(bench.issuer.pin(card)).toBeUndefined();
  });

  test("a PIN entry is what the next tap sees, and only that one", async () => {
    const { device, pay, select, verify, bench, card, cvr } = await band();
    device.emulated.element.holderVerified = false;
    const seen: (string | undefined)[] = [];
    for (const entered of [undefined, bench.issuer.pin(card)!, undefined]) {
      select();
      if (entered !== undefined) expect(verify(entered)).toBe("9000");
      await pay(1_000n);
      seen.push(cvr());
    }
    // byte 1: 04 PIN checked, 01 it was right; byte 2: 40 CDA, 02 can verify, 01 did; byte 3: tries; byte 4: 20 no PIN checked, 02 domestic
    expect(seen).toEqual(["904203220000", "954303020000", "904203220000"]);
  });

  test("of another card is not proven", async () => {
    const { bench, wired } = await band();
    const other = bench.issuer.issue(await loadProfile("card", "k2-pin"), AT);
    expect(() =>
      answerWith(bench.issuer.update(other, { orders: [{ kind: "block" }] }, AT), (command) =>
        answerWith(exchange(command), (bytes) => ({ answer: unhex(wired(hex(bytes))), took: 0 })),
      ),
    ).toThrow(expect.objectContaining({ code: "issuer/update-unproven" }));
  });

  test("of a card that went back in time is not proven", async () => {
    const { device, update } = await band();
    const before = device.emulated.snapshot();
    expect(update({}).atc).toBe(1);
    device.emulated.restore(before);
    expect(() => update({})).toThrow(expect.objectContaining({ code: "issuer/update-unproven" }));
  });

  test.each([
    [{ kind: "lower-limit", value: 256 }, "issuer/bad-order"],
    [{ kind: "upper-limit", value: -1 }, "issuer/bad-order"],
    [{ kind: "lower-limit", value: 1.5 }, "issuer/bad-order"],
    [{ kind: "change-pin", pin: "123" }, "emv/bad-pin"],
    [{ kind: "update-record", file: 31, record: 1, data: new Uint8Array(2) }, "issuer/bad-order"],
    [{ kind: "update-record", file: 2, record: 0, data: new Uint8Array(2) }, "issuer/bad-order"],
    [{ kind: "update-record", file: 2, record: 1, data: new Uint8Array(248) }, "issuer/bad-order"],
  ] as const)("%o is refused before anything is sent", async (order, code) => {
    const { update, wire } = await band("k2-online");
    expect(() => update({ orders: [order] })).toThrow(expect.objectContaining({ code }));
    expect(wire).toEqual([]);
  });
});
