import type { Command } from "commander";
import type { Context } from "../context.js";
import { EMULATE_DEFAULTS, type EmulateOptions } from "../emulate-options.js";
import { examples, withStateOptions } from "./options.js";

export function declareEmulate(program: Command, context: Context): void {
  const command = withStateOptions(program.command("emulate"))
    .summary("run a device and show it to the outside")
    .description(
      "Runs an emulated device with a card in it and shows it to other programs: with --pcsc as a card in a PC/SC reader, the virtual reader of pcscd; with --serial and --udp as a device that is managed over SMP, on a pseudo-terminal and a UDP port. Several of them go together. Runs until Ctrl-C or SIGTERM, which are a clean end. On a terminal: p places the device, r removes it, q quits.",
    )
    .argument("<profile>", "device profile, such as band-s1 (see tapbench devices)")
    .option("--pcsc [host:port]", "show it in the virtual reader of pcscd; default: where that listens on this machine")
    .option("--serial [link]", "show its management on a pseudo-terminal, with a link to it at that path")
    .option("--baud <n>", "pace the serial line at so many bits a second; default: as fast as it goes")
    .option("--framing <console|raw>", "how messages lie on the serial line", EMULATE_DEFAULTS.framing)
    .option("--noise <share>", "of the bytes on a paced line, the share that arrives with a wrong bit, such as 0.001")
    .option("--loss <share>", "of the bytes on a paced line, the share that does not arrive")
    .option("--udp [host:port]", "show its management on UDP; default: 127.0.0.1:1337, this machine only")
    .option("--logs", "tell what the device logs")
    .option("--slot <1|2>", "slot of the virtual reader", EMULATE_DEFAULTS.slot)
    .option("--port <port>", "TCP port of the slot; default: 35963 for slot 1, 35964 for slot 2")
    .option("--seed <text>", "repeat a run: the same seed gives the same device and card")
    .option("--schedule <steps>", "place and remove it on a schedule that repeats, such as '2s out, 1s in'")
    .option("--trace <file>", "write a trace at the end: the first million records, account data masked")
    .option("--apdus", "tell every command and its answer, account data masked")
    .option("--json-lines", "one JSON document a line for each event; then keys are taken from standard input, too")
    .action(async (profile: string, options: EmulateOptions) => {
      const { emulate } = await import("../commands/emulate.js");
      context.exitCode = await emulate(profile, options, context);
    });
  examples(
    command,
    "tapbench emulate band-s1 --pcsc",
    "tapbench emulate band-s1 --pcsc --json-lines --apdus",
    "tapbench emulate band-s1 --serial=/tmp/band --udp --logs",
    "tapbench emulate band-s1 --pcsc --serial=/tmp/band --baud 115200",
    "tapbench emulate band-s1 --serial=/tmp/band --baud 115200 --noise 0.0005 --loss 0.0005",
    "tapbench emulate band-s1 --serial=/tmp/band --state ./band",
    "tapbench emulate watch-w1 --pcsc --slot 2 --schedule '2s out, 1s in'",
  );
}
