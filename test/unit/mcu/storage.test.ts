import { describe, expect, test } from "vitest";
import { Flash, type FlashCut } from "../../../emulator/boot/flash.js";
import { FileSystem, MAX_FILES } from "../../../emulator/mcu/file-system.js";
import { SettingsStore } from "../../../emulator/mcu/settings-store.js";
import { hex } from "../../../src/util/bytes.js";
import { isTapbenchError } from "../../../src/util/errors.js";
import { seededRandom } from "../../../src/util/random.js";

const code = (name: string): unknown => expect.objectContaining({ code: `emulator/${name}` });
const newFlash = (sectors = 8): Flash => new Flash({ size: sectors * 256, sectorBytes: 256, writeBytes: 4 });
const bytes = (label: string, count: number): Uint8Array => seededRandom(label).bytes(count);

type Content = Readonly<Record<string, string>>;
interface Storage {
  readonly content: () => Content;
  readonly act: (step: readonly [what: string, name: string, data?: Uint8Array]) => void;
}

const settings = (flash: Flash): Storage => {
  const store = new SettingsStore(flash);
  return {
    content: () => Object.fromEntries(Object.entries(store.all()).map(([key, value]) => [key, hex(value)])),
    act: ([what, name, data]) => (what === "put" ? store.put(name, data!) : store.remove(name)),
  };
};

const fileSystem = (flash: Flash): Storage => {
  const files = new FileSystem(flash);
  return {
    content: () => Object.fromEntries(files.paths.map((path) => [path, hex(files.read(path, 0, 1e6))])),
    act: ([what, name, data]) =>
      what === "put" ? files.put(name, data!) : what === "append" ? files.append(name, data!) : files.remove(name),
  };
};

/** Enough to pack the log several times: the last one repeats while there is something to sweep. */
const SETTINGS_STEPS = Array.from({ length: 40 }, (_, i) =>
  i % 7 === 6 ? (["remove", `k${i % 5}`] as const) : (["put", `k${i % 5}`, bytes(`s${i}`, 20 + (i % 9))] as const),
);
const FILE_STEPS = Array.from({ length: 30 }, (_, i) => {
  const name = `/lfs/f${i % 3}`;
  if (i % 11 === 10) return ["remove", name] as const;
  return [i % 4 === 0 ? "put" : "append", name, bytes(`f${i}`, 30 + i)] as const;
});

describe.each([
  ["settings", settings, SETTINGS_STEPS],
  ["files", fileSystem, FILE_STEPS],
] as const)("%s", (_name, open, steps) => {
  /** What is there after each step, without a cut. */
  const history: Content[] = [{}];
  const uncut = newFlash();
  const storage = open(uncut);
  for (const step of steps) {
    storage.act(step);
    history.push(storage.content());
  }

  test("come back as they were, and the log was packed on the way", () => {
    expect(open(uncut).content()).toEqual(history.at(-1));
    expect(Object.keys(history.at(-1)!).length).toBeGreaterThan(1);
    const words = uncut.read(4, 4);
    expect(Math.max(words[3]!, uncut.read(1028, 4)[3]! & 0x7f)).toBeGreaterThan(1); // generation of the banks
  });

  test.each<[string, (n: number) => FlashCut]>([
    ["before it", (n) => ({ before: n })],
    ["in the middle, nothing done", (n) => ({ inside: n, kept: 0 })],
    ["in the middle, a few bytes done", (n) => ({ inside: n, kept: 7 })],
    ["in the middle, most of it done", (n) => ({ inside: n, kept: 30 })],
    ["with random bytes done", (n) => ({ inside: n, torn: seededRandom(`torn ${n}`) })],
  ])("a cut at every operation, %s: as before or as after, and usable", (_how, cutAt) => {
    for (let n = 1; n <= uncut.operations; n++) {
      const flash = newFlash();
      const cut = open(flash);
      flash.planCut(cutAt(n));
      let done = 0;
      try {
        for (const step of steps) {
          cut.act(step);
          done++;
        }
      } catch (error) {
        if (!isTapbenchError(error, "emulator/power-lost")) throw error;
      }
      expect(done).toBeLessThan(steps.length);
      flash.powerUp();
      const again = open(flash);
      expect([history[done], history[done + 1]]).toContainEqual(again.content());
      again.act(["put", "/lfs/after", bytes("after", 9)]);
      expect(open(flash).content()["/lfs/after"]).toBe(hex(bytes("after", 9)));
    }
  });

  test("cuts again and again, anywhere and anyhow: never anything but what was there before or after", () => {
    const random = seededRandom("storage/cuts");
    for (let run = 0; run < 60; run++) {
      const flash = newFlash();
      let now: Content = {};
      for (const step of steps) {
        const content = open(flash);
        expect(content.content()).toEqual(now);
        const uncutFlash = new Flash(flash, flash.snapshot());
        const other = open(uncutFlash);
        other.act(step);
        if (random.below(3) > 0)
          flash.planCut(
            random.below(2) === 0
              ? { before: 1 + random.below(6) }
              : { inside: 1 + random.below(6), torn: random.fork(`${run}`) },
          );
        try {
          content.act(step);
        } catch (error) {
          if (!isTapbenchError(error, "emulator/power-lost")) throw error;
        }
        flash.planCut(undefined);
        flash.powerUp();
        const after = open(flash).content();
        expect([now, other.content()]).toContainEqual(after);
        now = after;
      }
    }
  });

  test("a flash with anything else on it is taken for empty", () => {
    const flash = newFlash();
    flash.program(0, bytes("noise", 2048));
    const storage = open(flash);
    expect(storage.content()).toEqual({});
    storage.act(["put", "/lfs/a", bytes("x", 3)]);
    expect(open(flash).content()).toEqual({ "/lfs/a": hex(bytes("x", 3)) });
  });

  test("full is full, and changes nothing", () => {
    const flash = newFlash();
    const storage = open(flash);
    storage.act(["put", "/lfs/a", bytes("x", 500)]);
    expect(() => storage.act(["put", "/lfs/b", bytes("y", 600)])).toThrow(code("log-full"));
    expect(Object.keys(storage.content())).toEqual(["/lfs/a"]);
    // Packing keeps the old until the new is there, so both have to fit.
    expect(() => storage.act(["put", "/lfs/a", bytes("z", 700)])).toThrow(code("log-full"));
    expect(open(flash).content()).toEqual({ "/lfs/a": hex(bytes("x", 500)) });
  });
});

describe("files", () => {
  test("are read in parts, across the pieces they were written in", () => {
    const files = new FileSystem(newFlash());
    files.put("/lfs/a", Uint8Array.of(1, 2, 3));
    files.append("/lfs/a", Uint8Array.of(4, 5));
    files.append("/lfs/a", Uint8Array.of(6));
    expect(files.length("/lfs/a")).toBe(6);
    expect([...files.read("/lfs/a", 2, 3)]).toEqual([3, 4, 5]);
    expect([...files.read("/lfs/a", 5, 100)]).toEqual([6]);
    expect([...files.read("/lfs/a", 6, 1)]).toEqual([]);
    expect([...files.read("/lfs/none", 0, 1)]).toEqual([]);
    expect(files.length("/lfs/none")).toBeUndefined();
  });

  test("there are so many and no more", () => {
    const files = new FileSystem(newFlash(64));
    for (let i = 0; i < MAX_FILES; i++) files.put(`/lfs/${i}`, new Uint8Array(0));
    expect(() => files.put("/lfs/more", new Uint8Array(0))).toThrow(code("log-full"));
    files.put("/lfs/0", Uint8Array.of(1));
    files.remove("/lfs/1");
    files.put("/lfs/more", new Uint8Array(0));
    expect(files.paths).toHaveLength(MAX_FILES);
  });
});
