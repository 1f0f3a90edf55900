import { expect, test } from "vitest";
import { applicationName, providerOf } from "../../src/emv/dictionary/aids.js";
import { tagRow, tagRows } from "../../src/emv/dictionary/lookup.js";
import { unhex } from "../../src/util/bytes.js";
import { describeVectors } from "../support/vectors.js";

type Branch = readonly [tag: string, value: string | readonly Branch[]];
interface Response {
  readonly hex: string;
  readonly tree: readonly Branch[];
}

/** In the recorded answers, and private to their issuers or undocumented: the dictionary leaves them without a name. */
const UNKNOWN = ["9F28", "BF63", "DF02", "DF20", "DF47", "DF64", "DF65"];

describeVectors<{ readonly cases: readonly Response[] }>("tlv_real_responses", ({ cases }) => {
  test("every tag that cards answered with is in the dictionary, or is known not to be", () => {
    const tags = new Set<string>();
    const collect = (list: readonly Branch[]): void => {
      for (const [tag, value] of list) {
        tags.add(tag);
        if (typeof value !== "string") collect(value);
      }
    };
    for (const { tree } of cases) collect(tree);
    expect(tags.size).toBeGreaterThan(90);
    const unknown = [...tags].filter((tag) => tagRows(parseInt(tag, 16)).length === 0);
    expect(unknown.toSorted()).toEqual(UNKNOWN);
  });
});

describeVectors<{ readonly cases: readonly { readonly expect?: Readonly<Record<string, unknown>> }[] }>(
  "tlv_samples",
  ({ cases }) => {
    test("the tags of the samples are named, too", () => {
      const tags = new Set(cases.flatMap((sample) => Object.keys(sample.expect ?? {})));
      const unnamed = [...tags].filter((tag) => tagRow(parseInt(tag, 16)) === undefined);
      expect([...tags].toSorted()).toEqual(["9C", "9F02", "9F8201"]);
      expect(unnamed).toEqual([]);
    });
  },
);

/** How the lists of AIDs spell providers, and how the table does. */
const SCHEMES: Readonly<Record<string, RegExp>> = {
  VISA: /Visa|V PAY/,
  CV_VISA: /Visa|V PAY/,
  MASTER_CARD: /Mastercard/,
  CV_MASTERCARD: /Mastercard|Maestro|Cirrus/,
  AMERICAN_EXPRESS: /American Express/,
  CV_AMERICANEXPRESS: /American Express/,
  CB: /CB/,
  CV_CB: /CB/,
  JCB: /JCB/,
  CV_JCB: /JCB/,
  DISCOVER: /Discover/,
  CV_DINERS: /Discover|Diners/,
  CV_SWITCH: /Switch|Solo/,
  UNIONPAY: /UnionPay/,
  INTERAC: /Interac/,
  DANKORT: /Dankort/,
  MIR: /Mir/,
  GELDKARTE: /GeldKarte/,
  VERVE: /Verve/,
  RUPAY: /RuPay/,
  MEEZA: /Meeza/,
};

describeVectors<readonly { readonly aid: string; readonly scheme: string }[]>("aids", (rows) => {
  test("there are all 117 of them", () => {
    expect(rows).toHaveLength(117);
  });

  test.each(rows)("$aid of $scheme", ({ aid, scheme }) => {
    const bytes = unhex(aid);
    // Its provider is in no public list that names it.
    if (aid === "A0000008381010") expect(providerOf(bytes)).toBeUndefined();
    else {
      expect(applicationName(bytes)).toBeDefined();
      expect(`${applicationName(bytes)} (${providerOf(bytes)?.name})`).toMatch(SCHEMES[scheme] ?? /./);
    }
  });
});
