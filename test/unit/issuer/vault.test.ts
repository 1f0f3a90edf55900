import { describe, expect, test } from "vitest";
import { luhnDigit, luhnValid, maskPan, requireTestPan, TEST_RANGES } from "../../../src/issuer/pan.js";
import { createVault, expiryAfter } from "../../../src/issuer/vault.js";
import { seededRandom } from "../../../src/util/random.js";

const AT = new Date("2026-03-01T00:00:00Z");
const vault = () => createVault(seededRandom("vault test"));
const code = (name: string): unknown => expect.objectContaining({ code: `issuer/${name}` });

function active() {
  const one = vault();
  const token = one.activate(one.tokenise(one.newAccount("541333"), AT, 36).id);
  return { vault: one, id: token.id };
}

describe("check digits", () => {
  // 79927398713 is the example that explanations of the formula use; the others are published test numbers.
  test.each([
    "79927398713",
    "4111111111111111",
    "378282246310005",
    "5555555555554444",
    "5413330089600044",
    "6011111111111117",
    "6200000000000005",
  ])("%s is valid", (pan) => {
    expect(luhnValid(pan)).toBe(true);
    expect(luhnDigit(pan.slice(0, -1))).toBe(pan.at(-1));
  });

  test("one digit changed, or two neighbours exchanged, is found", () => {
    expect(luhnValid("79927398710")).toBe(false);
    expect(luhnValid("4111111111111112")).toBe(false);
    expect(luhnValid("79927398731")).toBe(false);
  });

  test.each(["", "4", "41111x", "4111 1111 1111 1111"])("%j is no number", (pan) => {
    expect(luhnValid(pan)).toBe(false);
  });
});

describe("numbers", () => {
  test("only documented test ranges", () => {
    for (const bin of ["400000", "555544", "541332", "54133", ""])
      expect(() => requireTestPan(bin)).toThrow(code("not-a-test-bin"));
    for (const { prefix, source } of TEST_RANGES) {
      expect(requireTestPan(`${prefix}0000`).prefix).toBe(prefix);
      // A source names a number of the range.
      expect(source.replace(/[^0-9]/g, "")).toContain(prefix);
    }
    expect(() => vault().newAccount("400000")).toThrow(code("not-a-test-bin"));
    expect(() => vault().tokenise("4000000000000002", AT, 36)).toThrow(code("not-a-test-bin"));
    expect(() => vault().newAccount("54133")).toThrow(code("bad-pan"));
  });

  test("account and token: sixteen digits, valid, in the BIN, different, never twice", () => {
    const one = vault();
    const seen = new Set<string>();
    for (let i = 0; i < 200; i++) {
      const token = one.tokenise(one.newAccount("541333"), AT, 36);
      for (const pan of [token.fpan, token.dpan]) {
        expect(pan).toMatch(/^541333[0-9]{10}$/);
        expect(luhnValid(pan)).toBe(true);
        seen.add(pan);
      }
    }
    expect(seen.size).toBe(400);
    expect(one.list()).toHaveLength(200);
  });

  test("a wrong check digit is refused before anything is stored", () => {
    const one = vault();
    expect(() => one.tokenise("5413330089600045", AT, 36)).toThrow(code("bad-pan"));
    expect(one.list()).toEqual([]);
  });

  test("an 8-digit BIN", () => {
    expect(vault().newAccount("54133390")).toMatch(/^54133390[0-9]{8}$/);
  });

  test("the same seed, the same tokens", () => {
    const two = [vault(), vault()].map((one) => one.tokenise(one.newAccount("541333"), AT, 36));
    expect(two[0]).toEqual(two[1]);
  });

  test("the payment account reference: 4 + 25 letters and digits, one for each account", () => {
    const one = vault();
    const fpan = one.newAccount("541333");
    const [a, b] = [one.tokenise(fpan, AT, 36), one.tokenise(fpan, AT, 36)];
    expect(a.par).toMatch(/^TB01[A-Z0-9]{25}$/);
    expect(b.par).toBe(a.par);
    expect(b.dpan).not.toBe(a.dpan);
    expect(one.tokenise(one.newAccount("541333"), AT, 36).par).not.toBe(a.par);
    // A funding number from elsewhere gets one, too.
    expect(one.tokenise("5413330089600044", AT, 36).par).toHaveLength(29);
  });

  test("back from the token to the account", () => {
    const one = vault();
    const token = one.tokenise(one.newAccount("541333"), AT, 36);
    expect(one.byDpan(token.dpan)?.fpan).toBe(token.fpan);
    expect(one.byDpan(token.fpan)).toBeUndefined();
    expect(one.find(token.id)).toEqual(token);
    expect(token.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test.each([
    ["2026-03-01T00:00:00Z", 36, "2903"],
    ["2026-12-31T23:59:59Z", 1, "2701"],
    ["2026-11-30T00:00:00Z", 1, "2612"],
    ["2026-01-31T00:00:00Z", 0, "2601"],
  ])("%s and %i months: %s", (at, months, expiry) => {
    expect(expiryAfter(new Date(at), months)).toBe(expiry);
  });

  test("dates that are none", () => {
    expect(() => expiryAfter(new Date("never"), 1)).toThrow(code("bad-date"));
    expect(() => expiryAfter(AT, -1)).toThrow(code("bad-date"));
    expect(() => expiryAfter(AT, 1.5)).toThrow(code("bad-date"));
  });

  test("masked: first six, last four", () => {
    expect(maskPan("5413330089600044")).toBe("541333******0044");
    expect(maskPan("12345")).toBe("*****");
  });
});

describe("states", () => {
  test("issued INACTIVE, then ACTIVE; activating again changes nothing", () => {
    const one = vault();
    const token = one.tokenise(one.newAccount("541333"), AT, 36);
    expect(token.state).toBe("INACTIVE");
    expect(one.activate(token.id).state).toBe("ACTIVE");
    expect(one.activate(token.id).state).toBe("ACTIVE");
  });

  test("each suspender counts once; active when the last one lets go", () => {
    const { vault: one, id } = active();
    expect(one.suspend(id, "issuer")).toMatchObject({ state: "SUSPENDED", suspendedBy: ["issuer"] });
    expect(one.suspend(id, "holder")).toMatchObject({ suspendedBy: ["issuer", "holder"] });
    expect(one.suspend(id, "issuer")).toMatchObject({ suspendedBy: ["issuer", "holder"] });
    expect(one.resume(id, "issuer")).toMatchObject({ state: "SUSPENDED", suspendedBy: ["holder"] });
    expect(() => one.resume(id, "issuer")).toThrow(code("bad-state"));
    expect(one.resume(id, "holder")).toMatchObject({ state: "ACTIVE", suspendedBy: [] });
  });

  test("activating what is held back does not set it free", () => {
    const one = vault();
    const { id } = one.tokenise(one.newAccount("541333"), AT, 36);
    expect(one.suspend(id, "issuer").state).toBe("INACTIVE");
    expect(one.activate(id).state).toBe("SUSPENDED");
    expect(one.resume(id, "issuer").state).toBe("ACTIVE");
  });

  test("deleted is final", () => {
    const { vault: one, id } = active();
    expect(one.remove(id).state).toBe("DELETED");
    expect(one.remove(id).state).toBe("DELETED");
    for (const change of [() => one.activate(id), () => one.suspend(id, "x"), () => one.resume(id, "x")])
      expect(change).toThrow(code("token-deleted"));
  });

  test("what is not there", () => {
    for (const change of ["activate", "remove"] as const)
      expect(() => vault()[change]("nothing")).toThrow(code("unknown-token"));
  });
});
