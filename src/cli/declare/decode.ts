import { Option, type Command } from "commander";
import type { Context } from "../context.js";
import type { DecodeCommandOptions } from "../commands/decode.js";
import { collect, examples } from "./options.js";

/** What the command takes for `--as`; spelt out, because what decodes is loaded when it runs. */
const KINDS = ["tlv", "response", "command", "dol", "atr", "ats", "track", "image", "tag", "trace"];

export function declareDecode(program: Command, context: Context): void {
  const command = program
    .command("decode")
    .summary("bytes in, explained tree out")
    .description(
      "Explains what bytes say: BER-TLV, an answer with its status word, a command, both, an ATR or ATS, track data, the data of a DOL, a certificate, an MCUboot image; or a whole trace, as trace show does. Told apart by what is in them, or by --as. Hex is shown as it was given: account numbers in it are not masked.",
    )
    .argument("<hex|file|-...>", "what to decode; a command and its answer as two arguments, or with > between them")
    .addOption(new Option("--as <kind>", "what the bytes are; tag looks one up").choices(KINDS))
    .option("--kernel <name>", "name tags as this kernel does: c2, c3, ... c8, interac, gp")
    .option("--dol <hex>", "the list that the data answer: PDOL, CDOL1, ..., with or without its tag")
    .option("--certificate", "recover a certificate or signature: 90, 93, 9F46, 9F4B")
    .option("--key <hex>", "modulus of the key that signed it")
    .option("--exponent <hex>", "exponent of that key", "03")
    .option("--rid <hex>", "provider of the CA key that signed it")
    .option("--ca-index <hex>", "index of that CA key (8F)")
    .option("--ca-keys <file>", "CA public keys, besides the published ones (repeatable)", collect)
    .option("--covers <hex>", "what the hash covers besides: 92 and 9F32; 9F48, 9F47 and static data; terminal data")
    .option("--json", "print one JSON document")
    .action(async (inputs: readonly string[], options: DecodeCommandOptions) => {
      const { decodeInput } = await import("../commands/decode.js");
      context.exitCode = await decodeInput(inputs, options, context);
    });
  examples(
    command,
    "tapbench decode 6F1C8407A0000000041010A511500F505043204D434420303420763220309000",
    "tapbench decode 00A4040007A000000004101000 6A82",
    "tapbench decode --kernel c2 --json 9F6B115413330056003511D1412101067750500F",
    "tapbench decode --dol 9F38069F66049F0206 --kernel c3 36000080000000001250",
    "tapbench decode 3B8F8001804F0CA000000306030001000000006A",
    "tapbench decode --as tag 9F6E",
    "tapbench decode --certificate --rid A000000004 --ca-index FA certificate.hex",
  );
}
