import { describe, expect, test } from "vitest";
import fc from "fast-check";
import { createAtcRegister } from "../../../src/issuer/atc.js";
import { createLedger } from "../../../src/issuer/ledger.js";
import { seededRandom } from "../../../src/util/random.js";

const ledger = () => createLedger(seededRandom("ledger test"));
const code = (name: string): unknown => expect.objectContaining({ code: `issuer/${name}` });

describe("ledger", () => {
  test("a hold lowers what is available; a capture takes it, and no more than was held", () => {
    const one = ledger();
    one.open("a", "978", 1000n);
    const hold = one.hold("a", 300n)!;
    expect(one.find("a")).toMatchObject({ balance: 1000n, held: 300n, available: 700n });
    expect(() => one.capture(hold.id, 301n)).toThrow(code("bad-amount"));
    expect(one.capture(hold.id, 250n)).toMatchObject({ balance: 750n, held: 0n, available: 750n });
    expect(() => one.capture(hold.id)).toThrow(code("unknown-hold"));
    expect(one.holds("a")).toMatchObject([{ state: "captured", amount: 300n }]);
  });

  test("a released hold costs nothing", () => {
    const one = ledger();
    one.open("a", "978", 1000n);
    expect(one.release(one.hold("a", 1000n)!.id)).toMatchObject({ balance: 1000n, available: 1000n });
  });

  test("not enough: no hold, and nothing changed", () => {
    const one = ledger();
    one.open("a", "978", 1000n);
    one.hold("a", 600n);
    expect(one.hold("a", 401n)).toBeUndefined();
    expect(one.find("a")!.available).toBe(400n);
    expect(one.hold("a", 400n)).toBeDefined();
  });

  test("wrong use", () => {
    const one = ledger();
    one.open("a", "978", 0n);
    expect(() => one.open("a", "978", 0n)).toThrow(code("account-exists"));
    expect(() => one.open("b", "978", -1n)).toThrow(code("bad-amount"));
    expect(() => one.hold("c", 1n)).toThrow(code("unknown-account"));
    expect(() => one.hold("a", -1n)).toThrow(code("bad-amount"));
    expect(() => one.release("nothing")).toThrow(code("unknown-hold"));
    expect(one.accounts().map((account) => account.id)).toEqual(["a"]);
  });

  test("whatever is held, captured and released: money is neither made nor lost", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.constantFrom("hold", "capture", "release"), fc.bigInt({ min: 0n, max: 700n }), fc.nat(5)),
          { maxLength: 40 },
        ),
        (steps) => {
          const one = ledger();
          one.open("a", "978", 2000n);
          let spent = 0n;
          for (const [what, amount, which] of steps) {
            const open = one.holds("a").filter((hold) => hold.state === "open");
            const hold = open[which % (open.length || 1)];
            if (what === "hold") one.hold("a", amount);
            else if (hold && what === "release") one.release(hold.id);
            else if (hold) {
              one.capture(hold.id);
              spent += hold.amount;
            }
          }
          const account = one.find("a")!;
          const held = one.holds("a").reduce((sum, hold) => (hold.state === "open" ? sum + hold.amount : sum), 0n);
          expect(account.balance + spent).toBe(2000n);
          expect(account.held).toBe(held);
          expect(account.available).toBe(account.balance - held);
          expect(account.available >= 0n).toBe(true);
        },
      ),
    );
  });
});

describe("transaction counters", () => {
  test("next, skipped, late, replayed, too far", () => {
    const atc = createAtcRegister(10);
    expect(atc.judge("t", 1)).toBe("next");
    atc.use("t", 1);
    expect(atc.judge("t", 1)).toBe("replayed");
    expect(atc.judge("t", 0)).toBe("replayed");
    expect(atc.judge("t", 5)).toBe("skipped");
    atc.use("t", 5);
    expect(atc.gaps("t")).toEqual([2, 3, 4]);
    expect(atc.judge("t", 3)).toBe("late");
    atc.use("t", 3);
    expect(atc.judge("t", 3)).toBe("replayed");
    expect(atc.gaps("t")).toEqual([2, 4]);
    expect(atc.highest("t")).toBe(5);
    expect(atc.judge("t", 15)).toBe("skipped");
    expect(atc.judge("t", 16)).toBe("too-far");
    expect(atc.judge("u", 1)).toBe("next");
  });

  test("what lies further back than the window is forgotten, and counts as used", () => {
    const atc = createAtcRegister(3);
    atc.use("t", 3);
    expect(atc.gaps("t")).toEqual([1, 2]);
    atc.use("t", 5);
    expect(atc.gaps("t")).toEqual([2, 4]);
    expect(atc.judge("t", 1)).toBe("replayed");
  });
});
