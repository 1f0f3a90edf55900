import { bitFields, u16be, u8 } from "../../../src/codec/fields.js";
import { message, type MessageValue } from "../../../src/codec/message.js";
import { equalBytes, u32be } from "../../../src/util/bytes.js";
import type { AppletStorage } from "../applet.js";
import { newCounter } from "../store.js";
import { countOf, OWN } from "./data.js";
import type { IssuerAnswer } from "./risk.js";

/** What the issuer's last answer left behind, for the next transactions. */
const LastAnswer = message("emulator.MchipLastAnswer", "ours", {
  atc: [u16be, "ATC of the last transaction that the issuer answered; 0: none yet"],
  scriptsTried: [u16be, "script commands tried until then"],
  scriptsDone: [u16be, "script commands carried out until then"],
  flags: [bitFields(u8, { authenticationFailed: [0, 1], onlineNextTime: [1, 1] }), "for the CVR"],
});
export type LastAnswerValue = MessageValue<typeof LastAnswer>;

const NONE: LastAnswerValue = {
  atc: 0,
  scriptsTried: 0,
  scriptsDone: 0,
  flags: { authenticationFailed: 0, onlineNextTime: 0 },
};

export function lastAnswer(storage: AppletStorage): LastAnswerValue {
  const stored = storage.get(OWN.lastAnswer);
  return stored ? LastAnswer.decode(stored) : NONE;
}

/*
 * The response code that an M/Chip ARPC covers, as public descriptions have it; byte 2: 10 the transaction is approved, 04 go online next time,
 * 03 what becomes of the offline counters: 2 sets them to zero. Its other values, and the PIN try counter in byte 1, are left alone here.
 */
const CODE = { approved: 0x10, onlineNextTime: 0x04, counters: 0x03, reset: 0x02 } as const;

const NO_DATA = new Uint8Array(10);

/**
 * Takes issuer authentication data (91: ARPC and response code) and keeps what follows from them, all at once: the ATC as the last one online,
 * scripts as reported, offline counters at zero where the issuer says so. A wrong ARPC leaves its mark only.
 */
export function takeAnswer(
  storage: AppletStorage,
  atc: number,
  data: Uint8Array | undefined,
  arpcOf: (code: Uint8Array) => Uint8Array,
): IssuerAnswer {
  if (!data || equalBytes(data, NO_DATA)) return { performed: false, failed: false, approved: false };
  const before = lastAnswer(storage);
  const keep = (value: LastAnswerValue): readonly [number, Uint8Array] => [OWN.lastAnswer, LastAnswer.encode(value)];
  const code = data.subarray(8);
  if (!equalBytes(arpcOf(code), data.subarray(0, 8))) {
    storage.putAll([keep({ ...before, flags: { ...before.flags, authenticationFailed: 1 } })]);
    return { performed: true, failed: true, approved: false };
  }
  const bits = code[1]!;
  const zero = (bits & CODE.counters) === CODE.reset;
  storage.putAll([
    keep({
      atc,
      scriptsTried: countOf(storage, OWN.scriptsTried),
      scriptsDone: countOf(storage, OWN.scriptsDone),
      flags: { authenticationFailed: 0, onlineNextTime: bits & CODE.onlineNextTime ? 1 : 0 },
    }),
    ...(zero
      ? ([
          [OWN.offlineInRow, newCounter()],
          [OWN.offlineAmount, u32be(0)],
        ] as const)
      : []),
  ]);
  return { performed: true, failed: false, approved: (bits & CODE.approved) !== 0 };
}
