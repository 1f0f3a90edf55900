import { expect, test } from "vitest";
import { wholeExchanges } from "../../../src/inspect/exchanges.js";
import { hex, unhex } from "../../../src/util/bytes.js";

test("wholeExchanges joins GET RESPONSE and the right Le", () => {
  const pair = (command: string, response: string) => ({ command: unhex(command), response: unhex(response) });
  const whole = wholeExchanges([
    pair("00B2011400", "AABB6103"),
    pair("00C0000003", "CCDDEE6101"),
    pair("00C0000001", "FF9000"),
    pair("80CA9F3600", "6C05"),
    pair("80CA9F3605", "9F360200359000"),
    pair("00C0000000", "6D00"),
  ]);
  expect(whole.map(({ command, response }) => `${hex(command)} ${hex(response)}`)).toEqual([
    "00B2011400 AABBCCDDEEFF9000",
    "80CA9F3605 9F360200359000",
    "00C0000000 6D00",
  ]);
});
