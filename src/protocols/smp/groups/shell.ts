import { cborMessage, int32, listOf, text } from "../../../codec/cbor-fields.js";
import { commandsOf, LONG_TEXT } from "../command.js";

const SOURCE = "Zephyr, SMP group 9, shell command line execute";

const Request = cborMessage("smp.shell.REQUEST", SOURCE, {
  argv: [listOf(text(255), 32), "command and its arguments"],
});
const Response = cborMessage("smp.shell.RESPONSE", SOURCE, {
  o: [text(LONG_TEXT), "what it printed"],
  ret: [int32, "what it returned; 0 is success"],
});

export const shell = {
  run: commandsOf(9, "shell")("run", 0, "once", "runs a command of the device's shell", Request, Response),
} as const;
