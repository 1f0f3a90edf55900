import { describe, expect, test } from "vitest";
import { dryChannel } from "../../../src/device/se/dry-run.js";
import { prepareSession, setStatus, type KeySet } from "../../../src/protocols/gp/poller.js";
import { decodeCommand, encodeCommand } from "../../../src/protocols/iso7816/apdu.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { answerWith } from "../../../src/util/dialogue.js";

const repeated = (high: string): Uint8Array =>
  unhex(Array.from({ length: 16 }, (_, i) => `${high}${(i % 16).toString(16)}`).join(""));
const AES: KeySet = { kind: "aes", enc: repeated("0"), mac: repeated("1"), dek: repeated("2") };
const DES: KeySet = {
  kind: "des",
  enc: unhex("100102030405060708090A0B0C0D0E0F"),
  mac: unhex("101102030405060708090A0B0C0D0E0F"),
  dek: unhex("102102030405060708090A0B0C0D0E0F"),
};

/** Recorded sessions with real cards: osmocom pysim, tests/unittests/test_globalplatform.py (2024). */
const SESSIONS = [
  {
    name: "SCP03, i = 70, level 11",
    keys: AES,
    level: 0x11,
    challenge: "B13E5F938FC108C4",
    version: 0x30,
    answer: "000000000000000000003003703EB51047495B249F66C484C1D2EF1948000002",
    authenticate: "84821100107D5F5826A993EBC89EEA24957FA0B3CE",
    commands: [["80E2910006BF3E035C015A00", "84E291000EBF3E035C015A558D036518A2829700"]],
  },
  {
    name: "SCP03, i = 70, level 33",
    keys: AES,
    level: 0x33,
    challenge: "FDF38259A1E0DE44",
    version: 0x30,
    answer: "000000000000000000003003703B1ACA81E821F219081CDC01C26B372D000003",
    authenticate: "84823300108C36F96BCC00724A4E13AD591D7DA3F0",
    commands: [["80E2910006BF3E035C015A00", "84E2910018267A85DFE4A98FCA6FB0527E0DFECCE4914E40401433C87F00"]],
  },
  {
    name: "SCP02, i = 15, level 01",
    keys: DES,
    level: 0x01,
    challenge: "40A62C37FA6304F8",
    version: 0x70,
    answer: "00000000000000000000700200016B4524ABEE7CF32EA3838BC148F3",
    authenticate: "8482010010BA6961667737C5BCEBECE14C7D6A4376",
    commands: [
      ["80F22002", "84F220020814DB34FA4341DCA8"],
      ["80CA006600", "84CA00660855ED7C5FF069512B00"],
      ["80F220020A4F0212345C054F9F70C5", "84F22002124F0212345C054F9F70C58FC1B380C4228AF8"],
      ["80F28002024F0000", "84F280020A4F003B95F09317DE6A4E00"],
    ],
  },
] as const;

describe.each(SESSIONS)(
  "a dry run of a recorded session: $name",
  ({ keys, level, challenge, version, answer, authenticate, commands }) => {
    const sent: string[] = [];
    const prepared = answerWith(
      prepareSession({ keysFor: () => keys, version, level, challenge: () => unhex(challenge) }),
      (command) => {
        sent.push(hex(encodeCommand(command)));
        return { answer: { data: unhex(answer), sw: 0x9000 }, took: 0 };
      },
    );

    test("sends INITIALIZE UPDATE and nothing else, and tells what would follow as the real host sent it", () => {
      expect(sent).toEqual([`8050${version.toString(16)}0008${challenge}00`]);
      expect(hex(encodeCommand(prepared.authenticate))).toBe(authenticate);
      const told: string[][] = [];
      const channel = dryChannel(prepared.channel, (plain, secured) =>
        told.push([hex(encodeCommand(plain)), hex(encodeCommand(secured))]),
      );
      for (const [plain] of commands) {
        const step = channel.send(decodeCommand(unhex(plain))).next();
        expect(step).toEqual({ done: true, value: { data: new Uint8Array(0), sw: 0x9000 } });
      }
      expect(told).toEqual(commands);
    });
  },
);

test("a dialogue runs to its end without a command being sent", () => {
  const prepared = answerWith(
    prepareSession({ keysFor: () => AES, version: 0x30, level: 0x11, challenge: () => unhex("B13E5F938FC108C4") }),
    () => ({ answer: { data: unhex(SESSIONS[0].answer), sw: 0x9000 }, took: 0 }),
  );
  const told: string[] = [];
  const channel = dryChannel(prepared.channel, (plain) => told.push(hex(encodeCommand(plain))));
  expect(setStatus(channel, "card", 0x7f).next().done).toBe(true);
  expect(told).toEqual(["80F0807F"]);
});
