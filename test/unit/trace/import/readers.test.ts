import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { bringInText, type Brought } from "../../../support/samples.js";
import { missing } from "../../../support/wires.js";

describe("GlobalPlatformPro", () => {
  const bring = (text: string): Brought => bringInText("globalplatformpro", text);

  test.each([
    ["A>> T=1 (4+0000) 00A40400 00\nA<< (0000+2) (15ms) 6A82", 15_000_000],
    ["A>> T=0 (4+0000) 00A40400 00\nA<< (0000+2) (1s42ms) 6A82", 1_042_000_000],
    ["A>> T=1 (4+0000) 00A40400 00\nA<< (0000+2) (8s) 6A82", 8_000_000_000],
    ["[TRACE] >> 00A40400 00\n[TRACE] << (2m1s) 6A82", 121_000_000_000],
    ["A>> T=1 (4+0000) 00A40400 00\r\nA<< (0000+2) (0ms) 6A82\r\n", 0],
  ])("%j took %d ns", (text, took) => {
    const { exchanges, records, observed } = bring(text);
    expect(exchanges).toEqual(["00A4040000 6A82"]);
    expect(records[0]).toMatchObject({ took });
    expect(observed).toEqual({ times: "measured", frames: false });
  });

  test("exchanges follow each other, for the pauses are not told", () => {
    const once = "A>> T=1 (4+0000) 00A40400 00\nA<< (0000+2) (15ms) 6A82\n";
    const { records, remarks } = bring(once + once);
    expect(records).toMatchObject([{ at: 0 }, { at: 15_000_000 }]);
    expect(remarks).toEqual(["only exchanges were timed: the pauses between them are not in the log"]);
  });

  // ATRs: PC/SC part 3 for a contactless card (JCOP, printed in many logs), and the chip's own.
  test.each([
    ["3B8F80010066465305100011FF71DF000000000039", "contactless"],
    ["3B80800101", "contactless"],
    ["3BF81300008131FE454A434F5076323431B7", "wired"],
  ])("after a card with ATR %s, exchanges are %s", (atr, via) => {
    const text = `SCardConnect("R", T=*) -> T=1, ${atr}\nA>> T=1 (4+0000) 00A40400 00\nA<< (0000+2) (15ms) 6A82\n`;
    expect(bring(text).records).toMatchObject([{ via }]);
  });

  test.each([
    [
      "A>> T=1 (4+0008) 80500000 08 0001\nA<< (0000+2) (1ms) 6700\n",
      "line 1, column 18: the command should have 8 bytes of data and has 2",
    ],
    [
      "A>> T=1 (4+0000) 00A40400 00\nA<< (0018+2) (1ms) 6F10840\n",
      "line 2, column 20: an odd number of hex digits: one is missing or too many; the hex from there on is left out",
    ],
    [
      "A>> T=1 (4+0000) 00A40400 00\nA<< (0018+2) (1ms) 6F10\n",
      "line 2, column 20: the response should have 18 bytes of data and has 0",
    ],
    ['A>> T=1 (4+0000) 00A40400 00\nSCardDisconnect("R", true)\n', "line 1, column 18: the command has no response"],
  ])("%j", (text, remark) => {
    expect(bring(text).remarks[0]).toBe(remark);
  });
});

describe("Android NFC logs", () => {
  const bring = (...packets: readonly string[]): Brought =>
    bringInText("nci-log", packets.map((packet) => `D/BrcmNci${packet[0]}( 1): ${packet.slice(2)}`).join("\n"));
  // RF_INTF_ACTIVATED_NTF: ISO-DEP interface and protocol, NFC-A passive poll (00) and listen (80) mode.
  const POLL = "R 61050A0102040001FF0000000000";
  const LISTEN = "R 61050A0102048001FF0000000000";
  const READ = "00000500B2010C00";
  const DONE = "0000026A83";

  test.each<readonly [string, readonly string[], readonly string[]]>([
    ["a reader sends the command to the controller", [POLL, `X ${READ}`, `R ${DONE}`], ["00B2010C00 6A83"]],
    ["a card gets it from there", [LISTEN, `R ${READ}`, `X ${DONE}`], ["00B2010C00 6A83"]],
    ["without an activation, the first packet tells: a reader", [`X ${READ}`, `R ${DONE}`], ["00B2010C00 6A83"]],
    ["a card", [`R ${READ}`, `X ${DONE}`], ["00B2010C00 6A83"]],
    ["a reader whose log begins with a response", [`R ${DONE}`, `X ${READ}`, `R ${DONE}`], ["00B2010C00 6A83"]],
    ["segments", [POLL, "X 10000200B2", "X 000003010C00", "R 1000016A", "R 00000183"], ["00B2010C00 6A83"]],
    [
      "credits and empty packets between",
      [POLL, `X ${READ}`, "R 600603010001", "R 000000", `R ${DONE}`],
      ["00B2010C00 6A83"],
    ],
    ["other connections are no APDUs", [POLL, `X ${READ}`, "R 0100028150", `R ${DONE}`], ["00B2010C00 6A83"]],
    ["nor are frames", ["R 61050A0101020001FF0000000000", "X 0000023004", "R 00000204AA"], []],
  ])("%s", (_, packets, exchanges) => {
    expect(bring(...packets).exchanges).toEqual(exchanges);
  });

  test("one layer is listened to where several log", () => {
    const lines = [
      "07-13 19:21:48.201   920  3943 D NxpNciX : len =   8 > 00000500B2010C00",
      "07-13 19:21:48.192     0     0 E nfc write: DATA:                              00000500B2010C00",
      "07-13 19:21:48.220   920  3943 D NxpNciR : len =   5 > 0000026A83",
      "07-13 19:21:48.219     0     0 E nfc nRead: DATA:                              0000026A83",
    ];
    const all = bringInText("nci-log", lines.join("\n"));
    expect(all.exchanges).toEqual(["00B2010C00 6A83"]);
    expect(all.records).toMatchObject([{ at: 0, took: 19_000_000 }]);
    expect(bringInText("nci-log", [lines[1], lines[3]].join("\n")).records).toMatchObject([{ took: 27_000_000 }]);
  });

  test("the field is on from activation to deactivation, and stays on over sleep", () => {
    const field = ({ records }: Brought): unknown[] =>
      records.map((record) => (record.layer === "field" ? record.on : record.layer));
    expect(field(bring(POLL, `X ${READ}`, `R ${DONE}`, "R 6106020302"))).toEqual([true, "apdu", false]);
    expect(field(bring(POLL, "R 6106020100", POLL))).toEqual([true]);
    expect(field(bring("R 61070101", LISTEN, "R 6106020302", "R 61070100"))).toEqual([true, false]);
  });

  test.each([
    ["R 0000056A83", "line 1, column 17: the packet should have 8 bytes and has 5"],
    ["R 0000026A8", "line 1, column 17: no whole packet in hex; it is left out"],
  ])("%s", (packet, remark) => {
    expect(bring(packet).remarks).toContain(remark);
  });
});

describe("pcsc-spy", () => {
  /** What libpcscspy writes for pcsc-spy to print: a thread, then calls with their times in seconds and microseconds. */
  const RAW = [
    ">|100|900000|SCardTransmit",
    "0x12345678",
    "0x00000002 (2)",
    "0x00000008 (8)",
    "0x00000005",
    "00 B2 01 14 00",
    "NULL",
    "NULL",
    "0x0000001E",
    `70 1A 5A 08 54 13 33 00 89 60 00 44 5F 24 03 14 12 31 5F 25 03 04 01 01 82 02 58 00 90 00`,
    "<|101|20518|SCardTransmit|Command successful.|0x00000000",
  ].map((line) => `140@${line}\n`);

  const EXCHANGE = "00B2011400 701A5A0854133300896000445F24031412315F2503040101820258009000";

  test.skipIf(missing("pcsc-spy"))("what the program itself prints is read, in colours and without", async () => {
    const folder = await mkdtemp(join(tmpdir(), "tapbench-spy-"));
    try {
      const raw = join(folder, "raw");
      await writeFile(raw, RAW.join(""));
      for (const options of [["-n"], [], ["-n", "-t"]]) {
        const text = execFileSync("pcsc-spy", [...options, raw], { encoding: "utf8", timeout: 30_000 });
        const { exchanges, records, observed } = bringInText("pcsc-spy", text);
        expect(exchanges).toEqual([EXCHANGE]);
        expect(records).toMatchObject([{ took: 120_518_000, via: "contactless" }]);
        expect(observed.times).toBe("measured");
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  const transmit = (...lines: readonly string[]): Brought =>
    bringInText("pcsc-spy", ["SCardTransmit", " i hCard: 0x1", ...lines].join("\n"));
  const SENT = [
    " i bSendLength 0x00000005 (5)",
    " i bSendBuffer",
    " i  0000 00 B2 01 14 00                                  .....",
  ];
  const GONE = " => Ok. (SCARD_S_SUCCESS [0x00000000])  [0.000100]";

  test("older versions print the bytes behind the name, and microseconds in nine digits", () => {
    const brought = transmit(
      " i bSendLength 0x00000005",
      " i bSendBuffer 00 B2 01 14 00 (.....)",
      " o bRecvLength 0x00000002",
      " o bRecvBuffer 6A 83 (j.)",
      " => Command successful. [0x00000000] [0.000021123]",
    );
    expect(brought.exchanges).toEqual(["00B2011400 6A83"]);
    expect(brought.records).toMatchObject([{ took: 21_123_000 }]);
  });

  test("text beside the dump that looks like hex is no data", () => {
    const { exchanges } = transmit(
      ...SENT,
      " o bRecvBuffer",
      " o  0000 41 42 43 44 45 46 20 41 42 43 44 45 46 20 90 00 ABCDEF ABCDEF ..",
      GONE,
    );
    expect(exchanges).toEqual(["00B2011400 41424344454620414243444546209000"]);
  });

  test.each<readonly [string, readonly string[], readonly string[], string]>([
    ["no return", SENT, [], "line 1, column 1: SCardTransmit did not return; it is left out"],
    ["nothing sent", [GONE], [], "line 1, column 1: SCardTransmit without the bytes that were sent; it is left out"],
    [
      "a torn dump",
      [...SENT, " o bRecvLength 0x00000012 (18)", " o bRecvBuffer", " o  0010 90 00", GONE],
      ["00B2011400 "],
      "line 8, column 4: lines of this hex dump are missing or out of order",
    ],
  ])("%s", (_, lines, exchanges, remark) => {
    expect(transmit(...lines)).toMatchObject({ exchanges, remarks: expect.arrayContaining([remark]) as string[] });
  });
});
