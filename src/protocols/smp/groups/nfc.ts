import { cborMessage, flag, int32, listOf, maybe, record, text, word } from "../../../codec/cbor-fields.js";
import { commandsOf, Nothing } from "../command.js";

/* The NFC controller as factories and developers use it. */
const SOURCE = "tapbench, group 66";

const State = cborMessage("smp.nfc.STATE", SOURCE, {
  field: [flag, "the device is in a reader's field"],
  listening: [flag, "it answers a reader"],
});
const ListenRequest = cborMessage("smp.nfc.LISTEN_REQUEST", SOURCE, { on: [flag, "whether it answers a reader"] });

const Routing = cborMessage("smp.nfc.ROUTING", SOURCE, {
  iso_dep: [word("element", "none"), "where frames of ISO-DEP go"],
});

const SelfTestRequest = cborMessage("smp.nfc.SELF_TEST_REQUEST", SOURCE, {
  tests: [maybe(listOf(text(24), 16)), "which ones; absent: all"],
});
const SelfTestResponse = cborMessage("smp.nfc.SELF_TEST_RESPONSE", SOURCE, {
  passed: [flag, "all of them are within their limits"],
  simulated: [flag, "values come from a model, not from a measurement"],
  results: [
    listOf(
      record({
        test: [text(24), "name"],
        value: [int32, "what was measured"],
        low: [int32, "least that passes"],
        high: [int32, "most that passes"],
        unit: [text(8), "unit of the three"],
        passed: [flag, "within the limits"],
      }),
      16,
    ),
    "one a test",
  ],
});

const command = commandsOf(66, "nfc");

export const nfc = {
  state: command("state", 0, "read", "the field, and whether the device listens", Nothing, State),
  listen: command("listen", 0, "write", "switches listening on or off, until the next reset", ListenRequest, Nothing),
  routing: command("routing", 1, "read", "where frames go", Nothing, Routing),
  setRouting: command("set-routing", 1, "write", "sets where frames go, until the next reset", Routing, Nothing),
  selfTest: command("self-test", 2, "write", "measures, and judges by limits", SelfTestRequest, SelfTestResponse),
} as const;
