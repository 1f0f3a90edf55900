import { leaves, parseTlv } from "../codec/tlv.js";
import { decodeResponse } from "../protocols/iso7816/apdu.js";
import { swHex, swMeaning } from "../protocols/iso7816/status.js";
import { isTapbenchError } from "../util/errors.js";
import type { ApduRecord, TraceRecord } from "../util/tracer.js";
import { commandName } from "./apdu-text.js";
import { Facts, tagName } from "./explain/facts.js";
import { isContactless } from "./last-tap.js";
import type { Cause } from "./tap-cause.js";
import type { SeenCommand, Suspect, Verdict } from "./verdict.js";
import type { Waterfall } from "./waterfall.js";

export interface StopInput {
  /** Of one tap. */
  readonly records: readonly TraceRecord[];
  readonly times: Waterfall;
  /** Absent: nothing stopped. */
  readonly cause: Cause | undefined;
  readonly suspect: Suspect;
  readonly kernel: string | undefined;
}

const SUSPECTS: Readonly<Record<Suspect, string>> = {
  none: "nothing stopped the tap",
  field: "the field went off: look at where the card was, and at the reader",
  link: "the link: look at distance, antenna and noise",
  card: "the card: look at its data, its state, and how it was personalised",
  entry: "what card and terminal have in common: look at the directory and the terminal's AIDs",
  kernel: "a decision between card and terminal: look at both set-ups",
  terminal: "the terminal: look at its limits, CA keys, action codes and input",
  issuer: "the issuer: look at the token, its limits and its keys",
};

const statusWord = (response: Uint8Array): number =>
  response.length < 2 ? 0 : (response.at(-2)! << 8) | response.at(-1)!;
const good = ({ response }: Pick<ApduRecord, "response">): boolean =>
  statusWord(response) === 0x9000 || statusWord(response) >> 8 === 0x61;

/** The command that got no answer: as the terminal said it, else as frames show it. */
export function unansweredIn(records: readonly TraceRecord[], times: Waterfall): string | undefined {
  const told = records.findLast((record) => record.layer === "terminal" && record.rule === "terminal.unanswered");
  const name = told && "data" in told ? new Facts(told.data).text("command") : "";
  return name === "" ? times.rows.findLast((row) => row.unanswered !== undefined)?.unanswered : name;
}

/** Part 2 of a verdict: which command, the last good one, whom to suspect. */
export function stopOf({ records, times, cause, suspect, kernel }: StopInput): Verdict["stopped"] {
  const apdus = records.filter(isContactless);
  const seen = (index: number): SeenCommand | undefined => {
    const apdu = apdus[index];
    if (!apdu) return undefined;
    const sw = statusWord(apdu.response);
    return {
      name: commandName(apdu.command),
      number: index + 1,
      sw: { value: swHex(sw), meaning: swMeaning(sw) },
    };
  };
  const lastGood = (before: number): { readonly lastGood?: SeenCommand } => {
    const found = seen(apdus.slice(0, before).findLastIndex(good));
    return found ? { lastGood: found } : {};
  };
  if (!cause) return { suspect, says: SUSPECTS[suspect], ...lastGood(apdus.length) };

  const { decided, causes } = cause;
  const facts = new Facts(decided.record.data);
  const named = causes.find(({ tag }) => tag !== undefined)?.tag ?? decided.tag;
  const tag = named === undefined ? {} : { tag: tagOf(named, kernel, apdus) };
  const base = { suspect, says: SUSPECTS[suspect], ...tag };

  if (decided.record.layer === "issuer") return { ...base, ...lastGood(apdus.length) };
  if (facts.text("l1") !== "" || decided.record.rule === "terminal.fault") {
    const name = unansweredIn(records, times);
    const command = name ?? (decided.record.rule === "terminal.fault" ? "activation" : undefined);
    return { ...base, ...(command !== undefined && { command: { name: command } }), ...lastGood(apdus.length) };
  }
  const sw = facts.count("sw");
  const refused = sw === undefined ? -1 : apdus.findLastIndex(({ response }) => statusWord(response) === sw);
  const index = refused >= 0 ? refused : indexAt(records, cause, apdus);
  const command = seen(index);
  return { ...base, ...(command && { command }), ...lastGood(index < 0 ? 0 : index) };
}

/** The command whose answer was being judged when the decision was made; for an AAC that was asked for, the GENERATE AC that came of it. */
function indexAt(records: readonly TraceRecord[], { decided }: Cause, apdus: readonly ApduRecord[]): number {
  if (decided.record.rule.endsWith(".taa") || decided.record.data?.["asks"] === "AAC") return apdus.length - 1;
  const at = records.indexOf(decided.record);
  return at < 0 ? apdus.length - 1 : records.slice(0, at).filter(isContactless).length - 1;
}

/** The object, and whose answer it came in: the last that has it. */
function tagOf(
  tag: string,
  kernel: string | undefined,
  apdus: readonly ApduRecord[],
): NonNullable<Verdict["stopped"]["tag"]> {
  const name = tagName(tag, kernel);
  const number = parseInt(tag, 16);
  const from = apdus.findLast(({ response }) => holds(response, number));
  return {
    tag,
    ...(name !== undefined && { name }),
    ...(from && { from: commandName(from.command) }),
  };
}

function holds(response: Uint8Array, tag: number): boolean {
  try {
    for (const object of leaves(parseTlv(decodeResponse(response).data))) if (object.tag === tag) return true;
    return false;
  } catch (error) {
    if (isTapbenchError(error)) return false;
    throw error;
  }
}
