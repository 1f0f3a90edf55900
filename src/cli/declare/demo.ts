import type { Command } from "commander";
import type { Context } from "../context.js";
import type { TapOptions } from "../tap-options.js";
import { examples, withTapOptions } from "./options.js";

const DEMO_DEVICE = "emu:band-s1";

export function declareDemo(program: Command, context: Context): void {
  const command = withTapOptions(
    program
      .command("demo")
      .summary("provision into an emulated band, tap, authorise, show where the time went")
      .description(
        "Provisions a tokenised card into an emulated band, taps it on a terminal, has the issuer authorise the payment, and shows where each millisecond went.",
      ),
  ).action(async (options: TapOptions) => {
    const { payment } = await import("../commands/tap.js");
    context.exitCode = await payment(DEMO_DEVICE, options, context, true);
  });
  examples(
    command,
    "tapbench demo",
    "tapbench demo --seed 7 --json",
    "tapbench demo --amount 80 --terminal shop --reveal-test-data",
  );
}
