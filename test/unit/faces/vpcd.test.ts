import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openVpcd, type CardInReader, type VpcdConnection, type VpcdOptions } from "../../../emulator/faces/vpcd.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { startDriver, type Accepted, type Driver } from "./driver.js";

const ATR = "3B84800131C173C84E";
/** Its length, and itself. */
const ATR_FRAME = `0009${ATR}`;
const ATR_BYTES = 11;

let driver: Driver;
let connection: VpcdConnection | undefined;
let log: string[];
/** Resolves with `torn` when the connection is gone. */
let closed: Promise<boolean>;
beforeEach(async () => {
  driver = await startDriver();
  log = [];
});
afterEach(async () => {
  connection?.close();
  await driver.close();
});

async function connected(card: Partial<CardInReader>, more: Partial<VpcdOptions> = {}): Promise<Accepted> {
  const opening = new Promise<VpcdConnection>((opened) => {
    closed = new Promise((resolve) => {
      const events = {
        visible: (atr: Uint8Array) => void log.push(`visible ${hex(atr)}`),
        exchanged: (command: Uint8Array, response: Uint8Array) => void log.push(`${hex(command)} ${hex(response)}`),
        trouble: (says: string) => void log.push(`trouble: ${says}`),
        closed: resolve,
      };
      void openVpcd({
        host: "127.0.0.1",
        port: driver.port,
        watchdog: 10_000,
        events,
        card: {
          atr: () => unhex(ATR),
          powerOn: () => void log.push("on"),
          powerOff: () => void log.push("off"),
          reset: () => void log.push("reset"),
          transmit: () => unhex("9000"),
          ...card,
        },
        ...more,
      }).then(opened);
    });
  });
  connection = await opening;
  return driver.accept();
}

test("what pcscd sends when it finds a card, in its own segments (captured from pcscd 1.9.9 with vpcd 3.3)", async () => {
  const pcscd = await connected({ transmit: () => unhex("6A82") });
  pcscd.send("0001");
  pcscd.send("04");
  expect(await pcscd.read(ATR_BYTES)).toBe(ATR_FRAME);
  expect(log).toEqual([]); // a poll for presence: the card is not powered, nobody has seen it
  pcscd.send("0001");
  pcscd.send("01000104");
  expect(await pcscd.read(ATR_BYTES)).toBe(ATR_FRAME);
  pcscd.send("0014");
  pcscd.send("00A404000E325041592E5359532E444446303100");
  expect(await pcscd.read(4)).toBe("00026A82");
  pcscd.send("0001");
  pcscd.send("00000104");
  expect(await pcscd.read(ATR_BYTES)).toBe(ATR_FRAME);
  pcscd.send("000102000104");
  expect(await pcscd.read(ATR_BYTES)).toBe(ATR_FRAME);
  expect(log).toEqual(["on", `visible ${ATR}`, "00A404000E325041592E5359532E444446303100 6A82", "off", "reset"]);
  expect(pcscd.unread).toBe(0);
});

test("a card is seen at the third look without power: pcscd has missed that the one before was taken out", async () => {
  const pcscd = await connected({});
  for (const seen of [[], [], [`visible ${ATR}`], [`visible ${ATR}`]]) {
    pcscd.send("000104");
    await pcscd.read(ATR_BYTES);
    expect(log).toEqual(seen);
  }
});

test("commands that come together are answered in order", async () => {
  const pcscd = await connected({ transmit: async (apdu) => Uint8Array.of(...apdu.subarray(0, 2), 0x90, 0x00) });
  pcscd.send("0002AABB0002CCDD00010400020102");
  expect(await pcscd.read(6 + 6 + ATR_BYTES + 6)).toBe(`0004AABB90000004CCDD9000${ATR_FRAME}000401029000`);
});

describe("the kernel is told to acknowledge", () => {
  test("each length that came alone, once, and nothing is sent before the answer", async () => {
    let told = 0;
    const pcscd = await connected({}, { quickAck: () => void told++ });
    pcscd.send("0004");
    pcscd.send("00840000");
    expect(await pcscd.read(4)).toBe("00029000");
    expect(told).toBeLessThanOrEqual(1); // none, where both segments were read in one
    const before = told;
    pcscd.send("000400840000");
    expect(await pcscd.read(4)).toBe("00029000");
    expect(told).toBe(before);
  });

  test("and without that, an early byte acknowledges a command that can have no data in its answer", async () => {
    const pcscd = await connected({});
    pcscd.send("0004");
    expect(await pcscd.read(1)).toBe("00"); // before the command is there
    pcscd.send("00840000");
    expect(await pcscd.read(3)).toBe("029000");
    pcscd.send("0004");
    expect(await pcscd.read(1)).toBe("00");
    pcscd.send("00840000");
    expect(await pcscd.read(3)).toBe("029000");
  });

  test("but no other: its answer may be longer than the byte allows", async () => {
    const pcscd = await connected({ transmit: () => new Uint8Array(258).fill(7) });
    pcscd.send("0005");
    // Had a byte been sent early, it would be the first of these, and 00.
    pcscd.send("0084000000");
    expect((await pcscd.read(260)).slice(0, 6)).toBe("010207");
    expect(pcscd.unread).toBe(0);
  });

  test("an answer that breaks the promise becomes 6F00", async () => {
    const pcscd = await connected({ transmit: () => new Uint8Array(256).fill(7) });
    pcscd.send("0004");
    expect(await pcscd.read(1)).toBe("00");
    pcscd.send("00840000");
    expect(await pcscd.read(3)).toBe("026F00");
  });
});

describe("pcscd is never left without a status word", () => {
  test.each([
    ["nothing", 0],
    ["one byte", 1],
    ["more than a message holds", 65_536],
  ])("where the card answers %s", async (_, length) => {
    const pcscd = await connected({ transmit: () => new Uint8Array(length) });
    pcscd.send("0002AABB");
    expect(await pcscd.read(4)).toBe("00026F00");
  });

  test.each<[string, CardInReader["transmit"]]>([
    [
      "at once",
      () => {
        throw new TypeError("x");
      },
    ],
    ["later", () => Promise.reject(new TypeError("y"))],
  ])("where the card breaks %s; then it is taken out", async (_, transmit) => {
    const pcscd = await connected({ transmit });
    pcscd.send("0002AABB");
    expect(await pcscd.read(4)).toBe("00026F00");
    await pcscd.closed;
    expect(log).toEqual([
      "trouble: the card broke on a command, which was answered 6F00; it is taken out",
      "AABB 6F00",
    ]);
    expect(await closed).toBe(false);
  });

  test("where it does not answer: the watchdog does, once, and the late answer is dropped", async () => {
    let late = (_: Uint8Array): void => {};
    const answers = [new Promise<Uint8Array>((resolve) => (late = resolve)), Promise.resolve(unhex("9000"))];
    const pcscd = await connected({ transmit: () => answers.shift() }, { watchdog: 30 });
    pcscd.send("0002AABB");
    expect(await pcscd.read(4)).toBe("00026F00");
    late(unhex("6985"));
    pcscd.send("0002CCDD");
    expect(await pcscd.read(4)).toBe("00029000");
    expect(pcscd.unread).toBe(0);
    expect(log).toEqual([
      "trouble: the card did not answer within 30 ms; the command was answered 6F00",
      "AABB 6F00",
      "CCDD 9000",
    ]);
  });

  test("an unknown control is ignored, and said", async () => {
    const pcscd = await connected({});
    pcscd.send("000177000104");
    expect(await pcscd.read(ATR_BYTES)).toBe(ATR_FRAME);
    expect(log).toEqual(["trouble: the driver sent a control that is not known; it was ignored"]);
  });
});

describe("the end", () => {
  test("a card lost during a command: no answer, the connection is torn", async () => {
    const pcscd = await connected({ transmit: () => undefined });
    pcscd.send("0002AABB");
    await pcscd.closed;
    expect(pcscd.unread).toBe(0);
    expect(await closed).toBe(true);
  });

  test("a card without ATR is no card", async () => {
    const pcscd = await connected({ atr: () => undefined });
    pcscd.send("000104");
    await pcscd.closed;
    expect(await closed).toBe(false);
  });

  test("the driver hangs up", async () => {
    const pcscd = await connected({});
    pcscd.hangUp();
    expect(await closed).toBe(false);
  });

  test("something else than the driver", async () => {
    const pcscd = await connected({});
    pcscd.send("0000");
    await pcscd.closed;
    await closed;
    expect(log).toEqual([expect.stringContaining("is this the port of the vpcd driver?")]);
  });
});

describe("taken out", () => {
  beforeEach(async () => {
    await driver.close();
    driver = await startDriver(0, true);
  });

  test("between commands: closed once the driver has looked, and not torn", async () => {
    const pcscd = await connected({});
    pcscd.send("000104");
    await pcscd.read(ATR_BYTES);
    connection!.close();
    connection!.close();
    await pcscd.ended;
    pcscd.send("0001040001"); // it has not noticed yet, and is cut off in its next look; nobody answers
    pcscd.hangUp();
    expect(await closed).toBe(false);
    expect(pcscd.unread).toBe(0);
  });

  test.each([
    ["whose length has come", "0014"],
    ["that has come in part", "001400A4"],
    ["that has come", "000500A4040000"],
  ])("in the middle of a command %s: torn", async (_, bytes) => {
    const pcscd = await connected({});
    pcscd.send("000104");
    await pcscd.read(ATR_BYTES);
    connection!.close();
    await pcscd.ended;
    pcscd.send(bytes);
    pcscd.hangUp();
    expect(await closed).toBe(true);
    expect(pcscd.unread).toBe(0);
  });

  test("while the card works: torn, and its answer is dropped", async () => {
    let answer = (_: Uint8Array): void => {};
    const pcscd = await connected({ transmit: () => new Promise((resolve) => (answer = resolve)) });
    pcscd.send("0001040002AABB");
    await pcscd.read(ATR_BYTES);
    connection!.close();
    answer(unhex("9000"));
    await pcscd.ended;
    pcscd.hangUp();
    expect(await closed).toBe(true);
    expect(pcscd.unread).toBe(0);
  });

  test("a driver that does not look is left", async () => {
    const pcscd = await connected({});
    connection!.close();
    await pcscd.ended;
    expect(await closed).toBe(false);
  });
});
