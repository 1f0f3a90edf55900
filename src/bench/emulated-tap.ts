import type { EmulatedDevice } from "../../emulator/device.js";
import { Air } from "../../emulator/rf/air.js";
import { FaultPlan, type Fault } from "../../emulator/rf/faults.js";
import type { Sim } from "../../emulator/sim/sim.js";
import type { Authorise } from "../emv/acquirer.js";
import type { Combination } from "../emv/entry/combination.js";
import type { CaKeys } from "../emv/oda.js";
import { leastAirTime } from "../protocols/iso14443/timing.js";
import type { TerminalProfile } from "../profiles/types.js";
import { authorisationRequest } from "../terminal/authorisation.js";
import type { Transaction } from "../terminal/data.js";
import { receipt } from "../terminal/receipt.js";
import { readCard, type TapObserver } from "../terminal/tap.js";
import { converseSync } from "../util/converse.js";
import { isTapbenchError } from "../util/errors.js";
import type { Random } from "../util/random.js";
import type { RuleRecord, Tracer } from "../util/tracer.js";
import { tapBegins, tapBroke, tapEnds, unanswered } from "./tap-records.js";
import { KERNELS, summaryOf, type TapReport } from "./tap-report.js";

export interface EmulatedTap {
  readonly sim: Sim;
  readonly device: EmulatedDevice;
  readonly terminal: TerminalProfile;
  readonly transaction: Transaction;
  /** What terminal and transaction bring together: `combinationsOf` them. */
  readonly combinations: readonly Combination[];
  readonly caKeys: CaKeys;
  /** Draws what the terminal draws. */
  readonly random: Random;
  readonly authorise: Authorise;
  /** The holder at the PIN pad; absent: nobody enters one. */
  readonly enterPin?: ((pan: string) => Uint8Array | undefined) | undefined;
  readonly faults?: readonly Fault[];
  /** Draws which bits noise hits: a tap's unpredictable number does not depend on its faults. */
  readonly noise: Random;
  readonly tracer?: Tracer | undefined;
}

/** One payment on an emulated device, from field on to the issuer's answer, in virtual time. */
export function tapEmulated(tap: EmulatedTap): TapReport {
  const { sim, device, terminal, transaction, tracer, random } = tap;
  const air = new Air(sim, { frameDelay: terminal.reader.frameDelay, tracer });
  const plan = tap.faults?.length ? faultPlan(tap.faults, device, air, tap.noise) : undefined;
  const sizes: { command: number; response: number }[] = [];
  const observer: TapObserver = {
    command(apdu) {
      const over = plan?.command(apdu);
      return (reply) => {
        over?.();
        if (!reply) {
          tracer?.record(unanswered(apdu, sim.now));
          return;
        }
        sizes.push({ command: apdu.length, response: reply.answer.length });
        tracer?.record({
          layer: "apdu",
          at: reply.from,
          took: reply.until - reply.from,
          command: apdu,
          response: reply.answer,
          compute: device.lastCompute,
          via: "contactless",
        });
      };
    },
  };

  const start = sim.now;
  if (tracer) {
    const { name, firmware } = device.profile;
    tracer.record(tapBegins({ ...tap, device: { name, firmware }, pinEntered: tap.enterPin !== undefined }, start));
  }
  air.place(device.picc);
  air.powerOn();
  try {
    const entry = {
      combinations: tap.combinations,
      kernels: KERNELS,
      amount: transaction.amount,
      caKeys: tap.caKeys,
      random,
      onRule: tracer && ((rule: Omit<RuleRecord, "at">) => tracer.record({ at: sim.now, ...rule })),
    };
    const { card, result } = converseSync(readCard(terminal.reader, entry, observer), air);
    air.powerOff();
    const { outcome } = result;
    const issuer =
      outcome.kind === "online-request"
        ? tap.authorise(authorisationRequest(outcome, transaction.amount, tap.enterPin))
        : undefined;
    const details = receipt(terminal, transaction, result, issuer);
    tracer?.record(tapEnds(result, details, sim.now));
    return {
      ...summaryOf(result, details, issuer),
      apdus: sizes.length,
      frames: air.frames,
      air: air.busy,
      total: sim.now - start,
      leastAir: leastAirTime(
        sizes,
        card.rates.toCard > card.rates.toReader ? card.rates.toCard : card.rates.toReader,
        card.ats.length,
      ),
      faults: plan?.report() ?? [],
    };
  } catch (error) {
    if (isTapbenchError(error)) tracer?.record(tapBroke(error, sim.now));
    throw error;
  } finally {
    air.powerOff();
    air.remove(device.picc);
  }
}

/** The fault plan's hands on an emulated device and its field. */
function faultPlan(faults: readonly Fault[], device: EmulatedDevice, air: Air, random: Random): FaultPlan {
  const { element } = device;
  return new FaultPlan(
    faults,
    {
      fieldOff: () => air.powerOff(),
      whenDelivered: (run) => (air.onDelivered = run),
      disturb: (disturbance) => (air.disturb = disturbance),
      delay: (by) => (element.delay = by),
      cutPower: (cut) => element.nvm.planCut(cut),
    },
    random,
  );
}
