import { describe, expect, test } from "vitest";
import type { Script, Setup } from "../../../support/scripted-card.js";
import { tap, tvrOf } from "./tap.js";

// The scripted card does no offline data authentication: byte 1 bit 8 is always there.
const CLEAN = "8000000000";
const SERVICE = "8010000000";

type Row = readonly [what: string, tvr: string, objects?: Script["objects"], terminal?: Setup["terminal"]];

/** One test for each row. */
function rows(all: readonly Row[]): void {
  for (const [what, expected, objects, terminal] of all)
    test(what, () => expect(tvr(objects, terminal)).toBe(expected));
}

const tvr = (objects: Script["objects"] = {}, terminal: Setup["terminal"] = {}): string =>
  tvrOf(tap({ objects }, { terminal }));

describe("application version", () => {
  rows([
    ["the same", CLEAN, { "9F08": "0002" }],
    ["another", "8080000000", { "9F08": "0001" }],
    ["none on the card", CLEAN, { "9F08": undefined }],
    ["none in the terminal", CLEAN, { "9F08": "0001" }, { "9F09": undefined }],
  ]);
});

describe("dates", () => {
  rows([
    ["on the last day", CLEAN, { "5F24": "260115" }],
    ["the day after", "8040000000", { "5F24": "260114" }],
    ["of a century ago", "8040000000", { "5F24": "991231" }],
    ["at the end of what two digits reach", CLEAN, { "5F24": "491231" }],
    ["on the first day", CLEAN, { "5F25": "260115" }],
    ["the day before", "8020000000", { "5F25": "260116" }],
    ["effective since last century", CLEAN, { "5F25": "990101" }],
    ["without an effective date", CLEAN, { "5F25": undefined }],
    ["expired before it was effective", "8060000000", { "5F25": "270101", "5F24": "250101" }],
  ]);
});

describe("application usage control", () => {
  const atm = { "9F35": "14", "9F40": "8000000000" };
  const abroad = { "9F1A": "0840" };
  rows([
    ["no AUC allows all", CLEAN, { "9F07": undefined }, { "9C": "01" }],
    ["terminals other than ATMs", CLEAN, { "9F07": "FD00" }],
    ["not at terminals other than ATMs", SERVICE, { "9F07": "FE00" }],
    ["ATMs", CLEAN, { "9F07": "FE00" }, { ...atm, "9C": "01" }],
    ["not at ATMs", SERVICE, { "9F07": "FD00" }, { ...atm, "9C": "01" }],
    ["a bank's terminal without cash is no ATM", CLEAN, { "9F07": "FD00" }, { "9F35": "14", "9F40": "6000000000" }],
    ["an attended terminal with cash is no ATM", CLEAN, { "9F07": "FD00" }, { "9F35": "11", "9F40": "8000000000" }],
    ["type 16 with cash is an ATM", SERVICE, { "9F07": "FD00" }, { "9F35": "16", "9F40": "8000000000" }],
    ["no issuer country: nothing else is checked", CLEAN, { "9F07": "0100", "5F28": undefined }],
    ["domestic goods", CLEAN, { "9F07": "2100" }],
    ["domestic services", CLEAN, { "9F07": "0900" }],
    ["neither goods nor services at home", SERVICE, { "9F07": "D500" }],
    ["international goods", CLEAN, { "9F07": "1100" }, abroad],
    ["international services", CLEAN, { "9F07": "0500" }, abroad],
    ["neither goods nor services abroad", SERVICE, { "9F07": "E900" }, abroad],
    ["domestic cash", CLEAN, { "9F07": "8100" }, { "9C": "01" }],
    ["no domestic cash", SERVICE, { "9F07": "7D00" }, { "9C": "01" }],
    ["international cash", CLEAN, { "9F07": "4100" }, { ...abroad, "9C": "17" }],
    ["no international cash", SERVICE, { "9F07": "BD00" }, { ...abroad, "9C": "17" }],
    ["domestic cashback", CLEAN, { "9F07": "2180" }, { "9C": "09", "9F03": "000000000100" }],
    ["no domestic cashback", SERVICE, { "9F07": "FF40" }, { "9C": "09", "9F03": "000000000100" }],
    ["international cashback", CLEAN, { "9F07": "1140" }, { ...abroad, "9C": "09", "9F03": "000000000100" }],
    ["no international cashback", SERVICE, { "9F07": "FF80" }, { ...abroad, "9C": "09", "9F03": "000000000100" }],
    ["cashback of nothing", CLEAN, { "9F07": "FF00" }, { "9C": "09" }],
    ["refunds are nobody's business", CLEAN, { "9F07": "0100" }, { "9C": "20" }],
  ]);
});

test("what is refused is told", () => {
  const { rules } = tap({ objects: { "9F08": "0001", "5F24": "200101", "5F25": "270101", "9F07": "FE00" } });
  expect(rules.map(({ rule }) => rule).filter((rule) => rule.startsWith("c2.restrictions"))).toEqual([
    "c2.restrictions.version",
    "c2.restrictions.not-yet-effective",
    "c2.restrictions.expired",
    "c2.restrictions.usage",
  ]);
});
