import type { Command } from "commander";
import type { Context } from "../context.js";
import type { TapOptions } from "../tap-options.js";
import { examples, withTapOptions } from "./options.js";

const isOnReader = (device: string): boolean => device.startsWith("pcsc:");

export function declareTap(program: Command, context: Context): void {
  const command = withTapOptions(
    program
      .command("tap")
      .summary("one payment")
      .description(
        "Makes one payment with a device. An emulated device is new and gets a card before the tap. Exit code 3 when it is not approved. A card on a PC/SC reader (pcsc:) is read as a terminal does, which counts in it: tapbench asks first. There is no issuer for it, so exit code 0 says that it asked to go online or agreed offline.",
      )
      .argument("<device>", "what to tap, such as emu:band-s1 (see tapbench devices)"),
  )
    .option("--yes", "tap a card on a reader without asking: it counts the payment, and yields a live cryptogram")
    .action(async (device: string, options: TapOptions) => {
      if (isOnReader(device)) {
        const { paymentOnReader } = await import("../commands/tap-hardware.js");
        context.exitCode = await paymentOnReader(device, options, context);
        return;
      }
      const { payment } = await import("../commands/tap.js");
      context.exitCode = await payment(device, options, context, false);
    });
  examples(
    command,
    "tapbench tap emu:band-s1 --amount 12.50 --currency EUR",
    "tapbench tap emu:watch-w1 --seed 7 --at 2026-03-01 --json",
    "tapbench tap emu:band-s1 --fault field-loss@before:gpo --fault noise:2@in:generate-ac",
    "tapbench tap pcsc:ACR1252 --yes",
    "tapbench tap 'pcsc:?wait=30&share=exclusive'",
  );
}
