import type { ReaderEvent, ReaderListing } from "../../bench/pcsc.js";
import type { SerialPortInfo } from "../../transport/serial/driver.js";
import { hex } from "../../util/bytes.js";
import { isTapbenchError, type TapbenchError } from "../../util/errors.js";
import { outputOf, type Context } from "../context.js";
import { cliError } from "../errors.js";
import { errorDocument, EXIT, toJson, type ExitCode } from "../output.js";
import { printableLine } from "./emulation-log.js";

interface DevicesOptions {
  readonly json?: boolean;
  readonly jsonLines?: boolean;
}

/** `tapbench devices` */
export async function listDevices(options: DevicesOptions, context: Context): Promise<ExitCode> {
  if (options.jsonLines === true)
    throw cliError("bad-value", "--json-lines goes with --watch; use --json, or add --watch", {});
  const output = outputOf(context, options);
  const bench = await context.openBench({});
  const orWhy = async <T>(list: Promise<readonly T[]>): Promise<readonly T[] | TapbenchError> => {
    try {
      return await list;
    } catch (error) {
      context.io.signal.throwIfAborted();
      if (isTapbenchError(error)) return error;
      throw error;
    }
  };
  const [devices, readers, ports] = await Promise.all([
    bench.listDevices(),
    orWhy(bench.listReaders(context.io.signal)),
    orWhy(bench.listSerialPorts()),
  ]);
  const rows: readonly Row[] = [
    ...devices.map(({ spec, title, note }) => ({ spec, says: title, note })),
    ...(isTapbenchError(readers) ? [] : readers.map(readerRow)),
    ...(isTapbenchError(ports) ? [] : ports.map(portRow)),
  ];
  const width = Math.max(0, ...rows.map(({ spec }) => spec.length));
  output.lines(
    rows.flatMap(({ spec, says, note, more = [] }) => [
      `${output.paint("tag", spec.padEnd(width))}  ${says}${note === undefined ? "" : output.paint("dim", ` (${note})`)}`,
      ...more.map((line) => `${" ".repeat(width)}  ${output.paint("dim", line)}`),
    ]),
  );
  if (isTapbenchError(readers)) output.lines([`no PC/SC readers: ${readers.message}`]);
  else if (readers.length === 0) output.lines(["no PC/SC readers: none is attached"]);
  if (isTapbenchError(ports)) output.lines([`no serial ports: ${ports.message}`]);
  output.document({
    devices,
    readers: isTapbenchError(readers) ? [] : readers.map(readerDocument),
    ...(isTapbenchError(readers) && { pcsc: errorDocument(readers) }),
    ports: isTapbenchError(ports) ? [] : ports.map((port) => ({ spec: `serial:${port.path}`, ...port })),
    ...(isTapbenchError(ports) && { serial: errorDocument(ports) }),
  });
  return EXIT.ok;
}

interface Row {
  readonly spec: string;
  readonly says: string;
  readonly note?: string | undefined;
  readonly more?: readonly string[];
}

/** As a shell takes it. */
const quoted = (spec: string): string => (/^[\w:./-]+$/.test(spec) ? spec : `'${spec.replaceAll("'", "'\\''")}'`);

function readerRow({ spec, model, quirks, samSlot, holds, card, problem }: ReaderListing): Row {
  const what = samSlot ? `slot for a SAM, not tapped: ${holds}` : holds;
  const facts = card && [
    `${card.meaning.says}, ATR ${hex(card.atr)}`,
    ...(card.uid ? [`UID ${hex(card.uid)}`] : []),
    ...(card.ats ? [`ATS ${hex(card.ats)}`] : []),
  ];
  return {
    spec: quoted(spec),
    says: facts ? `${what}: ${facts.join(", ")}` : what,
    note: model,
    more: [...(problem ? [`cannot be asked: ${problem.message}`] : []), ...quirks],
  };
}

function portRow({ path, stable, manufacturer, serialNumber, vendorId, productId }: SerialPortInfo): Row {
  const maker = [manufacturer, serialNumber].filter((each) => each !== undefined).join(" ");
  const usb = vendorId === undefined ? undefined : `USB ${vendorId}:${productId ?? "?"}`;
  return {
    spec: quoted(`serial:${path}`),
    says: printableLine(maker) || "serial port",
    note: usb,
    more: stable === undefined ? [] : [`stays the same as ${stable}`],
  };
}

const readerDocument = ({ card, problem, ...listing }: ReaderListing): unknown => ({
  ...listing,
  ...(card && {
    card: { kind: card.meaning.kind, says: card.meaning.says, atr: card.atr, uid: card.uid, ats: card.ats },
  }),
  ...(problem && { problem: errorDocument(problem satisfies TapbenchError) }),
});

/** `tapbench devices --watch` */
export async function watchDevices(options: DevicesOptions, context: Context): Promise<ExitCode> {
  if (options.json === true)
    throw cliError("bad-value", "--watch runs on; use --json-lines, which prints one JSON document a line", {});
  const { stdout, signal } = context.io;
  const bench = await context.openBench({});
  await bench.watchReaders(
    (event) => stdout.write(options.jsonLines === true ? `${toJson(event)}\n` : `${sentence(event)}\n`),
    signal,
  );
  return EXIT.ok;
}

function sentence(event: ReaderEvent): string {
  switch (event.event) {
    case "service":
      return event.there ? "the PC/SC service is there" : "the PC/SC service is away; waiting for it";
    case "placed":
      return `${event.reader}: card placed, ATR ${hex(event.atr)}`;
    default:
      return `${event.reader}: ${event.event === "removed" ? "card removed" : event.event}`;
  }
}
