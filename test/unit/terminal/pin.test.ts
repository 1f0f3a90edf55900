import { expect, test } from "vitest";
import { openBench } from "../../../src/bench/bench.js";
import { pinBlock0 } from "../../../src/terminal/pin.js";
import { hex } from "../../../src/util/bytes.js";

test("a PIN block of format 0", () => {
  // the worked example of ISO 9564-1 format 0 that encyclopedias print
  expect(hex(pinBlock0("1234", "43219876543210987"))).toBe("0412AC89ABCDEF67");
});

test.each(["", "123", "1234567890123", "12a4"])("'%s' is no PIN", (pin) => {
  expect(() => pinBlock0(pin, "5413330089600044")).toThrow(expect.objectContaining({ code: "terminal/bad-pin" }));
});

test("a ring above the CVM limit pays with an online PIN, and is declined without", async () => {
  const bench = await openBench({ seed: "pin" });
  const ring = await bench.open("emu:ring-r1");
  await bench.provision(ring, "k2-ring");
  const request = { amount: 6_000n, terminal: "shop" };
  const without = await bench.tap(ring, request);
  expect([without.outcome, without.issuer?.reason]).toEqual(["declined", "pin-missing"]);
  const withPin = await bench.tap(ring, { ...request, pin: "1234" });
  expect([withPin.outcome, withPin.details.cvm]).toEqual(["approved", "online-pin"]);
});
