import { createServer, type AddressInfo, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { quickAckSupport } from "../../../emulator/faces/quick-ack.js";
import { openVpcd, type VpcdConnection } from "../../../emulator/faces/vpcd.js";
import { unhex } from "../../../src/util/bytes.js";

const onLinux = process.platform === "linux";
const COMMANDS = 40;
/** Linux holds an acknowledgement back for 40 ms at least (tcp.h: TCP_DELACK_MIN, HZ/25). */
const DELAYED_ACK_MS = 40;

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

test.runIf(onLinux)(
  "commands whose length and body are written apart, as vpcd does, do not wait for delayed acknowledgements",
  async () => {
    const support = await quickAckSupport();
    expect(support).toHaveProperty("acknowledge");
    const quickAck = "acknowledge" in support ? support.acknowledge : undefined;

    // Nagle's algorithm is on, as with vpcd: the kernel keeps the body until the length was acknowledged.
    const server = createServer({ noDelay: false });
    ends.push(() => server.close());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
    const connection: VpcdConnection = await openVpcd({
      host: "127.0.0.1",
      port: (server.address() as AddressInfo).port,
      watchdog: 10_000,
      quickAck,
      card: { atr: () => undefined, powerOn() {}, powerOff() {}, reset() {}, transmit: () => unhex("9000") },
      events: { visible() {}, exchanged() {}, trouble() {}, closed() {} },
    });
    ends.push(() => connection.close());
    const driver = await accepted;
    ends.push(() => driver.destroy());

    const start = performance.now();
    for (let i = 0; i < COMMANDS; i++) {
      const answered = new Promise<void>((resolve) => driver.once("data", () => resolve()));
      driver.write(unhex("0005"));
      driver.write(unhex("00A4040000"));
      await answered;
    }
    expect(performance.now() - start).toBeLessThan((COMMANDS * DELAYED_ACK_MS) / 2);
  },
);

test("a socket that is not there any more is no fault", async () => {
  const support = await quickAckSupport();
  if ("acknowledge" in support) support.acknowledge({ _handle: null } as unknown as Socket);
  expect(support).toBe(await quickAckSupport());
});
