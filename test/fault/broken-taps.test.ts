import { beforeAll, describe, expect, test } from "vitest";
import { judgeTap } from "../../src/inspect/judge.js";
import type { Verdict } from "../../src/inspect/verdict.js";
import { verdictScreen } from "../../src/inspect/verdict-screen.js";
import { presentableTrace, traceLines } from "../../src/trace/file.js";
import { traceHeader } from "../../src/trace/header.js";
import { openTrace } from "../../src/trace/open.js";
import type { TraceRecord } from "../../src/util/tracer.js";
import { benchParts, SEED, type BenchParts, type BrokenTap } from "../support/bench-parts.js";
import { CARD_CASES } from "./broken-taps/card-cases.js";
import type { CardName } from "./broken-taps/case.js";
import { ISSUER_CASES } from "./broken-taps/issuer-cases.js";
import { LINK_CASES } from "./broken-taps/link-cases.js";
import { DATE_CASES, TERMINAL_CASES } from "./broken-taps/terminal-cases.js";

/*
 * Taps in which one thing is out of order. Beside each stands, by hand, what was broken: whom to suspect, the rule that decided, the data
 * object or the bit, and words of the true cause. The same has to come out of the masked trace file.
 */

const taps = {} as Record<CardName, BrokenTap>;
let parts: BenchParts;
beforeAll(async () => {
  parts = await benchParts();
  taps.credit = await parts.provision("band-s1", "k2-credit");
  taps.online = await parts.provision("band-s1", "k2-online");
  taps.ring = await parts.provision("ring-r1", "k2-ring");
  taps.offline = await parts.provision("band-s1", "k2-offline");
}, 120_000);

const header = traceHeader({ seed: SEED, profile: "emu:band-s1", configuration: "" }, false);
const judge = (records: readonly TraceRecord[]): Verdict => judgeTap({ header, records, caKeys: parts.caKeys });

/** The same through a masked file. */
async function fromFile(records: readonly TraceRecord[]): Promise<Verdict> {
  const shown = presentableTrace({ seed: SEED, profile: "emu:band-s1", configuration: "" }, records);
  const bytes = new TextEncoder().encode([...traceLines(shown.header, shown.records)].join(""));
  const opened = await openTrace([bytes]);
  return judgeTap({ header: opened.header, records: opened.records, caKeys: parts.caKeys });
}

const wordsOf = ({ headline, decided, causes }: Verdict): string =>
  [headline, ...(decided?.why ?? []), ...causes.flatMap(({ why }) => why)].join(" ");
const bitsOf = ({ bits }: Verdict): string[] =>
  bits.flatMap(({ name, set: found }) => found.map(({ byte, bit }) => `${name} ${byte}/${bit}`));

describe.each([
  ["the card", CARD_CASES],
  ["dates and uses", DATE_CASES],
  ["the link", LINK_CASES],
  ["terminal and holder", TERMINAL_CASES],
  ["the issuer", ISSUER_CASES],
])("%s", (_, cases) => {
  test.each(cases)("$name", async (broken) => {
    const records = await taps[broken.card ?? "credit"](broken);
    const verdict = judge(records);
    const { ended, suspect, rule, names, says, stopped } = broken;
    expect({ ended: verdict.ended, suspect: verdict.stopped.suspect, rule: verdict.decided?.rule }).toEqual({
      ended,
      suspect,
      rule,
    });
    expect(wordsOf(verdict)).toMatch(says);
    if (names !== undefined) expect([verdict.stopped.tag?.tag, ...bitsOf(verdict)]).toContain(names);
    if (stopped !== undefined) expect(verdict.stopped.command?.name).toBe(stopped);
    expect(verdict.asAsked).toBe(false);

    const screen = verdictScreen({ ...verdict, repeat: "tapbench tap emu:band-s1 --seed 1" });
    expect(screen.length).toBeGreaterThanOrEqual(12);
    expect(screen.length).toBeLessThanOrEqual(40);
    expect(Math.max(...screen.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(JSON.stringify(verdict)).not.toMatch(/541333\d{10}/); // no account number whole
    expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict);

    const again = await fromFile(records);
    expect({ ...again.stopped, rule: again.decided?.rule, headline: again.headline }).toEqual({
      ...verdict.stopped,
      rule,
      headline: verdict.headline,
    });
    expect(again.authentication.links.every((link) => link.status === "not-verifiable")).toBe(true);
  });
});

test("with nothing broken every card pays, and nobody is suspected", async () => {
  for (const card of ["credit", "online", "ring"] as const) {
    const verdict = judge(await taps[card]({}));
    expect(verdict).toMatchObject({
      ended: "approved",
      asAsked: true,
      headline: "Approved, as asked.",
      stopped: { suspect: "none" },
      issuer: { answer: "approved", arc: "00" },
    });
    expect(verdict.decided).toBeUndefined();
  }
});
