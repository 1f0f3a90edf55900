import type { HeldCard, ProvisionReport } from "../bench/emulated-devices.js";
import type { TapReport } from "../bench/tap-report.js";
import type { Verdict } from "../inspect/verdict.js";
import { renderDecisions, verdictScreen } from "../inspect/verdict-screen.js";
import { renderWaterfall, type Waterfall } from "../inspect/waterfall.js";
import { formatNanos } from "../util/time.js";
import type { Output } from "./output.js";

const micros = (time: number): number => Math.round(time / 1000);

/** `demo` prints the first part; `tap`, with a verdict given, all of it. */
export function tapDocument(report: TapReport, trace: string, seed: string, verdict: Verdict | undefined): object {
  const { kernelOutcome, issuer } = report;
  const short = {
    outcome: report.outcome,
    kernel: report.kernel ?? null,
    oda: report.oda,
    cryptogram: report.cryptogram ?? null,
    apdus: report.apdus,
    frames: report.frames,
    airMicros: micros(report.air),
    totalMicros: micros(report.total),
    trace,
  };
  if (!verdict) return short;
  return {
    ...short,
    odaStatus: report.odaStatus,
    leastAirMicros: micros(report.leastAir),
    kernelOutcome: kernelOutcome.kind,
    error: ("error" in kernelOutcome ? kernelOutcome.error : undefined) ?? null,
    faults: report.faults,
    issuer: issuer ? { approved: issuer.approved, arc: issuer.arc, reason: issuer.reason, says: issuer.says } : null,
    seed,
    verdict,
  };
}

export interface ShownTap {
  readonly spec: string;
  /** The card in it, and what it took to put it there now. */
  readonly holds: HeldCard | ProvisionReport;
  readonly report: TapReport;
  readonly times: Waterfall;
  readonly verdict: Verdict;
}

const cardText = ({ card, maskedPan, par }: HeldCard): string => `${card} (${maskedPan}, PAR ${par})`;

/** Where the trace went, and how to do it again. */
export const traceLines = (trace: string, masked: boolean): string[] => [
  `trace in ${trace} (${masked ? "account data masked" : "test data shown, readable by its owner only"})`,
];

/** Every decision, where they were asked for. */
export const decisionLines = (verdict: Verdict, { width, paint }: Output): string[] => [
  ...renderDecisions(verdict.decisions, { width, paint }),
  "",
];

/** A tap for people: the receipt and where the time went, or, where it did not end as asked, the verdict's screen. */
export function tapLines(shown: ShownTap, output: Output): string[] {
  const { width, paint } = output;
  const { holds, report, verdict, times } = shown;
  if (!verdict.asAsked) return verdictScreen(verdict, { width, paint });
  const { cryptogram, issuer } = report;
  const verified =
    cryptogram?.verified === undefined
      ? ""
      : cryptogram.verified
        ? ", verified by the issuer"
        : ", refused by the issuer";
  const facts = [
    `kernel outcome ${report.kernelOutcome.kind}${report.kernel === undefined ? "" : ` (${report.kernel})`}`,
    `offline authentication ${report.oda}${report.oda === "none" ? "" : ` ${report.odaStatus}`}`,
    ...(cryptogram ? [`cryptogram ${cryptogram.type}${verified}`] : []),
    ...verdict.notes,
    ...(issuer ? [`issuer ${issuer.arc} ${issuer.reason}: ${issuer.says}`] : []),
    ...(report.outcome === "approved" ? [] : [verdict.headline]),
  ];
  return [
    "apdus" in holds
      ? `provisioned ${cardText(holds)} into ${shown.spec}: ${holds.apdus} commands, ${formatNanos(holds.took)}`
      : `${shown.spec} holds ${cardText(holds)}`,
    "",
    ...report.receipt,
    "",
    paint("good", report.outcome.toUpperCase().replaceAll("-", " ")),
    ...facts.map((fact) => `  ${fact}`),
    "",
    ...renderWaterfall(times, { width, paint }),
    `frames were on the air for ${formatNanos(report.air)}; without any computing these commands take ${formatNanos(report.leastAir)} at least`,
    "",
  ];
}
