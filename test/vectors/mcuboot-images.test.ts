import { createHash, createPrivateKey, createVerify, type JsonWebKey } from "node:crypto";
import { describe, expect, test } from "vitest";
import { readAgreementKey, readAgreementSecret } from "../../src/crypto/key-agreement.js";
import { readSigningKey, readVerifyingKey, type SigningKey, type VerifyingKey } from "../../src/crypto/signing.js";
import { buildImage, type BuildOptions } from "../../src/protocols/mcuboot/build.js";
import { contentKey, decrypted, isEncrypted } from "../../src/protocols/mcuboot/encryption.js";
import { parseImage, valuesOf } from "../../src/protocols/mcuboot/image.js";
import { TLV } from "../../src/protocols/mcuboot/tlv.js";
import { judgeImage } from "../../src/protocols/mcuboot/verify.js";
import { compareVersions, formatVersion, parseVersion } from "../../src/protocols/mcuboot/version.js";
import { ascii, hex, unhex } from "../../src/util/bytes.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { seededRandom } from "../../src/util/random.js";
import { describeVectors, vectorBytes, vectors } from "../support/vectors.js";

// Images made by imgtool 2.4.0; `boot_loader` and `corrupted` are the answers of MCUboot's own C boot loader.

interface ImageRow {
  readonly file: string;
  readonly imgtool_args: readonly string[];
  readonly signing_key: string | null;
  readonly encryption_key?: string;
  readonly content_key?: string;
  readonly header: Readonly<Record<"load_addr" | "hdr_size" | "protected_tlv_size" | "img_size" | "flags", number>> & {
    readonly version: string;
  };
  readonly tlvs: readonly { readonly protected: boolean; readonly type: number; readonly value: string }[];
  readonly image_end: number;
  readonly hash: string;
  readonly boot_loader?: "boots" | "rejected";
}
interface Images {
  readonly images: readonly ImageRow[];
  readonly corrupted: readonly { readonly file: string; readonly verify_key: string; readonly boot_loader: string }[];
}

const image = (file: string): Uint8Array => vectorBytes(`mcuboot/images/${file}`);
const pem = (file: string): string => new TextDecoder().decode(vectorBytes(`mcuboot/${file}`));
const publicKey = (file: string): VerifyingKey => readVerifyingKey(pem(file.replace(".pem", "-pub.pem")));

/** `keys/ed25519.pem` to its private half, which the vectors hold as JWK. */
function privatePem(file: string): string {
  const { keys } = vectors<{ keys: Readonly<Record<string, JsonWebKey>> }>("mcuboot/keys/test-keys");
  const jwk = keys[/keys\/(.*)\.pem/.exec(file)![1]!]!;
  return createPrivateKey({ format: "jwk", key: jwk }).export({ type: "pkcs8", format: "pem" }) as string;
}

describeVectors<Images>("mcuboot/images/images", ({ images, corrupted }) => {
  test.each(images.map((row) => [row.file, row] as const))("%s is taken apart", (_, row) => {
    const found = parseImage(image(row.file));
    expect(found.header).toMatchObject({
      loadAddress: row.header.load_addr,
      headerSize: row.header.hdr_size,
      protectedSize: row.header.protected_tlv_size,
      imageSize: row.header.img_size,
      flags: row.header.flags,
    });
    expect(compareVersions(found.version, parseVersion(row.header.version))).toBe(0);
    expect(found.tlvs.map((one) => [one.protected, one.type, hex(one.value).toLowerCase()])).toEqual(
      row.tlvs.map((one) => [one.protected, one.type, one.value]),
    );
    expect(found.end).toBe(row.image_end);
  });

  test.each(images.map((row) => [row.file, row] as const))("%s is judged", (_, row) => {
    const found = parseImage(image(row.file));
    // Payload in clear under the flag of an encrypted one: imgtool's --clear.
    const plain =
      row.encryption_key !== undefined && !row.file.startsWith("enc-clear")
        ? decrypted(found, readAgreementSecret(privatePem(row.encryption_key)))
        : found;
    const keys = row.signing_key === null ? [] : [publicKey(row.signing_key)];
    const { objections, digest, key } = judgeImage(plain, { keys, named: "either" });
    expect(hex(digest!).toLowerCase()).toBe(row.hash);
    expect(key).toBe(keys[0]);
    const refused = { "non-bootable.bin": ["non-bootable"], "lzma2.bin": ["compressed"] }[row.file] ?? [];
    expect(objections.map(({ why }) => why)).toEqual(refused);
    if (row.boot_loader !== undefined) expect(refused.length === 0).toBe(row.boot_loader === "boots");
  });

  test.each(corrupted.map((row) => [row.file, row.boot_loader, row] as const))("%s: %s", (_, answer, row) => {
    const bytes = image(row.file);
    let boots: boolean;
    try {
      const found = parseImage(bytes);
      boots = judgeImage(found, { keys: [publicKey(row.verify_key)] }).objections.length === 0 && found.end <= 0x8000;
    } catch (error) {
      if (!isTapbenchError(error)) throw error;
      expect(error.code).toMatch(/^mcuboot\//);
      boots = false;
    }
    expect(boots ? "boots" : "rejected").toBe(answer);
  });

  test("a boot loader that expects the key's hash does not know a key that stands there whole", () => {
    const found = parseImage(image("pubkey-full.bin"));
    const { objections } = judgeImage(found, { keys: [publicKey("keys/ecdsa-p256.pem")] });
    expect(objections.map(({ why }) => why)).toEqual(["unknown-key"]);
  });

  test.each(images.filter((row) => row.content_key !== undefined).map((row) => [row.file, row] as const))(
    "%s: its content key",
    (_, row) => {
      const found = parseImage(image(row.file));
      expect(isEncrypted(found)).toBe(true);
      const own = readAgreementSecret(privatePem(row.encryption_key!));
      expect(hex(contentKey(found, own)).toLowerCase()).toBe(row.content_key);
      const other = readAgreementSecret(
        privatePem(own.kind === "ec256" ? "keys/enc-x25519.pem" : "keys/enc-ec256.pem"),
      );
      expect(() => contentKey(found, other)).toThrow(expect.objectContaining({ code: "mcuboot/bad-key" }));
    },
  );

  describe("built from the same payload, key and arguments", () => {
    const payload = (): Uint8Array => image("payload.bin");
    const repeatable = images.filter(({ file }) => /^(unsigned|ed25519|sig-ed25519)/.test(file));
    test.each(repeatable.map((row) => [row.file, row] as const))("%s: the same bytes", (_, row) => {
      const key = row.signing_key === null ? undefined : readSigningKey(privatePem(row.signing_key));
      expect(print(buildImage(payload(), argumentsOf(row, key)))).toBe(print(image(row.file)));
    });

    const drawn = images.filter(
      ({ file, signing_key }) =>
        signing_key !== null && !file.startsWith("enc") && !file.startsWith("lzma") && /ecdsa/.test(signing_key),
    );
    test.each(drawn.map((row) => [row.file, row] as const))("%s: the same but for the signature", (_, row) => {
      const key = readSigningKey(privatePem(row.signing_key!));
      const theirs = parseImage(image(row.file));
      const ours = parseImage(buildImage(payload(), argumentsOf(row, key)));
      expect(print(ours.covered)).toBe(print(theirs.covered));
      const parts = ({ tlvs }: typeof ours) => tlvs.map(({ type, value }) => type === TLV.ecdsa || [type, hex(value)]);
      expect(parts(ours)).toEqual(parts(theirs));
      const behind = ({ bytes, end }: typeof ours): Uint8Array => bytes.subarray(end).filter((byte) => byte !== 0xff);
      expect(hex(behind(ours))).toBe(hex(behind(theirs)));
      if (row.imgtool_args.includes("--align")) expect(ours.bytes.length).toBe(theirs.bytes.length);
      const [signature] = valuesOf(ours, TLV.ecdsa);
      // OpenSSL checks it.
      const hash = row.signing_key!.includes("384") ? "sha384" : "sha256";
      expect(
        createVerify(hash)
          .update(ours.covered)
          .verify(pem(pubFile(row)), signature!),
      ).toBe(true);
    });

    test.each(images.filter(({ file }) => file.startsWith("enc-")).map((row) => [row.file, row] as const))(
      "%s: opened by the device's key, and nobody else can read it",
      (_, row) => {
        const key = readSigningKey(privatePem(row.signing_key!));
        const options = { ...argumentsOf(row, key), encrypt: encryptionOf(row) };
        const ours = parseImage(buildImage(payload(), options));
        const theirs = parseImage(image(row.file));
        expect(ours.header).toEqual(theirs.header);
        expect(ours.tlvs.map(({ type, value }) => (type === TLV.ecdsa ? type : [type, value.length]))).toEqual(
          theirs.tlvs.map(({ type, value }) => (type === TLV.ecdsa ? type : [type, value.length])),
        );
        const opened = decrypted(ours, readAgreementSecret(privatePem(row.encryption_key!)));
        expect(print(opened.payload.subarray(0, payload().length))).toBe(print(payload()));
        expect(judgeImage(opened, { keys: [publicKey(row.signing_key!)] }).objections).toEqual([]);
        expect(judgeImage(ours, { keys: [publicKey(row.signing_key!)] }).objections.map(({ why }) => why)).toContain(
          "wrong-hash",
        );
      },
    );
  });
});

/** Long bytes in few. */
const print = (bytes: Uint8Array): string => `${bytes.length}: ${createHash("sha256").update(bytes).digest("hex")}`;

const pubFile = (row: ImageRow): string => row.signing_key!.replace(".pem", "-pub.pem");

/** What imgtool was told, as our options. UUIDs as Python's uuid.uuid5 makes them of example.com and device. */
function argumentsOf({ imgtool_args: args }: ImageRow, key: SigningKey | undefined): BuildOptions {
  const has = (name: string): boolean => args.includes(name);
  const after = (name: string): string | undefined => (has(name) ? args[args.indexOf(name) + 1] : undefined);
  const number = (name: string): number | undefined => (has(name) ? Number(after(name)) : undefined);
  const version = parseVersion(after("-v")!);
  const custom = args.flatMap((name, i) =>
    name === "--custom-tlv"
      ? [
          {
            type: Number(args[i + 1]),
            value: args[i + 2]!.startsWith("0x") ? unhex(args[i + 2]!.slice(2)) : ascii(args[i + 2]!),
          },
        ]
      : [],
  );
  const dependencies = [...(after("-d") ?? "").matchAll(/\((\d+), ([\d.+]+)\)/g)].map(([, number, text]) => ({
    image: Number(number),
    version: parseVersion(text!),
  }));
  const padded = ["--pad", "--test", "--confirm"].some(has);
  return {
    version,
    key,
    random: seededRandom("images"),
    headerSize: number("-H"),
    hash: has("--sha") ? (`sha${after("--sha")}` as "sha256") : has("--pure") ? "sha512" : undefined,
    pure: has("--pure"),
    wholePublicKey: has("--public-key-format"),
    // imgtool's `auto`: the version in one number.
    securityCounter:
      after("-s") === "auto" ? (version.major << 24) + (version.minor << 16) + version.revision : number("-s"),
    dependencies,
    bootRecord: after("--boot-record"),
    ...(has("--vid") && {
      vendorId: unhex("CFBFF0D193755685968C48CE8B15AE17"),
      classId: unhex("9B3D448B46845AD793649112D1DA853C"),
    }),
    custom,
    loadAddress: number("-L"),
    romFixed: number("-F"),
    nonBootable: has("--non-bootable"),
    ...(padded && {
      pad: {
        slotSize: number("-S")!,
        align: number("--align"),
        overwriteOnly: has("--overwrite-only"),
        confirmed: has("--confirm"),
      },
    }),
  };
}

const encryptionOf = ({ imgtool_args: args, file }: ImageRow) => ({
  to: readAgreementKey(pem(`keys/${file.includes("x25519") ? "enc-x25519" : "enc-ec256"}-pub.pem`)),
  bits: args.includes("--encrypt-keylen") ? (256 as const) : (128 as const),
  hash: args.includes("--hmac-sha") ? ("sha512" as const) : ("sha256" as const),
});

test("versions are written as they are read", () => {
  for (const text of ["1.2.3", "255.255.65535+4294967295", "0.0.0+1"])
    expect(formatVersion(parseVersion(text))).toBe(text);
  for (const text of ["", "1.2.3.4", "256.0.0", "1.2.65536", "1.2.3+4294967296", "v1", "1..2"])
    expect(() => parseVersion(text)).toThrow(expect.objectContaining({ code: "mcuboot/bad-version" }));
});
