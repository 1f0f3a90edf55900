import { lifeCycleName } from "../../device/se/registry-tree.js";
import { setStatus } from "../../protocols/gp/poller.js";
import { APPLICATION_STATES, CARD_STATES } from "../../protocols/gp/registry.js";
import { hex } from "../../util/bytes.js";
import { cliError } from "../errors.js";
import { aidOf } from "../se-arguments.js";
import type { VerbAction } from "./se-verb.js";

/** Locks come off with the same state without its top bit; the rest of it is the application's own. */
const UNLOCKED = 0x00;

/** `tapbench se lock` */
export const lock: VerbAction = async (session, [text], options) => {
  const [unlock, card, terminate] = ["unlock", "card", "terminate"].map((name) => options[name] === true);
  const aid = text === undefined ? undefined : aidOf(text as string);
  if ((aid === undefined) === (card !== true && terminate !== true) || (terminate && (unlock || card)))
    throw cliError("bad-value", "name an application, or say --card, or --terminate: one of them", {});
  const { title } = session.element;
  if (aid) {
    await session.secured((secured) =>
      setStatus(secured, "application", unlock ? UNLOCKED : APPLICATION_STATES.locked, aid),
    );
    return {
      lines: [`${unlock ? "unlocked" : "locked"} ${hex(aid)}`],
      document: { aid, locked: !unlock },
    };
  }
  if (terminate) await session.confirm(`TERMINATED is the end of ${title}: it never answers as a card again`, options);
  else if (!unlock)
    await session.confirm(`CARD_LOCKED leaves nothing but the issuer's domain of ${title} to be selected`, options);
  const state = terminate ? "terminated" : unlock ? "secured" : "cardLocked";
  await session.secured((secured) => setStatus(secured, "card", CARD_STATES[state]));
  return { lines: [`the card is ${lifeCycleName(CARD_STATES[state], "issuer domain")}`], document: { card: state } };
};
