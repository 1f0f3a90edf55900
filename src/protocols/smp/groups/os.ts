import { cborMessage, cborNames, flag, int32, mapOf, maybe, record, text, uint } from "../../../codec/cbor-fields.js";
import { commandsOf, LONG_TEXT, Nothing } from "../command.js";

const SOURCE = "Zephyr, SMP group 0";
const EchoRequest = cborMessage("smp.os.ECHO_REQUEST", `${SOURCE}, echo`, {
  d: [text(LONG_TEXT), "text to send back"],
});
const EchoResponse = cborMessage("smp.os.ECHO_RESPONSE", `${SOURCE}, echo`, { r: [text(LONG_TEXT), "the same text"] });

const Task = record({
  prio: [int32, "priority"],
  tid: [uint(), "number"],
  state: [uint(), "state"],
  stkuse: [uint(), "stack used, words of 4 bytes"],
  stksiz: [uint(), "stack, words of 4 bytes"],
  cswcnt: [uint(), "context switches"],
  runtime: [uint(), "run time, ticks"],
  last_checkin: [uint(), "0 in Zephyr"],
  next_checkin: [uint(), "0 in Zephyr"],
});
const Tasks = cborMessage("smp.os.TASK_STATISTICS", `${SOURCE}, task statistics`, {
  tasks: [mapOf(Task, 64), "by name"],
});

const Pool = record({
  blksiz: [uint(), "bytes of a block"],
  nblks: [uint(), "blocks"],
  nfree: [uint(), "free ones"],
  min: [uint(), "fewest ever free"],
});
const Pools = cborNames("smp.os.MEMORY_POOLS", `${SOURCE}, memory pool statistics`, [Pool, "one memory pool"], 64, [
  "rc",
  "err",
]);

const DateTime = cborMessage("smp.os.DATE_TIME", `${SOURCE}, date-time`, {
  datetime: [text(40), "such as 2026-06-15T10:00:00.000000Z"],
});

const Reset = cborMessage("smp.os.RESET", `${SOURCE}, system reset`, {
  force: [maybe(int32), "above 0: even when the device is busy"],
  boot_mode: [maybe(uint(255)), "for the boot loader"],
});

const Parameters = cborMessage("smp.os.PARAMETERS", `${SOURCE}, MCUmgr parameters`, {
  buf_size: [uint(0x10000), "bytes of one buffer, header included"],
  buf_count: [uint(1024), "buffers"],
});

const InfoRequest = cborMessage("smp.os.INFO_REQUEST", `${SOURCE}, OS/application info`, {
  format: [maybe(text(32)), "letters out of s n r v b m p i o, or a for all; s when absent"],
});
const InfoResponse = cborMessage("smp.os.INFO_RESPONSE", `${SOURCE}, OS/application info`, {
  output: [text(LONG_TEXT), "what was asked for, in the order of those letters, with spaces between"],
});

const LoaderRequest = cborMessage("smp.os.BOOT_LOADER_REQUEST", `${SOURCE}, bootloader information`, {
  query: [maybe(text(32)), "mode; absent: the boot loader's name"],
});
const LoaderResponse = cborMessage("smp.os.BOOT_LOADER_RESPONSE", `${SOURCE}, bootloader information`, {
  bootloader: [maybe(text(32)), "MCUboot"],
  mode: [
    maybe(int32),
    "-1 unknown, 0 single application, 1 scratch, 2 overwrite, 3 swap without scratch, 4 and 5 direct, 6 RAM",
  ],
  "no-downgrade": [maybe(flag), "older versions are refused"],
});

const command = commandsOf(0, "os");

export const os = {
  echo: command("echo", 0, "write", "sends a text back", EchoRequest, EchoResponse),
  echoRead: command("echo-read", 0, "read", "the same as a reading operation", EchoRequest, EchoResponse),
  tasks: command("tasks", 2, "read", "task statistics", Nothing, Tasks),
  pools: command("pools", 3, "read", "memory pool statistics", Nothing, Pools),
  dateTime: command("date-time", 4, "read", "the device's clock", Nothing, DateTime),
  setDateTime: command("set-date-time", 4, "write", "sets the device's clock", DateTime, Nothing),
  reset: command("reset", 5, "once", "restarts the device once it has answered", Reset, Nothing),
  parameters: command("parameters", 6, "read", "buffers that the device has", Nothing, Parameters),
  info: command("info", 7, "read", "names and versions, as uname tells them", InfoRequest, InfoResponse),
  bootLoader: command("boot-loader", 8, "read", "boot loader and its mode", LoaderRequest, LoaderResponse),
} as const;
