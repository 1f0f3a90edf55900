import type { Command } from "commander";

/** Options of everything that works in a session with an element. */
export function withSessionOptions(command: Command): Command {
  // `se lock --card` is the card itself.
  if (!command.options.some(({ long }) => long === "--card"))
    command.option("--card <name|file>", "card that an emulated device is to hold; default: none");
  return command
    .option(
      "--keys <set>",
      "keys of the security domain: test:<set>, or <file>:<set>; else from TAPBENCH_SE_ENC, _MAC, _DEK",
    )
    .option("--key-version <n>", "key version, such as 0x30; default: the card's choice")
    .option("--level <level>", "security level: 01 03 11 13 33, or mac enc rmac renc; default: the most that it offers")
    .option("--domain <aid>", "security domain; default: the issuer's")
    .option("--s16", "challenges of 16 bytes (SCP03); default: as the element says")
    .option("--state <folder>", "keep the emulated device, and its issuer, in this folder from run to run")
    .option("--seed <text>", "of an emulated device: the same seed gives the same bytes")
    .option("--dry-run", "stop after INITIALIZE UPDATE, and show what would be sent then: whole, with the data in it")
    .option("--yes", "do what cannot be undone without asking")
    .option("--try-again", "use keys that failed on this element before; it may block")
    .option("--any-reader", "load and personalise over a reader that is not trusted with it")
    .option("--journal <dir>", "where it is kept what was tried on elements; else TAPBENCH_JOURNAL")
    .option("--trace <file>", "record every command in a trace")
    .option("--json", "print one JSON document");
}
