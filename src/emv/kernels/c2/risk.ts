import type { KernelOutcome } from "../../outcome.js";
import { setBit, TVR } from "./bits.js";
import { selectNext } from "./outcomes.js";
import type { C2 } from "./state.js";

/** Reader contactless transaction limit, with or without on-device CVM (Book C-2 S456.14). */
export function checkTransactionLimit(tap: C2): KernelOutcome | undefined {
  const { amount, limits } = tap.input;
  const limit = tap.onDevice ? limits.transactionOnDevice : limits.transaction;
  const over = amount > limit;
  tap.input.onRule?.({
    rule: "c2.transaction-limit",
    says: over ? "The amount is above the contactless limit." : "The amount is within the contactless limit.",
    data: { amount: String(amount), limit: String(limit), onDevice: tap.onDevice },
  });
  return over
    ? selectNext(tap, { l2: "max-limit-exceeded" }, "The amount is above the reader's contactless transaction limit.")
    : undefined;
}

/** Floor limit (Book C-2 S456.37). */
export function checkFloorLimit(tap: C2): void {
  const { amount, limits } = tap.input;
  const over = amount > limits.floor;
  if (over) setBit(tap.tvr, TVR.floorLimit);
  tap.input.onRule?.({
    rule: "c2.floor-limit",
    says: over ? "The amount is above the floor limit." : "The amount is not above the floor limit.",
    data: { amount: String(amount), limit: String(limits.floor) },
  });
}

/**
 * Random selection for online, biased towards high amounts (EMV 4.3 Book 3, 10.6.2). Book C-2 has none: a terminal that configures it gets it
 * as contact terminals do. Amounts above the floor limit are not drawn: they are marked already.
 */
export function selectRandomly(tap: C2): void {
  const { amount, limits, random, randomSelection: selection } = tap.input;
  if (!selection || amount > limits.floor) return;
  const drawn = random.below(99) + 1;
  const { target, maxTarget, threshold } = selection;
  let percentage = target;
  if (amount >= threshold && limits.floor > threshold)
    percentage = target + ((maxTarget - target) * Number(amount - threshold)) / Number(limits.floor - threshold);
  const selected = drawn <= percentage;
  if (selected) setBit(tap.tvr, TVR.randomSelection);
  tap.input.onRule?.({
    rule: "c2.random-selection",
    says: selected
      ? "The transaction was drawn for online processing."
      : "The transaction was not drawn for online processing.",
    data: { drawn, percentage, amount: String(amount), threshold: String(threshold) },
  });
}
