import { beforeEach, describe, expect, test } from "vitest";
import { EmulatedDevice } from "../../../emulator/device.js";
import { ContactlessReader } from "../../../emulator/reader/reader.js";
import { Sim } from "../../../emulator/sim/sim.js";
import { loadProfile } from "../../../src/profiles/load.js";
import { FDT_PCD_ISO } from "../../../src/protocols/iso14443/timing.js";
import { memoryTrace } from "../../../src/trace/memory.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { seededRandom } from "../../../src/util/random.js";
import { echoOnReader, SELECT_ECHO } from "../../support/echo-applet.js";

const SELECT_PPSE = "00A404000E325041592E5359532E444446303100";
const GET_UID = "FFCA000000";
/** The band's historical bytes are 31 C1 73 C8 (its profile); T0 84, TD1 80, TD2 01; TCK by hand: 84^80^01^31^C1^73^C8. */
const ATR = "3B84800131C173C84E";

let trace: ReturnType<typeof memoryTrace>;
let device: EmulatedDevice;
let reader: ContactlessReader;
const send = (apdu: string): string | undefined => {
  const response = reader.transmit(unhex(apdu));
  return response && hex(response);
};
const made = async (profile: string): Promise<void> => {
  const sim = new Sim();
  trace = memoryTrace();
  device = new EmulatedDevice(await loadProfile("device", profile), sim, seededRandom("reader"));
  reader = new ContactlessReader(sim, device, {
    reader: { fsdi: 8, maxRate: 8, retries: 2 },
    frameDelay: FDT_PCD_ISO,
    tracer: trace,
  });
};
beforeEach(() => made("band-s1"));

describe("a device on the reader", () => {
  test("is activated over the air and shows its ATR", () => {
    reader.place();
    expect(hex(reader.powerOn()!)).toBe(ATR);
    expect(reader.air.frames).toBeGreaterThan(8);
    expect(reader.card).toMatchObject({ sak: 0x20, atqa: 0x0004, rates: { toCard: 8, toReader: 8 } });
  });

  test("the reader answers class FF by itself, the device all else", () => {
    reader.place();
    reader.powerOn();
    const frames = reader.air.frames;
    expect(send(GET_UID)).toBe(`${hex(reader.card!.uid)}9000`);
    expect(send("FFCA010000")).toBe("31C173C89000");
    expect(send("FF82000006FFFFFFFFFFFF")).toBe("6A81");
    expect(send("FF")).toBe("6700");
    expect(send("FFCA00")).toBe("6700");
    expect(reader.air.frames).toBe(frames);
    expect(send(SELECT_PPSE)).toBe("6A82"); // nothing is provisioned
    expect(reader.air.frames).toBe(frames + 2);
    expect(send("00")).toBe("6700");
    const apdus = trace.records.flatMap((record) => (record.layer === "apdu" ? [hex(record.command)] : []));
    expect(apdus).toEqual([SELECT_PPSE, "00"]);
  });

  test("a random UID is new after power off and on and after a reset, and stays while there is power", () => {
    reader.place();
    reader.powerOn();
    const seen = new Set([send(GET_UID)]);
    reader.powerOn();
    seen.add(send(GET_UID));
    expect(seen.size).toBe(1);
    reader.powerOff();
    reader.powerOn();
    seen.add(send(GET_UID));
    reader.reset();
    seen.add(send(GET_UID));
    expect(seen.size).toBe(3);
    for (const uid of seen) expect(uid).toMatch(/^08[0-9A-F]{6}9000$/);
  });

  test("in a reset the field is off for 5.1 ms, and the device forgets what was selected", async () => {
    const { reader: other, sim } = await echoOnReader();
    other.place();
    other.powerOn();
    expect(hex(other.transmit(unhex(SELECT_ECHO))!)).toBe("9000");
    expect(hex(other.transmit(unhex("8010000200"))!)).toBe("00019000");
    const before = sim.now;
    expect(other.reset()).toBeDefined();
    expect(sim.now - before).toBeGreaterThan(5_100_000);
    expect(hex(other.transmit(unhex("8010000200"))!)).toBe("6985");
  });
});

describe("no device", () => {
  test("placed: no ATR, no answer, no hang", () => {
    expect(reader.powerOn()).toBeUndefined();
    expect(reader.failure?.code).toBe("iso14443/no-card");
    expect(send(SELECT_PPSE)).toBeUndefined();
    expect(send(GET_UID)).toBeUndefined();
  });

  test("removed and placed again, with and without power", () => {
    reader.place();
    reader.place();
    expect(reader.powerOn()).toBeDefined();
    reader.remove();
    reader.remove();
    expect(send(GET_UID)).toBeUndefined();
    expect(reader.powerOn()).toBeUndefined();
    reader.place();
    expect(hex(reader.powerOn()!)).toBe(ATR);
    expect(send(GET_UID)).toMatch(/9000$/);
    reader.powerOff();
    expect(send(SELECT_PPSE)).toBeUndefined();
  });
});

describe("lost during a command", () => {
  test("the field goes when the command has just arrived: no answer, and back after power on", () => {
    reader.place();
    reader.powerOn();
    reader.air.onDelivered = () => reader.air.powerOff();
    expect(send(SELECT_PPSE)).toBeUndefined();
    expect(reader.failure?.code).toBe("iso14443/no-answer");
    expect(send(SELECT_PPSE)).toBeUndefined();
    reader.air.onDelivered = undefined;
    expect(hex(reader.reset()!)).toBe(ATR);
    expect(send(SELECT_PPSE)).toBe("6A82");
  });

  test("taken away while it answers", () => {
    reader.place();
    reader.powerOn();
    reader.air.onDelivered = () => {
      reader.air.onDelivered = undefined;
      reader.remove();
    };
    expect(send(SELECT_PPSE)).toBeUndefined();
    reader.place();
    expect(reader.powerOn()).toBeDefined();
    expect(send(SELECT_PPSE)).toBe("6A82");
  });

  test("noise is repeated away, until there is too much of it", () => {
    reader.place();
    reader.powerOn();
    let left = 2;
    reader.air.disturb = (frame) => (left-- > 0 ? undefined : frame);
    expect(send(SELECT_PPSE)).toBe("6A82");
    left = Infinity;
    expect(send(SELECT_PPSE)).toBeUndefined();
    expect(reader.powerOn()).toBeUndefined();
    left = 0;
    expect(reader.powerOn()).toBeDefined();
  });

  test("a device that asks for more time for ever is given up", async () => {
    const { reader: other } = await echoOnReader();
    other.place();
    other.powerOn();
    other.transmit(unhex(SELECT_ECHO));
    expect(other.transmit(unhex("80140001"))).toBeUndefined(); // 65,536 bits take 64^3 times as long as 1,024: 2.5 hours
    expect(other.failure?.code).toBe("iso14443/no-answer");
  });

  test("a bug in the device comes up as what it is", async () => {
    const { reader: other } = await echoOnReader();
    other.place();
    other.powerOn();
    other.transmit(unhex(SELECT_ECHO));
    expect(() => other.transmit(unhex("80160000"))).toThrow(TypeError);
    expect(other.transmit(unhex(SELECT_ECHO))).toBeUndefined();
    expect(other.powerOn()).toBeDefined();
    expect(hex(other.transmit(unhex(SELECT_ECHO))!)).toBe("9000");
  });
});

test.each([0, 253, 254, 255, 4094, 64_998, 65_533, 65_535])(
  "an answer of %i bytes and a status word",
  async (length) => {
    const { reader: other } = await echoOnReader();
    other.place();
    other.powerOn();
    other.transmit(unhex(SELECT_ECHO));
    const p1p2 = length.toString(16).padStart(4, "0");
    const response = other.transmit(unhex(`8010${p1p2}000000`))!;
    expect(response.length).toBe(length + 2);
    expect(response.subarray(0, length).every((byte, i) => byte === i % 256)).toBe(true);
    expect(hex(response.subarray(length))).toBe("9000");
  },
);
