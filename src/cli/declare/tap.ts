import type { Command } from "commander";
import type { Context } from "../context.js";
import type { TapOptions } from "../tap-options.js";
import { examples, withTapOptions } from "./options.js";
import { withReportOptions } from "./report-options.js";

const isOnReader = (device: string): boolean => device.startsWith("pcsc:");

export function declareTap(program: Command, context: Context): void {
  const command = withReportOptions(
    withTapOptions(
      program
        .command("tap")
        .summary("one payment")
        .description(
          "Makes one payment with a device. An emulated device is new and gets a card before the tap. Where it does not end as asked, one screen says why; exit code 3 then. A card on a PC/SC reader (pcsc:) is read as a terminal does, which counts in it: tapbench asks first. There is no issuer for it, so exit code 0 says that it asked to go online or agreed offline.",
        )
        .argument("<device>", "what to tap, such as emu:band-s1 (see tapbench devices)"),
    ),
  )
    .option(
      "--expect <end>",
      "how the payment is asked to end: approved, declined, try-again, try-another-interface, not-completed; default: approved",
    )
    .option("--explain", "tell every decision: what it rests on, and what would have flipped it")
    .option("--golden <file>", "compare the tap with a golden file; exit code 3 when something differs")
    .option(
      "--repeat <count>",
      "tap so many times, each payment reversed, and tell pass rate and times; the trace keeps the first failed tap, else the last",
    )
    .option("--limit <time>", "with --repeat: a tap that takes longer has failed, such as 500ms")
    .option("--keep-going", "with --repeat: go on after a tap that failed")
    .option("--json-lines", "with --repeat: print one JSON line a tap, and the summary as the last line")
    .option("--yes", "tap a card on a reader without asking: it counts the payment, and yields a live cryptogram")
    .action(async (device: string, options: TapOptions) => {
      if (isOnReader(device)) {
        const { paymentOnReader } = await import("../commands/tap-hardware.js");
        context.exitCode = await paymentOnReader(device, options, context);
        return;
      }
      const { repeatPayment } = await import("../commands/repeat.js");
      const { payment } = await import("../commands/tap.js");
      context.exitCode = await (repeatPayment(device, options, context) ?? payment(device, options, context, false));
    });
  examples(
    command,
    "tapbench tap emu:band-s1 --amount 12.50 --currency EUR",
    "tapbench tap emu:watch-w1 --seed 7 --at 2026-03-01 --json",
    "tapbench tap emu:ring-r1 --card k2-ring --amount 60 --expect declined --explain",
    "tapbench tap emu:band-s1 --html tap.html --junit tap.xml",
    "tapbench tap emu:band-s1 --repeat 1000 --limit 500ms",
    "tapbench tap emu:band-s1 --fault field-loss@before:gpo --fault noise:2@in:generate-ac",
    "tapbench tap pcsc:ACR1252 --yes",
    "tapbench tap 'pcsc:?wait=30&share=exclusive'",
  );
}
