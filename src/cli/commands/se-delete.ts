import { withoutApplication } from "../../device/se/journal.js";
import { deleteObject } from "../../protocols/gp/poller.js";
import { hex } from "../../util/bytes.js";
import { aidOf } from "../se-arguments.js";
import type { VerbAction } from "./se-verb.js";

/** `tapbench se delete` */
export const remove: VerbAction = async (session, [text], options) => {
  const aid = aidOf(text as string);
  const related = options["related"] === true;
  const what = `${hex(aid)}${related ? " and everything made from it" : ""}`;
  await session.confirm(`DELETE takes ${what} off ${session.element.title} for good`, options);
  await session.secured((card) => deleteObject(card, aid, related));
  session.keeper.put(withoutApplication(session.keeper.journal, hex(aid)));
  return { lines: [`deleted ${what}`], document: { deleted: aid, related } };
};
