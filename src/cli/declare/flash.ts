import type { Command } from "commander";
import type { BuildArguments, SignArguments, VerifyArguments } from "../commands/flash-files.js";
import type { Context } from "../context.js";
import { declareFlashDevice } from "./flash-device.js";
import { collect, examples } from "./options.js";

export function declareFlash(program: Command, context: Context): void {
  const flash = program
    .command("flash")
    .summary("firmware: flash devices; build, sign and check images")
    .description(
      "Flashes firmware onto devices that speak MCUmgr, and builds, signs and checks images as MCUboot boots them.",
    );
  declareFlashDevice(flash, context);

  const files = () => import("../commands/flash-files.js");
  const signing = (command: Command): Command =>
    command
      .requiredOption("--out <file>", "where the image goes")
      .option("--key <file>", "private key in PEM; without one the image holds its hash only")
      .option("--hash <name>", "sha256, sha384 or sha512; default: as the key asks")
      .option("--pure", "sign the image itself, not its hash (Ed25519)")
      .option("--whole-public-key", "put the public key into the image instead of its hash")
      .option("--seed <text>", "of what is drawn: RSA salts, content keys; default: the machine's randomness")
      .option("--json", "print one JSON document");

  const build = signing(
    flash
      .command("build")
      .summary("make an image of a payload")
      .description("Makes an MCUboot image of a payload: header, protected TLVs, hash, signature, padding.")
      .argument("<payload>", "what the device runs")
      .requiredOption("--image-version <version>", "such as 1.2.3+4"),
  )
    .option("--header-size <bytes>", "bytes before the payload", "512")
    .option("--security-counter <number>", "lowest that a later image may have; auto: from the version")
    .option("--depends <image:version>", "another image that has to be there (repeatable)", collect)
    .option("--boot-record <type>", "software type for attestation")
    .option("--vendor-id <uuid>", "protected TLV 74")
    .option("--class-id <uuid>", "protected TLV 75")
    .option("--tlv <type:hex>", "a protected TLV of one's own, such as A0:0102 (repeatable)", collect)
    .option("--load-address <address>", "copied there before it runs")
    .option("--rom-fixed <address>", "runs at that address only")
    .option("--non-bootable", "the boot loader is not to start it")
    .option("--encrypt <file>", "for this device key: P-256 or X25519, public, in PEM")
    .option("--encrypt-bits <128|256>", "of the content key", "128")
    .option("--pad", "fill up to the slot's end, with the trailer of a test boot")
    .option("--confirm", "the same, for good")
    .option("--slot-size <bytes>", "with --pad and --confirm")
    .option("--align <bytes>", "write alignment of the flash", "8")
    .option("--overwrite-only", "the boot loader does not swap")
    .action(async (payload: string, options: BuildArguments) => {
      context.exitCode = await (await files()).buildFile(payload, options, context);
    });
  examples(
    build,
    "tapbench flash build app.bin --image-version 2.1.0 --key key.pem --out app.signed.bin",
    "tapbench flash build app.bin --image-version 2.1.0 --key key.pem --confirm --slot-size 0x20000 --out slot0.bin",
  );

  const sign = signing(
    flash
      .command("sign")
      .summary("sign an image again")
      .description("Gives an image another hash and signature; header, payload and protected TLVs stay as they are.")
      .argument("<image>", "an image that is not encrypted"),
  ).action(async (image: string, options: SignArguments) => {
    context.exitCode = await (await files()).signFile(image, options, context);
  });
  examples(sign, "tapbench flash sign app.unsigned.bin --key key.pem --out app.signed.bin");

  const verify = flash
    .command("verify")
    .summary("judge an image as the boot loader does")
    .description(
      "Checks an image's structure, hash and signature, as the boot loader does before it starts it. Exit code 3 when it would not be started.",
    )
    .argument("<image>", "an image, or a slot's content")
    .option(
      "--key <file>",
      "public key in PEM that is trusted (repeatable); without one only the hash is checked",
      collect,
    )
    .option("--decrypt <file>", "the device's private key, for an encrypted image")
    .option("--slot-size <bytes>", "it has to fit a slot of this size")
    .option("--json", "print one JSON document")
    .action(async (image: string, options: VerifyArguments) => {
      context.exitCode = await (await files()).verifyFile(image, options, context);
    });
  examples(
    verify,
    "tapbench flash verify app.signed.bin --key key-pub.pem",
    "tapbench flash verify app.encrypted.bin --key key-pub.pem --decrypt device.pem --json",
  );

  const info = flash
    .command("info")
    .summary("show what an image says of itself")
    .argument("<image>", "an image, or a slot's content")
    .option("--json", "print one JSON document")
    .action(async (image: string, options: { readonly json?: boolean }) => {
      context.exitCode = await (await files()).showFile(image, options, context);
    });
  examples(info, "tapbench flash info app.signed.bin");

  const keygen = flash
    .command("keygen")
    .summary("make a key that signs images")
    .description(
      "Makes a key pair: the private half in PEM, readable by its owner only, and the public half beside it.",
    )
    .argument("<kind>", "ecdsa-p256, ecdsa-p384, ed25519, rsa-2048 or rsa-3072")
    .requiredOption("--out <file>", "where the private key goes; the public one gets -pub before its suffix")
    .option("--seed <text>", "a test key that comes out the same each time; default: the machine's randomness")
    .option("--json", "print one JSON document")
    .action(
      async (kind: string, options: { readonly out: string; readonly seed?: string; readonly json?: boolean }) => {
        context.exitCode = await (await files()).makeKey(kind, options, context);
      },
    );
  examples(keygen, "tapbench flash keygen ecdsa-p256 --out key.pem");
}
