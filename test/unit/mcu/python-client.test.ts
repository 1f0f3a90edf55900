import { createSocket } from "node:dgram";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { managed } from "../../support/managed-device.js";
import { smpClient } from "../../support/smp-client.js";
import { missing } from "../../support/wires.js";
import { SECOND } from "../../../src/util/time.js";

describe.skipIf(missing("python-cbor2"))("a client in Python, written from the documentation alone", () => {
  test.each([512, 2475])("agrees about every answer, with buffers of %i bytes", async (bufferBytes) => {
    const { sim, mcu } = managed({ bufferBytes });
    const socket = createSocket("udp4");
    let peer: { address: string; port: number } | undefined;
    const port = mcu.attach({
      name: "udp",
      send: (message) => peer && socket.send(message, peer.port, peer.address),
    });
    socket.on("message", (message, from) => {
      peer = from;
      port.receive(new Uint8Array(message));
      sim.runUntil(sim.now + SECOND);
    });
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    const { checks, ...ended } = await smpClient("--udp", `127.0.0.1:${socket.address().port}`);
    socket.close();
    expect(ended).toEqual({ code: 0, failed: [], errors: "" });
    expect(checks).toHaveLength(33);
  });
});
