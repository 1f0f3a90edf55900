import { blob, cborMessage, maybe, text, uint } from "../../../codec/cbor-fields.js";
import { commandsOf, LONG_BYTES, Nothing, PATH } from "../command.js";

const SOURCE = "Zephyr, SMP group 3";

const ReadRequest = cborMessage("smp.settings.READ_REQUEST", `${SOURCE}, read setting`, {
  name: [text(PATH), "key, with / between its parts"],
  max_size: [maybe(uint()), "most bytes to return"],
});
const ReadResponse = cborMessage("smp.settings.READ_RESPONSE", `${SOURCE}, read setting`, {
  val: [blob(LONG_BYTES), "value; what it means is the application's"],
  max_size: [maybe(uint()), "most bytes that the device can return, where that is less than was asked for"],
});
const WriteRequest = cborMessage("smp.settings.WRITE_REQUEST", `${SOURCE}, write setting`, {
  name: [text(PATH), "key"],
  val: [blob(LONG_BYTES), "value"],
});
const NameRequest = cborMessage("smp.settings.DELETE_REQUEST", `${SOURCE}, delete setting`, {
  name: [text(PATH), "key"],
});
const SaveRequest = cborMessage("smp.settings.SAVE_REQUEST", `${SOURCE}, save settings`, {
  name: [maybe(text(PATH)), "subtree; absent: all"],
});

const command = commandsOf(3, "settings");

export const settings = {
  read: command("read", 0, "read", "the value of a setting", ReadRequest, ReadResponse),
  write: command("write", 0, "write", "sets a setting; kept once it is saved", WriteRequest, Nothing),
  delete: command("delete", 1, "write", "deletes a setting", NameRequest, Nothing),
  commit: command("commit", 2, "write", "applies settings that were set", Nothing, Nothing),
  load: command("load", 3, "read", "loads all settings from storage; what was not saved is lost", Nothing, Nothing),
  save: command("save", 3, "write", "saves settings to storage", SaveRequest, Nothing),
} as const;
