import { describe, expect, test } from "vitest";
import { formatDateTime, parseDateTime } from "../../../emulator/mcu/os-commands.js";
import { managed } from "../../support/managed-device.js";
import { openBench } from "../../../src/bench/bench.js";
import type { Command } from "../../../src/protocols/smp/command.js";
import { element } from "../../../src/protocols/smp/groups/element.js";
import { enumeration } from "../../../src/protocols/smp/groups/enumeration.js";
import { files } from "../../../src/protocols/smp/groups/files.js";
import { nfc } from "../../../src/protocols/smp/groups/nfc.js";
import { os } from "../../../src/protocols/smp/groups/os.js";
import { settings } from "../../../src/protocols/smp/groups/settings.js";
import { shell } from "../../../src/protocols/smp/groups/shell.js";
import { statistics } from "../../../src/protocols/smp/groups/statistics.js";
import { wallet } from "../../../src/protocols/smp/groups/wallet.js";
import { zephyr } from "../../../src/protocols/smp/groups/zephyr.js";
import { transmitApdu } from "../../../src/protocols/smp/element-transmit.js";
import { ascii, hex, unhex } from "../../../src/util/bytes.js";
import { MS, SECOND } from "../../../src/util/time.js";

function open(changes: Parameters<typeof managed>[0] = {}) {
  const device = managed(changes);
  const host = device.host();
  const poller = host.poller();
  const ask = <Q, A>(command: Command<Q, A>, request: Q): A => host.run(poller.ask(command, request));
  return { ...device, host: device.host, wire: host, poller, ask, raw: host.raw };
}
const refusal = (says: string): Error =>
  expect.objectContaining({ code: "smp/refused", context: expect.objectContaining({ says }) as object }) as Error;

// Frames by hand, from the maps in Zephyr's documentation.
describe("on the wire", () => {
  test("echo, parameters and errors of both versions", () => {
    const { raw } = open();
    expect(raw("0A00000600000100A16164626869")).toBe("0B00000600000100A16172626869");
    expect(raw("0800000100000206A0")).toBe("0900001800000206A2686275665F73697A65190200696275665F636F756E7404");
    expect(raw("0800000100000304A0")).toBe("0900001100000304A163657272A26567726F75700062726304"); // the clock is not set
    expect(raw("0000000100000404A0")).toBe("0100000500000404A162726305");
    expect(raw("0800000100010500A0")).toBe("0900000500010500A162726308"); // images come with the boot loader
  });

  test("rc: 0 for old clients is the profile's choice", () => {
    expect(open({ legacyRc: true }).raw("0200000600000100A16164626869")).toBe("0300000A00000100A2627263006172626869");
  });
});

describe("os", () => {
  test("the clock is set, goes on in virtual time, and survives a reset", () => {
    const { ask, sim } = open();
    expect(() => ask(os.dateTime, {})).toThrow(refusal("clock is not set"));
    ask(os.setDateTime, { datetime: "2026-06-15T12:00:00.500000+02:00" });
    sim.runUntil(sim.now + 3600 * SECOND);
    expect(ask(os.dateTime, {}).datetime).toMatch(/^2026-06-15T11:00:00\.5\d{2}000Z$/);
    ask(os.reset, {});
    sim.runUntil(sim.now + 2 * SECOND);
    expect(ask(os.dateTime, {}).datetime).toMatch(/^2026-06-15T11:00:02\.5/);
    expect(() => ask(os.setDateTime, { datetime: "yesterday" })).toThrow(refusal("invalid"));
  });

  test.each([
    ["2026-06-15T10:00:00.000000Z", Date.UTC(2026, 5, 15, 10)],
    ["2026-06-15T10:00:00", Date.UTC(2026, 5, 15, 10)],
    ["2026-06-15T10:00:00.25-0130", Date.UTC(2026, 5, 15, 11, 30, 0, 250)],
    ["2024-02-29T23:59:59Z", Date.UTC(2024, 1, 29, 23, 59, 59)],
    ["2026-02-29T00:00:00Z", undefined],
    ["2026-06-15T24:00:00Z", undefined],
    ["2026-06-15 10:00:00", undefined],
  ])("a date-time: %s", (text, millis) => {
    expect(parseDateTime(text)).toBe(millis);
    if (millis !== undefined) expect(parseDateTime(formatDateTime(millis))).toBe(millis);
  });

  test("info tells in its own order, and knows its letters", () => {
    const { ask } = open();
    expect(ask(os.info, {})).toEqual({ output: "tapbench" });
    expect(ask(os.info, { format: "irs" })).toEqual({ output: "tapbench 2.0.4 band-s1" });
    expect(ask(os.info, { format: "a" }).output.split(" ")).toHaveLength(9);
    expect(() => ask(os.info, { format: "sx" })).toThrow(refusal("invalid format"));
    ask(settings.write, { name: "app/name", val: ascii("left wrist") });
    expect(ask(os.info, { format: "n" })).toEqual({ output: "left wrist" });
  });

  test("a reset answers first, then starts again; what only memory held is gone", () => {
    const { ask, sim, mcu, raw } = open();
    ask(settings.write, { name: "a/b", val: unhex("01") });
    ask(nfc.listen, { on: false });
    ask(os.reset, {});
    const told = sim.now;
    sim.runUntil(told + 200 * MS);
    expect(mcu.state.boots).toBe(1);
    sim.runUntil(told + 300 * MS);
    expect(mcu.state.boots).toBe(2);
    expect(raw("0A00000600000100A16164626869")).toBeUndefined(); // it boots
    sim.runUntil(told + SECOND);
    expect(ask(nfc.state, {})).toEqual({ field: false, listening: true });
    expect(() => ask(settings.read, { name: "a/b" })).toThrow(refusal("key not found"));
    expect(ask(statistics.show, { name: "mcu" }).fields).toMatchObject({ boots: 2 });
  });

  test("a reset waits for an upload that goes on, unless it is forced, or the upload has stopped", () => {
    const { ask, sim } = open();
    const piece = { off: 0, name: "/lfs/a", data: unhex("01"), len: 2 };
    ask(files.upload, piece);
    expect(() => ask(os.reset, {})).toThrow(refusal("busy"));
    expect(ask(os.reset, { force: 1 })).toEqual({});
    sim.runUntil(sim.now + 2 * SECOND);
    ask(files.upload, piece);
    sim.runUntil(sim.now + 3 * SECOND);
    expect(ask(os.reset, {})).toEqual({});
  });

  test("tasks and pools are told; everything of them fits a buffer", () => {
    const { ask, mcu, sim } = open();
    expect(Object.keys(ask(os.tasks, {}).tasks)).toContain("smp");
    expect(ask(os.pools, {})["smp_buf"]).toEqual({ blksiz: 512, nblks: 4, nfree: 3, min: 3 });
    const end = mcu.attach({ name: "other", send: () => {} });
    for (let i = 0; i < 3; i++) end.receive(unhex("0800000100000206A0"));
    sim.runUntil(sim.now + SECOND);
    expect(ask(os.pools, {})["smp_buf"]).toEqual({ blksiz: 512, nblks: 4, nfree: 3, min: 1 });
    expect(ask(os.bootLoader, {})).toEqual({ bootloader: "none" });
    expect(() => ask(os.bootLoader, { query: "mode" })).toThrow(refusal("query yields no answer"));
  });
});

test("statistics count what happened", () => {
  const { ask, raw } = open();
  const before = ask(statistics.show, { name: "smp" }).fields;
  raw("0A00000600000100A16164626869");
  raw("0A000001000007001F");
  raw("0B00000600000100A16172626869"); // a response: nobody's request
  const { requests, done, refused, noise, bytes_in } = ask(statistics.show, { name: "smp" }).fields;
  expect([requests! - before["requests"]!, done! - before["done"]!]).toEqual([3, 2]);
  expect([refused, noise]).toEqual([1, 1]);
  // The last question is still being counted when it is answered: the first one, then the three.
  expect(bytes_in! - before["bytes_in"]!).toBe(18 + 14 + 9 + 14);
  expect(ask(statistics.list, {}).stat_list).toEqual(["mcu", "smp", "flash", "files", "element"]);
  expect(() => ask(statistics.show, { name: "nope" })).toThrow(refusal("no such statistics group"));
  expect(() => ask(statistics.show, { name: "toString" })).toThrow(refusal("no such statistics group"));
});

describe("settings", () => {
  test("are in use when written, and kept when saved", () => {
    const { ask, sim } = open();
    ask(settings.write, { name: "a/b", val: unhex("0102") });
    ask(settings.write, { name: "c", val: unhex("03") });
    ask(settings.save, { name: "a" });
    expect(ask(settings.read, { name: "c" })).toEqual({ val: unhex("03") });
    ask(os.reset, {});
    sim.runUntil(sim.now + 2 * SECOND);
    expect(ask(settings.read, { name: "a/b", max_size: 1 })).toEqual({ val: unhex("01") });
    expect(() => ask(settings.read, { name: "c" })).toThrow(refusal("key not found"));
    ask(settings.write, { name: "a/b", val: unhex("FF") });
    ask(settings.load, {});
    expect(ask(settings.read, { name: "a/b", max_size: 9999 })).toEqual({ val: unhex("0102"), max_size: 256 });
    ask(settings.delete, { name: "a/b" });
    ask(settings.commit, {});
    ask(settings.load, {});
    expect(() => ask(settings.read, { name: "a/b" })).toThrow(refusal("key not found"));
    expect(() => ask(settings.delete, { name: "a/b" })).toThrow(refusal("key not found"));
  });

  test("storage is erased; what is in use stays until the next start", () => {
    const { ask } = open();
    ask(settings.write, { name: "a", val: unhex("01") });
    ask(settings.save, {});
    ask(zephyr.eraseStorage, {});
    expect(ask(settings.read, { name: "a" })).toEqual({ val: unhex("01") });
    ask(settings.load, {});
    expect(() => ask(settings.read, { name: "a" })).toThrow(refusal("key not found"));
  });

  test("keys and values are bounded", () => {
    const { ask } = open();
    expect(() => ask(settings.write, { name: "x".repeat(32), val: unhex("") })).toThrow(refusal("key too long"));
    expect(() => ask(settings.read, { name: "" })).toThrow(refusal("invalid"));
    expect(() => ask(settings.write, { name: "x", val: new Uint8Array(257) })).toThrow(refusal("invalid"));
    expect(() => ask(settings.read, { name: "constructor" })).toThrow(refusal("key not found"));
    for (let i = 0; i < 64; i++) ask(settings.write, { name: `k${i}`, val: unhex("00") });
    expect(() => ask(settings.write, { name: "more", val: unhex("00") })).toThrow(refusal("no memory"));
    ask(settings.write, { name: "k0", val: unhex("01") });
  });
});

describe("files", () => {
  test("pieces follow each other, and a wrong one is told where it should be", () => {
    const { ask, raw, sim } = open();
    expect(ask(files.upload, { off: 0, name: "/lfs/a", data: unhex("0102"), len: 4 })).toEqual({ off: 2 });
    expect(() => ask(files.upload, { off: 3, name: "/lfs/a", data: unhex("04") })).toThrow(refusal("offset not valid"));
    // {off: 3, data: h'04', name: "/lfs/a"} -> {err: {group: 8, rc: 11}, len: 2}
    expect(raw("0A00001900080900A3636F66660364646174614104646E616D65662F6C66732F61")).toBe(
      "0B00001600080900A263657272A26567726F7570086272630B636C656E02",
    );
    expect(ask(files.upload, { off: 2, name: "/lfs/a", data: unhex("0304") })).toEqual({ off: 4 });
    expect(ask(files.status, { name: "/lfs/a" })).toEqual({ len: 4 });
    expect(ask(files.download, { off: 0, name: "/lfs/a" })).toEqual({ off: 0, data: unhex("01020304"), len: 4 });
    expect(ask(files.download, { off: 3, name: "/lfs/a" })).toEqual({ off: 3, data: unhex("04") });
    sim.runUntil(sim.now + 3 * SECOND); // nobody knows that the upload is at its end
    ask(os.reset, {});
    sim.runUntil(sim.now + 2 * SECOND);
    expect(ask(files.status, { name: "/lfs/a" })).toEqual({ len: 4 });
    ask(files.close, {});
  });

  // CRC-32 of "123456789" is CBF43926 (the check value of every catalogue of CRCs); SHA-256 of "abc": FIPS 180-4's example.
  test("checksums and hashes, of all or a part", () => {
    const { ask } = open();
    ask(files.upload, { off: 0, name: "/lfs/n", data: ascii("123456789"), len: 9 });
    ask(files.upload, { off: 0, name: "/lfs/abc", data: ascii("xabcx"), len: 5 });
    ask(files.upload, { off: 0, name: "/lfs/0", data: unhex(""), len: 0 });
    expect(ask(files.hash, { name: "/lfs/n" })).toEqual({ type: "crc32", len: 9, output: 0xcbf43926 });
    expect(ask(files.hash, { name: "/lfs/abc", type: "sha256", off: 1, len: 3 })).toEqual({
      type: "sha256",
      off: 1,
      len: 3,
      output: unhex("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"),
    });
    expect(() => ask(files.hash, { name: "/lfs/n", type: "md5" })).toThrow(refusal("checksum or hash not found"));
    expect(() => ask(files.hash, { name: "/lfs/n", type: "toString" })).toThrow(refusal("checksum or hash not found"));
    expect(() => ask(files.hash, { name: "/lfs/n", off: 9 })).toThrow(refusal("offset larger than file"));
    expect(() => ask(files.hash, { name: "/lfs/0" })).toThrow(refusal("file is empty"));
    expect(() => ask(files.hash, { name: "/lfs/n", len: 0 })).toThrow(refusal("invalid"));
    expect(ask(files.types, {})).toEqual({ types: { crc32: { format: 0, size: 4 }, sha256: { format: 1, size: 32 } } });
  });

  test.each([
    ["", "invalid"],
    ["lfs/a", "invalid file name"],
    ["/lfs/../a", "invalid file name"],
    ["/lfs//a", "invalid file name"],
    ["/lfs/\u0000", "invalid file name"],
    [`/lfs/${"x".repeat(60)}`, "invalid file name"],
    ["/ext/a", "mount point not found"],
    ["/lfs", "file is a directory"],
    ["/lfs/d/", "file is a directory"],
    ["/lfs/d", "file is a directory"],
    ["/lfs/none", "file not found"],
  ])("a path that is none: '%s' is %s", (name, says) => {
    const { ask } = open();
    ask(files.upload, { off: 0, name: "/lfs/d/e", data: unhex("00"), len: 1 });
    expect(() => ask(files.status, { name })).toThrow(refusal(says));
    expect(() => ask(files.download, { name, off: 0 })).toThrow(refusal(says));
  });
});

describe("shell", () => {
  const { ask, sim } = open();
  const run = (...argv: readonly string[]) => ask(shell.run, { argv });

  test("has the commands that help tells of", () => {
    const names = run("help")
      .o.split("\n")
      .map((line) => line.split(" ")[0]);
    expect(names).toEqual(["help", "version", "uptime", "battery", "nfc", "se", "fs", "reboot"]);
    expect(run("version")).toEqual({ o: "band-s1 2.0.4", ret: 0 });
    expect(run("nfc").o).toBe("field off, listening on, routing element");
    expect(run("battery").o).toMatch(/^100 % 4180 mV/);
    sim.runUntil(120 * 3600 * SECOND);
    expect(run("battery").o).toMatch(/^50 % /);
    expect(run("uptime").o).toMatch(/^Uptime: 43200\d{4} ms$/);
    expect(run("se").o).toMatch(/^ATR 3B848001/);
  });

  test("reads files, and says what it does not know", () => {
    ask(files.upload, { off: 0, name: "/lfs/notes", data: ascii("hello\u0001"), len: 6 });
    expect(run("fs ls").o).toBe("       6 /lfs/notes");
    expect(run("fs", "cat", "/lfs/notes")).toEqual({ o: "hello.", ret: 0 });
    expect(run("fs", "cat", "/lfs/none")).toMatchObject({ ret: -2 });
    expect(run("fs", "rm")).toMatchObject({ ret: -22 });
    expect(run("nope")).toEqual({ o: "nope: command not found", ret: -8 });
    expect(() => ask(shell.run, { argv: [] })).toThrow(refusal("empty command"));
    expect(() => run("x".repeat(200), "y".repeat(60))).toThrow(refusal("command too long"));
  });

  test("restarts the device, and is there on the console, with the log", () => {
    const { host, sim } = open();
    const lines: string[] = [];
    const mine = managed();
    const end = mine.mcu.attach({ name: "console", send: () => {}, log: (line) => lines.push(line) });
    end.type("version");
    end.type("reboot");
    mine.mcu.attach({ name: "other", send: () => {} });
    expect(lines).toEqual(["band-s1 2.0.4", ""]);
    expect(() => mine.mcu.attach({ name: "other", send: () => {} })).toThrow(
      expect.objectContaining({ code: "emulator/too-many-ports" }) as Error,
    );
    const wire = host("other");
    expect(wire.run(wire.poller().ask(shell.run, { argv: ["reboot"] }))).toEqual({ o: "", ret: 0 });
    sim.runUntil(sim.now + SECOND);
    expect(wire.lines).toEqual(["[00:00:00.000,000] <inf> mcu: boot 2"]);
  });
});

test("groups are told with their names", () => {
  const { ask } = open();
  expect(ask(enumeration.count, {})).toEqual({ count: 10 });
  expect(ask(enumeration.list, {})).toEqual({ groups: [0, 2, 3, 8, 9, 10, 63, 64, 65, 66] });
  expect(ask(enumeration.single, {})).toEqual({ group: 0 });
  expect(ask(enumeration.single, { index: 9 })).toEqual({ group: 66, end: true });
  expect(() => ask(enumeration.single, { index: 10 })).toThrow(refusal("index too large"));
  expect(ask(enumeration.details, {}).groups).toHaveLength(10);
  expect(ask(enumeration.details, { groups: [8] })).toEqual({ groups: [{ group: 8, name: "fs mgmt", handlers: 5 }] });
});

describe("the secure element", () => {
  test("answers over the wired interface, and takes its time", () => {
    const { host, poller, wire, sim } = { ...open() };
    const before = sim.now;
    const { answer, took } = wire.run(transmitApdu(poller, unhex("80CA9F7F00"), { bufferBytes: 512 }));
    expect(hex(answer)).toMatch(/^9F7F2A5442.*9000$/);
    expect(took).toBeGreaterThan(400_000);
    expect(sim.now - before).toBeGreaterThan(took);
    const other = host("other");
    expect(hex(other.run(transmitApdu(other.poller(), unhex("00A4040000"), { bufferBytes: 96 })).answer)).toMatch(
      /9000$/,
    );
  });

  test("long commands and responses go in pieces, each wire's its own", () => {
    const { poller, wire, ask, host, device } = open({ bufferBytes: 96 });
    const long = unhex(`80E28000C0${"5A".repeat(192)}00`);
    const direct = device.wired(long).response;
    expect(wire.run(transmitApdu(poller, long, { bufferBytes: 96 })).answer).toEqual(direct);
    expect(ask(element.transmit, { d: unhex("80CA9F"), off: 0, len: 5 })).toEqual({ off: 3 });
    const other = host("other");
    const refused = () => other.run(other.poller().ask(element.transmit, { d: unhex("7F00"), off: 3, len: 5 }));
    expect(refused).toThrow(refusal("nothing to continue"));
    expect(() => ask(element.more, { off: 0 })).toThrow(refusal("nothing to continue"));
  });

  test("is reset, and tells its ATR; a card that loses its power says so", () => {
    const { ask, device, wire, poller } = open();
    const { atr } = ask(element.atr, {});
    // TS, T0 with four historical bytes, TD1, TD2, 31C173C8 of the profile, TCK.
    expect(hex(atr)).toBe("3B84800131C173C84E");
    expect(ask(element.reset, {})).toEqual({ atr });
    device.element.nvm.planCut({ before: 1 });
    const initialize = () =>
      wire.run(transmitApdu(poller, unhex("8050300008010203040506070800"), { bufferBytes: 512 }));
    expect(initialize).toThrow(refusal("element lost its power"));
    expect(hex(initialize().answer)).toMatch(/9000$/);
    expect(ask(statistics.show, { name: "element" }).fields).toEqual({ commands: 1, resets: 1, power_losses: 1 });
  });
});

describe("wallet and NFC", () => {
  test("the cards that a terminal would find, and the one it would take", async () => {
    const { ask, device } = open();
    expect(ask(wallet.cards, {})).toEqual({ cards: [] });
    expect(ask(wallet.default, {})).toEqual({});
    expect(ask(wallet.authentication, {})).toEqual({ method: "passcode", verified: true });
    const bench = await openBench();
    const provisioned = await bench.open("emu:band-s1");
    await bench.provision(provisioned, "k2-credit");
    device.restore(provisioned.emulated.snapshot());
    const card = { aid: unhex("A0000000041010"), label: "TAPBENCH CREDIT", priority: 1, default: true };
    expect(ask(wallet.cards, {})).toEqual({ cards: [card] });
    expect(ask(wallet.default, {})).toEqual({ aid: card.aid });
    device.element.holderVerified = false;
    expect(ask(wallet.authentication, {})).toEqual({ method: "passcode", verified: false });
  });

  test("listening and routing decide whether the device answers a reader", () => {
    const { ask, device } = open();
    ask(nfc.listen, { on: false });
    expect(device.picc.listening).toBe(false);
    ask(nfc.listen, { on: true });
    ask(nfc.setRouting, { iso_dep: "none" });
    expect(ask(nfc.routing, {})).toEqual({ iso_dep: "none" });
    expect(device.picc.listening).toBe(false);
    ask(nfc.setRouting, { iso_dep: "element" });
    device.picc.powerOn(() => {});
    expect(ask(nfc.state, {})).toEqual({ field: true, listening: true });
  });

  test("a band that does not listen is not found by a reader, until it does again", async () => {
    const bench = await openBench();
    const band = await bench.open("emu:band-s1");
    await bench.provision(band, "k2-credit");
    const tap = () => bench.tap(band, { amount: 100n, terminal: "shop" });
    band.emulated.picc.listening = false;
    await expect(tap()).rejects.toThrow(expect.objectContaining({ code: "iso14443/no-card" }) as Error);
    band.emulated.picc.listening = true;
    expect(await tap()).toMatchObject({ outcome: "approved" });
  });

  test("self-tests are judged by their limits", () => {
    const { ask, sim } = open();
    expect(ask(nfc.selfTest, {})).toMatchObject({ passed: true, simulated: true });
    const { results } = ask(nfc.selfTest, { tests: ["battery"] });
    expect(results).toEqual([{ test: "battery", value: 4180, low: 3500, high: 4250, unit: "mV", passed: true }]);
    sim.runUntil(236 * 3600 * SECOND);
    expect(ask(nfc.selfTest, { tests: ["battery", "element-atr"] })).toMatchObject({ passed: false });
    expect(() => ask(nfc.selfTest, { tests: ["nope"] })).toThrow(refusal("no such test"));
  });
});

test("a device can be saved and become what it was, in another one too", () => {
  const { ask, device, sim } = open();
  ask(settings.write, { name: "a", val: unhex("01") });
  ask(files.upload, { off: 0, name: "/lfs/a", data: unhex("0102"), len: 2 });
  ask(nfc.listen, { on: false });
  sim.runUntil(sim.now + SECOND);
  const snapshot = structuredClone(device.snapshot()); // plain data
  ask(settings.write, { name: "a", val: unhex("02") });
  ask(files.upload, { off: 0, name: "/lfs/a", data: unhex("FF"), len: 1 });
  const other = open();
  for (const each of [{ ask, device }, other]) {
    each.device.restore(snapshot);
    expect(each.ask(settings.read, { name: "a" })).toEqual({ val: unhex("01") });
    expect(each.ask(files.status, { name: "/lfs/a" })).toEqual({ len: 2 });
    expect(each.device.picc.listening).toBe(false);
  }
});
