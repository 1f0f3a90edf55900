import { describe, expect, test } from "vitest";
import { applet } from "../../../emulator/se/applet.js";
import { SecureElement } from "../../../emulator/se/element.js";
import { InstanceStorage } from "../../../emulator/se/instance-storage.js";
import { Nvm } from "../../../emulator/se/nvm.js";
import { newCounter, ObjectStore } from "../../../emulator/se/store.js";
import { status } from "../../../src/protocols/iso7816/apdu.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { seededRandom } from "../../../src/util/random.js";
import { COMPUTE, send } from "../../support/emulated-card.js";

const code = (name: string): unknown => expect.objectContaining({ code: `emulator/${name}` });
const CAPACITY = 200;
const nvmOf = (): Nvm => new Nvm(8_192, 64);
const storeOf = (nvm: Nvm): ObjectStore => {
  const store = new ObjectStore(nvm, CAPACITY);
  store.put(1, unhex("11"));
  store.put(2, unhex("22"));
  store.setCounter(3, 5);
  return store;
};
const shown = (store: ObjectStore): (string | undefined)[] =>
  [1, 2, 4].map((id) => {
    const bytes = store.get(id);
    return bytes && hex(bytes);
  });

describe("a transaction", () => {
  test("reads its own changes; others see them when it ends", () => {
    const nvm = nvmOf();
    const store = storeOf(nvm);
    const before = nvm.operations;
    const result = store.transaction(() => {
      store.put(1, unhex("AA"));
      store.remove(2);
      store.put(4, unhex("BBCC"));
      store.setCounter(7, 9);
      store.writeCounter(7, 10);
      expect(shown(store)).toEqual(["AA", undefined, "BBCC"]);
      expect([...store.ids].toSorted((a, b) => a - b)).toEqual([1, 3, 4, 7]);
      expect(store.counter(7)).toBe(10);
      expect(nvm.operations).toBe(before);
      expect(shown(new ObjectStore(nvm))).toEqual(["11", "22", undefined]);
      return "done";
    });
    expect(result).toBe("done");
    const again = new ObjectStore(nvm);
    expect(shown(again)).toEqual(["AA", undefined, "BBCC"]);
    expect(again.counter(7)).toBe(10);
  });

  test("keeps what it was given, whatever becomes of the array", () => {
    const store = storeOf(nvmOf());
    store.transaction(() => {
      const bytes = unhex("AA");
      store.put(1, bytes);
      bytes[0] = 0;
    });
    expect(shown(store)[0]).toBe("AA");
  });

  test("that throws changes nothing; counters that were there count all the same", () => {
    const nvm = nvmOf();
    const store = storeOf(nvm);
    expect(() =>
      store.transaction(() => {
        store.put(1, unhex("AA"));
        store.remove(2);
        store.setCounter(7, 1);
        store.writeCounter(3, 6);
        expect(new ObjectStore(nvm).counter(3)).toBe(6);
        throw new RangeError("enough");
      }),
    ).toThrow(RangeError);
    for (const each of [store, new ObjectStore(nvm)]) {
      expect(shown(each)).toEqual(["11", "22", undefined]);
      expect([...each.ids].toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
      expect(each.counter(3)).toBe(6);
    }
  });

  test("inside another is refused, and both are undone", () => {
    const store = storeOf(nvmOf());
    expect(() =>
      store.transaction(() => {
        store.put(1, unhex("AA"));
        store.transaction(() => store.put(2, unhex("BB")));
      }),
    ).toThrow(code("transaction-nested"));
    expect(shown(store)).toEqual(["11", "22", undefined]);
    store.transaction(() => store.put(1, unhex("CC")));
    expect(shown(store)[0]).toBe("CC");
  });

  test("has room for so many bytes, eight of them for each object; one more undoes it", () => {
    const store = storeOf(nvmOf());
    const put = (last: number) => () =>
      store.transaction(() => {
        store.put(1, new Uint8Array(92));
        store.put(1, new Uint8Array(42)); // in place of what was to be there
        store.put(4, new Uint8Array(CAPACITY - 50 - 8 - 8 - 24));
        store.put(5, newCounter()); // two cells of eight bytes
        store.put(6, new Uint8Array(last));
        store.remove(6);
      });
    expect(put(1)).toThrow(code("transaction-full"));
    expect(shown(store)).toEqual(["11", "22", undefined]);
    put(0)();
    expect(store.get(1)).toHaveLength(42);
    expect(store.ids).not.toContain(6);
  });

  test("that does not fit the memory changes nothing", () => {
    const nvm = nvmOf();
    const store = new ObjectStore(nvm, 32_768);
    store.put(1, unhex("11"));
    const { free } = store;
    const { operations } = nvm;
    expect(() => store.transaction(() => store.put(2, new Uint8Array(free + 1)))).toThrow(code("store-full"));
    expect([store.ids, store.free, nvm.operations]).toEqual([[1], free, operations]);
  });

  test("is whole or did not happen, wherever the power goes", () => {
    const nvm = nvmOf();
    const base = (storeOf(nvm), nvm.snapshot());
    const act = (store: ObjectStore): void =>
      store.transaction(() => {
        store.put(1, unhex("AA"));
        store.writeCounter(3, 6);
        store.put(2, unhex("BB"));
        store.put(4, unhex("CC"));
      });
    const whole = new Nvm(8_192, 64, base);
    act(new ObjectStore(whole, CAPACITY));
    const seen = new Set<string>();
    for (let operation = 1; operation <= whole.operations - base.operations; operation++)
      for (const cut of [{ before: operation }, { inside: operation, kept: 1, rest: { noise: operation } }]) {
        const torn = new Nvm(8_192, 64, base);
        torn.planCut(cut);
        expect(() => act(new ObjectStore(torn, CAPACITY))).toThrow(code("power-lost"));
        torn.powerUp();
        const store = new ObjectStore(torn, CAPACITY);
        seen.add(JSON.stringify(shown(store)));
        expect([5, 6]).toContain(store.counter(3));
        if (shown(store)[0] === "AA") expect(store.counter(3)).toBe(6);
      }
    expect(seen).toEqual(new Set(['["11","22",null]', '["AA","BB","CC"]']));
  });
});

test("an instance's transaction keeps to its quota and its own numbers", () => {
  const store = storeOf(nvmOf());
  const storage = new InstanceStorage(store, 2, 100);
  storage.transaction(() => {
    storage.putAll([[1, new Uint8Array(60)]]);
    expect(storage.get(1)).toHaveLength(60);
    expect(storage.ids).toEqual([1]);
  });
  expect(store.get(0x2_0001)).toHaveLength(60);
  expect(() =>
    storage.transaction(() => {
      storage.putAll([[1, undefined]]);
      storage.putAll([[2, new Uint8Array(50)]]);
      storage.putAll([[3, new Uint8Array(51)]]);
    }),
  ).toThrow(code("store-full"));
  expect(storage.ids).toEqual([1]);
});

describe("an applet's command", () => {
  const NAME = "F054584E";
  /** 01: two objects; 02: more than fits; 03: nested; 05 reads. P1 is what it writes. */
  const writer = applet<undefined>({
    module: "writer",
    initial: undefined,
    select: () => ({ state: undefined, response: status(0x9000) }),
    process({ storage }, state, { ins, p1 }) {
      const put = (id: number, length: number): void => storage.putAll([[id, new Uint8Array(length).fill(p1)]]);
      if (ins === 0x05) {
        const data = new Uint8Array([...(storage.get(1) ?? []), ...(storage.get(2) ?? [])]);
        return { state, response: { data, sw: 0x9000 } };
      }
      storage.transaction(() => {
        put(1, 1);
        put(2, ins === 0x02 ? 300 : 1);
        if (ins === 0x03) storage.transaction(() => put(3, 1));
      });
      return { state, response: status(0x9000) };
    },
  });
  const element = (endurance = 1_000): SecureElement => {
    const made = new SecureElement({
      nvmBytes: 8_192,
      pageBytes: 64,
      cells: { writeBytes: 4, eraseBytes: 4, endurance },
      commitBytes: 256,
      applets: [{ module: "writer", aid: unhex(NAME) }],
      modules: [writer],
      compute: COMPUTE,
      random: seededRandom("writer"),
    });
    send(made, `00A4040004${NAME}00`);
    return made;
  };

  test.each([
    ["02", "6F00", "too large"],
    ["03", "6F00", "nested"],
  ])("whose transaction (%s) fails is %s, nothing is changed, and the applet goes on", (ins, sw) => {
    const card = element();
    expect(send(card, "0001AA00")).toBe("9000");
    expect(send(card, `00${ins}BB00`)).toBe(sw);
    expect(send(card, "0005000000")).toBe("AAAA9000");
    expect(send(card, "0001CC00")).toBe("9000");
    expect(send(card, "0005000000")).toBe("CCCC9000");
  });

  test("on a memory that is worn out is 6581; what was there can still be read", () => {
    const card = element(50);
    let last = "";
    const answers = new Set<string>();
    for (let round = 0; round < 2_000; round++) {
      const byte = (round & 0xff).toString(16).padStart(2, "0").toUpperCase();
      const sw = send(card, `0001${byte}00`);
      const now = send(card, "0005000000");
      answers.add(sw);
      // a failure may come before the commit or behind it
      if (sw === "6581") expect([last, `${byte}${byte}9000`]).toContain(now);
      else expect([sw, now]).toEqual(["9000", `${byte}${byte}9000`]);
      last = now;
    }
    expect(answers).toEqual(new Set(["9000", "6581"]));
  });
});
