import type { Command } from "commander";
import type { Context } from "../context.js";
import { examples } from "./options.js";

export function declareDecode(program: Command, context: Context): void {
  const command = program
    .command("decode")
    .summary("bytes in, explained tree out")
    .description(
      "Explains BER-TLV: a string of hex digits, a file with hex or bytes in it, or standard input (-). A status word at the end is taken for a response. Shows the bytes as they were given: account numbers in them are not masked.",
    )
    .argument("<hex|file|->", "what to decode")
    .option("--kernel <name>", "name tags as this kernel does: c2, c3, c7, ...")
    .option("--json", "print one JSON document")
    .action(async (input: string, options: { readonly kernel?: string; readonly json?: boolean }) => {
      const { decodeInput } = await import("../commands/decode.js");
      context.exitCode = await decodeInput(input, options, context);
    });
  examples(
    command,
    "tapbench decode 6F1C8407A0000000041010A511500F505043204D434420303420207632309000",
    "tapbench decode --kernel c2 --json 9F6B115413330056003511D1412101067750500F",
    "tapbench decode response.bin",
  );
}
