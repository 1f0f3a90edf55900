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
    }).then((opened) => (connection = opened));
  });
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
  expect(log).toEqual([
    "on",
    `visible ${ATR}`,
    "00A404000E325041592E5359532E444446303100 6A82",
    "off",
    "reset",
  ]);
  expect(pcscd.unread).toBe(0);
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

  test("where the card breaks, at once or later", async () => {
    const broken: CardInReader["transmit"][] = [
      () => {
        throw new TypeError("x");
      },
      () => Promise.reject(new TypeError("y")),
    ];
    const pcscd = await connected({ transmit: (apdu) => broken[apdu[0]!]!(apdu) });
    pcscd.send("00020000");
    expect(await pcscd.read(4)).toBe("00026F00");
    pcscd.send("00020100");
    expect(await pcscd.read(4)).toBe("00026F00");
    expect(log.filter((line) => line.startsWith("trouble"))).toHaveLength(2);
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

  test("taken out between commands: not torn; in the middle of one, or right after one: torn", async () => {
    let pcscd = await connected({});
    pcscd.send("000104");
    await pcscd.read(ATR_BYTES);
    connection!.close();
    expect(await closed).toBe(false);

    pcscd = await connected({});
    pcscd.send("000104");
    await pcscd.read(ATR_BYTES);
    pcscd.send("000104001400A4"); // its end does not come
    await pcscd.read(ATR_BYTES);
    connection!.close();
    expect(await closed).toBe(true);

    pcscd = await connected({});
    pcscd.send("0002AABB");
    await pcscd.read(4);
    connection!.close();
    expect(await closed).toBe(true);
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
