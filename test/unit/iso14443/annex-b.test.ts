import { describe, expect, test } from "vitest";
import type { Frame } from "../../../src/protocols/iso14443/frame.js";
import { isoDepPoller, type IsoDepLink } from "../../../src/protocols/iso14443/isodep-poller.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import type { Dialogue } from "../../../src/util/dialogue.js";
import { SCENARIOS, type Leg, type Scenario } from "./annex-b.js";
import { block, follow, lone, plain, spoilt, text, type Line } from "./kit.js";

/** 302 us: FWI 0. */
const FWT = 302_065;
const compact = (exchanges: Scenario["exchanges"]): string[][] => exchanges.map((pair) => pair.map(plain));

function* whole(link: IsoDepLink, { exchanges, deselect }: Scenario): Dialogue<Frame, Frame, [string[][], string?]> {
  const answers: string[][] = [];
  for (const [command] of exchanges) {
    const { answer } = yield* link.exchange(unhex(command));
    answers.push([plain(command), hex(answer)]);
  }
  if (!deselect) return [answers];
  return [answers, (yield* link.deselect()) ? "confirmed" : "unconfirmed"];
}

/** What the reader hears of a leg, when what breaks is damaged, or is not there at all. */
const heardByReader = (leg: Leg, lost: boolean): Line => {
  const sends = text(block(leg[0]));
  if (leg[1] === "broken" || leg[2] === "nothing") return [sends];
  if (leg[3] === "arrives") return [sends, block(leg[2])];
  return lost ? [sends] : [sends, spoilt(block(leg[2]), 4)];
};

describe.each(SCENARIOS)("scenario $number: $title", (scenario) => {
  const { exchanges, legs } = scenario;
  const expected = compact(exchanges);

  test.each([
    ["lost", true],
    ["damaged", false],
  ])("the reader, when frames are %s", (_, lost) => {
    const link = isoDepPoller({ fwt: FWT, fsc: 16, rate: 1, retries: 2 });
    const [answers, farewell] = follow(
      whole(link, scenario),
      legs.map((leg) => heardByReader(leg, lost)),
    );
    expect(answers).toEqual(expected);
    expect(farewell).toBe(scenario.deselect);
  });

  test.each([
    ["lost", true],
    ["damaged", false],
  ])("the card, when frames are %s", (_, lost) => {
    const commands: string[] = [];
    const answers = new Map(expected as [string, string][]);
    const app = (apdu: Uint8Array) => {
      commands.push(hex(apdu));
      // 300 us of work: so near to FWT that the card asks for one FWT more.
      return { response: unhex(answers.get(hex(apdu))!), took: scenario.slow ? 300_000 : 0 };
    };
    const card = lone("08FEE4EC", { fsci: 0, fwi: 0 }, app);
    card.activate("E0 00");
    for (const leg of legs) {
      card.wait(1_000);
      if (leg[1] === "arrives") {
        expect(card.ask(block(leg[0]))).toBe(leg[2] === "nothing" ? undefined : text(block(leg[2])));
      } else {
        if (!lost) expect(card.ask(spoilt(block(leg[0]), 4))).toBeUndefined();
        card.wait(FWT);
      }
    }
    expect(commands).toEqual(expected.map(([command]) => command));
    expect(card.state.phase).toBe(scenario.deselect ? "halt" : "protocol");
  });
});
