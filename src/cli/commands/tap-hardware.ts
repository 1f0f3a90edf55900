import type { CardBenchDevice } from "../../bench/pcsc.js";
import type { CardTapReport } from "../../bench/tap-report.js";
import { renderWaterfall, waterfall } from "../../inspect/waterfall.js";
import { swHex, swMeaning } from "../../protocols/iso7816/status.js";
import { writeTraceFile } from "../../trace/file.js";
import { configurationHash, type Observed } from "../../trace/header.js";
import { hex } from "../../util/bytes.js";
import { outputOf, type Context } from "../context.js";
import { cliError } from "../errors.js";
import { preparePayment, revealed } from "../payment.js";
import { EXIT, type ExitCode } from "../output.js";
import type { TapOptions } from "../tap-options.js";

/** What can be seen through a PC/SC reader: when commands and answers passed this machine, and nothing of the air. */
const OBSERVED: Observed = { times: "measured", frames: false };

/** The tap went through at the terminal: what comes next is an issuer's, and none was asked. */
const COMPLETED: ReadonlySet<CardTapReport["outcome"]> = new Set(["online-request", "offline-agreed"]);

/** `tapbench tap pcsc:...` */
export async function paymentOnReader(spec: string, options: TapOptions, context: Context): Promise<ExitCode> {
  const { io } = context;
  const output = outputOf(context, options);
  refuseEmulatedOptions(options);

  const { money, amount, tracer, bench } = await preparePayment(options, context);
  let device: CardBenchDevice | undefined;
  const write = async (reader: string): Promise<boolean> => {
    const configuration = { ...bench.configuration(), device: spec, reader, amount, currency: money.code };
    const header = await writeTraceFile(
      options.trace,
      {
        seed: bench.seed,
        profile: `pcsc:${reader}`,
        configuration: configurationHash(configuration),
        observed: OBSERVED,
      },
      tracer.records,
      revealed(options),
    );
    return header.masked;
  };
  try {
    const opened = await bench.open(spec, io.signal);
    if (opened.kind !== "card") {
      if (opened.kind === "managed") await opened.close();
      throw cliError(
        "bad-value",
        `${spec} is no reader, and a tap needs a field; write it like pcsc: or emu:band-s1`,
        {},
      );
    }
    device = opened;
    await confirm(opened, options, context);
    let report: CardTapReport;
    try {
      report = await bench.tapCard(opened, { amount, currency: money.code, terminal: options.terminal }, io.signal);
    } catch (error) {
      // What happened until then is what somebody will want to look at. A second failure must not hide the first.
      if (tracer.records.length > 0) await write(opened.card.reader).catch(() => {});
      throw error;
    }
    const masked = await write(opened.card.reader);
    output.document(documentOf(report, options.trace, bench.seed));
    const { paint } = output;
    output.lines([
      ...report.receipt,
      "",
      paint(COMPLETED.has(report.outcome) ? "good" : "bad", report.outcome.toUpperCase().replaceAll("-", " ")),
      ...factsOf(report, opened).map((fact) => `  ${fact}`),
      "",
      ...renderWaterfall(waterfall(tracer.records), { width: output.width, paint }),
      "times are measured by this machine, reader and driver included; frames, waiting time extensions and the card's own computing are not observed, so nothing here says anything about relay resistance",
      "",
      `trace in ${options.trace} (${masked ? "account data masked" : "test data shown, readable by its owner only"})`,
      `seed ${bench.seed}, date ${bench.configuration().at.slice(0, 10)}: what the terminal draws and says; the card goes on counting`,
    ]);
    return COMPLETED.has(report.outcome) ? EXIT.ok : EXIT.no;
  } finally {
    await device?.close();
  }
}

/** @throws `cli/bad-value` for what only works where the device is emulated */
function refuseEmulatedOptions({ fault, pin, issued, card, state }: TapOptions): void {
  const given = [
    ...(fault?.length ? ["--fault"] : []),
    ...(pin === undefined ? [] : ["--pin"]),
    ...(issued === undefined ? [] : ["--issued"]),
    ...(card === undefined ? [] : ["--card"]),
    ...(state === undefined ? [] : ["--state"]),
  ];
  if (given.length > 0)
    throw cliError(
      "bad-value",
      `${given.join(" and ")} work${given.length === 1 ? "s" : ""} with emulated devices only; a card on a reader is what it is`,
      { options: given },
    );
}

/** A tap counts in the card and gives out a live cryptogram: somebody has to want that. @throws `cli/not-confirmed` */
async function confirm({ card }: CardBenchDevice, { yes }: TapOptions, { io }: Context): Promise<void> {
  if (yes === true) return;
  if (!io.ask)
    throw cliError(
      "not-confirmed",
      "a tap counts in the card and yields a live cryptogram: use your own devices only, and say --yes (there is no terminal to ask at)",
      { reader: card.reader },
    );
  const answer = await io.ask(
    `This pays with whatever lies on ${card.reader}: its counter goes up and it gives out a live cryptogram. Is it yours? [y/N] `,
  );
  if (!/^y(es)?$/i.test(answer.trim())) throw cliError("not-confirmed", "not tapped", { reader: card.reader });
}

function factsOf(report: CardTapReport, { card }: CardBenchDevice): string[] {
  const { kernelOutcome, cryptogram, details } = report;
  const error = "error" in kernelOutcome ? kernelOutcome.error : undefined;
  const { l1, l2, l3, sw, tag } = error ?? {};
  const why = [
    ...(l1 === undefined ? [] : [`link ${l1}`]),
    ...[l2, l3].flatMap((layer) => (layer === undefined ? [] : [layer.replaceAll("-", " ")])),
    ...(sw === undefined ? [] : [`${swHex(sw)} ${swMeaning(sw)}`]),
    ...(tag === undefined ? [] : [`tag ${tag}`]),
  ];
  return [
    `kernel outcome ${kernelOutcome.kind}${report.kernel === undefined ? "" : ` (${report.kernel})`}`,
    ...(why.length > 0 ? [`error ${why.join(", ")}`] : []),
    `offline authentication ${report.oda}${report.oda === "none" ? "" : ` ${report.odaStatus}`}`,
    ...(cryptogram ? [`cryptogram ${cryptogram.type}, not verified`] : []),
    ...(details.atc === undefined ? [] : [`application transaction counter ${details.atc}`]),
    "issuer not asked",
    `reader ${report.reader}${card.model ? ` (${card.model.title})` : ""}, ATR ${hex(report.atr)}`,
  ];
}

const micros = (time: number): number => Math.round(time / 1000);

function documentOf(report: CardTapReport, trace: string, seed: string): unknown {
  const { kernelOutcome } = report;
  return {
    outcome: report.outcome,
    kernel: report.kernel ?? null,
    oda: report.oda,
    cryptogram: report.cryptogram ?? null,
    apdus: report.apdus,
    frames: null,
    airMicros: null,
    totalMicros: micros(report.total),
    trace,
    odaStatus: report.odaStatus,
    leastAirMicros: null,
    kernelOutcome: kernelOutcome.kind,
    error: "error" in kernelOutcome ? (kernelOutcome.error ?? null) : null,
    atc: report.details.atc ?? null,
    issuer: null,
    observed: OBSERVED,
    reader: report.reader,
    atr: hex(report.atr),
    seed,
  };
}
