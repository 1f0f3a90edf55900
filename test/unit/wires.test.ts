import { describe, expect, test } from "vitest";
import { missing, survey, type WireRow } from "../support/wires.js";

const rows: readonly WireRow[] = [
  { name: "here", probe: () => undefined, install: "nothing" },
  { name: "gone", probe: () => "no daemon", install: "get daemon" },
  { name: "lost", probe: () => "no driver", install: "get driver" },
];

describe("survey", () => {
  test("names what is missing, with the command that gets it", () => {
    expect(survey(rows)).toEqual({
      notes: [
        "tests that need gone are skipped: no daemon; to run them: get daemon",
        "tests that need lost are skipped: no driver; to run them: get driver",
      ],
    });
  });

  test("is content when what is required is there", () => {
    expect(survey(rows, "here").failure).toBeUndefined();
    expect(survey(rows, " here, ,").failure).toBeUndefined();
  });

  test("fails in one line when a required wire is missing, and notes the other", () => {
    expect(survey(rows, "here,gone")).toEqual({
      notes: ["tests that need lost are skipped: no driver; to run them: get driver"],
      failure: "TAPBENCH_REQUIRE: gone is missing (no daemon; to get it: get daemon); known: here, gone, lost",
    });
  });

  test("fails when an unknown wire is required", () => {
    expect(survey(rows, "hre").failure).toBe("TAPBENCH_REQUIRE: hre is unknown; known: here, gone, lost");
  });
});

describe("missing", () => {
  test("says why a wire cannot be driven", () => {
    expect(missing("here", rows)).toBeUndefined();
    expect(missing("gone", rows)).toBe("no daemon");
  });

  test("knows its names", () => {
    expect(() => missing("hre", rows)).toThrow('no wire "hre"; known: here, gone, lost');
  });
});

test("the emulator is always there", () => {
  expect(missing("emu")).toBeUndefined();
});
