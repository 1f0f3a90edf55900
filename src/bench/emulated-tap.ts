import type { EmulatedDevice } from "../../emulator/device.js";
import { Air } from "../../emulator/rf/air.js";
import { FaultPlan, type Fault } from "../../emulator/rf/faults.js";
import type { Sim } from "../../emulator/sim/sim.js";
import type { Authorise, AuthorisationResponse } from "../emv/acquirer.js";
import type { Combination } from "../emv/entry/combination.js";
import { kernelC2 } from "../emv/kernels/c2/kernel.js";
import type { CaKeys } from "../emv/oda.js";
import type { KernelOutcome } from "../emv/outcome.js";
import { commandName } from "../inspect/apdu-text.js";
import { leastAirTime } from "../protocols/iso14443/timing.js";
import type { TerminalProfile } from "../profiles/types.js";
import { authorisationRequest } from "../terminal/authorisation.js";
import type { Transaction } from "../terminal/data.js";
import { receipt, type Receipt } from "../terminal/receipt.js";
import { readCard, type TapObserver } from "../terminal/tap.js";
import { converseSync } from "../util/converse.js";
import { isTapbenchError } from "../util/errors.js";
import type { Random } from "../util/random.js";
import type { Nanos } from "../util/time.js";
import type { RuleRecord, Tracer } from "../util/tracer.js";

/** The kernels that the bench's terminals have. */
const KERNELS = { c2: kernelC2 } as const;

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

/** What one tap came to, and what it cost. Times are virtual. */
export interface TapReport {
  /** `approved`, `declined`, `try-again`, ...: for those at the terminal. */
  readonly outcome: Receipt["outcome"];
  readonly kernel: string | undefined;
  readonly oda: "none" | "sda" | "dda" | "cda";
  readonly odaStatus: string;
  readonly cryptogram?: { readonly type: "ARQC" | "TC" | "AAC"; readonly verified?: boolean | undefined } | undefined;
  readonly kernelOutcome: KernelOutcome;
  readonly issuer?: AuthorisationResponse | undefined;
  readonly apdus: number;
  readonly frames: number;
  /** Bits were on the air. */
  readonly air: Nanos;
  /** From field on to field off. */
  readonly total: Nanos;
  /** The least that these APDUs take at the rate agreed on (the faster one, where directions differ), without any computing. */
  readonly leastAir: Nanos;
  readonly receipt: readonly string[];
  readonly details: Receipt;
  /** Planned faults, and whether they struck. */
  readonly faults: readonly { readonly fault: string; readonly struck: boolean }[];
}

const CRYPTOGRAMS = { 0x00: "AAC", 0x40: "TC", 0x80: "ARQC" } as const;

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
  if (tracer) tracer.record(tapBegins(tap));
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
    tracer?.record({
      layer: "terminal",
      at: sim.now,
      rule: "terminal.outcome",
      says: `The payment ends: ${details.outcome}.`,
      data: {
        outcome: details.outcome,
        kernel: outcome.kind,
        ...(issuer && { issuer: issuer.reason, arc: issuer.arc, issuerSays: issuer.says }),
      },
    });
    const { oda, odaStatus } = odaOf(outcome);
    return {
      outcome: details.outcome,
      kernel: result.kernel,
      oda,
      odaStatus,
      cryptogram: cryptogramOf(outcome, issuer),
      kernelOutcome: outcome,
      issuer,
      apdus: sizes.length,
      frames: air.frames,
      air: air.busy,
      total: sim.now - start,
      leastAir: leastAirTime(
        sizes,
        card.rates.toCard > card.rates.toReader ? card.rates.toCard : card.rates.toReader,
        card.ats.length,
      ),
      receipt: details.text,
      details,
      faults: plan?.report() ?? [],
    };
  } catch (error) {
    if (tracer && isTapbenchError(error))
      tracer.record({
        layer: "terminal",
        at: sim.now,
        rule: "terminal.fault",
        says: `The tap broke off: ${error.message}.`,
        data: { code: error.code },
      });
    throw error;
  } finally {
    air.powerOff();
    air.remove(device.picc);
  }
}

/** A command of which no exchange came. What frames show of it may be damaged, and over PC/SC there are none. */
function unanswered(apdu: Uint8Array, at: Nanos): RuleRecord {
  const command = commandName(apdu);
  return { layer: "terminal", at, rule: "terminal.unanswered", says: `${command} got no answer.`, data: { command } };
}

/** What is tapped on what, for whoever reads the trace afterwards. */
function tapBegins({ sim, device, terminal, transaction, combinations, enterPin }: EmulatedTap): RuleRecord {
  const limits = combinations[0]?.limits;
  return {
    layer: "terminal",
    at: sim.now,
    rule: "terminal.begin",
    says: `A payment begins on ${terminal.title}.`,
    data: {
      terminal: terminal.name,
      amount: String(transaction.amount),
      currency: terminal.currency.code,
      exponent: terminal.currency.exponent,
      device: device.profile.name,
      firmware: device.profile.firmware,
      pinEntered: enterPin !== undefined,
      ...(limits && {
        floor: String(limits.floor),
        transaction: String(limits.transaction),
        transactionOnDevice: String(limits.transactionOnDevice),
        cvmRequired: String(limits.cvmRequired),
      }),
    },
  };
}

function odaOf(outcome: KernelOutcome): Pick<TapReport, "oda" | "odaStatus"> {
  const oda = "oda" in outcome ? outcome.oda : undefined;
  return !oda || oda.method === "none"
    ? { oda: "none", odaStatus: "not-performed" }
    : { oda: oda.method, odaStatus: oda.status };
}

function cryptogramOf(outcome: KernelOutcome, issuer: AuthorisationResponse | undefined): TapReport["cryptogram"] {
  const cid = "dataRecord" in outcome ? outcome.dataRecord.get(0x9f27)?.[0] : undefined;
  const type = cid === undefined ? undefined : CRYPTOGRAMS[(cid & 0xc0) as keyof typeof CRYPTOGRAMS];
  return type && { type, verified: issuer?.cryptogramVerified };
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
