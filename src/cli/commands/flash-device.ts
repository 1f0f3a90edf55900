import { readVerifyingKey, type VerifyingKey } from "../../crypto/signing.js";
import { checkFirmware } from "../../device/firmware/check.js";
import { firmwareError } from "../../device/firmware/errors.js";
import { confirmImage, eraseSlot, listImages, testImage } from "../../device/firmware/list.js";
import { revert } from "../../device/firmware/revert.js";
import { flashRun, type FlashResult } from "../../device/firmware/run.js";
import { uploadImage } from "../../device/firmware/upload.js";
import { writeWhole } from "../../trace/file.js";
import { hex } from "../../util/bytes.js";
import { outputOf, type Context } from "../context.js";
import { cliError } from "../errors.js";
import { readInput } from "../files.js";
import { EXIT, type ExitCode } from "../output.js";
import {
  checkDocument,
  flashReport,
  listedLines,
  objectionLines,
  uploadDocument,
  uploadSummary,
} from "./flash-report.js";
import { withDevice, type SmpOptions } from "./smp-device.js";

/** Options of the verbs that talk with a device. */
export interface FlashOptions extends SmpOptions {
  readonly jsonLines?: boolean;
  readonly image: string;
  readonly key?: readonly string[];
  readonly allowDowngrade?: boolean;
  readonly dryRun?: boolean;
  readonly confirm?: boolean;
  readonly permanent?: boolean;
  readonly unchecked?: boolean;
  readonly yes?: boolean;
}

export interface PublishedOptions {
  readonly out?: string;
  readonly keyOut?: string;
  readonly json?: boolean;
}

/** `tapbench flash run <image> <device>`. Exit code 3 when it was refused, or does not run in the end. */
export async function run(file: string, spec: string, options: FlashOptions, context: Context): Promise<ExitCode> {
  const report = flashReport(options, context);
  const { paint } = report;
  const image = imageNumber(options);
  const data = await readInput(file, context.io);
  const keys = await keysOf(options, context);
  if (options.permanent === true && options.dryRun !== true)
    await sure(`${file} stays on ${spec}, whatever it does`, options, context);
  return withDevice(spec, options, context, async (device, signal) => {
    const { title } = device;
    const result = await flashRun(device, [{ data, image }], {
      keys,
      signal,
      allowDowngrade: options.allowDowngrade,
      dryRun: options.dryRun,
      permanent: options.permanent,
      confirm: options.confirm,
      progress: report.progress,
    });
    const good = RAN_WELL.has(result.outcome);
    const version = result.check.images[0]?.version ?? "";
    const ran = "says" in result ? result : undefined;
    const [upload] = ran?.uploads ?? [];
    const lines =
      result.outcome === "refused"
        ? objectionLines(result.check, paint)
        : result.outcome === "planned"
          ? [`nothing speaks against ${version} on ${title}`]
          : result.outcome === "already-running"
            ? [`${title} runs exactly that already: ${version}`]
            : [
                ...(upload ? [`uploaded ${uploadSummary(upload, data.length)}`] : []),
                paint(good ? "good" : "bad", `${title}: ${ran?.says ?? ""}`),
                ...listedLines(ran?.listed ?? [], paint),
              ];
    report.result(lines, {
      device: spec,
      title,
      file,
      outcome: result.outcome,
      says: ran?.says,
      check: checkDocument(result.check),
      uploads: ran?.uploads.map(uploadDocument),
      listed: ran?.listed,
    });
    return good ? EXIT.ok : EXIT.no;
  });
}

const RAN_WELL: ReadonlySet<FlashResult["outcome"]> = new Set([
  "planned",
  "already-running",
  "confirmed",
  "on-trial",
] as const);

/** `tapbench flash upload <image> <device>` */
export async function upload(file: string, spec: string, options: FlashOptions, context: Context): Promise<ExitCode> {
  const report = flashReport(options, context);
  const image = imageNumber(options);
  const data = await readInput(file, context.io);
  const keys = await keysOf(options, context);
  const { allowDowngrade } = options;
  return withDevice(spec, options, context, async (device, signal) => {
    const { title } = device;
    report.progress({ step: "check" });
    const check =
      options.unchecked === true
        ? undefined
        : await checkFirmware(device.management, [{ data, image }], { keys, allowDowngrade, signal });
    const facts = { device: spec, title, file, ...(check && { check: checkDocument(check) }) };
    if (check && check.objections.length > 0) {
      report.result(objectionLines(check, report.paint), { ...facts, outcome: "refused" });
      return EXIT.no;
    }
    if (options.dryRun === true) {
      report.result([`nothing speaks against it on ${title}`], { ...facts, outcome: "planned" });
      return EXIT.ok;
    }
    const uploaded = await uploadImage(device, data, {
      image,
      signal,
      progress: (how) => report.progress({ step: "upload", image, ...how }),
    });
    report.result([`${title}: uploaded ${uploadSummary(uploaded, data.length)}`], {
      ...facts,
      outcome: "uploaded",
      upload: uploadDocument(uploaded),
    });
    return EXIT.ok;
  });
}

/** `tapbench flash list <device>` */
export async function list(spec: string, options: FlashOptions, context: Context): Promise<ExitCode> {
  const report = flashReport(options, context);
  return withDevice(spec, options, context, async ({ management, title }, signal) => {
    const listed = await listImages(management, { signal });
    report.result(listedLines(listed, report.paint), { device: spec, title, listed });
    return EXIT.ok;
  });
}

/** `tapbench flash test <device> [hash]` */
export async function mark(
  spec: string,
  begins: string | undefined,
  options: FlashOptions,
  context: Context,
): Promise<ExitCode> {
  const report = flashReport(options, context);
  const image = imageNumber(options);
  if (begins !== undefined && !/^[\da-f]{2,128}$/i.test(begins))
    throw cliError("bad-value", `'${begins.slice(0, 20)}' is no hash, or the beginning of one, in hex`, {});
  const { permanent = false } = options;
  if (permanent) await sure(`what is marked stays on ${spec}, whatever it does`, options, context);
  return withDevice(spec, options, context, async ({ management, title }, signal) => {
    const there = await listImages(management, { signal });
    const found = there.filter((each) =>
      begins === undefined
        ? each.image === image && !each.active
        : each.hash !== undefined && hex(each.hash).startsWith(begins.toUpperCase()),
    );
    const [one] = found;
    if (found.length !== 1 || !one?.hash)
      throw firmwareError(
        "no-such-image",
        `${found.length === 0 ? "no image is" : "several images are"} like that on ${title}; see tapbench flash list`,
        {},
      );
    const listed = await testImage(management, one.hash, { permanent, signal });
    report.result(
      [
        `${title}: the next restart starts ${one.version}${permanent ? " for good" : " on trial"}`,
        ...listedLines(listed, report.paint),
      ],
      { device: spec, title, version: one.version, permanent, listed },
    );
    return EXIT.ok;
  });
}

/** `tapbench flash confirm <device>` */
export async function confirm(spec: string, options: FlashOptions, context: Context): Promise<ExitCode> {
  const report = flashReport(options, context);
  const image = imageNumber(options);
  return withDevice(spec, options, context, async ({ management, title }, signal) => {
    const active = (await listImages(management, { signal })).find((each) => each.image === image && each.active);
    const listed = await confirmImage(management, { hash: active?.hash, signal });
    report.result([`${title}: running for good: ${active?.version ?? "?"}`, ...listedLines(listed, report.paint)], {
      device: spec,
      title,
      version: active?.version,
      listed,
    });
    return EXIT.ok;
  });
}

/** `tapbench flash revert <device>` */
export async function takeBack(spec: string, options: FlashOptions, context: Context): Promise<ExitCode> {
  const report = flashReport(options, context);
  const image = imageNumber(options);
  return withDevice(spec, options, context, async (device, signal) => {
    const { title } = device;
    const { reverted, from, to, listed } = await revert(device, { image, signal });
    report.result(
      [
        reverted
          ? `${title}: ${to} instead of ${from}, for good`
          : `${title}: ${to} does not run; still running: ${from}`,
        ...listedLines(listed, report.paint),
      ],
      { device: spec, title, reverted, from, to, listed },
    );
    return reverted ? EXIT.ok : EXIT.no;
  });
}

/** `tapbench flash erase <device> [slot]` */
export async function erase(
  spec: string,
  slotText: string | undefined,
  options: FlashOptions,
  context: Context,
): Promise<ExitCode> {
  const report = flashReport(options, context);
  const slot = slotText === undefined ? 1 : small("slot", slotText);
  await sure(`the image in slot ${slot} of ${spec} will be gone`, options, context);
  return withDevice(spec, options, context, async ({ management, title }, signal) => {
    await eraseSlot(management, { slot, signal });
    report.result([`${title}: slot ${slot} is erased`], { device: spec, title, slot, erased: true });
    return EXIT.ok;
  });
}

/** `tapbench flash published [version]` */
export async function published(
  version: string | undefined,
  options: PublishedOptions,
  context: Context,
): Promise<ExitCode> {
  const { publishedFile, publishedFirmware } = await import("../../bench/published-firmware.js");
  const output = outputOf(context, options);
  if (version === undefined) {
    const all = publishedFirmware();
    output.lines(all.map((each) => `${each.model}  ${each.version}  ${each.notes ?? ""}`));
    output.document({ published: all });
    return EXIT.ok;
  }
  const { out, keyOut } = options;
  if (out === undefined) throw cliError("missing-argument", "say where the image is to go: --out", {});
  const { image, key } = publishedFile(version);
  await writeWhole(out, [image], 0o644);
  if (keyOut !== undefined) await writeWhole(keyOut, [key], 0o644);
  output.lines([`${out}: ${image.length} bytes`, ...(keyOut === undefined ? [] : [`${keyOut}: its public key`])]);
  output.document({ version, file: out, bytes: image.length, key: keyOut });
  return EXIT.ok;
}

/** What cannot be undone is asked for. @throws `cli/not-confirmed` */
async function sure(what: string, { yes }: FlashOptions, { io: { ask } }: Context): Promise<void> {
  if (yes === true) return;
  if (!ask) throw cliError("not-confirmed", `${what}: say --yes (there is no terminal to ask at)`, {});
  const answer = await ask(`${what}. Do it? [y/N] `);
  if (!/^y(es)?$/i.test(answer.trim())) throw cliError("not-confirmed", "not done", {});
}

const imageNumber = ({ image }: FlashOptions): number => small("--image", image);

function small(name: string, text: string): number {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  throw cliError("bad-value", `${name} '${text.slice(0, 20)}' is no number from 0 to 99`, {});
}

const keysOf = ({ key = [] }: FlashOptions, { io }: Context): Promise<readonly VerifyingKey[]> =>
  Promise.all(key.map(async (file) => readVerifyingKey(new TextDecoder().decode(await readInput(file, io)))));
