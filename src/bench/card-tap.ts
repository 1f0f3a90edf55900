import type { CardDevice } from "../device/card.js";
import type { Combination } from "../emv/entry/combination.js";
import type { CaKeys } from "../emv/oda.js";
import type { TerminalProfile } from "../profiles/types.js";
import type { Transaction } from "../terminal/data.js";
import { NO_ISSUER, receipt } from "../terminal/receipt.js";
import { readActivated, type TapObserver } from "../terminal/tap.js";
import { converse, type Link } from "../util/converse.js";
import { isTapbenchError } from "../util/errors.js";
import type { Random } from "../util/random.js";
import { SECOND, type Nanos } from "../util/time.js";
import type { RuleRecord, Tracer } from "../util/tracer.js";
import { tapBegins, tapBroke, tapEnds, unanswered } from "./tap-records.js";
import { KERNELS, summaryOf, type CardTapReport } from "./tap-report.js";

export interface CardTap {
  readonly device: CardDevice;
  readonly terminal: TerminalProfile;
  readonly transaction: Transaction;
  readonly combinations: readonly Combination[];
  readonly caKeys: CaKeys;
  /** Draws what the terminal draws. */
  readonly random: Random;
  readonly tracer?: Tracer | undefined;
  /** How long to wait for a card. */
  readonly wait: Nanos;
  readonly signal?: AbortSignal | undefined;
}

/** For one answer: as long as a card can stretch a command that means no harm. Its requests for more time cannot be seen from here. */
const ANSWER: Nanos = 5 * SECOND;
const RELEASE: Nanos = 2 * SECOND;

/**
 * One payment with the card on a reader, up to the kernel's outcome: there is no issuer to ask. The card counts it all the same.
 * @throws `transport/...` where there is no card or no reader, `terminal/...`, the signal's reason
 */
export async function tapOnReader(tap: CardTap): Promise<CardTapReport> {
  const { device, terminal, transaction, tracer, signal } = tap;
  let apdus = 0;
  let first: Nanos | undefined;
  let last: Nanos = 0;
  const observer: TapObserver = {
    command: (apdu) => (reply) => {
      if (!reply) {
        tracer?.record(unanswered(apdu, device.now));
        return;
      }
      apdus++;
      first ??= reply.from;
      last = reply.until;
      tracer?.record({
        layer: "apdu",
        at: reply.from,
        took: reply.until - reply.from,
        command: apdu,
        response: reply.answer,
        via: "contactless",
      });
    },
  };
  const link: Link<Uint8Array, Uint8Array> = {
    async turn({ send, within }, abort) {
      const { from, until, answer } = await device.apdu(send[0]!, { within, signal: abort });
      return { at: until, sentAt: from, got: answer };
    },
    close: async () => {},
  };

  const atr = await device.activate({ within: tap.wait, signal });
  tracer?.record(tapBegins({ ...tap, device: undefined, pinEntered: false }, device.now));
  try {
    const entry = {
      combinations: tap.combinations,
      kernels: KERNELS,
      amount: transaction.amount,
      caKeys: tap.caKeys,
      random: tap.random,
      onRule: tracer && ((rule: Omit<RuleRecord, "at">) => tracer.record({ at: device.now, ...rule })),
    };
    const result = await converse(readActivated(entry, ANSWER, observer), link, signal ? { signal } : {});
    const details = receipt(terminal, transaction, result, NO_ISSUER);
    tracer?.record(tapEnds(result, details, device.now));
    return {
      ...summaryOf(result, details, undefined),
      apdus,
      total: last - (first ?? last),
      reader: device.reader,
      atr,
    };
  } catch (error) {
    if (isTapbenchError(error)) tracer?.record(tapBroke(error, device.now));
    throw error;
  } finally {
    await device.release({ within: RELEASE });
  }
}
