import { randomBytes } from "node:crypto";
import { readAgreementKey, readAgreementSecret } from "../../crypto/key-agreement.js";
import {
  generateSigningKey,
  readSigningKey,
  readVerifyingKey,
  SIGNING_KINDS,
  type SigningKey,
} from "../../crypto/signing.js";
import { renderFields } from "../../inspect/field.js";
import { imageFields, verdictFields } from "../../inspect/image-fields.js";
import { buildImage, signAgain, type BuildOptions, type SignOptions } from "../../protocols/mcuboot/build.js";
import { decrypted } from "../../protocols/mcuboot/encryption.js";
import { parseImage, type Image } from "../../protocols/mcuboot/image.js";
import { judgeImage } from "../../protocols/mcuboot/verify.js";
import { formatVersion, parseVersion } from "../../protocols/mcuboot/version.js";
import { writeWhole } from "../../trace/file.js";
import { hex, unhex } from "../../util/bytes.js";
import { seededRandom, type Random } from "../../util/random.js";
import { outputOf, type Context } from "../context.js";
import { cliError } from "../errors.js";
import { readInput } from "../files.js";
import { EXIT, type ExitCode } from "../output.js";

export interface SignArguments {
  readonly out: string;
  readonly key?: string;
  readonly hash?: string;
  readonly pure?: boolean;
  readonly wholePublicKey?: boolean;
  readonly seed?: string;
  readonly json?: boolean;
}

export interface BuildArguments extends SignArguments {
  readonly imageVersion: string;
  readonly headerSize: string;
  readonly securityCounter?: string;
  readonly depends?: readonly string[];
  readonly bootRecord?: string;
  readonly vendorId?: string;
  readonly classId?: string;
  readonly tlv?: readonly string[];
  readonly loadAddress?: string;
  readonly romFixed?: string;
  readonly nonBootable?: boolean;
  readonly encrypt?: string;
  readonly encryptBits: string;
  readonly pad?: boolean;
  readonly confirm?: boolean;
  readonly slotSize?: string;
  readonly align: string;
  readonly overwriteOnly?: boolean;
}

export interface VerifyArguments {
  readonly key?: readonly string[];
  readonly decrypt?: string;
  readonly slotSize?: string;
  readonly json?: boolean;
}

/** `tapbench flash build <payload>` */
export async function buildFile(payload: string, options: BuildArguments, context: Context): Promise<ExitCode> {
  const build = await buildOptions(options, context);
  const bytes = buildImage(await readInput(payload, context.io), build);
  return written(bytes, options, context);
}

/** `tapbench flash sign <image>` */
export async function signFile(file: string, options: SignArguments, context: Context): Promise<ExitCode> {
  const image = parseImage(await readInput(file, context.io));
  return written(signAgain(image, await signOptions(options, context)), options, context);
}

async function written(bytes: Uint8Array, options: SignArguments, context: Context): Promise<ExitCode> {
  await writeWhole(options.out, [bytes], 0o644);
  const image = parseImage(bytes);
  const output = outputOf(context, options);
  output.document({ file: options.out, bytes: bytes.length, ...documentOf(image) });
  output.lines([`${options.out}: ${bytes.length} bytes`, ...renderFields(imageFields(image), output.paint, "  ")]);
  return EXIT.ok;
}

/** `tapbench flash info <image>` */
export async function showFile(
  file: string,
  options: { readonly json?: boolean },
  context: Context,
): Promise<ExitCode> {
  const image = parseImage(await readInput(file, context.io));
  const output = outputOf(context, options);
  output.document({ file, ...documentOf(image) });
  output.lines([output.paint("heading", "MCUboot image"), ...renderFields(imageFields(image), output.paint, "  ")]);
  return EXIT.ok;
}

/** `tapbench flash verify <image>`. Exit code 3 when a boot loader with these keys would not start it. */
export async function verifyFile(file: string, options: VerifyArguments, context: Context): Promise<ExitCode> {
  const keys = await Promise.all((options.key ?? []).map(async (name) => readVerifyingKey(await text(name, context))));
  const found = parseImage(await readInput(file, context.io));
  const image =
    options.decrypt === undefined ? found : decrypted(found, readAgreementSecret(await text(options.decrypt, context)));
  const verdict = judgeImage(image, { keys, named: "either" });
  const slot = options.slotSize === undefined ? undefined : numberOf("--slot-size", options.slotSize);
  const fits = slot === undefined || image.end <= slot;
  const good = verdict.objections.length === 0 && fits;
  const output = outputOf(context, options);
  output.document({
    file,
    good,
    hash: verdict.hash,
    digest: verdict.digest && hex(verdict.digest),
    key: verdict.key?.kind,
    objections: [...verdict.objections.map(({ why }) => why), ...(fits ? [] : ["too-large"])],
    ...documentOf(image),
  });
  output.lines([
    output.paint(good ? "good" : "bad", good ? "the boot loader starts it" : "the boot loader does not start it"),
    ...renderFields(verdictFields(verdict), output.paint, "  "),
    ...(fits ? [] : [`  it has ${image.end} bytes, and the slot ${slot}`]),
  ]);
  return good ? EXIT.ok : EXIT.no;
}

/** `tapbench flash keygen <kind>` */
export async function makeKey(
  kindText: string,
  options: { readonly out: string; readonly seed?: string; readonly json?: boolean },
  context: Context,
): Promise<ExitCode> {
  const kind = SIGNING_KINDS.find((one) => one === kindText);
  if (!kind)
    throw cliError("bad-value", `'${kindText.slice(0, 40)}' is no kind of key; one of ${SIGNING_KINDS.join(", ")}`, {});
  const pem = generateSigningKey(kind, randomOf(options.seed));
  const publicFile = options.out.replace(/(\.[^./\\]*)?$/, "-pub$1");
  await writeWhole(options.out, [pem], 0o600);
  await writeWhole(publicFile, [readSigningKey(pem).pem], 0o644);
  const output = outputOf(context, options);
  output.document({ kind, private: options.out, public: publicFile });
  output.lines([`${kind}: private key in ${options.out}, public key in ${publicFile}`]);
  return EXIT.ok;
}

const documentOf = (image: Image): Record<string, unknown> => ({
  version: formatVersion(image.version),
  header: image.header,
  end: image.end,
  tlvs: image.tlvs.map(({ type, protected: guarded, value }) => ({ type, protected: guarded, value: hex(value) })),
});

const text = async (file: string, { io }: Context): Promise<string> =>
  new TextDecoder().decode(await readInput(file, io));

/** Without a seed nobody can guess what is drawn. */
const randomOf = (seed: string | undefined): Random => seededRandom(seed ?? hex(randomBytes(32)));

async function signOptions(options: SignArguments, context: Context): Promise<SignOptions> {
  const key: SigningKey | undefined =
    options.key === undefined ? undefined : readSigningKey(await text(options.key, context));
  return {
    key,
    random: randomOf(options.seed),
    hash: hashOf(options.hash),
    pure: options.pure,
    wholePublicKey: options.wholePublicKey,
  };
}

async function buildOptions(options: BuildArguments, context: Context): Promise<BuildOptions> {
  const number = (name: string, value: string | undefined): number | undefined =>
    value === undefined ? undefined : numberOf(name, value);
  const version = parseVersion(options.imageVersion);
  const { major, minor, revision } = version;
  const padded = options.pad === true || options.confirm === true;
  if (padded && options.slotSize === undefined)
    throw cliError("missing-argument", "say how large the slot is that is to be filled: --slot-size", {});
  const bits = numberOf("--encrypt-bits", options.encryptBits);
  if (bits !== 128 && bits !== 256) throw badValue("--encrypt-bits", options.encryptBits, "128 or 256");
  return {
    ...(await signOptions(options, context)),
    version,
    headerSize: numberOf("--header-size", options.headerSize),
    securityCounter:
      options.securityCounter === "auto"
        ? ((major << 24) | (minor << 16) | revision) >>> 0
        : number("--security-counter", options.securityCounter),
    dependencies: (options.depends ?? []).map(dependencyOf),
    bootRecord: options.bootRecord,
    vendorId: uuidOf("--vendor-id", options.vendorId),
    classId: uuidOf("--class-id", options.classId),
    custom: (options.tlv ?? []).map(tlvOf),
    loadAddress: number("--load-address", options.loadAddress),
    romFixed: number("--rom-fixed", options.romFixed),
    nonBootable: options.nonBootable,
    ...(options.encrypt !== undefined && {
      encrypt: { to: readAgreementKey(await text(options.encrypt, context)), bits },
    }),
    ...(padded && {
      pad: {
        slotSize: numberOf("--slot-size", options.slotSize!),
        align: numberOf("--align", options.align),
        overwriteOnly: options.overwriteOnly,
        confirmed: options.confirm,
      },
    }),
  };
}

const badValue = (name: string, value: string, needs: string): Error =>
  cliError("bad-value", `${name} '${value.slice(0, 40)}' is not ${needs}`, { option: name });

/** Decimal, or hex with 0x in front. */
function numberOf(name: string, value: string): number {
  if (/^(\d{1,10}|0x[\da-f]{1,8})$/i.test(value) && Number(value) <= 0xffff_ffff) return Number(value);
  throw badValue(name, value, "a number from 0 to 4294967295, or in hex such as 0x20000");
}

function hashOf(name: string | undefined): SignOptions["hash"] {
  if (name === undefined || name === "sha256" || name === "sha384" || name === "sha512") return name;
  throw badValue("--hash", name, "sha256, sha384 or sha512");
}

function dependencyOf(value: string): { image: number; version: ReturnType<typeof parseVersion> } {
  const match = /^(\d{1,3}):(.+)$/.exec(value);
  if (!match || Number(match[1]) > 255) throw badValue("--depends", value, "an image and its version, such as 1:2.0.0");
  return { image: Number(match[1]), version: parseVersion(match[2]!) };
}

function tlvOf(value: string): { type: number; value: Uint8Array } {
  const match = /^([\da-f]{1,4}):((?:[\da-f]{2})*)$/i.exec(value);
  if (!match) throw badValue("--tlv", value, "a type and a value in hex, such as A0:0102");
  return { type: parseInt(match[1]!, 16), value: unhex(match[2]!) };
}

function uuidOf(name: string, value: string | undefined): Uint8Array | undefined {
  if (value === undefined) return undefined;
  if (/^[\da-f]{8}-?(?:[\da-f]{4}-?){3}[\da-f]{12}$/i.test(value)) return unhex(value.replaceAll("-", ""));
  throw badValue(name, value, "a UUID");
}
