import type { TerminalProfile } from "../../../src/profiles/types.js";
import { unhex } from "../../../src/util/bytes.js";

/** A small terminal, as a profile would load. */
export const PROFILE: TerminalProfile = {
  name: "test",
  title: "A terminal of the tests",
  synthetic: true,
  sources: [],
  country: "056",
  currency: { code: "EUR", numeric: "978", exponent: 2 },
  zoneMinutes: 60,
  type: 0x22,
  merchant: { name: "Test Merchant", id: "M1", categoryCode: "5411", terminalId: "T0000001" },
  data: new Map(),
  kernels: [
    {
      kernel: "c2",
      aids: [unhex("A000000004"), unhex("B012345678")],
      limits: { floor: 2_500n, transaction: 50_000n, transactionOnDevice: 100_000n, cvmRequired: 5_000n },
      tac: { default: unhex("F45084800C"), denial: unhex("0000000000"), online: unhex("F45084800C") },
      data: new Map(),
      randomSelection: { target: 10, maxTarget: 40, threshold: 1_000n },
    },
  ],
  caKeys: ["test"],
  reader: { maxRate: 1, fsdi: 8, retries: 2, frameDelay: 0 },
};

/** 15 January 2026, half past eleven at night in UTC: the 16th on the terminal's clock. */
export const AT = new Date("2026-01-15T23:30:05Z");
