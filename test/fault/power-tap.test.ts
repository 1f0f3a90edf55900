import { describe, expect, test } from "vitest";
import { openBench } from "../../src/bench/bench.js";
import { hex, unhex } from "../../src/util/bytes.js";
import { isTapbenchError } from "../../src/util/errors.js";

/* Power cuts in taps and in provisioning, through the bench. */

describe("a power cut in a tap", () => {
  test("at each memory operation of GET PROCESSING OPTIONS: try again, and the next tap pays with a higher counter", async () => {
    const bench = await openBench({ seed: "power" });
    const device = await bench.open("emu:band-s1");
    await bench.provision(device, "k2-credit");
    const request = { amount: 1_000n, terminal: "shop" };
    const { nvm } = device.emulated.element;
    const before = nvm.operations;
    expect((await bench.tap(device, request)).outcome).toBe("approved");
    const operations = nvm.operations - before;
    expect(operations).toBeGreaterThanOrEqual(1);

    let approved = 1n;
    let last = 1;
    for (let operation = 1; operation <= operations; operation++)
      for (const kept of ["", ":1", ":2", ":3", ":4"]) {
        const fault = `power-cut:${operation}${kept}@in:gpo`;
        const cut = await bench.tap(device, { ...request, faults: [fault] });
        expect([cut.outcome, cut.kernelOutcome.kind, cut.apdus, cut.faults]).toEqual([
          "try-again",
          "end-application",
          2,
          [{ fault, struck: true }],
        ]);
        expect(cut.details.atc).toBeUndefined();
        const next = await bench.tap(device, request);
        expect(next.outcome).toBe("approved");
        expect(next.details.atc).toBeGreaterThan(last);
        expect(next.details.atc).toBeLessThanOrEqual(last + 2);
        last = next.details.atc!;
        approved++;
      }
    expect(bench.issuer.ledger.accounts()[0]!.held).toBe(approved * 1_000n);
  });

  test("at each memory operation of an offline approval: never approved, and the counters move on", async () => {
    const bench = await openBench({ seed: "power" });
    const device = await bench.open("emu:band-s1");
    await bench.provision(device, "k2-offline");
    const request = { amount: 1_200n, terminal: "supermarket" };
    const fresh = device.emulated.snapshot();
    const operationsOf = (): number => device.emulated.element.nvm.operations;
    const first = operationsOf();
    const good = await bench.tap(device, request);
    expect([good.outcome, good.cryptogram?.type]).toEqual(["approved", "TC"]);
    const operations = operationsOf() - first;
    expect(operations).toBeGreaterThanOrEqual(5); // ATC; amount, count, journal, directory, which may lie on two pages

    let struck = 0;
    for (let operation = 1; operation <= operations; operation++)
      for (const kept of ["", ":3"]) {
        device.emulated.restore(fresh);
        const cut = await bench.tap(device, { ...request, faults: [`power-cut:${operation}${kept}@in:generate-ac`] });
        if (cut.faults[0]?.struck === false) {
          expect(cut.outcome).toBe("approved"); // so many operations did not come
          continue;
        }
        struck++;
        expect([cut.outcome, cut.kernelOutcome.kind, cut.apdus]).toEqual(["try-again", "end-application", 8]);
        const next = await bench.tap(device, request);
        expect([next.outcome, next.cryptogram?.type, next.details.atc]).toEqual(["approved", "TC", 2]);
      }
    expect(struck).toBe(2 * (operations - 1)); // the ATC was written before
    expect(bench.issuer.ledger.holds()).toEqual([]);
  });

  test("planned where nothing is written does not strike", async () => {
    const bench = await openBench({ seed: "power" });
    const device = await bench.open("emu:band-s1");
    await bench.provision(device, "k2-online");
    const report = await bench.tap(device, { amount: 1_000n, terminal: "shop", faults: ["power-cut@in:read-record"] });
    expect([report.outcome, report.faults]).toEqual([
      "approved",
      [{ fault: "power-cut@in:read-record", struck: false }],
    ]);
    expect((await bench.tap(device, { amount: 1_000n, terminal: "shop" })).outcome).toBe("approved");
  });
});

describe("a power cut in provisioning", () => {
  test("an empty device: no card, a token that is worth nothing, and the next try is whole", async () => {
    const bench = await openBench({ seed: "power" });
    const device = await bench.open("emu:band-s1");
    const { element } = device.emulated;
    const request = { amount: 1_000n, terminal: "shop" };
    let cuts = 0;
    const ends = new Set<string>();
    for (let operation = 1; ; operation++) {
      element.nvm.planCut({ inside: operation, kept: 5 });
      let lost = false;
      try {
        await bench.provision(device, "k2-online");
      } catch (error) {
        expect(isTapbenchError(error, "emulator/power-lost")).toBe(true);
        lost = true;
      }
      if (!lost) break;
      cuts++;
      const report = await bench.tap(device, request);
      const { outcome, kernelOutcome, issuer } = report;
      const l2 = "error" in kernelOutcome ? kernelOutcome.error?.l2 : undefined;
      ends.add([outcome, l2, issuer?.reason].join(" "));
    }
    element.nvm.planCut(undefined);
    expect(cuts).toBeGreaterThanOrEqual(5);
    // a cut behind the directory's last commit leaves a whole card, whose token was never activated
    expect(ends).toEqual(new Set(["not-completed no-ppse ", "declined  token-inactive"]));
    const report = await bench.tap(device, request);
    expect([report.outcome, report.issuer?.reason]).toEqual(["approved", "approved"]);
    const accounts = bench.issuer.ledger.accounts();
    expect(accounts).toHaveLength(cuts + 1);
    expect(accounts.map(({ held }) => held)).toEqual([...Array<bigint>(cuts).fill(0n), 1_000n]);
  });

  test("over another card of the same AID: a card that pays or is refused for a reason, and one directory entry in the end", async () => {
    const bench = await openBench({ seed: "power" });
    const device = await bench.open("emu:band-s1");
    await bench.provision(device, "k2-online");
    const { element } = device.emulated;
    const request = { amount: 1_000n, terminal: "shop" };
    const reasons: string[] = [];
    for (let operation = 1; operation < 400; operation += 3) {
      element.nvm.planCut({ before: operation });
      try {
        await bench.provision(device, "k2-online");
        break;
      } catch (error) {
        expect(isTapbenchError(error, "emulator/power-lost")).toBe(true);
      }
      reasons.push((await bench.tap(device, request)).issuer!.reason);
    }
    element.nvm.planCut(undefined);
    // the old card still pays; where the new one was in before its directory, its token was never activated
    expect(new Set(reasons)).toEqual(new Set(["approved", "token-inactive"]));
    expect((await bench.tap(device, request)).outcome).toBe("approved");
    const directory = hex(element.process(unhex("00A404000E325041592E5359532E444446303100"), "wired")!.response);
    expect(directory.match(/4F07A0000000041010/g)).toHaveLength(1);
  });
});
