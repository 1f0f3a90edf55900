import { swHex } from "../protocols/iso7816/status.js";
import type { TraceHeader } from "../trace/header.js";
import { scanTlv } from "../trace/scan.js";
import { hex } from "../util/bytes.js";
import { isTapbenchError } from "../util/errors.js";
import { formatNanos, type Nanos } from "../util/time.js";
import type { ApduRecord, FrameRecord, TraceRecord } from "../util/tracer.js";
import { commandParts, type CommandContext } from "./command-tree.js";
import { commandName, responseName } from "./apdu-text.js";
import { frameNamer } from "./frame-text.js";
import type { Exchange } from "./exchanges.js";
import { plain, type Paint } from "./paint.js";
import { scopeOfAid, scopeOfFci, scopeText } from "./scope.js";
import { renderTree, tlvTree, type Tree } from "./tree.js";

/** One entry of a transcript, as `--json` prints it. Times are nanoseconds since the bench was switched on, absent where none were recorded. */
export type TranscriptEntry =
  | { readonly kind: "field"; readonly at?: Nanos; readonly on: boolean }
  | {
      readonly kind: "frame";
      readonly at?: Nanos;
      readonly took?: Nanos;
      readonly from: "pcd" | "picc";
      readonly name: string;
      readonly bytes: string;
      readonly fault?: string;
    }
  | {
      readonly kind: "exchange";
      readonly at?: Nanos;
      readonly took?: Nanos;
      readonly compute?: Nanos;
      readonly via?: "contactless" | "wired";
      readonly command: { readonly name: string; readonly bytes: string; readonly tree?: Tree };
      readonly response: { readonly name: string; readonly bytes: string; readonly sw?: string; readonly tree?: Tree };
      /** Frames that carried it, where frames were recorded. */
      readonly frames?: number;
    }
  | {
      readonly kind: "rule";
      readonly at?: Nanos;
      readonly layer: string;
      readonly rule: string;
      readonly says: string;
      readonly data?: Readonly<Record<string, string | number | boolean>>;
    };

/** Follows which application is selected, for the names of its tags, and which lists it gave, for the data that answer them. */
class Scope {
  kernel: string | undefined;
  private readonly lists = new Map<number, Uint8Array>();
  private cryptograms = 0;

  see(command: Uint8Array): void {
    if (command[1] !== 0xa4 || command[2] !== 4) return;
    this.kernel = scopeOfAid(command.subarray(5, 5 + (command[4] ?? 0)));
    this.lists.clear();
    this.cryptograms = 0;
  }

  /** The default application is selected without a name; the answer has it. */
  selected(data: Uint8Array): void {
    this.kernel ??= scopeOfFci(data);
  }

  /** PDOL for GET PROCESSING OPTIONS, CDOL1 and then CDOL2 for GENERATE AC. */
  context(command: Uint8Array): CommandContext {
    const list = command[1] === 0xa8 ? 0x9f38 : command[1] === 0xae ? (this.cryptograms++ === 0 ? 0x8c : 0x8d) : 0;
    const dol = this.lists.get(list);
    return { ...(dol && { dol }), ...(this.kernel !== undefined && { scope: this.kernel }) };
  }

  learn(data: Uint8Array): void {
    scanTlv(data, ({ tag, valueStart, valueEnd, cut }) => {
      if (!cut && (tag === 0x9f38 || tag === 0x8c || tag === 0x8d))
        this.lists.set(tag, data.subarray(valueStart, valueEnd));
    });
  }
}

/** What the terminal put into a command that a list of the card's asked for. */
function sentTree(command: Uint8Array, context: CommandContext): Tree | undefined {
  if (!context.dol) return undefined;
  try {
    return commandParts(command, context).tree;
  } catch (error) {
    if (isTapbenchError(error)) return undefined; // no command, or no list: the bytes are shown as they are
    throw error;
  }
}

function exchangeEntry({ command, response }: Exchange, scope: Scope): Extract<TranscriptEntry, { kind: "exchange" }> {
  scope.see(command);
  const sent = sentTree(command, scope.context(command));
  const data = response.subarray(0, -2);
  scope.selected(data);
  const tree =
    data.length > 0 && looksLikeTlv(data)
      ? tlvTree(data, scope.kernel === undefined ? {} : { scope: scope.kernel })
      : undefined;
  if (tree) scope.learn(data);
  const sw = response.length >= 2 ? swHex((response.at(-2)! << 8) | response.at(-1)!) : undefined;
  return {
    kind: "exchange",
    command: { name: commandName(command), bytes: hex(command), ...(sent && { tree: sent }) },
    response: {
      name: responseName(response),
      bytes: hex(response),
      ...(sw !== undefined && { sw }),
      ...(tree && { tree }),
    },
  };
}

/** Templates of payment cards; what starts otherwise (keys, random numbers) is shown as bytes. */
const looksLikeTlv = (data: Uint8Array): boolean => [0x61, 0x6f, 0x70, 0x77, 0x80, 0x9f, 0x5f].includes(data[0]!);

export interface TranscribeOptions {
  /** List the frames inside exchanges, not only their number. */
  readonly frames?: boolean;
  /** Times were recorded. Default true. */
  readonly times?: boolean;
}

/** A trace entry by entry: activation frames, exchanges with their trees, rules. */
export function transcribe(records: Iterable<TraceRecord>, options: TranscribeOptions = {}): TranscriptEntry[] {
  const scope = new Scope();
  const nameOf = frameNamer();
  const entries: TranscriptEntry[] = [];
  const timed = options.times !== false;
  const when = ({ at }: { readonly at: Nanos }): { readonly at?: Nanos } => (timed ? { at } : {});
  const span = (record: FrameRecord | ApduRecord): { readonly at?: Nanos; readonly took?: Nanos } =>
    timed ? { at: record.at, took: record.took } : {};
  let pending: { readonly at: Nanos; readonly index: number }[] = [];

  /** Frames inside an exchange are told by the exchange; the others stay where they are. */
  const carriedBy = (apdu: ApduRecord): number => {
    const carried = new Set(pending.filter(({ at }) => at >= apdu.at).map(({ index }) => index));
    pending = [];
    if (options.frames === true || carried.size === 0) return carried.size;
    const first = Math.min(...carried);
    entries.push(...entries.splice(first).filter((_, i) => !carried.has(first + i)));
    return carried.size;
  };

  for (const record of records) {
    if (record.layer === "frame") {
      const entry: TranscriptEntry = {
        kind: "frame",
        ...span(record),
        from: record.from,
        name: nameOf(record),
        bytes: hex(record.bytes),
        ...(record.fault !== undefined && { fault: record.fault }),
      };
      entries.push(entry);
      pending.push({ at: record.at, index: entries.length - 1 });
    } else if (record.layer === "apdu") {
      const frames = record.via === "contactless" ? carriedBy(record) : 0;
      entries.push({
        ...exchangeEntry(record, scope),
        ...span(record),
        ...(record.compute !== undefined && { compute: record.compute }),
        via: record.via,
        ...(frames > 0 && { frames }),
      });
    } else if (record.layer === "field") {
      pending = [];
      entries.push({ kind: "field", ...when(record), on: record.on });
    } else {
      const { layer, rule, says, data } = record;
      entries.push({ kind: "rule", ...when(record), layer, rule, says, ...(data && { data }) });
    }
  }
  return entries;
}

const TIME_WIDTH = 10;

/** For people: a line an entry with its time in front, trees below. */
export function renderTranscript(entries: readonly TranscriptEntry[], paint: Paint = plain): string[] {
  const lines: string[] = [];
  const stamp = (at: Nanos | undefined): string =>
    paint("dim", (at === undefined ? "" : formatNanos(at)).padStart(TIME_WIDTH));
  const indent = " ".repeat(TIME_WIDTH + 4);
  let scope: string | undefined;
  for (const entry of entries) {
    switch (entry.kind) {
      case "field":
        lines.push(`${stamp(entry.at)}  ${paint("heading", entry.on ? "field on" : "field off")}`);
        break;
      case "frame":
        lines.push(
          `${stamp(entry.at)}  ${entry.from === "pcd" ? ">" : "<"} ${paint(entry.fault === undefined ? "value" : "bad", entry.name)}`,
        );
        break;
      case "rule":
        lines.push(`${stamp(entry.at)}  ${paint("meaning", entry.rule)}: ${entry.says}`);
        for (const [name, value] of Object.entries(entry.data ?? {}))
          lines.push(`${indent}${paint("dim", name)} ${String(value)}`);
        break;
      case "exchange": {
        const good = entry.response.sw === "9000" || entry.response.sw?.startsWith("61") === true;
        const facts = [
          ...(entry.took === undefined ? [] : [formatNanos(entry.took)]),
          ...(entry.compute === undefined ? [] : [`card ${formatNanos(entry.compute)}`]),
          ...(entry.frames === undefined ? [] : [`${entry.frames} frames`]),
          ...(entry.via === "wired" ? ["wired"] : []),
        ];
        lines.push(
          `${stamp(entry.at)}  ${paint("name", entry.command.name)}${facts.length > 0 ? paint("dim", `  (${facts.join(", ")})`) : ""}`,
        );
        lines.push(`${indent}${paint("dim", ">")} ${entry.command.bytes}`);
        if (entry.command.tree) lines.push(...renderTree(entry.command.tree, paint, `${indent}  `));
        const { tree } = entry.response;
        lines.push(
          `${indent}${paint("dim", "<")} ${paint(good ? "good" : "bad", entry.response.name)}${tree ? "" : `  ${entry.response.bytes}`}`,
        );
        if (!tree) break;
        lines.push(...renderTree(tree, paint, `${indent}  `));
        if (tree.scope !== undefined && tree.scope !== scope)
          lines.push(`${indent}  ${paint("dim", `tags named by ${scopeText(tree.scope)}`)}`);
        scope = tree.scope;
        break;
      }
    }
  }
  return lines;
}

/** First lines of a trace, for people: which run it was, and whether account data are in it. */
export const renderTraceHeader = (header: TraceHeader): string[] => [
  `${header.source === undefined ? `${header.tool}, trace ${header.version}` : `imported: ${header.source}`}${header.seed === "" ? "" : `, seed ${header.seed}`}${header.profile === "" ? "" : `, ${header.profile}`}`,
  ...(header.configuration === "" ? [] : [`configuration ${header.configuration.slice(0, 16)}`]),
  ...(header.masked ? ["account data are masked, so this trace cannot be verified"] : []),
  ...(header.observed.times === "none" ? ["times were not recorded"] : []),
  ...(header.observed.frames ? [] : ["frames were not observable"]),
];
