import { cborMessage, flag, listOf, maybe, record, text, uint } from "../../../codec/cbor-fields.js";
import { commandsOf, Nothing } from "../command.js";

const SOURCE = "Zephyr, SMP group 10";
const id = uint(0xffff);

const Count = cborMessage("smp.enumeration.COUNT", `${SOURCE}, count of supported groups`, {
  count: [uint(), "groups"],
});
const List = cborMessage("smp.enumeration.LIST", `${SOURCE}, list supported groups`, {
  groups: [listOf(id, 256), "numbers"],
});
const SingleRequest = cborMessage("smp.enumeration.SINGLE_REQUEST", `${SOURCE}, fetch single group ID`, {
  index: [maybe(uint()), "from 0; 0 when absent"],
});
const SingleResponse = cborMessage("smp.enumeration.SINGLE_RESPONSE", `${SOURCE}, fetch single group ID`, {
  group: [id, "number"],
  end: [maybe(flag), "true with the last one"],
});
const DetailsRequest = cborMessage("smp.enumeration.DETAILS_REQUEST", `${SOURCE}, details on supported groups`, {
  groups: [maybe(listOf(id, 64)), "which ones; absent: all"],
});
const DetailsResponse = cborMessage("smp.enumeration.DETAILS_RESPONSE", `${SOURCE}, details on supported groups`, {
  groups: [
    listOf(
      record({
        group: [id, "number"],
        name: [maybe(text(64)), "name"],
        handlers: [maybe(uint()), "commands that it has"],
      }),
      256,
    ),
    "one a group",
  ],
});

const command = commandsOf(10, "enumeration");

export const enumeration = {
  count: command("count", 0, "read", "how many groups the device has", Nothing, Count),
  list: command("list", 1, "read", "their numbers", Nothing, List),
  single: command("single", 2, "read", "one number at a time", SingleRequest, SingleResponse),
  details: command("details", 3, "read", "names, and how many commands", DetailsRequest, DetailsResponse),
} as const;
