import type { Command } from "commander";
import type { Context } from "../context.js";
import { declareDecode } from "./decode.js";
import { declareDemo } from "./demo.js";
import { declareDevices } from "./devices.js";
import { declareEmulate } from "./emulate.js";
import { declareFlash } from "./flash.js";
import { declareSe } from "./se.js";
import { declareSmp } from "./smp.js";
import { declareTap } from "./tap.js";
import { declareTrace } from "./trace.js";

/*
 * What the command line looks like: commands, arguments, options, examples, a file a verb. What a command does is loaded when it runs, so
 * that `--help` answers at once.
 */

/** All commands, in the order of the help. */
export function declareCommands(program: Command, context: Context): void {
  for (const declare of [
    declareDemo,
    declareTap,
    declareDevices,
    declareSe,
    declareFlash,
    declareSmp,
    declareEmulate,
    declareDecode,
    declareTrace,
  ])
    declare(program, context);
}
