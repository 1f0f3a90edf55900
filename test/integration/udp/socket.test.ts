import { createSocket } from "node:dgram";
import { afterEach, describe, expect, test } from "vitest";
import { openUdpFace, type UdpFace, type UdpFaceOptions } from "../../../emulator/faces/udp.js";
import { monotonicClock } from "../../../src/transport/clock.js";
import { openUdp } from "../../../src/transport/udp/socket.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import type { MessageWire } from "../../../src/util/message-wire.js";
import { SECOND } from "../../../src/util/time.js";
import { receiveOn } from "../../support/ends-of-wires.js";

const PATIENCE = { within: 5 * SECOND };
const clock = monotonicClock();

const open: (UdpFace | MessageWire)[] = [];
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
});
async function face(more: Partial<UdpFaceOptions> = {}): Promise<UdpFace> {
  const made = await openUdpFace({
    port: 0,
    maxMessage: 2048,
    message: (message, peer) => peer.send(message),
    ...more,
  });
  open.push(made);
  return made;
}
async function host(port: number, more: { readonly maxMessage?: number; readonly host?: string } = {}) {
  const wire = await openUdp({ host: "127.0.0.1", port, clock, ...more }, PATIENCE);
  open.push(wire);
  return wire;
}

describe("UDP", () => {
  test("a message is a datagram, there and back", async () => {
    const { port } = await face();
    const wire = await host(port);
    const received = receiveOn(wire);
    for (const length of [0, 1, 8, 1400, 2048]) {
      const message = Uint8Array.from({ length }, (_, i) => i);
      await wire.send(message);
      expect(hex(await received.next())).toBe(hex(message));
    }
    expect(wire.name).toBe(`127.0.0.1:${port}`);
  });

  test("several hosts at once: each gets its own answers", async () => {
    const { port } = await face();
    const wires = await Promise.all(Array.from({ length: 5 }, () => host(port)));
    const all = wires.map(receiveOn);
    await Promise.all(wires.map((wire, i) => wire.send(Uint8Array.of(i))));
    const answers = await Promise.all(all.map(({ next }) => next()));
    expect(answers.map(hex)).toEqual(["00", "01", "02", "03", "04"]);
    expect(all.flatMap(({ messages }) => messages)).toEqual([]);
  });

  test("what is too long is refused here, and dropped there", async () => {
    const { port } = await face({ maxMessage: 100 });
    const wire = await host(port, { maxMessage: 200 });
    const received = receiveOn(wire);
    await expect(wire.send(new Uint8Array(201))).rejects.toMatchObject({ code: "transport/too-long" });
    await wire.send(new Uint8Array(200));
    await wire.send(Uint8Array.of(7));
    expect(hex(await received.next())).toBe("07");
    const wide = await host(port);
    await expect(wide.send(new Uint8Array(65_508))).rejects.toMatchObject({ code: "transport/too-long" });
    expect(wide.state).toBe("open");
  });

  test("only who was asked is heard", async () => {
    const outsider = createSocket("udp4");
    const { port } = await face({
      message(message, peer) {
        // Somebody else speaks first.
        const to = Number(peer.name.split(":")[1]);
        outsider.send(unhex("FF"), to, "127.0.0.1", () => peer.send(message));
      },
    });
    const wire = await host(port);
    const received = receiveOn(wire);
    await wire.send(unhex("01"));
    expect(hex(await received.next())).toBe("01");
    expect(received.messages).toEqual([]);
    await new Promise<void>((resolve) => outsider.close(() => resolve()));
  });

  test("nothing listens there: the system's answer is told, at the first message", async () => {
    const gone = await face();
    await gone.close();
    const wire = await host(gone.port);
    const received = receiveOn(wire);
    await wire.send(unhex("01"));
    expect(await received.gone).toMatchObject({ code: "transport/refused" });
    expect(wire.state).toBe("lost");
    await expect(wire.send(unhex("01"))).rejects.toMatchObject({ code: "transport/refused" });
  });

  test("by default other machines do not reach it, and a port that is taken is told", async () => {
    const { host: address, port } = await face();
    expect(address).toBe("127.0.0.1");
    const { promise, error } = await bindError(port);
    expect(error).toBe("EADDRINUSE");
    await promise;
    await expect(openUdpFace({ port, maxMessage: 1, message() {} })).rejects.toMatchObject({
      code: "emulator/port-taken",
    });
  });

  test("IPv6 loopback, and addresses that are none", async () => {
    const { port } = await face({ host: "::1" });
    const wire = await host(port, { host: "::1" });
    const received = receiveOn(wire);
    await wire.send(unhex("06"));
    expect(hex(await received.next())).toBe("06");
    await expect(host(port, { host: "no such host" })).rejects.toMatchObject({ code: "transport/bad-address" });
  });

  test("closed is closed, for who waits and who sends", async () => {
    const { port } = await face();
    const wire = await host(port);
    const { gone } = receiveOn(wire);
    await wire.close();
    expect(await gone).toMatchObject({ code: "transport/closed" });
    await wire.close();
    await expect(wire.send(unhex("01"))).rejects.toMatchObject({ code: "transport/closed" });
  });
});

/** Another socket on the same port of the same address. */
async function bindError(port: number): Promise<{ promise: Promise<void>; error: string | undefined }> {
  const socket = createSocket("udp4");
  const error = await new Promise<string | undefined>((resolve) => {
    socket.once("error", (cause: NodeJS.ErrnoException) => resolve(cause.code));
    socket.bind(port, "127.0.0.1", () => resolve(undefined));
  });
  return { error, promise: new Promise((resolve) => socket.close(() => resolve())) };
}
