import { describe, expect, test } from "vitest";
import { openBench } from "../../../src/bench/bench.js";
import type { TapReport } from "../../../src/bench/tap-report.js";

/*
 * Every device with the cards that fit it, at every terminal: what each payment comes to, and why. Limits stand in the terminals' profiles: shop,
 * supermarket and vending want a verified holder above 50.00 (vending 25.00); supermarket approves offline up to 25.00, transit up to 20.00.
 */

type Row = readonly [terminal: string, amount: bigint, outcome: string];

const told = ({ outcome, kernelOutcome, cryptogram, issuer, oda, details }: TapReport): string => {
  const error = "error" in kernelOutcome ? kernelOutcome.error?.l2 : undefined;
  const reason = issuer && !issuer.approved ? issuer.reason : undefined;
  const parts = [outcome, cryptogram?.type, oda === "none" ? undefined : oda, details.cvm, error, reason];
  return parts.filter((part) => part !== undefined && part !== "none").join(" ");
};

/** The issuer keeps its accounts in euro. */
const ABROAD = "declined ARQC cda currency-not-supported";
const OVER = "not-completed max-limit-exceeded";

const CREDIT: readonly Row[] = [
  ["shop", 1_000n, "approved ARQC cda"],
  ["shop", 5_000n, "approved ARQC cda"],
  ["shop", 5_001n, "approved ARQC cda cdcvm"],
  ["shop", 100_000n, "approved ARQC cda cdcvm"],
  ["shop", 100_001n, OVER],
  ["shop-us", 1_000n, ABROAD],
  // the card wants to go online for every payment
  ["supermarket", 1_000n, "approved ARQC cda"],
  ["supermarket", 5_001n, "approved ARQC cda cdcvm"],
  ["transit", 1_000n, "approved ARQC cda"],
  ["transit", 5_000n, "approved ARQC cda"],
  ["transit", 5_001n, OVER],
  ["vending", 2_500n, "approved ARQC cda"],
  ["vending", 2_501n, "approved ARQC cda cdcvm"],
  ["vending", 10_000n, "approved ARQC cda cdcvm"],
  ["vending", 10_001n, OVER],
];

const OFFLINE: readonly Row[] = [
  ["shop", 1_000n, "approved ARQC cda"],
  ["shop", 6_000n, "approved ARQC cda cdcvm"],
  ["shop", 10_001n, "declined ARQC cda cdcvm limit-exceeded"],
  ["shop-us", 1_000n, ABROAD],
  ["supermarket", 2_500n, "approved TC cda"],
  ["supermarket", 2_501n, "approved ARQC cda"],
  ["transit", 2_000n, "approved TC cda"],
  ["transit", 2_001n, "approved ARQC cda"],
  ["transit", 2_000n, "approved TC cda"],
  // the fourth offline payment in a row: the card asks for its issuer
  ["transit", 2_000n, "approved ARQC cda"],
  ["vending", 1_000n, "approved ARQC cda"],
  // its account held 150.00
  ["vending", 499n, "declined ARQC cda insufficient-funds"],
  ["vending", 498n, "approved ARQC cda"],
];

const ONLINE: readonly Row[] = [
  ["shop", 1_000n, "approved ARQC"],
  ["shop", 5_001n, "approved ARQC cdcvm"],
  ["shop-us", 1_000n, "declined ARQC currency-not-supported"],
  ["supermarket", 1_000n, "approved ARQC"],
  // the gate declines what it cannot authenticate
  ["transit", 1_000n, "declined AAC"],
  ["vending", 1_000n, "approved ARQC"],
];

/** No verification on the device: above the limit a PIN is asked for, and the bench has nobody to enter one. */
const RING: readonly Row[] = [
  ["shop", 5_000n, "approved ARQC cda"],
  ["shop", 5_001n, "declined ARQC cda online-pin pin-missing"],
  ["shop", 50_001n, OVER],
  ["shop-us", 1_000n, ABROAD],
  ["supermarket", 1_000n, "approved ARQC cda"],
  ["supermarket", 5_001n, "declined ARQC cda online-pin pin-missing"],
  ["transit", 1_000n, "approved ARQC cda"],
  ["transit", 5_001n, OVER],
  ["vending", 2_500n, "approved ARQC cda"],
  ["vending", 2_501n, OVER],
];

/** A card that promises verification, in a device that cannot do it: below the limit it pays, above it the card itself says no. */
const MISFIT: readonly Row[] = [
  ["shop", 5_000n, "approved ARQC cda"],
  ["shop", 5_001n, "declined AAC cda cdcvm"],
  ["vending", 2_501n, "declined AAC cda cdcvm"],
  ["transit", 5_000n, "approved ARQC cda"],
];
/** Without offline data authentication, the card leaves that judgement to its issuer. */
const MISFIT_ONLINE: readonly Row[] = [
  ["shop", 5_000n, "approved ARQC"],
  ["shop", 5_001n, "declined ARQC cdcvm cdcvm-not-verified"],
];

const DEVICES: readonly (readonly [device: string, card: string, rows: readonly Row[]])[] = [
  ...["band-s1", "watch-w1", "phone-p1"].flatMap((device) => [
    [device, "k2-credit", CREDIT] as const,
    [device, "k2-offline", OFFLINE] as const,
    [device, "k2-online", ONLINE] as const,
  ]),
  ["ring-r1", "k2-ring", RING],
  ["ring-r1", "k2-credit", MISFIT],
  ["ring-r1", "k2-online", MISFIT_ONLINE],
];

describe.each(DEVICES)("%s with %s", (deviceName, card, rows) => {
  test("at every terminal", async () => {
    const bench = await openBench({ seed: "matrix" });
    const device = await bench.open(`emu:${deviceName}`);
    const { maskedPan } = await bench.provision(device, card);
    const seen: Row[] = [];
    const counters: number[] = [];
    let held = 0n;
    for (const [terminal, amount] of rows) {
      const report = await bench.tap(device, { terminal, amount });
      seen.push([terminal, amount, told(report)]);
      if (report.details.atc !== undefined) counters.push(report.details.atc);
      if (report.issuer?.approved) held += amount;
      if (report.details.maskedPan !== undefined) expect(report.details.maskedPan).toBe(maskedPan);
      expect(report.total).toBeGreaterThanOrEqual(report.leastAir);
      expect(report.air).toBeLessThan(report.total);
    }
    expect(seen).toEqual(rows);
    expect(bench.issuer.ledger.accounts()).toMatchObject([{ held }]);
    expect(counters).toEqual([...new Set(counters)].toSorted((a, b) => a - b));
  });
});
