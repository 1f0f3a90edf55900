import type { Bench } from "../bench/bench.js";
import { testRange } from "../issuer/pan.js";
import { currency, type Currency } from "../profiles/currencies.js";
import { loadProfile } from "../profiles/load.js";
import type { WriteTraceOptions } from "../trace/file.js";
import { memoryTrace, type MemoryTrace } from "../trace/memory.js";
import { amountOf, dateOf } from "./arguments.js";
import type { Context } from "./context.js";
import { cliError } from "./errors.js";
import type { TapOptions } from "./tap-options.js";

/** What every command that pays makes of its options, before anything has happened. */
export interface Payment {
  readonly money: Currency;
  readonly amount: bigint;
  readonly tracer: MemoryTrace;
  readonly bench: Bench;
}

/** @throws `cli/bad-amount`, `cli/amount-overflow`, `cli/bad-date`, `cli/bad-value`, `profile/...` */
export async function preparePayment(options: TapOptions, context: Context): Promise<Payment> {
  const terminal = await loadProfile("terminal", options.terminal);
  const money = options.currency === undefined ? terminal.currency : currency(options.currency);
  const amount = amountOf(options.amount, money);
  const at = options.at === undefined ? undefined : dateOf(options.at);
  const issued = options.issued === undefined ? undefined : dateOf(options.issued);
  if (options.seed === "") throw cliError("bad-value", "--seed is empty; give it any text, or leave it out", {});
  const tracer = memoryTrace();
  const bench = await context.openBench({
    tracer,
    ...(options.seed !== undefined && { seed: options.seed }),
    ...(at && { at }),
    state: options.state,
    issued,
  });
  return { money, amount, tracer, bench };
}

/** Whether the trace may show account data: test data only, and only when that was asked for. */
export const revealed = ({ revealTestData }: TapOptions): WriteTraceOptions =>
  revealTestData === true ? { reveal: (pan) => testRange(pan) !== undefined } : {};
