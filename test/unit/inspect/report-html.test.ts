import { describe, expect, test } from "vitest";
import { reportHtml } from "../../../src/inspect/report-html.js";
import type { ReportedTap } from "../../../src/inspect/reported-tap.js";
import { traceHeader } from "../../../src/trace/header.js";
import { elementsOf, readMarkup, textOf, type Element } from "../../support/markup.js";
import { apdu, declined, RECORDS, tap, untimed, verdict } from "./reported.js";

const source = (...taps: readonly ReportedTap[]): string => [...reportHtml(taps)].join("");
const page = (...taps: readonly ReportedTap[]): Element => readMarkup(source(...taps));
const headings = (root: Element): string[] => elementsOf(root, "h3").map(textOf);

/** Nothing that a browser would fetch or run. */
function checkAlone(text: string, root: Element): void {
  for (const name of ["script", "link", "img", "iframe", "object", "embed", "image", "use", "base", "form"])
    expect(elementsOf(root, name)).toEqual([]);
  expect(elementsOf(root, "style").map(textOf).join("")).not.toMatch(/url\(|@import|@font-face/);
  for (const link of elementsOf(root, "a")) expect(link.attributes["href"]).toMatch(/^#tap-\d+$/);
  const attributes = [...text.matchAll(/\s([\w:-]+)="/g)].map(([, name]) => name!);
  expect(attributes.filter((name) => /^on|^src|^style$|^action$|^xlink/.test(name))).toEqual([]);
  const policy = elementsOf(root, "meta").find(
    ({ attributes: { "http-equiv": kind } }) => kind === "Content-Security-Policy",
  );
  expect(policy!.attributes["content"]).toContain("default-src 'none'");
}

describe("a page about one tap", () => {
  test("verdict first, then times, decisions and every byte", () => {
    const root = page(tap({ verdict: declined() }));
    expect(textOf(elementsOf(root, "h2")[0]!)).toBe("DECLINED emu:band-s1");
    expect(headings(root)).toEqual(["Where the time went", "Decisions", "Transcript"]);
    expect(elementsOf(root, "h4").map(textOf)).toEqual([
      "Outcome",
      "Where it stopped",
      "Bits and limits",
      "Authentication",
      "Time",
      "Identity",
    ]);
    const text = textOf(root);
    for (const part of [
      "Declined: the limit is exceeded.",
      "declined, 61 limit exceeded",
      "byte 4 bit 8: floor limit exceeded",
      "222.8 ms (simulated); usual target for a whole tap 500.0 ms",
      "TAC online 00.",
      "00B2011400",
      "Application Transaction Counter",
    ])
      expect(text).toContain(part);
    expect(elementsOf(root, "svg")).toHaveLength(1);
  });

  test("has a tree of each answer, with what the set bits say", () => {
    // Byte 1 bit 7 of the AIP: SDA supported (EMV 4.3 Book 3 table 37).
    const root = page(tap({ records: [apdu("80A8000002830000", "7704820240009000")] }));
    const [tree] = elementsOf(root, "ul").filter(({ attributes }) => attributes["class"] === "tree");
    expect(textOf(tree!)).toMatch(/^77 .*82 Application Interchange Profile 4000.*SDA supported/);
  });

  test("needs nothing else", () => {
    const text = source(tap());
    checkAlone(text, readMarkup(text));
    expect(text).not.toMatch(/https?:(?!\/\/www\.w3\.org\/2000\/svg")/);
  });

  test("without a verdict, decisions stand where they fell; without times there is no waterfall", () => {
    const header = traceHeader({ seed: "", profile: "", configuration: "", observed: untimed, source: "x" }, true);
    const root = page(tap({ verdict: undefined, header }));
    expect(headings(root)).toEqual(["Transcript"]);
    expect(textOf(root)).toContain("c2.taa Go online.");
    expect(textOf(root)).toContain("times were not recorded");
  });

  test("differences from a golden run make it fail", () => {
    const root = page(tap({ differences: ["9F36 differs"] }));
    expect(headings(root)[0]).toBe("Differences");
    expect(elementsOf(root, "span").find(({ attributes }) => attributes["class"] === "mark bad")).toBeDefined();
  });

  test("of which nothing was recorded says so", () => {
    expect(textOf(page(tap({ records: [], verdict: undefined })))).toContain("Nothing was recorded.");
  });
});

describe("a page about many taps", () => {
  const many = Array.from({ length: 20 }, (_, i) =>
    tap({
      repeat: { of: "k2-credit", number: i + 1 },
      verdict: i === 6 ? declined() : verdict(),
      // 1 to 20 ms, in a muddle.
      records: [apdu("00B2011400", "6A83", { at: 0, took: ((i * 7) % 20) * 1_000_000 + 1_000_000 })],
    }),
  );

  test("begins with what they come to: rate, p50, p95, longest by nearest rank", () => {
    const root = page(...many);
    expect(textOf(elementsOf(root, "h2")[0]!)).toBe("19 OF 20 PASSED");
    const [, row] = elementsOf(root, "tr");
    expect(elementsOf(row!, "td").map(textOf)).toEqual([
      "k2-credit",
      "20",
      "19",
      "95 %",
      "10.0 ms",
      "19.0 ms",
      "20.0 ms",
    ]);
  });

  test("leads to those that were not as asked, and has each of them", () => {
    const text = source(...many);
    const root = readMarkup(text);
    checkAlone(text, root);
    expect(elementsOf(root, "a").map(({ attributes }) => attributes["href"])).toEqual(["#tap-7"]);
    const articles = elementsOf(root, "article");
    expect(articles.map(({ attributes }) => attributes["id"])).toEqual(many.map((_, i) => `tap-${i + 1}`));
    for (const article of articles) expect(elementsOf(article, "svg")).toHaveLength(1);
  });

  test("that are different things sums each up, and all of them", () => {
    const rows = (taps: readonly ReportedTap[]): string[] =>
      elementsOf(page(...taps), "tbody").flatMap((body) =>
        elementsOf(body, "tr").map((row) => textOf(elementsOf(row, "td")[0]!)),
      );
    const twice = (of: string): ReportedTap[] => [1, 2].map((number) => tap({ repeat: { of, number } }));
    expect(rows([...twice("a"), ...twice("b")]).slice(0, 3)).toEqual(["a", "b", "all"]);
    expect(rows([tap({ name: "x" }), tap({ name: "y" })])[0]).toBe("all");
  });
});

test("whatever labels hold, they are only text", () => {
  const hostile = `<script>alert(1)</script>"'\`&amp;</title></style>--><img src=x onerror=alert(2)>\u0000\u001b[31m\u202e\ud800`;
  const shown = hostile.replace(/[\u0000\u001b\u202e\ud800]/g, "\ufffd"); // oxlint-disable-line no-control-regex -- it is about them
  const text: readonly string[] = [hostile];
  const everywhere = tap({
    name: hostile,
    header: traceHeader(
      { seed: hostile, profile: hostile, configuration: hostile, tool: hostile, source: hostile },
      true,
    ),
    records: [...RECORDS, { layer: "kernel", at: 9, rule: hostile, says: hostile, data: { [hostile]: hostile } }],
    differences: text,
    repeat: { of: hostile, number: 1 },
    verdict: verdict({
      headline: hostile,
      asAsked: false,
      kernelOutcome: { known: "measured", value: hostile, error: text },
      issuer: { answer: "declined", arc: hostile, reason: hostile, says: hostile },
      stopped: { suspect: "card", says: hostile, command: { name: hostile }, tag: { tag: hostile, name: hostile } },
      causes: [{ layer: "kernel", rule: hostile, says: hostile, why: text, flips: text, inputs: {} }],
      decisions: [{ layer: "kernel", rule: hostile, says: hostile, why: text, flips: text, inputs: {} }],
      bits: [{ name: "TVR", tag: hostile, value: hostile, set: [{ byte: 1, bit: 1, says: hostile }] }],
      identity: { tool: hostile, label: hostile, aid: hostile, masked: true },
      golden: { path: hostile, says: hostile },
      repeat: hostile,
      notes: text,
    }),
  });
  for (const taps of [[everywhere], [{ ...everywhere, verdict: undefined }], [everywhere, everywhere]]) {
    const html = source(...taps);
    const root = readMarkup(html);
    checkAlone(html, root);
    // oxlint-disable-next-line no-control-regex -- it is about them
    expect(html).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u202e]|[\ud800-\udbff](?![\udc00-\udfff])/);
    expect(textOf(root)).toContain(shown);
  }
});
