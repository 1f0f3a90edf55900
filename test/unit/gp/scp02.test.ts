import { describe, expect, test } from "vitest";
import { desKey } from "../../../src/crypto/des.js";
import {
  checkScp02Level,
  scp02,
  scp02Accept,
  scp02Authenticate,
  scp02Handshake,
  scp02Options,
} from "../../../src/protocols/gp/scp02.js";
import { decodeCommand, encodeCommand } from "../../../src/protocols/iso7816/apdu.js";
import { hex, unhex } from "../../../src/util/bytes.js";

/** osmocom pysim, tests/unittests/test_globalplatform.py (2024): SCP02_Auth_Test and SCP02_Test. */
const KEYS = {
  enc: desKey(unhex("100102030405060708090A0B0C0D0E0F")),
  mac: desKey(unhex("101102030405060708090A0B0C0D0E0F")),
  dek: desKey(unhex("102102030405060708090A0B0C0D0E0F")),
};
const ANSWER = unhex("00000000000000000000700200016B4524ABEE7CF32EA3838BC148F3");
const HANDSHAKE = scp02Handshake(KEYS, unhex("40A62C37FA6304F8"), 1, ANSWER.subarray(14, 20));
const AUTHENTICATE = "8482010010BA6961667737C5BCEBECE14C7D6A4376";
/** Plain and secured, one after the other in one session of level 01: APDU cases 1 to 4. */
const COMMANDS = [
  ["80F22002", "84F220020814DB34FA4341DCA8"],
  ["80CA006600", "84CA00660855ED7C5FF069512B00"],
  ["80F220020A4F0212345C054F9F70C5", "84F22002124F0212345C054F9F70C58FC1B380C4228AF8"],
  ["80F28002024F0000", "84F280020A4F003B95F09317DE6A4E00"],
] as const;

describe("a recorded SCP02 session", () => {
  test("the card's cryptogram and the host's", () => {
    expect(hex(HANDSHAKE.cardCryptogram)).toBe(hex(ANSWER.subarray(20)));
    expect(hex(encodeCommand(scp02Authenticate(HANDSHAKE, 1).command))).toBe(AUTHENTICATE);
  });

  test("commands, seen from the host and from the card", () => {
    let { session: host } = scp02Authenticate(HANDSHAKE, 1);
    let card = scp02Accept(HANDSHAKE, decodeCommand(unhex(AUTHENTICATE)))!;
    for (const [plain, secured] of COMMANDS) {
      const sent = scp02.wrap(host, decodeCommand(unhex(plain)));
      const taken = scp02.unwrap(card, decodeCommand(unhex(secured)))!;
      expect(hex(encodeCommand(sent.command))).toBe(secured);
      expect(hex(encodeCommand(taken.command))).toBe(plain);
      host = sent.session;
      card = taken.session;
    }
  });

  test("a changed, repeated or unsecured command is refused", () => {
    const card = scp02Accept(HANDSHAKE, decodeCommand(unhex(AUTHENTICATE)))!;
    const first = decodeCommand(unhex(COMMANDS[0][1]));
    const { session } = scp02.unwrap(card, first)!;
    expect(scp02.unwrap(session, first)).toBeUndefined();
    expect(scp02.unwrap(card, decodeCommand(unhex(COMMANDS[1][1])))).toBeUndefined();
    expect(scp02.unwrap(card, decodeCommand(unhex(COMMANDS[0][0])))).toBeUndefined();
    expect(scp02.unwrap(card, { ...first, p1: first.p1 ^ 1 })).toBeUndefined();
    expect(scp02Accept(HANDSHAKE, decodeCommand(unhex(AUTHENTICATE.replace("BA69", "BA68"))))).toBeUndefined();
  });
});

test.each([0x05, 0x0a, 0x1a, 0x35, 0x75])("i = %i is not supported", (i) => {
  expect(() => scp02Options(i)).toThrow(expect.objectContaining({ code: "gp/bad-parameter" }));
});

test.each([0x02, 0x10, 0x11, 0x33])("level %i is not offered", (level) => {
  expect(() => checkScp02Level(level)).toThrow(expect.objectContaining({ code: "gp/bad-level" }));
});
