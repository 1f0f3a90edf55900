import { cborMessage, listOf, mapOf, text, uint } from "../../../codec/cbor-fields.js";
import { commandsOf, Nothing } from "../command.js";

const SOURCE = "Zephyr, SMP group 2";
const NAME = 32;

const ShowRequest = cborMessage("smp.statistics.SHOW_REQUEST", `${SOURCE}, group data`, {
  name: [text(NAME), "statistics group"],
});
const ShowResponse = cborMessage("smp.statistics.SHOW_RESPONSE", `${SOURCE}, group data`, {
  name: [text(NAME), "statistics group"],
  fields: [mapOf(uint(), 64), "counters by name"],
});
const ListResponse = cborMessage("smp.statistics.LIST_RESPONSE", `${SOURCE}, list of groups`, {
  stat_list: [listOf(text(NAME), 64), "statistics groups"],
});

const command = commandsOf(2, "statistics");

export const statistics = {
  show: command("show", 0, "read", "the counters of one statistics group", ShowRequest, ShowResponse),
  list: command("list", 1, "read", "which statistics groups there are", Nothing, ListResponse),
} as const;
