import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { managed } from "../../support/managed-device.js";
import { PYTHON } from "../../support/pcsc-client.js";
import { missing } from "../../support/wires.js";
import { SECOND } from "../../../src/util/time.js";

const CLIENT = fileURLToPath(new URL("../../support/smp_client.py", import.meta.url));
const WITHIN = 30_000;

interface Check {
  readonly check: string;
  readonly ok: boolean;
  readonly got: string;
}

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
      sim.runUntil(sim.now + SECOND / 10);
    });
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    const child = spawn(PYTHON, [CLIENT, "--udp", `127.0.0.1:${socket.address().port}`], { timeout: WITHIN });
    const out: string[] = [];
    const errors: string[] = [];
    child.stdout.setEncoding("utf8").on("data", (piece: string) => out.push(piece));
    child.stderr.setEncoding("utf8").on("data", (piece: string) => errors.push(piece));
    const [code] = (await once(child, "close")) as [number | null];
    socket.close();
    const checks = out
      .join("")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Check);
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(errors.join("")).toBe("");
    expect([code, checks.length]).toEqual([0, 29]);
  });
});
