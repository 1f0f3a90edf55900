import { expect, test } from "vitest";
import { openBench } from "../../src/bench/bench.js";
import type { IssuedCard } from "../../src/issuer/issuer.js";
import { encodeCommand } from "../../src/protocols/iso7816/apdu.js";
import { exchange, type CardAsking } from "../../src/protocols/iso7816/poller.js";
import { presentableTrace, traceLines } from "../../src/trace/file.js";
import { unhex } from "../../src/util/bytes.js";
import { answerWith } from "../../src/util/dialogue.js";
import type { TraceRecord } from "../../src/util/tracer.js";
import { keyCanary, leaks, type Canary } from "../support/canary-search.js";

/* A PIN is looked for in the trace of everything that carries one: personalisation in the clear, VERIFY, the issuer's change of it. */

const PIN = "271828182845";
const BLOCK = "2C271828182845FF";
const canaries: readonly Canary[] = [{ name: "PIN", needles: [PIN] }, keyCanary("PIN block", BLOCK)];

test("no trace shows a PIN, revealed or not", async () => {
  const records: TraceRecord[] = [];
  const bench = await openBench({ seed: "pin canary" });
  const device = await bench.open("emu:band-s1");
  const cards: IssuedCard[] = [];
  const issue = bench.issuer.issue.bind(bench.issuer);
  bench.issuer.issue = (...given) => {
    cards.push(issue(...given));
    return cards[0]!;
  };
  await bench.provision(device, "k2-pin");
  const [card] = cards;

  const wired = (command: Uint8Array): Uint8Array => {
    const { response, took } = device.emulated.wired(command);
    records.push({ layer: "apdu", at: records.length, took, command, response, via: "wired" });
    return response;
  };
  const carry = <R>(dialogue: CardAsking<R>): R =>
    answerWith(dialogue, (command) => answerWith(exchange(command), (it) => ({ answer: wired(it), took: 0 })));
  const changed = carry(
    bench.issuer.update(card!, { orders: [{ kind: "change-pin", pin: PIN }] }, new Date("2026-06-15T10:00:00Z")),
  );
  expect(changed.complete).toBe(true);
  expect(leaks(JSON.stringify(changed), canaries)).toEqual([]);
  wired(unhex("00A4040007A000000004101000"));
  expect(wired(unhex(`0020008008${BLOCK}`))).toEqual(unhex("9000"));
  wired(unhex("0020008008" + "2C999999999999FF"));
  for (const size of [255, 40])
    for (const command of bench.issuer.personalise(card!, { blockSize: size }).commands)
      records.push({
        layer: "apdu",
        at: records.length,
        took: 1,
        command: encodeCommand(command),
        response: unhex("9000"),
        via: "wired",
      });

  const identity = { seed: "pin canary", profile: "emu:band-s1", configuration: "" };
  const text = (shown: Parameters<typeof presentableTrace>[2]): string => {
    const { header, records: presentable } = presentableTrace(identity, records, shown);
    return [...traceLines(header, presentable)].join("");
  };
  expect(
    leaks(
      JSON.stringify(records.map((it) => it.layer === "apdu" && Buffer.from(it.command).toString("hex"))),
      canaries,
    ),
  ).toHaveLength(2);
  expect(leaks(text({}), canaries)).toEqual([]);
  expect(leaks(text({ reveal: () => true }), canaries)).toEqual([]);
});
