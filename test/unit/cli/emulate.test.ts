import { createServer, type AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { followSchedule, watchedPresence } from "../../../src/cli/commands/emulation-schedule.js";
import { scheduleOf } from "../../../src/cli/schedule.js";
import { startDriver, type Accepted } from "../faces/driver.js";
import { tapbench } from "./console.js";

const ATR = "3B84800131C173C84E";

/** A port on which nobody listens. */
async function closedPort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return String(port);
}

async function look(pcscd: Accepted): Promise<void> {
  pcscd.send("000101000104");
  expect(await pcscd.read(11)).toBe(`0009${ATR}`);
}

describe("wrong usage", () => {
  test.each([
    [["band-s1"], "cli/missing-argument"],
    [["band-s1", "--pcsc", "--slot", "3"], "cli/bad-value"],
    [["band-s1", "--pcsc", "--port", "0"], "cli/bad-value"],
    [["band-s1", "--pcsc", "--port", "65536"], "cli/bad-value"],
    [["band-s1", "--pcsc=localhost:x"], "cli/bad-value"],
    [["band-s1", "--pcsc=a b"], "cli/bad-value"],
    [["band-s1", "--pcsc=localhost:1", "--port", "2"], "cli/bad-value"],
    [["band-s1", "--pcsc", "--seed", ""], "cli/bad-value"],
    [["band-s1", "--pcsc", "--schedule", "soon"], "cli/bad-value"],
    [["band-s9", "--pcsc"], "profile/not-found"],
    [["band-s1", "--pcsc", "--card", "k9"], "profile/not-found"],
    [["--pcsc", "band-s1"], "cli/missing-argument"],
  ])("%j", async (argv, code) => {
    const ran = await tapbench(["emulate", ...argv]);
    expect(ran).toMatchObject({ code: 1, out: "" });
    expect(ran.err).toMatch(new RegExp(`^tapbench: .*\\[${code}\\]\\n$`));
  });

  test("nobody listens: exit 2, one sentence; with --json-lines one document on one line", async () => {
    const port = await closedPort();
    const text = await tapbench(["emulate", "band-s1", "--pcsc", "--port", port]);
    expect(text).toMatchObject({ code: 2, out: "" });
    expect(text.err).toMatch(/^tapbench: nothing listens on 127\.0\.0\.1:\d+; .*\[emulator\/no-reader-driver\]\n$/);
    const lines = await tapbench(["emulate", "band-s1", `--pcsc=127.0.0.1:${port}`, "--json-lines"]);
    expect(lines).toMatchObject({ code: 2, err: "" });
    expect(
      lines.out
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([{ event: "error", error: expect.objectContaining({ code: "emulator/no-reader-driver" }) as unknown }]);
  });
});

describe("beside a stand-in for the driver", () => {
  test("shown, asked, stopped by a signal: exit 0", async () => {
    const driver = await startDriver();
    const stop = new AbortController();
    const argv = [
      "emulate",
      "band-s1",
      "--pcsc",
      "--port",
      String(driver.port),
      "--json-lines",
      "--apdus",
      "--seed",
      "7",
    ];
    const running = tapbench(argv, { signal: stop.signal });
    const pcscd = await driver.accept();
    await look(pcscd);
    pcscd.send("000500A4040000");
    // SELECT by a name of no bytes: the issuer's security domain.
    expect(await pcscd.read(22)).toBe("00146F108408A000000151000000A5049F6501FF9000");
    pcscd.send("000BFF82000006112233445566");
    expect(await pcscd.read(4)).toBe("00026A81");
    stop.abort();
    await pcscd.closed;
    const { code, out, err } = await running;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const events = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ event }) => event)).toEqual(["ready", "apdu", "apdu", "removed", "stopped"]);
    expect(events[0]).toMatchObject({ reader: "Virtual PCD 00 00", atr: ATR, profile: "band-s1", seed: "7" });
    expect(events[1]).toEqual({
      event: "apdu",
      command: "00A4040000",
      response: "6F108408A000000151000000A5049F6501FF9000",
    });
    expect(events[2]).toEqual({ event: "apdu", command: "FF82000006CCCCCCCCCCCC", response: "6A81" }); // a key
    await driver.close();
  });

  test("a signal before anybody has looked is a clean end, too", async () => {
    const driver = await startDriver();
    const stop = new AbortController();
    const running = tapbench(["emulate", "band-s1", "--pcsc", "--port", String(driver.port)], { signal: stop.signal });
    const pcscd = await driver.accept();
    stop.abort();
    await pcscd.closed;
    expect(await running).toEqual({ code: 0, out: "stopped after 0 commands\n", err: "" });
    await driver.close();
  });
});

describe("a schedule", () => {
  test("is read", () => {
    expect(scheduleOf("2s out, 1s in")).toEqual([
      { placed: false, millis: 2000 },
      { placed: true, millis: 1000 },
    ]);
    expect(scheduleOf("1.5min in,250ms out")).toEqual([
      { placed: true, millis: 90_000 },
      { placed: false, millis: 250 },
    ]);
  });

  test.each([
    "",
    "2s",
    "2 s out",
    "2s out",
    "2s out, 1s out",
    "0s in, 1s out",
    "-1s in, 1s out",
    "25000min in, 1s out",
    "1s in; 1s out",
  ])("'%s' is none", (text) => {
    expect(() => scheduleOf(text)).toThrow(expect.objectContaining({ code: "cli/bad-value" }) as Error);
  });

  test("waits for pcscd to see each step, and starts over", async () => {
    const presence = watchedPresence();
    const done: string[] = [];
    let wake = (): void => {};
    const seen = async (count: number): Promise<void> => {
      while (done.length < count) await new Promise<void>((resolve) => (wake = resolve));
    };
    const note = (what: string) => (): void => {
      done.push(what);
      wake();
    };
    const shown = { place: note("place"), remove: note("remove") } as unknown as Parameters<typeof followSchedule>[1];
    presence.tell(true);
    const stop = followSchedule(scheduleOf("1ms in, 1ms out"), shown, presence);
    await seen(2); // it was in already
    presence.tell(true); // not what the step waits for
    presence.tell(false);
    await seen(3);
    expect(done).toEqual(["place", "remove", "place"]);
    stop();
    presence.tell(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toHaveLength(3);
  });
});
