import { describe, expect, test } from "vitest";
import { encodeSmp, decodeSmp, Header } from "../../../src/protocols/smp/header.js";
import type { Command } from "../../../src/protocols/smp/command.js";
import { decodeAnswer } from "../../../src/protocols/smp/answer.js";
import { commandOf, commandTable, GROUPS, keyOf } from "../../../src/protocols/smp/groups.js";
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
import { asVersion1, groupResult, RESULTS, resultName } from "../../../src/protocols/smp/results.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { seededRandom } from "../../../src/util/random.js";

const code = (name: string): unknown => expect.objectContaining({ code: name });
/** Text in CBOR by hand: the initial byte, and its characters. */
const text = (value: string): string => hex(Uint8Array.of(0x60 + value.length)) + hex(new TextEncoder().encode(value));

describe("header", () => {
  // Zephyr, SMP protocol specification, Frame: Res 3, Ver 2, OP 3, flags, length, group, sequence, command; big endian.
  test.each([
    ["0A00000000000B05", { op: 2, version: 2, group: 0, sequence: 11, command: 5 }],
    ["000000000040FF01", { op: 0, version: 1, group: 64, sequence: 255, command: 1 }],
    ["0B00000001000000", { op: 3, version: 2, group: 256, sequence: 0, command: 0 }],
  ])("%s", (bytes, fields) => {
    expect(hex(encodeSmp({ ...fields, data: new Uint8Array(0) }))).toBe(bytes);
    expect(decodeSmp(unhex(bytes))).toEqual({ ...fields, data: new Uint8Array(0) });
  });

  test("the length has to fit", () => {
    expect(() => decodeSmp(unhex("0000000100000000"))).toThrow(code("smp/bad-length"));
    expect(() => decodeSmp(unhex("000000000000000000"))).toThrow(code("smp/bad-length"));
    expect(() => decodeSmp(unhex("00000000000000"))).toThrow(code("codec/truncated"));
    const data = new Uint8Array(65_536);
    expect(() => encodeSmp({ op: 0, version: 1, group: 0, sequence: 0, command: 0, data })).toThrow(
      code("smp/too-long"),
    );
    expect(Header.table.map(({ field }) => field)).toEqual([
      "first",
      "flags",
      "length",
      "group",
      "sequence",
      "command",
    ]);
  });
});

interface Literal {
  readonly command: Command<never, unknown>;
  readonly request?: readonly [value: object, bytes: string];
  readonly response?: readonly [value: object, bytes: string];
}

const literal = <Q extends object, A extends object>(
  command: Command<Q, A>,
  request?: readonly [Q, string],
  response?: readonly [A, string],
): Literal => ({ command: command as Command<never, unknown>, request, response });

/*
 * Hand-encoded after RFC 8949 from the maps in Zephyr's documentation of each group, keys in the order in which Zephyr's own code writes them; those of groups
 * 64 and up from their declaration's table.
 */
const LITERALS: readonly Literal[] = [
  literal(
    os.echo,
    [{ d: "Hello" }, `A1${text("d")}${text("Hello")}`],
    [{ r: "Hello" }, `A1${text("r")}${text("Hello")}`],
  ),
  literal(os.reset, [{ force: 1 }, `A1${text("force")}01`], [{}, "A0"]),
  literal(
    os.parameters,
    [{}, "A0"],
    [{ buf_size: 2475, buf_count: 4 }, `A2${text("buf_size")}1909AB${text("buf_count")}04`],
  ),
  literal(
    os.info,
    [{ format: "sv" }, `A1${text("format")}${text("sv")}`],
    [{ output: "Zephyr" }, `A1${text("output")}${text("Zephyr")}`],
  ),
  literal(
    os.bootLoader,
    [{ query: "mode" }, `A1${text("query")}${text("mode")}`],
    [{ mode: -1, "no-downgrade": true }, `A2${text("mode")}20${text("no-downgrade")}F5`],
  ),
  literal(
    os.pools,
    [{}, "A0"],
    [
      { main: { blksiz: 64, nblks: 8, nfree: 7, min: 0 } },
      `A1${text("main")}A4${text("blksiz")}1840${text("nblks")}08${text("nfree")}07${text("min")}00`,
    ],
  ),
  literal(
    statistics.show,
    [{ name: "smp" }, `A1${text("name")}${text("smp")}`],
    [
      { name: "smp", fields: { in: 300, out: 2 } },
      `A2${text("name")}${text("smp")}${text("fields")}A2${text("in")}19012C${text("out")}02`,
    ],
  ),
  literal(statistics.list, [{}, "A0"], [{ stat_list: ["a", "b"] }, `A1${text("stat_list")}82${text("a")}${text("b")}`]),
  literal(
    settings.read,
    [{ name: "a/b", max_size: 9 }, `A2${text("name")}${text("a/b")}${text("max_size")}09`],
    [{ val: unhex("0102") }, `A1${text("val")}420102`],
  ),
  literal(
    settings.write,
    [{ name: "a/b", val: unhex("FF") }, `A2${text("name")}${text("a/b")}${text("val")}41FF`],
    [{}, "A0"],
  ),
  literal(
    files.download,
    [{ off: 256, name: "/lfs/a" }, `A2${text("off")}190100${text("name")}${text("/lfs/a")}`],
    [{ off: 0, data: unhex("AABB"), len: 2 }, `A3${text("off")}00${text("data")}42AABB${text("len")}02`],
  ),
  literal(
    files.upload,
    [
      { off: 0, data: unhex("74657374"), name: "test.txt", len: 1000 },
      `A4${text("off")}00${text("data")}4474657374${text("name")}${text("test.txt")}${text("len")}1903E8`,
    ],
    [{ off: 4 }, `A1${text("off")}04`],
  ),
  literal(
    files.hash,
    [{ name: "/a", type: "crc32" }, `A2${text("name")}${text("/a")}${text("type")}${text("crc32")}`],
    [
      { type: "crc32", len: 100, output: 1_000_000 },
      `A3${text("type")}${text("crc32")}${text("len")}1864${text("output")}1A000F4240`,
    ],
  ),
  literal(
    files.types,
    [{}, "A0"],
    [
      { types: { crc32: { format: 0, size: 4 } } },
      `A1${text("types")}A1${text("crc32")}A2${text("format")}00${text("size")}04`,
    ],
  ),
  literal(
    shell.run,
    [{ argv: ["echo", "Hello"] }, `A1${text("argv")}82${text("echo")}${text("Hello")}`],
    [{ o: "Hello", ret: -8 }, `A2${text("o")}${text("Hello")}${text("ret")}27`],
  ),
  literal(
    enumeration.single,
    [{ index: 2 }, `A1${text("index")}02`],
    [{ group: 66, end: true }, `A2${text("group")}1842${text("end")}F5`],
  ),
  literal(enumeration.list, [{}, "A0"], [{ groups: [0, 8, 64] }, `A1${text("groups")}8300081840`]),
  literal(zephyr.eraseStorage, [{}, "A0"], [{}, "A0"]),
  literal(
    element.transmit,
    [{ d: unhex("00A40400") }, `A1${text("d")}4400A40400`],
    [{ r: unhex("9000"), took: 400_000 }, `A2${text("r")}429000${text("took")}1A00061A80`],
  ),
  literal(element.atr, [{}, "A0"], [{ atr: unhex("3B00") }, `A1${text("atr")}423B00`]),
  literal(
    wallet.cards,
    [{}, "A0"],
    [
      { cards: [{ aid: unhex("A0000000041010"), label: "K2", priority: 1, default: true }] },
      `A1${text("cards")}81A4${text("aid")}47A0000000041010${text("label")}${text("K2")}${text("priority")}01${text("default")}F5`,
    ],
  ),
  literal(nfc.listen, [{ on: false }, `A1${text("on")}F4`], [{}, "A0"]),
];

describe("messages against hand-encoded CBOR", () => {
  test.each(LITERALS.map((each) => [each.command.name, each] as const))(
    "%s",
    (_name, { command, request, response }) => {
      const { request: asks, response: answers } = command as Command<object, object>;
      if (request) {
        expect(hex(asks.encode(request[0]))).toBe(request[1]);
        expect(asks.decode(unhex(request[1]))).toEqual(request[0]);
      }
      if (response) {
        expect(hex(answers.encode(response[0]))).toBe(response[1]);
        expect(answers.decode(unhex(response[1]))).toEqual(response[0]);
      }
    },
  );

  // Frames that the Python package smp 3 (github.com/JPHutchins/smp, tests/binary_regressions) writes; it sorts its keys.
  test.each([
    ["0A00001000008B00A161646C48656C6C6F20776F726C6421", { d: "Hello world!" }],
    [
      "0A00002500080200A4636C656E1903E8636F66660064646174614474657374646E616D6568746573742E747874",
      { off: 0, data: unhex("74657374"), name: "test.txt", len: 1000 },
    ],
    ["0A00001200094200A1646172677682646563686F6548656C6C6F", { argv: ["echo", "Hello"] }],
    [
      "0A00001A00033800A26376616C476578616D706C65646E616D65676578616D706C65",
      { name: "example", val: unhex("6578616D706C65") },
    ],
  ])("requests of another program: %s", (frame, value) => {
    const message = decodeSmp(unhex(frame));
    expect(commandOf(message)!.request.decode(message.data)).toEqual(value);
  });

  test.each([
    ["0900001600009806A2686275665F73697A6501696275665F636F756E7402", { buf_size: 1, buf_count: 2 }],
    [
      "0900002600024500A2646E616D65676578616D706C65666669656C6473A2666669656C643101666669656C643202",
      { name: "example", fields: { field1: 1, field2: 2 } },
    ],
    [
      "0900002300080802A4636C656E1864636F6666006474797065656372633332666F75747075741A000F4240",
      { type: "crc32", off: 0, len: 100, output: 1_000_000 },
    ],
  ])("responses of another program: %s", (frame, value) => {
    const message = decodeSmp(unhex(frame));
    expect(decodeAnswer(commandOf(message)!, message.data)).toEqual({ value });
  });

  test("maps of indefinite length, unknown keys and no data at all are understood", () => {
    expect(
      os.parameters.response.decode(unhex(`BF${text("buf_size")}01${text("buf_count")}02${text("more")}80FF`)),
    ).toEqual({
      buf_size: 1,
      buf_count: 2,
    });
    expect(os.reset.request.decode(new Uint8Array(0))).toEqual({});
  });

  test.each([
    [os.echo, `A1${text("d")}01`, "codec/bad-value"],
    [os.echo, "A0", "codec/bad-value"],
    [os.echo, "80", "codec/bad-value"],
    [os.echo, `A1${text("d")}791001${"61".repeat(4097)}`, "codec/too-long"],
    [files.download, `A2${text("off")}20${text("name")}60`, "codec/bad-value"],
    [files.download, `A2${text("off")}F93C01${text("name")}60`, "codec/bad-value"],
    [shell.run, `A1${text("argv")}8101`, "codec/bad-value"],
    [shell.run, `A1${text("argv")}9821${"60".repeat(33)}`, "codec/too-many"],
  ] as const)("$0.name refuses %#", ({ request }, bytes, name) => {
    expect(() => request.decode(unhex(bytes))).toThrow(code(name));
  });
});

describe("declarations", () => {
  const all = GROUPS.flatMap(({ commands }) => commands);

  test("each command is found by its numbers, and by nobody else's", () => {
    expect(new Set(all.map(keyOf)).size).toBe(all.length);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    expect(commandOf({ group: 8, command: 0, op: 3 })).toBe(files.upload);
    expect(commandOf({ group: 4, command: 0, op: 0 })).toBeUndefined();
    expect(commandTable().find(({ name }) => name === "files.upload")).toMatchObject({ group: 8, id: 0, op: "write" });
  });

  test.each(all.map((command) => [command.name, command] as const))("%s reads what it writes", (name, command) => {
    const random = seededRandom(name);
    for (const message of [command.request, command.response])
      for (let i = 0; i < 20; i++) {
        const value = message.sample(random);
        expect(message.decode(message.encode(value))).toEqual(value);
        expect(message.render(value).every((row) => row.description !== "")).toBe(true);
        expect(message.table.length).toBeGreaterThanOrEqual(Object.keys(value as object).length === 0 ? 0 : 1);
      }
  });
});

describe("results", () => {
  test("MCUmgr's own (mcumgr_err_t)", () => {
    expect([3, 5, 7, 8, 9, 10, 13].map((each) => RESULTS[each])).toEqual([
      "invalid",
      "no entry",
      "message size",
      "not supported",
      "corrupt",
      "busy",
      "version too new",
    ]);
  });

  // Zephyr: the *_mgmt_translate_error_code functions of each group.
  test.each([
    [0, 2, "invalid"],
    [0, 3, "no entry"],
    [0, 5, "unknown"],
    [2, 2, "no entry"],
    [2, 4, "invalid"],
    [3, 2, "invalid"],
    [3, 3, "no entry"],
    [3, 6, "unknown"],
    [8, 2, "invalid"],
    [8, 3, "no entry"],
    [8, 11, "unknown"],
    [8, 13, "invalid"],
    [8, 14, "no entry"],
    [9, 2, "invalid"],
    [9, 3, "invalid"],
    [10, 2, "invalid"],
    [10, 4, "unknown"],
    [63, 4, "unknown"],
    [99, 4, "unknown"],
  ])("group %i code %i is '%s' in version 1", (group, number, name) => {
    expect(resultName(asVersion1(group, number))).toBe(name);
  });

  test("names of groups' codes", () => {
    expect(groupResult(8, "offset not valid")).toBe(11);
    expect(groupResult(8, "file is empty")).toBe(16);
    expect(groupResult(0, "clock is not set")).toBe(4);
    expect(groupResult(10, "index too large")).toBe(4);
    expect(resultName(200, 8)).toBe("code 200");
    expect(() => groupResult(8, "no such name")).toThrow(/no result/);
  });
});
