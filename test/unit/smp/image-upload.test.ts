import { describe, expect, test } from "vitest";
import { encodeCbor, type CborMap } from "../../../src/codec/cbor.js";
import { image } from "../../../src/protocols/smp/groups/image.js";
import { decodeSmp, encodeSmp } from "../../../src/protocols/smp/header.js";
import { uploadImage, type ImageUploadOptions } from "../../../src/protocols/smp/image-upload.js";
import { Sequences, SmpPoller } from "../../../src/protocols/smp/poller.js";
import { converseSync } from "../../../src/util/converse.js";
import type { Turn, Wake } from "../../../src/util/dialogue.js";
import { hex } from "../../../src/util/bytes.js";
import { MS, SECOND } from "../../../src/util/time.js";

interface Seen {
  readonly at: number;
  readonly bytes: string;
  readonly off: number;
  readonly length: number;
}

/** What a scripted device answers to the nth request; undefined: nothing. */
type Script = (request: { off: number; data: Uint8Array; nth: number }) => CborMap | undefined;

/** A device that takes whatever comes in its place. */
const taking = (length: number): Script => {
  let at = 0;
  return ({ off, data }) => {
    if (off === at) at += data.length;
    return { off: at, ...(at === length && { match: true }) };
  };
};

function talk(
  script: Script,
  {
    length = 2000,
    window = 1,
    version = 2,
    ...options
  }: Partial<ImageUploadOptions> & { length?: number; window?: number; version?: 1 | 2 } = {},
) {
  const data = Uint8Array.from({ length }, (_, i) => i % 251);
  const sent: Seen[] = [];
  const coming: { at: number; message: Uint8Array }[] = [];
  let now = 0;
  let most = 0;
  const turn = ({ send, within }: Turn<Uint8Array>): Wake<Uint8Array> => {
    for (const bytes of send) {
      const message = decodeSmp(bytes);
      const { off = 0, data: piece = new Uint8Array(0) } =
        message.command === 1 ? image.upload.request.decode(message.data) : {};
      if (message.command === 1) sent.push({ at: now, bytes: hex(bytes), off, length: piece.length });
      const map = message.command === 1 ? script({ off, data: piece, nth: sent.length }) : { images: [] };
      if (map)
        coming.push({
          at: now + 10 * MS,
          message: encodeSmp({ ...message, op: message.op + 1, data: encodeCbor(map) }),
        });
    }
    most = Math.max(most, coming.length);
    const sentAt = now;
    const first = coming[0];
    if (!first || first.at > now + within) {
      now += within;
      return { at: now, sentAt };
    }
    coming.shift();
    now = Math.max(now, first.at);
    return { at: now, sentAt, got: first.message };
  };
  const poller = new SmpPoller(new Sequences(), { window, version });
  const run = () => converseSync(uploadImage(poller, data, { bufferBytes: 128, ...options }), { turn });
  return { data, sent, run, now: () => now, most: () => most };
}
const failure = (code: string): Error => expect.objectContaining({ code }) as Error;

// Frames by python3-cbor2 5.4.6 and hashlib: SHA-256 of 00 01 ... 63, maps with keys in the order of Zephyr's documentation.
const FIRST =
  "0A00007500010001A4636C656E1864636F666600637368615820BCE0AFF19CF5AA6A7469A30D61D04E4376E4BBF6381052EE9E7F33925C954D526464617461583C000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B";
const SECOND_PIECE =
  "0A00003600010101A2636F6666183C646461746158283C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F60616263";
const WITH_ALL =
  "0A00007500010001A665696D61676502636C656E1864636F666600637368615820BCE0AFF19CF5AA6A7469A30D61D04E4376E4BBF6381052EE9E7F33925C954D526464617461582C000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B6775706772616465F5";

describe("what goes out", () => {
  test("literal bytes: the first piece tells length and SHA-256, the next where it lies", () => {
    const { run, sent } = talk(taking(100), { length: 100 });
    expect(run()).toEqual({ bytes: 100, pieces: 2, bytesSent: 100, resumedAt: 0, restarts: 0, match: true });
    expect(sent.map(({ bytes }) => bytes)).toEqual([FIRST, SECOND_PIECE]);
  });

  test("an image's number, and only upwards", () => {
    const { run, sent } = talk(taking(100), { length: 100, image: 2, upgrade: true });
    run();
    expect(sent[0]!.bytes).toBe(WITH_ALL);
  });

  test.each([
    [4, 128],
    [16, 128],
    [1, 131],
    [8, 600],
  ])("pieces are whole multiples of %i, and fit a buffer of %i bytes", (align, bufferBytes) => {
    const { run, sent } = talk(taking(70_000), { length: 70_000, align, bufferBytes });
    run();
    for (const { length, bytes } of sent.slice(0, -1)) {
      expect(length % align).toBe(0);
      expect(bytes.length / 2).toBeLessThanOrEqual(bufferBytes);
      expect(bytes.length / 2).toBeGreaterThan(bufferBytes - align - 8 - 30);
    }
    expect(sent.reduce((sum, { length }) => sum + length, 0)).toBe(70_000);
  });

  test("the first piece goes alone, then the window fills", () => {
    const { run, sent, most } = talk(taking(2000), { window: 5 });
    run();
    expect(sent.filter(({ at }) => at === 0)).toHaveLength(1);
    expect(sent.filter(({ at }) => at === 10 * MS)).toHaveLength(5);
    expect(most()).toBe(5);
  });
});

describe("deadlines", () => {
  // Those of Nordic's clients: 40 s for the first piece, 20 s for the last, 2.5 s for the others.
  test.each([
    ["first", 1, 40 * SECOND],
    ["second", 2, 2.5 * SECOND],
    ["last", 20, 20 * SECOND],
  ])("of the %s piece", (_name, lost, within) => {
    const whole = talk(taking(2000));
    whole.run();
    const total = whole.sent.length;
    const nth = Math.min(lost, total);
    const take = taking(2000);
    const { run, sent } = talk((request) => (request.nth === nth ? undefined : take(request)));
    expect(run().match).toBe(true);
    expect(sent[nth]!.at - sent[nth - 1]!.at).toBe(within);
    expect(sent[nth]!.off).toBe(sent[nth - 1]!.off);
    expect(sent).toHaveLength(total + 1);
  });

  test("a piece fails five times and is sent no more; another one begins to count anew", () => {
    const take = taking(2000);
    const { run, sent } = talk((request) => (request.nth > 3 ? undefined : take(request)));
    expect(run).toThrow(failure("smp/no-answer"));
    expect(sent.slice(3).map(({ off }) => off)).toEqual(Array.from({ length: 6 }, () => sent[3]!.off));
    const again = taking(500);
    const every = talk((request) => (request.nth % 5 === 0 ? again(request) : undefined), { length: 500 });
    expect(every.run().match).toBe(true);
  });
});

describe("going back", () => {
  test("a lost piece in a full window: what followed it is sent again, what came before is not", () => {
    const take = taking(2000);
    const { run, sent } = talk((request) => (request.nth === 4 ? undefined : take(request)), { window: 4 });
    expect(run()).toMatchObject({ match: true, restarts: 0 });
    const lost = sent[3]!.off;
    const again = sent.slice(4).filter(({ off }) => off === lost);
    expect(again).toHaveLength(1);
    expect(sent.filter(({ off }) => off < lost)).toHaveLength(3);
    // Within a round trip: nothing waited for a deadline.
    expect(sent.at(-1)!.at).toBeLessThan(SECOND);
  });

  test("lost answers are none: the next one says that all is well", () => {
    const take = taking(2000);
    const { run, sent } = talk(
      (request) => {
        const answer = take(request);
        return request.nth % 3 === 2 && request.nth < 20 ? undefined : answer;
      },
      { window: 4 },
    );
    const { bytesSent } = run();
    expect(bytesSent).toBe(2000);
    expect(new Set(sent.map(({ off }) => off)).size).toBe(sent.length);
  });

  test("a device that goes on where it was", () => {
    const { run, sent } = talk(({ off, data }) => ({
      off: Math.max(1500, off === 0 ? 1500 : off + data.length),
      ...(off + data.length === 2000 && { match: true }),
    }));
    expect(run()).toMatchObject({ resumedAt: 1500, match: true });
    expect(sent[1]!.off).toBe(1500);
  });

  test("a device that has all of it already", () => {
    const { run, sent } = talk(() => ({ off: 2000, match: true }));
    expect(run()).toMatchObject({ resumedAt: 2000, match: true, pieces: 1 });
    expect(sent).toHaveLength(1);
  });

  test("a device that lost everything gets the first piece again, with all that belongs to it", () => {
    let lost = false;
    let at = 0;
    const { run, sent } = talk(({ off, data, nth }) => {
      if (nth === 10 && !lost) {
        lost = true;
        at = 0;
      }
      if (off === at) at += data.length;
      return { off: at, ...(at === 2000 && { match: true }) };
    });
    expect(run()).toMatchObject({ restarts: 1, match: true });
    expect(sent[10]!.bytes.slice(16)).toBe(sent[0]!.bytes.slice(16));
  });
});

describe("what the device says", () => {
  test.each<[string, Script, string]>([
    ["nothing of where it is", () => ({}), "smp/wrong-transfer"],
    ["more than there is", ({ nth }) => ({ off: nth === 1 ? 40 : 9999 }), "smp/upload-taken"],
    [
      "less than it had",
      ({ nth, data }) => ({ off: nth < 5 ? [0, 60, 152, 244, 336][nth]! : Math.min(60, data.length) }),
      "smp/upload-taken",
    ],
    ["always the same", ({ nth }) => ({ off: Math.min(60, 60 * nth) }), "smp/stuck-transfer"],
    [
      "no match, again and again",
      ({ off, data }) => ({ off: off + data.length, ...(off + data.length === 2000 && { match: false }) }),
      "smp/wrong-transfer",
    ],
    ["no", () => ({ err: { group: 1, rc: 27 } }), "smp/refused"],
    ["no, in version 1", () => ({ rc: 6 }), "smp/refused"],
    ["busy, again and again", () => ({ rc: 10 }), "smp/stuck-transfer"],
    ["too long, at any length", () => ({ rc: 7 }), "smp/refused"],
  ])("%s", (_name, script, code) => {
    expect(talk(script, { window: 3 }).run).toThrow(failure(code));
  });

  test("busy now and then, and malformed once", () => {
    const take = taking(2000);
    const { run } = talk((request) => (request.nth % 7 === 3 ? { rc: request.nth === 3 ? 3 : 10 } : take(request)), {
      window: 3,
    });
    expect(run().match).toBe(true);
  });

  test("a message size: half of it, until it fits", () => {
    const take = taking(2000);
    const { run, sent } = talk((request) => (request.data.length > 100 ? { rc: 7 } : take(request)), {
      bufferBytes: 1024,
    });
    expect(run().match).toBe(true);
    expect(Math.max(...sent.slice(6).map(({ length }) => length))).toBeLessThanOrEqual(100);
    expect(sent.filter(({ length }) => length > 100).length).toBeLessThan(6);
  });

  test("no match at the end, once: all of it goes again", () => {
    let ends = 0;
    let at = 0;
    const { run } = talk(({ off, data }) => {
      if (off === 0) at = 0;
      if (off === at) at += data.length;
      if (at < 2000) return { off: at };
      return { off: at, match: ++ends > 1 };
    });
    expect(run()).toMatchObject({ restarts: 1, match: true });
  });

  test("no match at all: what it lists is looked at, where the image has a hash", () => {
    const { run } = talk(({ off, data }) => ({ off: off + data.length }));
    expect(run().match).toBeUndefined();
  });
});
