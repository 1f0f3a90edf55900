import type { Command } from "commander";
import type { Context } from "../context.js";
import type { TapOptions } from "../tap-options.js";
import { examples, withTapOptions } from "./options.js";
import { withReportOptions } from "./report-options.js";

export function declareTap(program: Command, context: Context): void {
  const command = withReportOptions(
    withTapOptions(
      program
        .command("tap")
        .summary("one payment")
        .description(
          "Makes one payment with a device. An emulated device is new and gets a card before the tap. Where it does not end as asked, one screen says why; exit code 3 then.",
        )
        .argument("<device>", "what to tap, such as emu:band-s1 (see tapbench devices)"),
    ),
  )
    .option(
      "--expect <end>",
      "how the payment is asked to end: approved, declined, try-again, try-another-interface, not-completed; default: approved",
    )
    .option("--explain", "tell every decision: what it rests on, and what would have flipped it")
    .action(async (device: string, options: TapOptions) => {
      const { payment } = await import("../commands/tap.js");
      context.exitCode = await payment(device, options, context, false);
    });
  examples(
    command,
    "tapbench tap emu:band-s1 --amount 12.50 --currency EUR",
    "tapbench tap emu:watch-w1 --seed 7 --at 2026-03-01 --json",
    "tapbench tap emu:ring-r1 --card k2-ring --amount 60 --expect declined --explain",
    "tapbench tap emu:band-s1 --html tap.html --junit tap.xml",
    "tapbench tap emu:band-s1 --fault field-loss@before:gpo --fault noise:2@in:generate-ac",
  );
}
