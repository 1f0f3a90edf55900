import type { FirmwareCheck } from "../../device/firmware/check.js";
import type { ListedImage } from "../../device/firmware/list.js";
import type { FlashProgress } from "../../device/firmware/run.js";
import type { UploadReport } from "../../device/firmware/upload.js";
import { hex } from "../../util/bytes.js";
import { formatNanos, MS, SECOND } from "../../util/time.js";
import { outputOf, type Context } from "../context.js";
import { cliError } from "../errors.js";
import { toJson, type Output } from "../output.js";
import { printableLine } from "./emulation-log.js";

interface Forms {
  readonly json?: boolean;
  readonly jsonLines?: boolean;
}

/** Tells of work with firmware: text, one document, or a document a line. */
export interface FlashReport {
  readonly paint: Output["paint"];
  readonly progress: (progress: FlashProgress) => void;
  /** How it ended, for people and for programs. */
  readonly result: (lines: readonly string[], document: Readonly<Record<string, unknown>>) => void;
}

const STEPS: Readonly<Record<FlashProgress["step"], string>> = {
  check: "looking at image and device",
  upload: "uploading",
  mark: "marking it for the next start",
  restart: "restarting",
  verify: "looking what runs",
  confirm: "confirming",
  "take-back": "taking it back",
};

/** What can be told of an upload in a line of a terminal. */
function uploadLine({ done, total, rate, left }: Extract<FlashProgress, { step: "upload" }>): string {
  const speed = rate === undefined ? "" : `, ${(rate / 1024).toFixed(1)} KiB/s`;
  const rest = left === undefined ? "" : `, ${Math.ceil(left / SECOND)} s left`;
  return `uploading: ${Math.floor((done * 100) / total)} % of ${total} bytes${speed}${rest}`;
}

/** @throws `cli/bad-value` for both forms of JSON at once */
export function flashReport(options: Forms, context: Context): FlashReport {
  if (options.json === true && options.jsonLines === true)
    throw cliError("bad-value", "--json is one document, --json-lines many; choose one of them", {});
  const asLines = options.jsonLines === true;
  const { stdout, stderr } = context.io;
  const output = outputOf(context, { json: options.json === true || asLines });
  const event = (value: object): void => stdout.write(`${toJson(value)}\n`);
  let drawn = 0;
  let percent = -1;
  const draw = (line: string): void => {
    stderr.write(`\r${line.padEnd(drawn)}`);
    drawn = line.length;
  };
  return {
    paint: output.paint,
    progress(now) {
      if (now.step === "upload") {
        // A line a piece would be thousands.
        const at = Math.floor((now.done * 100) / Math.max(1, now.total));
        if (at === percent) return;
        percent = at;
      } else percent = -1;
      if (asLines) event({ event: "progress", ...now });
      else if (stderr.isTTY && !output.json) draw(now.step === "upload" ? uploadLine(now) : STEPS[now.step]);
    },
    result(lines, document) {
      if (drawn > 0) stderr.write(`\r${" ".repeat(drawn)}\r`);
      if (asLines) event({ event: "result", ...document });
      else {
        output.lines(lines);
        output.document(document);
      }
    },
  };
}

const FLAGS = ["active", "confirmed", "pending", "permanent", "bootable"] as const;

export const listedLines = (listed: readonly ListedImage[], paint: Output["paint"]): readonly string[] =>
  listed.map((each) => {
    const flags = FLAGS.filter((name) => each[name]).join(", ");
    const hash = each.hash ? hex(each.hash).slice(0, 16) : "no hash";
    const line = `image ${each.image} slot ${each.slot}  ${printableLine(each.version).padEnd(10)} ${hash}  ${flags}`;
    return each.active ? paint("good", line) : line;
  });

export const objectionLines = ({ objections }: FirmwareCheck, paint: Output["paint"]): readonly string[] => [
  paint("bad", "refused; nothing was sent"),
  ...objections.map(({ why, says }) => `  ${why}: ${printableLine(says)}`),
];

export const uploadSummary = ({ took }: UploadReport, bytes: number): string =>
  `${bytes} bytes in ${formatNanos(took)}${took > 0 ? `, ${((bytes * SECOND) / took / 1024).toFixed(1)} KiB/s` : ""}`;

/** Without the images' bytes. */
export const checkDocument = ({ objections, images, model }: FirmwareCheck): Record<string, unknown> => ({
  model,
  objections,
  images: images.map(({ image, version, hash, running }) => ({ image, version, hash, running: running?.version })),
});

export const uploadDocument = ({ took, ...report }: UploadReport): Record<string, unknown> => ({
  ...report,
  tookMillis: Math.round(took / MS),
});
