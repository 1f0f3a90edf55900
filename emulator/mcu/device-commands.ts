import { failed, type Outcome } from "../../src/protocols/smp/answer.js";
import { element } from "../../src/protocols/smp/groups/element.js";
import { nfc } from "../../src/protocols/smp/groups/nfc.js";
import { wallet } from "../../src/protocols/smp/groups/wallet.js";
import { HEADER_BYTES } from "../../src/protocols/smp/header.js";
import { on, type Call, type Done, type HandlerRow } from "../../src/protocols/smp/listener.js";
import { groupResult } from "../../src/protocols/smp/results.js";
import { concat } from "../../src/util/bytes.js";
import type { Nanos } from "../../src/util/time.js";
import type { McuParts } from "./parts.js";
import { counted, logged, type McuState } from "./state.js";
import { walletCards, type WalletCard } from "./wallet-cards.js";

/** What an answer has besides a piece of a response: header, map, keys and numbers. */
const AROUND_PIECE = HEADER_BYTES + 44;

const elementFailure = (name: string): Outcome<never> => failed(groupResult(64, name), 64);

interface Transmit {
  readonly d: Uint8Array;
  readonly off?: number;
  readonly len?: number;
}
interface Transmitted {
  readonly r?: Uint8Array;
  readonly off?: number;
  readonly len?: number;
  readonly took?: number;
}

export function elementCommands(parts: McuParts): readonly HandlerRow<McuState>[] {
  const port = parts.element;

  function run({ state, from, now, room }: Call<McuState, Transmit>, command: Uint8Array): Done<McuState, Transmitted> {
    const answer = port.transmit(command);
    const counting = counted({ ...state, apdu: undefined }, "element", { [answer ? "commands" : "power_losses"]: 1 });
    if (!answer) {
      const told = logged(counting, now, "err", "se", "power lost during a command");
      return { state: told, outcome: elementFailure("element lost its power") };
    }
    const { response, took } = answer;
    const piece = room - AROUND_PIECE;
    if (response.length <= piece) return { state: counting, outcome: { value: { r: response, took } }, took };
    const value = { r: response.subarray(0, piece), len: response.length, took };
    return { state: { ...counting, apdu: { from, response } }, outcome: { value }, took };
  }

  return [
    on(element.transmit, (call): Done<McuState, Transmitted> => {
      const { state, from, request } = call;
      const { d, off = 0, len = d.length } = request;
      const before = off > 0 && state.apdu?.from === from ? state.apdu.command : undefined;
      const continues = off === 0 || (before?.bytes.length === off && before.length === len);
      if (!continues || off + d.length > len || (d.length === 0 && len > 0))
        return { state: { ...state, apdu: undefined }, outcome: elementFailure("nothing to continue") };
      const bytes = before ? concat(before.bytes, d) : d.slice();
      if (bytes.length === len) return run(call, bytes);
      return {
        state: { ...state, apdu: { from, command: { bytes, length: len } } },
        outcome: { value: { off: bytes.length } },
      };
    }),
    on(element.more, ({ state, from, request: { off }, room }) => {
      const response = state.apdu?.from === from ? state.apdu.response : undefined;
      if (!response || off >= response.length) return { state, outcome: elementFailure("nothing to continue") };
      return { state, outcome: { value: { off, r: response.subarray(off, off + room - AROUND_PIECE) } } };
    }),
    on(element.reset, ({ state, now }) => {
      port.reset();
      const counting = counted({ ...state, apdu: undefined }, "element", { resets: 1 });
      return { state: logged(counting, now, "inf", "se", "reset"), outcome: { value: { atr: port.atr } } };
    }),
    on(element.atr, ({ state }) => ({ state, outcome: { value: { atr: port.atr } } })),
  ];
}

export function walletCommands(parts: McuParts): readonly HandlerRow<McuState>[] {
  const ask = (): { cards: readonly WalletCard[] | undefined; took: Nanos } => walletCards(parts.element.transmit);
  const silent = failed(groupResult(65, "element does not answer"), 65);
  return [
    on(wallet.cards, ({ state }): Done<McuState, { cards: readonly WalletCard[] }> => {
      const { cards, took } = ask();
      return { state, outcome: cards ? { value: { cards } } : silent, took };
    }),
    on(wallet.default, ({ state }): Done<McuState, { aid?: Uint8Array }> => {
      const { cards, took } = ask();
      const first = cards?.find((card) => card.default);
      return { state, outcome: cards ? { value: first ? { aid: first.aid } : {} } : silent, took };
    }),
    on(wallet.authentication, ({ state }) => ({
      state,
      outcome: { value: { method: parts.identity.verification, verified: parts.holderVerified() } },
    })),
  ];
}

interface SelfTest {
  readonly test: string;
  readonly unit: string;
  readonly low: number;
  readonly high: number;
  readonly measure: (parts: McuParts, now: Nanos) => number;
}

/** Factory tests with their limits. Antenna values are a model's. */
const SELF_TESTS: readonly SelfTest[] = [
  { test: "antenna-resonance", unit: "kHz", low: 13_200, high: 13_900, measure: () => 13_560 },
  { test: "antenna-quality", unit: "", low: 12, high: 35, measure: () => 22 },
  { test: "element-atr", unit: "bytes", low: 2, high: 33, measure: ({ element }) => element.atr.length },
  {
    test: "element-answer",
    unit: "bytes",
    low: 2,
    high: 258,
    measure: ({ element }) => element.transmit(SELECT_NOTHING)?.response.length ?? 0,
  },
  { test: "battery", unit: "mV", low: 3500, high: 4250, measure: ({ battery }, now) => battery.millivolts(now) },
];
/** SELECT of an application that nobody has: a status word is an answer. */
const SELECT_NOTHING = Uint8Array.of(0x00, 0xa4, 0x04, 0x00, 0x05, 0xf0, 0x00, 0x00, 0x00, 0x00);

export function nfcCommands(parts: McuParts): readonly HandlerRow<McuState>[] {
  const apply = (state: McuState): McuState => {
    parts.nfc.listen(state.listening && state.routing === "element");
    return state;
  };
  return [
    on(nfc.state, ({ state }) => ({
      state,
      outcome: { value: { field: parts.nfc.field(), listening: state.listening } },
    })),
    on(nfc.listen, ({ state, request: { on: listening }, now }) => ({
      state: logged(apply({ ...state, listening }), now, "inf", "nfc", `listening ${listening ? "on" : "off"}`),
      outcome: { value: {} },
    })),
    on(nfc.routing, ({ state }) => ({ state, outcome: { value: { iso_dep: state.routing } } })),
    on(nfc.setRouting, ({ state, request: { iso_dep: routing } }) => ({
      state: apply({ ...state, routing }),
      outcome: { value: {} },
    })),
    on(nfc.selfTest, ({ state, request: { tests }, now }) => {
      if (tests?.some((name) => !SELF_TESTS.some(({ test }) => test === name)))
        return { state, outcome: failed(groupResult(66, "no such test"), 66) };
      const results = SELF_TESTS.filter(({ test }) => !tests || tests.includes(test)).map(
        ({ test, unit, low, high, measure }) => {
          const value = measure(parts, now);
          return { test, value, low, high, unit, passed: value >= low && value <= high };
        },
      );
      const passed = results.every((result) => result.passed);
      return { state, outcome: { value: { passed, simulated: true, results } } };
    }),
  ];
}
