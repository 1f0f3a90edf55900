import type { Command } from "commander";
import type { FlashOptions, PublishedOptions } from "../commands/flash-device.js";
import type { Context } from "../context.js";
import { collect, examples } from "./options.js";

const DEVICE = "such as serial:/dev/ttyACM0, udp:127.0.0.1:1337 or emu:band-s1 (see tapbench devices)";

/** The verbs of `tapbench flash` that talk with a device. */
export function declareFlashDevice(flash: Command, context: Context): void {
  const verbs = () => import("../commands/flash-device.js");
  const onDevice = (command: Command): Command =>
    command
      .option(
        "--state <folder>",
        "keep the emulated device in this folder from run to run; each run switches it on anew",
      )
      .option("--seed <text>", "of an emulated device: the same seed gives the same bytes")
      .option("--image <number>", "which image of a device that has several", "0")
      .option("--logs", "show what the device logs meanwhile, on standard error")
      .option("--json", "print one JSON document")
      .option("--json-lines", "print a JSON document a line: progress, and the result as the last line");
  const checked = (command: Command): Command =>
    onDevice(
      command
        .option("--key <file>", "public key in PEM that has to have signed it (repeatable)", collect)
        .option("--allow-downgrade", "also versions that are not above the running one")
        .option("--dry-run", "check image and device only"),
    );

  examples(
    checked(
      flash
        .command("run")
        .summary("flash firmware, end to end")
        .description(
          "Checks image and device, uploads, restarts, looks what runs, and confirms it. Exit code 3 when it is refused, or the device took it back.",
        )
        .argument("<image>", "a signed image")
        .argument("<device>", DEVICE),
    )
      .option("--no-confirm", "leave it on trial: the next restart takes it back")
      .option("--permanent", "no trial: it stays, whatever it does")
      .option("--yes", "do what cannot be undone without asking")
      .action(async (image: string, device: string, options: FlashOptions) => {
        context.exitCode = await (await verbs()).run(image, device, options, context);
      }),
    "tapbench flash run app.signed.bin serial:/dev/ttyACM0 --key key-pub.pem",
    "tapbench flash run band-2.1.0.bin emu:band-s1 --state ./band",
    "tapbench flash run app.signed.bin udp:127.0.0.1:1337 --dry-run --json",
  );
  examples(
    checked(
      flash
        .command("upload")
        .summary("upload an image, and nothing else")
        .description("Checks image and device, and uploads into the free slot. What runs goes on running.")
        .argument("<image>", "a signed image")
        .argument("<device>", DEVICE),
    )
      .option("--unchecked", "whatever it is: to see what the device says to it")
      .action(async (image: string, device: string, options: FlashOptions) => {
        context.exitCode = await (await verbs()).upload(image, device, options, context);
      }),
    "tapbench flash upload app.signed.bin serial:/dev/ttyACM0",
    "tapbench flash upload damaged.bin emu:band-s1 --unchecked --json",
  );
  examples(
    onDevice(flash.command("list").summary("images in the device's slots").argument("<device>", DEVICE)).action(
      async (device: string, options: FlashOptions) => {
        context.exitCode = await (await verbs()).list(device, options, context);
      },
    ),
    "tapbench flash list serial:/dev/ttyACM0",
    "tapbench flash list emu:band-s1 --state ./band --json",
  );
  examples(
    onDevice(
      flash
        .command("test")
        .summary("mark an image for a trial")
        .description("The next restart starts the image once; the one after that takes it back unless it is confirmed.")
        .argument("<device>", DEVICE)
        .argument("[hash]", "how its hash begins; default: the image that does not run"),
    )
      .option("--permanent", "no trial: it stays, whatever it does")
      .option("--yes", "do what cannot be undone without asking")
      .action(async (device: string, hash: string | undefined, options: FlashOptions) => {
        context.exitCode = await (await verbs()).mark(device, hash, options, context);
      }),
    "tapbench flash test serial:/dev/ttyACM0",
    "tapbench flash test udp:127.0.0.1:1337 5A3C --json",
  );
  examples(
    onDevice(flash.command("confirm").summary("keep what runs on trial").argument("<device>", DEVICE)).action(
      async (device: string, options: FlashOptions) => {
        context.exitCode = await (await verbs()).confirm(device, options, context);
      },
    ),
    "tapbench flash confirm serial:/dev/ttyACM0",
  );
  examples(
    onDevice(
      flash
        .command("revert")
        .summary("back to the image in the other slot")
        .description("Restarts the device with its other image, and keeps that. Exit code 3 when it does not come up.")
        .argument("<device>", DEVICE),
    ).action(async (device: string, options: FlashOptions) => {
      context.exitCode = await (await verbs()).takeBack(device, options, context);
    }),
    "tapbench flash revert serial:/dev/ttyACM0",
  );
  examples(
    onDevice(
      flash
        .command("erase")
        .summary("erase a slot")
        .argument("<device>", DEVICE)
        .argument("[slot]", "counted through all images; default: 1"),
    )
      .option("--yes", "do what cannot be undone without asking")
      .action(async (device: string, slot: string | undefined, options: FlashOptions) => {
        context.exitCode = await (await verbs()).erase(device, slot, options, context);
      }),
    "tapbench flash erase serial:/dev/ttyACM0 --yes",
  );
  examples(
    flash
      .command("published")
      .summary("firmware for the emulated band")
      .description("Lists the firmware that there is for emulated devices, or writes an image of it.")
      .argument("[version]", "such as 2.1.0; absent: they are listed")
      .option("--out <file>", "where the image goes")
      .option("--key-out <file>", "where the public key goes that belongs to it")
      .option("--json", "print one JSON document")
      .action(async (version: string | undefined, options: PublishedOptions) => {
        context.exitCode = await (await verbs()).published(version, options, context);
      }),
    "tapbench flash published",
    "tapbench flash published 2.1.0 --out band-2.1.0.bin --key-out band-pub.pem",
  );
}
