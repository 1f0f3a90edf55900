import type { Command } from "commander";
import type { FileOptions } from "../commands/smp-files.js";
import type { SmpOptions } from "../commands/smp-device.js";
import type { EchoOptions, ResetOptions } from "../commands/smp-os.js";
import type { SettingsOptions } from "../commands/smp-settings.js";
import type { Context } from "../context.js";
import { examples } from "./options.js";

const DEVICE = "such as serial:/dev/ttyACM0, udp:127.0.0.1:1337 or emu:band-s1 (see tapbench devices)";

export function declareSmp(program: Command, context: Context): void {
  const smp = program
    .command("smp")
    .summary("manage a device over MCUmgr's SMP")
    .description(
      "Talks MCUmgr's Simple Management Protocol with a device: on a serial port (?baud=115200&framing=console or raw), on UDP, or with an emulated one in this process.",
    );
  const verb = (name: string, summary: string, description: string): Command =>
    smp
      .command(name)
      .summary(summary)
      .description(description)
      .argument("<device>", DEVICE)
      .option("--card <name|file>", "card that an emulated device is to hold; default: none")
      .option(
        "--state <folder>",
        "keep the emulated device in this folder from run to run; each run switches it on anew",
      )
      .option("--seed <text>", "of an emulated device: the same seed gives the same bytes")
      .option("--logs", "show what the device logs meanwhile, on standard error")
      .option("--json", "print one JSON document");

  examples(
    verb("echo", "send a text, get it back", "Sends a text that the device sends back, and tells how long that took.")
      .argument("[text]", "what is sent", "tapbench")
      .option("--count <n>", "how often, one after the other", "1")
      .action(async (device: string, text: string, options: EchoOptions) => {
        const { echo } = await import("../commands/smp-os.js");
        context.exitCode = await echo(device, text, options, context);
      }),
    "tapbench smp echo serial:/dev/ttyACM0",
    "tapbench smp echo udp:127.0.0.1:1337 hello --count 100",
    "tapbench smp echo emu:band-s1 hello --json",
  );
  examples(
    verb(
      "info",
      "what the device is",
      "Tells what the device says of itself: names and versions, buffers, groups, boot loader.",
    ).action(async (device: string, options: SmpOptions) => {
      const { info } = await import("../commands/smp-os.js");
      context.exitCode = await info(device, options, context);
    }),
    "tapbench smp info serial:/dev/ttyACM0",
    "tapbench smp info 'serial:/dev/ttyUSB0?baud=921600&framing=raw' --json",
  );
  examples(
    verb("stats", "its counters", "Shows the device's statistics: all groups, or one.")
      .argument("[group]", "statistics group; absent: all of them")
      .action(async (device: string, group: string | undefined, options: SmpOptions) => {
        const { stats } = await import("../commands/smp-os.js");
        context.exitCode = await stats(device, group, options, context);
      }),
    "tapbench smp stats udp:127.0.0.1:1337",
    "tapbench smp stats serial:/dev/ttyACM0 smp --json",
  );
  examples(
    verb(
      "settings",
      "read and write settings",
      "Reads, writes and deletes settings. What is written is in use at once, and kept through a reset once it is saved.",
    )
      .argument("<action>", "read, write, delete, save, load or commit")
      .argument("[name]", "key, such as app/name")
      .argument("[value]", "what is written: text, or bytes with --hex")
      .option("--hex", "the value is hex")
      .option("--save", "with write: save all settings then, so that a restart does not undo it")
      .action(
        async (
          device: string,
          action: string,
          name: string | undefined,
          value: string | undefined,
          options: SettingsOptions,
        ) => {
          const { settingsOf } = await import("../commands/smp-settings.js");
          context.exitCode = await settingsOf(device, { action, name, value }, options, context);
        },
      ),
    "tapbench smp settings serial:/dev/ttyACM0 read app/name",
    "tapbench smp settings serial:/dev/ttyACM0 write app/name 'left wrist'",
    "tapbench smp settings serial:/dev/ttyACM0 save",
    "tapbench smp settings emu:band-s1 write app/name 'left wrist' --save --state ./band",
  );
  examples(
    verb(
      "fs",
      "read and write files",
      "Downloads and uploads files, with a check where the device computes one, and tells their lengths and hashes.",
    )
      .argument("<action>", "download, upload, stat or hash")
      .argument("<path>", "absolute path on the device")
      .argument("[file]", "file here; - is standard input or output")
      .action(async (device: string, action: string, path: string, file: string | undefined, options: FileOptions) => {
        const { filesOf } = await import("../commands/smp-files.js");
        context.exitCode = await filesOf(device, { action, path, file }, options, context);
      }),
    "tapbench smp fs serial:/dev/ttyACM0 upload /lfs/face.bin face.bin",
    "tapbench smp fs udp:127.0.0.1:1337 download /lfs/log.txt -",
    "tapbench smp fs serial:/dev/ttyACM0 stat /lfs/face.bin --json",
  );
  examples(
    verb(
      "shell",
      "run a command of its shell",
      "Runs a command of the device's shell. Exit code 3 when it returns anything but 0.",
    )
      .argument("<command...>", "the command and its arguments")
      .action(async (device: string, words: readonly string[], options: SmpOptions) => {
        const { shellOf } = await import("../commands/smp-os.js");
        context.exitCode = await shellOf(device, words, options, context);
      }),
    "tapbench smp shell serial:/dev/ttyACM0 uptime",
    "tapbench smp shell emu:band-s1 help",
  );
  examples(
    verb("reset", "restart the device", "Restarts the device, and waits until it answers again.")
      .option("--no-wait", "do not wait for it")
      .action(async (device: string, options: ResetOptions) => {
        const { reset } = await import("../commands/smp-os.js");
        context.exitCode = await reset(device, options, context);
      }),
    "tapbench smp reset serial:/dev/ttyACM0 --logs",
    "tapbench smp reset udp:127.0.0.1:1337 --no-wait",
  );
}
