import { describe, expect, test } from "vitest";
import { reportJunit } from "../../../src/inspect/report-junit.js";
import type { ReportedTap } from "../../../src/inspect/reported-tap.js";
import { traceHeader } from "../../../src/trace/header.js";
import { elementsOf, readMarkup, textOf, type Element } from "../../support/markup.js";
import { declined, tap, untimed, verdict } from "./reported.js";

const junit = (...taps: readonly ReportedTap[]): Element => readMarkup([...reportJunit(taps)].join(""));

/** What servers rely on (junit-10.xsd of Jenkins' xUnit plug-in): nesting, required attributes, counts that add up. */
function checkStructure(root: Element): void {
  expect(root.name).toBe("testsuites");
  const suites = root.children.filter((child) => typeof child !== "string");
  const sums = { tests: 0, failures: 0, errors: 0, skipped: 0 };
  for (const suite of suites) {
    expect(suite.name).toBe("testsuite");
    expect(suite.attributes["name"]).not.toBe("");
    const cases = suite.children.filter((child) => typeof child !== "string");
    for (const each of cases) {
      expect(each.name).toBe("testcase");
      expect(Object.keys(each.attributes)).toEqual(["name", "classname", "time"]);
      expect(each.attributes["time"]).toMatch(/^\d+\.\d+$/);
      const inside = each.children.filter((child) => typeof child !== "string").map(({ name }) => name);
      expect([["properties"], ["properties", "failure"], ["properties", "skipped"]]).toContainEqual(inside);
      for (const property of elementsOf(each, "property"))
        expect(Object.keys(property.attributes)).toEqual(["name", "value"]);
      for (const failure of elementsOf(each, "failure"))
        expect(Object.keys(failure.attributes)).toEqual(["message", "type"]);
    }
    const counted = {
      tests: cases.length,
      failures: elementsOf(suite, "failure").length,
      errors: 0,
      skipped: elementsOf(suite, "skipped").length,
    };
    for (const [name, count] of Object.entries(counted)) {
      expect(suite.attributes[name]).toBe(String(count));
      sums[name as keyof typeof sums] += count;
    }
  }
  for (const [name, sum] of Object.entries(sums)) expect(root.attributes[name]).toBe(String(sum));
}

describe("taps as JUnit XML", () => {
  test("a tap as asked has passed, with the facts that repeat it", () => {
    const root = junit(tap({ verdict: verdict({ repeat: "tapbench tap emu:band-s1 --seed 7" }) }));
    checkStructure(root);
    const [only] = elementsOf(root, "testcase");
    expect(only!.attributes).toEqual({ name: "emu:band-s1", classname: "taps", time: "0.005001" });
    expect(elementsOf(only!, "property").map(({ attributes }) => [attributes["name"], attributes["value"]])).toEqual([
      ["tool", expect.stringMatching(/^tapbench /)],
      ["seed", "7"],
      ["profile", "emu:band-s1"],
      ["configuration", "AB"],
      ["kernel", "c2"],
      ["repeat", "tapbench tap emu:band-s1 --seed 7"],
    ]);
  });

  test("a tap that is not as asked carries its verdict", () => {
    const root = junit(tap({ verdict: declined() }));
    checkStructure(root);
    const [failure] = elementsOf(root, "failure");
    expect(failure!.attributes).toEqual({ message: "Declined: the limit is exceeded.", type: "declined" });
    const text = textOf(failure!);
    for (const part of ["More than the account may pay.", "byte 4 bit 8: floor limit exceeded", "222.8 ms (simulated)"])
      expect(text).toContain(part);
  });

  test("a tap that differs from its golden run has failed", () => {
    const root = junit(tap({ differences: ["READ RECORD SFI 2 record 1: 9F36 differs"] }));
    checkStructure(root);
    expect(elementsOf(root, "failure")[0]!.attributes).toEqual({
      message: "differs from the golden run: READ RECORD SFI 2 record 1: 9F36 differs",
      type: "difference",
    });
  });

  test("nobody knows: skipped", () => {
    const header = traceHeader({ seed: "", profile: "", configuration: "", observed: untimed }, true);
    const root = junit(
      tap({ header, verdict: undefined }),
      tap({ verdict: verdict({ asAsked: false, ended: "unknown" }) }),
    );
    checkStructure(root);
    expect(root.attributes).toMatchObject({ tests: "2", failures: "0", skipped: "2" });
    expect(elementsOf(root, "testcase")[0]!.attributes["time"]).toBe("0.000000");
  });

  test("repetitions are a suite of their own", () => {
    const taps = [1, 2, 3].map((number) =>
      tap({ repeat: { of: "k2-credit", number }, verdict: number === 2 ? declined() : verdict() }),
    );
    const root = junit(...taps, tap());
    checkStructure(root);
    expect(
      elementsOf(root, "testsuite").map(({ attributes }) => [
        attributes["name"],
        attributes["tests"],
        attributes["failures"],
      ]),
    ).toEqual([
      ["k2-credit", "3", "1"],
      ["taps", "1", "0"],
    ]);
    expect(elementsOf(root, "testcase").map(({ attributes }) => attributes["name"])).toContain("emu:band-s1 2");
  });

  test("whatever labels hold, it is XML, without control characters", () => {
    const hostile = `]]></failure><x a="1"&amp;'\u0000\u0007\u001b\ud800\uffff ok`;
    const source = [...reportJunit([tap({ name: hostile, verdict: declined(hostile), differences: [hostile] })])].join(
      "",
    );
    // oxlint-disable-next-line no-control-regex -- it is about them
    expect(source).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\uffff]/);
    const root = readMarkup(source);
    checkStructure(root);
    const shown = `]]></failure><x a="1"&amp;' ok`;
    expect(elementsOf(root, "testcase")[0]!.attributes["name"]).toBe(shown);
    expect(elementsOf(root, "failure")[0]!.attributes["message"]).toBe(shown);
    expect(textOf(elementsOf(root, "failure")[0]!)).toContain(shown);
  });
});
