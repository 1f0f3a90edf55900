import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { spawnSync } from "node:child_process";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { journalFolder, openJournal } from "../../../src/bench/element-journal.js";

const NAME = { name: "cplc-1", unique: true };
let folder: string;
const path = (): string => join(folder, "deep", "cplc-1.json");
const open = (): ReturnType<typeof openJournal> => openJournal(join(folder, "deep"), NAME);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tapbench-journal-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ["the option first", { TAPBENCH_JOURNAL: "/b", XDG_STATE_HOME: "/c", HOME: "/d" }, "/a", "/a"],
  ["then TAPBENCH_JOURNAL", { TAPBENCH_JOURNAL: "/b", XDG_STATE_HOME: "/c", HOME: "/d" }, undefined, "/b"],
  ["then XDG_STATE_HOME", { XDG_STATE_HOME: "/c", HOME: "/d" }, undefined, "/c/tapbench/elements"],
  ["then the user's own", { HOME: "/d" }, undefined, "/d/.local/state/tapbench/elements"],
])("where journals are: %s", (_, env, flag, where) => {
  expect(journalFolder(env, flag)).toBe(where);
});

const ATTEMPT = { domain: "A000000151000000", asked: 0, keys: "AA", label: "test:a", outcome: "begun" } as const;

describe("a journal's file", () => {
  test("is whole when put returns, for its owner only, with nothing left beside it", () => {
    const journal = open();
    expect(existsSync(path())).toBe(false);
    journal.put({ ...journal.journal, attempts: [ATTEMPT] });
    expect(JSON.parse(readFileSync(path(), "utf8"))).toMatchObject({ element: "cplc-1", attempts: [ATTEMPT] });
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "deep")).mode & 0o777).toBe(0o700);
    journal.close();
    expect(readdirSync(join(folder, "deep"))).toEqual(["cplc-1.json"]);
    const again = open();
    expect(again.journal).toEqual(journal.journal);
    again.close();
  });

  test("is written anew where a run was killed in the middle of it, and stays its owner's", () => {
    open().close();
    writeFileSync(`${path()}.new`, '{"half', { mode: 0o644 });
    const journal = open();
    journal.put({ ...journal.journal, attempts: [ATTEMPT] });
    journal.close();
    expect(readdirSync(join(folder, "deep"))).toEqual(["cplc-1.json"]);
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    const again = open();
    expect(again.journal.attempts).toEqual([ATTEMPT]);
    again.close();
  });

  test("is had by one run at a time", () => {
    const journal = open();
    expect(open).toThrow(expect.objectContaining({ code: "bench/journal-busy" }));
    expect(open).toThrow(new RegExp(`process ${process.pid}`));
    journal.close();
    open().close();
  });

  test("is taken over from a process that is no more, and from nobody else", () => {
    open().close();
    const gone = spawnSync("true").pid;
    writeFileSync(`${path()}.lock`, `${gone} ${hostname()} aa\n`);
    open().close();
    for (const holder of [`${gone} elsewhere aa\n`, `1 ${hostname()} aa\n`, "", "rubbish"]) {
      writeFileSync(`${path()}.lock`, holder);
      expect(open).toThrow(expect.objectContaining({ code: "bench/journal-busy" }));
      expect(readFileSync(`${path()}.lock`, "utf8")).toBe(holder);
    }
  });

  test("that is damaged stops everything, and gives the lock back", () => {
    open().close();
    for (const text of ["{", "x".repeat((1 << 20) + 1)]) {
      writeFileSync(path(), text);
      expect(open).toThrow(expect.objectContaining({ code: "se/damaged-journal" }));
      expect(readFileSync(path(), "utf8")).toBe(text);
    }
    expect(existsSync(`${path()}.lock`)).toBe(false);
  });

  test("that cannot be made or written is an error, and the old one stays", () => {
    writeFileSync(join(folder, "file"), "");
    expect(() => openJournal(join(folder, "file", "x"), NAME)).toThrow(
      expect.objectContaining({ code: "bench/journal-failed" }),
    );
    const journal = open();
    journal.put(journal.journal);
    const before = readFileSync(path(), "utf8");
    rmSync(join(folder, "deep"), { recursive: true });
    expect(() => journal.put({ ...journal.journal, attempts: [ATTEMPT] })).toThrow(
      expect.objectContaining({ code: "bench/journal-failed" }),
    );
    expect(journal.journal.attempts).toEqual([]);
    expect(before).toContain('"attempts": []');
    chmodSync(folder, 0o700);
  });
});
