import { quickAckSupport } from "../../emulator/faces/quick-ack.js";
import { VpcdSlot } from "../../emulator/faces/vpcd-slot.js";
import { cardIn } from "../../src/bench/virtual-reader.js";
import { VPCD_PORTS } from "../../src/protocols/vpcd/messages.js";
import { hex } from "../../src/util/bytes.js";
import { echoOnReader } from "./echo-applet.js";

/*
 * A program: a band whose only applet is the echo applet, in the first slot of the virtual reader, with the same parts as `tapbench emulate`. Its
 * arguments are the watchdog's milliseconds, and `plain` to go without immediate acknowledgement. A command of class 90 is never answered.
 * Prints events, one JSON document a line.
 */

const [watchdog = "5000", plain] = process.argv.slice(2);
const say = (event: string, facts: object = {}): void =>
  void process.stdout.write(`${JSON.stringify({ event, ...facts })}\n`);

const { reader } = await echoOnReader();
reader.place();
const card = cardIn(reader);
const support = await quickAckSupport();
const slot = new VpcdSlot({
  host: "127.0.0.1",
  port: VPCD_PORTS[0],
  quickAck: plain === "plain" || "lacks" in support ? undefined : support.acknowledge,
  watchdog: Number(watchdog),
  patience: 20_000,
  card: {
    ...card,
    transmit(apdu) {
      if (apdu[0] !== 0x90) return card.transmit(apdu);
      say("working");
      return new Promise(() => {});
    },
  },
  events: {
    visible: (atr) => say("visible", { atr: hex(atr) }),
    gone: (why) => say("gone", { why }),
    exchanged: () => {},
    trouble: (says) => say("trouble", { says }),
  },
});
await slot.open();
say("ready");
process.once("SIGTERM", () => void slot.close());
