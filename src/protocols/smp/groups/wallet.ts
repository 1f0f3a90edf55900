import { blob, cborMessage, flag, listOf, maybe, record, text, uint, word } from "../../../codec/cbor-fields.js";
import { commandsOf, Nothing } from "../command.js";

/* What the wallet application of the device knows. Reading only. */
const SOURCE = "tapbench, group 65";

const Cards = cborMessage("smp.wallet.CARDS", SOURCE, {
  cards: [
    listOf(
      record({
        aid: [blob(16), "application"],
        label: [text(16), "50, what terminals show"],
        priority: [uint(15), "87, 1 is first"],
        default: [flag, "the one that a tap uses"],
      }),
      64,
    ),
    "cards that a terminal would find",
  ],
});
const Default = cborMessage("smp.wallet.DEFAULT", SOURCE, {
  aid: [maybe(blob(16)), "application that a tap uses; absent: there is none"],
});
const Authentication = cborMessage("smp.wallet.AUTHENTICATION", SOURCE, {
  method: [word("none", "passcode", "biometric"), "how the device verifies its holder"],
  verified: [flag, "the holder was verified"],
});

const command = commandsOf(65, "wallet");

export const wallet = {
  cards: command("cards", 0, "read", "the cards on the device", Nothing, Cards),
  default: command("default", 1, "read", "the card that a tap uses", Nothing, Default),
  authentication: command("authentication", 2, "read", "whether the holder was verified", Nothing, Authentication),
} as const;
