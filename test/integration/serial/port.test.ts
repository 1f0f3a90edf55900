import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readlink, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openPty, type Pty } from "../../../emulator/faces/pty.js";
import { consoleFraming } from "../../../src/protocols/smp/console-frames.js";
import { rawFraming } from "../../../src/protocols/smp/raw-frames.js";
import { monotonicClock } from "../../../src/transport/clock.js";
import { nativeSerial } from "../../../src/transport/serial/native-driver.js";
import { openSerial, reopenSerial, type SerialOptions } from "../../../src/transport/serial/port.js";
import { ascii, concat, hex, unhex } from "../../../src/util/bytes.js";
import { framerOf } from "../../../src/util/framing.js";
import type { MessageWire } from "../../../src/util/message-wire.js";
import { MS, SECOND } from "../../../src/util/time.js";
import { testFolder, testPty, type TestPty } from "../../support/echo-pty.js";
import { receiveOn } from "../../support/ends-of-wires.js";
import { missing } from "../../support/wires.js";

const ECHO = unhex("0A00000900000100A161646568656C6C6F");
const PATIENCE = { within: 5 * SECOND };

let folder: Awaited<ReturnType<typeof testFolder>>;
let bridge: readonly string[] | undefined;
beforeAll(async () => {
  folder = await testFolder();
  if (missing("cc") !== undefined) return;
  const program = join(folder.path, "ptybridge");
  await promisify(execFile)("gcc", ["-O2", "-o", program, "test/support/ptybridge.c", "-lutil"]);
  bridge = [program];
});
afterAll(() => folder.remove());

let count = 0;
const newLink = (): string => join(folder.path, `band-${++count}`);
const driver = nativeSerial();
const clock = monotonicClock();
const settings = (path: string, more: Partial<SerialOptions> = {}): SerialOptions => ({
  driver,
  clock,
  path,
  baud: 115_200,
  framer: framerOf(consoleFraming()),
  ...more,
});

const open: (TestPty | MessageWire)[] = [];
const later = <T extends TestPty | MessageWire>(each: T): T => {
  open.push(each);
  return each;
};
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
});
const echoing = async (link: string, more = {}) =>
  later(await testPty(link, (piece, pty) => void pty.write(piece), more));
const host = async (link: string, more: Partial<SerialOptions> = {}) =>
  later(await openSerial(settings(link, more), PATIENCE));

describe.skipIf(missing("serial"))("a serial port", () => {
  const through = ["socat", ...(missing("cc") === undefined ? ["our own bridge"] : [])];

  describe.each(through)("through %s", (name) => {
    const how = () => (name === "socat" ? {} : { bridge });

    test("messages go there and back, whatever their lengths", async () => {
      const link = newLink();
      await echoing(link, how());
      const wire = await host(link);
      const received = receiveOn(wire);
      for (const length of [0, 1, 91, 92, 93, 1000, 65_533]) {
        const message = Uint8Array.from({ length }, (_, i) => i);
        await wire.send(message);
        expect(hex(await received.next()) === hex(message)).toBe(true);
      }
    });

    test("several hosts open it in turn; what came for the one before is not told to the next", async () => {
      const link = newLink();
      const device = await echoing(link, how());
      for (let i = 0; i < 5; i++) {
        const wire = await host(link);
        const received = receiveOn(wire);
        await wire.send(Uint8Array.of(i));
        expect(hex(await received.next())).toBe(`0${i}`);
        await wire.close();
        expect(wire.state).toBe("closed");
      }
      expect(device.heard.length).toBeGreaterThanOrEqual(5);
    });

    test("the link is there while the device is, and no longer", async () => {
      const link = newLink();
      const device = await echoing(link, how());
      expect(await readlink(link)).toMatch(/^\/dev\/pts\/\d+$/);
      await device.close();
      expect(existsSync(link)).toBe(false);
    });

    test("unplugged while it talks: who waits is told", async () => {
      const link = newLink();
      const talk = (pty: Pty): void => {
        for (let i = 0; i < 20; i++) pty.write(ascii("log line\n"));
      };
      for (let i = 0; i < 10; i++) {
        const device = await testPty(link, (_, pty) => talk(pty), how());
        const wire = await host(link);
        const received = receiveOn(wire);
        const heard = device.next();
        await wire.send(ECHO);
        await heard;
        await device.close();
        expect(await received.gone).toMatchObject({ code: "transport/unplugged" });
      }
    });

    test("unplugged in the middle of a message: who waits is told, and it can be opened again", async () => {
      const link = newLink();
      const device = await echoing(link, how());
      const wire = await host(link);
      const received = receiveOn(wire);
      await device.close();
      expect(await received.gone).toMatchObject({ code: "transport/unplugged", context: { port: link } });
      expect(wire.state).toBe("lost");
      await expect(wire.send(ECHO)).rejects.toMatchObject({ code: "transport/unplugged" });
      const again = reopenSerial(settings(link), PATIENCE);
      await echoing(link, how());
      const second = later(await again);
      const answers = receiveOn(second);
      await second.send(ECHO);
      expect(hex(await answers.next())).toBe(hex(ECHO));
    });
  });

  test("the raw framing, and log lines beside the console framing", async () => {
    const link = newLink();
    await echoing(link);
    const raw = await host(link, { framer: framerOf(rawFraming({ timeOut: 100 * MS })) });
    const received = receiveOn(raw);
    await raw.send(ECHO);
    expect(hex(await received.next())).toBe(hex(ECHO));
    await raw.close();

    const talking = newLink();
    later(
      await testPty(talking, (piece, pty) => {
        const text = ascii("[00:00:01] <inf> band: woken\r\nuart:~$ ");
        pty.write(concat(text, piece));
      }),
    );
    const lines: string[] = [];
    const wire = await host(talking);
    const stop = wire.watchText!((line) => lines.push(line));
    const answers = receiveOn(wire);
    await wire.send(ECHO);
    expect(hex(await answers.next())).toBe(hex(ECHO));
    expect(lines).toEqual(["[00:00:01] <inf> band: woken", "uart:~$ "]);
    stop();
    await wire.send(ECHO);
    await answers.next();
    expect(lines).toHaveLength(2);
  });

  test("a second program is told that it is open already", async () => {
    const link = newLink();
    await echoing(link);
    const first = await host(link);
    await expect(openSerial(settings(link), PATIENCE)).rejects.toMatchObject({ code: "transport/busy" });
    await first.close();
    await expect(host(link)).resolves.toMatchObject({ state: "open", name: link });
  });

  test("what is no port is told so", async () => {
    await expect(openSerial(settings(join(folder.path, "nothing")), PATIENCE)).rejects.toMatchObject({
      code: "transport/no-port",
    });
    const file = join(folder.path, "file");
    await writeFile(file, "");
    for (const path of [file, folder.path])
      await expect(openSerial(settings(path), PATIENCE)).rejects.toMatchObject({ code: "transport/no-port" });
  });

  test("a port that does not come back: the deadline holds, and the signal", async () => {
    const path = join(folder.path, "never");
    await expect(reopenSerial(settings(path), { within: 250 * MS })).rejects.toMatchObject({
      code: "transport/no-port",
    });
    const stop = new AbortController();
    const waiting = reopenSerial(settings(path), { within: 60 * SECOND, signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });

  test("a device that does not listen: sending is held back, given up, and the port can be closed", async () => {
    const link = newLink();
    const device = await echoing(link);
    // Its program is stopped: nobody takes bytes out of the terminal.
    const [pid] = await childrenOf(process.pid, "socat");
    process.kill(pid!, "SIGSTOP");
    try {
      const wire = await host(link);
      const received = receiveOn(wire);
      const begin = performance.now();
      await expect(wire.send(new Uint8Array(60_000), { within: 200 * MS })).rejects.toMatchObject({
        code: "transport/time-out",
      });
      expect((await received.gone).code).toBe("transport/time-out");
      await wire.close();
      expect(performance.now() - begin).toBeLessThan(3000);
    } finally {
      process.kill(pid!, "SIGCONT");
    }
    await device.close();
  });

  test("a path that is taken is left alone; a dead link is not", async () => {
    const taken = join(folder.path, "taken");
    await writeFile(taken, "mine");
    await expect(openPty({ link: taken, bytes() {} })).rejects.toMatchObject({ code: "emulator/link-taken" });
    const link = newLink();
    await echoing(link);
    await expect(openPty({ link, bytes() {} })).rejects.toMatchObject({ code: "emulator/link-taken" });
    const dead = newLink();
    await symlink("/dev/pts/987654", dead);
    await expect(echoing(dead)).resolves.toBeDefined();
    await expect(openPty({ link: join(folder.path, "no/folder"), bytes() {} })).rejects.toMatchObject({
      code: "emulator/link-taken",
    });
    expect(await childrenOf(process.pid, "socat")).toHaveLength(2);
  });

  test("no program to make a terminal with: the message says how to get one", async () => {
    await expect(openPty({ bytes() {}, bridge: ["/nowhere/socat"] })).rejects.toMatchObject({
      code: "emulator/no-pty",
      message: expect.stringContaining("apt-get install socat") as string,
    });
    await expect(openPty({ bytes() {}, bridge: ["true"] })).rejects.toMatchObject({ code: "emulator/no-pty" });
  });

  test("whoever shows the device is killed: socat does not stay behind", async () => {
    const link = newLink();
    const program = `
      import { openPty } from "./emulator/faces/pty.ts";
      const pty = await openPty({ link: ${JSON.stringify(link)}, bytes() {} });
      console.log(pty.path);`;
    const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    expect(await childrenOf(child.pid!, "socat")).toHaveLength(1);
    const terminal = await readlink(link);
    const wire = await host(link);
    const { gone } = receiveOn(wire);
    child.kill("SIGKILL");
    // The terminal goes when the last one that holds its other end does: socat.
    expect(await gone).toMatchObject({ code: "transport/unplugged" });
    expect(existsSync(terminal)).toBe(false);
  });

  test("the ports of this machine are listed, with udevadm or without", async () => {
    const ports = await driver.list();
    for (const { path } of ports) expect(path).toMatch(/^\//);
    expect(Array.isArray(ports)).toBe(true);
  });
});

/** Process identifiers of the programs of that name that a process has started. */
async function childrenOf(parent: number, name: string): Promise<number[]> {
  const { stdout } = await promisify(execFile)("ps", ["-o", "pid=,comm=", "--ppid", String(parent)]);
  return stdout
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, comm]) => comm === name)
    .map(([pid]) => Number(pid));
}
