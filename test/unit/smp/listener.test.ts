import { describe, expect, test } from "vitest";
import { smpDispatcher, on, type Dispatcher } from "../../../src/protocols/smp/listener.js";
import { failed } from "../../../src/protocols/smp/answer.js";
import { files } from "../../../src/protocols/smp/groups/files.js";
import { os } from "../../../src/protocols/smp/groups/os.js";
import { hex, unhex } from "../../../src/util/bytes.js";

const CONTEXT = { now: 0, from: "wire" };

/** Counts what it echoes; every file is missing; one length is told beside an error. */
const dispatcher = (legacyRc = false, bufferBytes = 64): Dispatcher<number> =>
  smpDispatcher<number>(
    [
      on(os.echo, ({ state, request }) => ({ state: state + 1, outcome: { value: { r: request.d } } })),
      on(os.setDateTime, ({ state }) => ({ state, outcome: { value: {} } })),
      on(files.status, ({ state }) => ({ state, outcome: failed(3, 8) })),
      on(files.upload, ({ state }) => ({ state, outcome: failed(11, 8, { len: 4 }) })),
      on(os.dateTime, ({ state }) => ({ state, outcome: failed(10) })),
    ],
    { bufferBytes, legacyRc },
  );

const answerTo = (message: string, of = dispatcher()): string | undefined => {
  const { answer } = of(0, unhex(message), CONTEXT);
  return answer && hex(answer);
};

// Expected bytes by hand from Zephyr's SMP protocol specification, Minimal response.
describe("the device's side", () => {
  test.each([
    ["echo, version 1", "0200000600000100A16164626869", "0300000600000100A16172626869"],
    ["echo, version 2", "0A00000600000100A16164626869", "0B00000600000100A16172626869"],
    ["an empty map for success", "0A00000C00000104A1686461746574696D656178", "0B00000100000104A0"],
    [
      "a group's error, version 2",
      "0800000700080201A1646E616D6560",
      "0900001100080201A163657272A26567726F75700862726303",
    ],
    ["the same, version 1", "0000000700080201A1646E616D6560", "0100000500080201A162726305"],
    ["an error of MCUmgr's own, version 2", "0800000100000204A0", "0900000500000204A16272630A"],
    [
      "what stands beside an error",
      "0A00001200080300A3636F666604646461746140646E616D6560",
      "0B00001600080300A263657272A26567726F7570086272630B636C656E04",
    ],
    ["no such group", "0A00000100050001A0", "0B00000500050001A162726308"],
    ["no such command", "0A00000100000063A0", "0B00000500000063A162726308"],
    ["no such operation on it", "0A00000100080001A0", "0B00000500080001A162726308"],
    ["malformed CBOR", "0A000001000007001F", "0B00000500000700A162726303"],
    ["a missing key", "0A00000100000700A0", "0B00000500000700A162726303"],
    ["no data where some is needed", "0A00000000000700", "0B00000500000700A162726303"],
    ["less data than the header says", "0A00000900000700A16164626869", "0B00000500000700A162726309"],
    ["more data than the header says", "0A00000500000700A16164626869", "0B00000500000700A162726309"],
    ["a version of the future", "1200000600000100A16164626869", "0B00000500000100A16272630D"],
    ["an operation of the future", "0C00000600000100A16164626869", "0B00000500000100A162726308"],
  ])("%s", (_name, request, response) => {
    expect(answerTo(request)).toBe(response);
  });

  test.each([
    ["responses", "0B00000600000100A16172626869"],
    ["read responses", "0900000600000100A16172626869"],
    ["half a header", "0A0000060000"],
    ["nothing", ""],
    ["more than a buffer", `0A00003A00000100${"00".repeat(58)}`],
  ])("%s are not answered", (_name, message) => {
    expect(dispatcher()(7, unhex(message), CONTEXT)).toEqual({ state: 7, took: 0, result: "noise" });
  });

  test("rc: 0 with success, for old clients", () => {
    expect(answerTo("0200000600000100A16164626869", dispatcher(true))).toBe(
      "0300000A00000100A26272630061726268" + "69",
    );
    expect(answerTo("0000000700080201A1646E616D6560", dispatcher(true))).toBe("0100000500080201A162726305");
  });

  test("an answer that does not fit a buffer is refused as such, and what was done is done", () => {
    const of = dispatcher(true, 24);
    const long = "0200000F00000100A161646B68656C6C6F2068656C6C6F";
    expect(of(0, unhex(long), CONTEXT)).toMatchObject({ state: 1, result: "refused" });
    expect(answerTo(long, of)).toBe("0300000500000100A162726307");
  });
});
