import { describe, expect, test } from "vitest";
import { desKey } from "../../../src/crypto/des.js";
import {
  checkScp02Level,
  scp02,
  scp02Accept,
  scp02Authenticate,
  scp02CardChallenge,
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

/*
 * Sessions that others published. JCOP: a real JCOP 4 P71 of i = 55, ievkh/scll-rust, its backend's known answers. GPShell: a real card and
 * GPShell, in OpenPhysical/Gp4Net's trace tests. Put key: a card's, in a test of com.ubivelox.authentication. scll: that project's reference vectors.
 */
const KNOWN = "404142434445464748494A4B4C4D4E4F";
const JCOP = { enc: "90379A3E7116D455E55F9398736A01CA", mac: "473F36161A7F7F60CC3A766EA4BE5247" };
const PUBLISHED = [
  {
    name: "JCOP",
    keys: JCOP,
    host: "2572AE5C04A7C329",
    card: "001C3A58BF1253D5BC5D5979580A581F",
    authenticate: "8482010010079F403962F6CA28D06BD84078D9E3C2",
    steps: [],
  },
  {
    name: "GPShell, level 03",
    host: "1443E205269A2AB5",
    card: "00013C2B9786B83B4A40328149BB6F3F",
    authenticate: "848203001007B2E3773126A490BC24C2ADC1FF46C8",
    steps: [
      [
        "80E602001C09A0000003080000100008A0000001510000000006EF04C60268F80000",
        "84E60200285B35732868A3027E2881C0D9C5FC012D13B064F2E22BFCB4FA3D06E0DA9314854DBA37472AEC5FAF00",
      ],
    ],
  },
  {
    name: "put key, level 00",
    host: "AEC803799503CA34",
    card: "00003D029C31C78909CE7F3F93776931",
    authenticate: "848200001024D51C0125064A5B97DEBFFBAB15A241",
    steps: [["80F28002024F00", "80F28002024F00"]],
  },
  {
    name: "scll, level 03",
    host: "0001020304050607",
    card: "000108090A0B0C0D9D8DA672F05C4E45",
    authenticate: "8482030010E87E4C9E45C47F7937BA873E0E37B968",
    steps: [
      ["80E60000050102030405", "84E60000106614336AF48EC608A398D78A712FC7A1"],
      ["80E80000020102", "84E800001046C90C13F2F9216F53DE2ADCE0E27621"],
    ],
  },
  {
    name: "scll, level 01",
    host: "0001020304050607",
    card: "000108090A0B0C0D9D8DA672F05C4E45",
    authenticate: "8482010010E87E4C9E45C47F79AD804734CE044FFC",
    steps: [["80E60000050102030405", "84E600000D0102030405C846BEA70DDCD2D8"]],
  },
];

describe.each(PUBLISHED)("$name", ({ keys = { enc: KNOWN, mac: KNOWN }, host, card, authenticate, steps }) => {
  const said = unhex(card);
  const handshake = scp02Handshake(
    { enc: desKey(unhex(keys.enc)), mac: desKey(unhex(keys.mac)), dek: desKey(unhex(KNOWN)) },
    unhex(host),
    (said[0]! << 8) | said[1]!,
    said.subarray(2, 8),
  );
  const level = unhex(authenticate)[2]!;

  test("both cryptograms, and every command from both ends", () => {
    expect(hex(handshake.cardCryptogram)).toBe(hex(said.subarray(8)));
    const opened = scp02Authenticate(handshake, level);
    expect(hex(encodeCommand(opened.command))).toBe(authenticate);
    let { session } = opened;
    let taking = scp02Accept(handshake, decodeCommand(unhex(authenticate)))!;
    for (const [plain = "", secured = ""] of steps) {
      const sent = scp02.wrap(session, decodeCommand(unhex(plain)));
      const taken = scp02.unwrap(taking, decodeCommand(unhex(secured)))!;
      expect([hex(encodeCommand(sent.command)), hex(encodeCommand(taken.command))]).toEqual([secured, plain]);
      [session, taking] = [sent.session, taken.session];
    }
  });
});

// Session keys: GlobalPlatform.NET, Scp02Tests (option 15); a key under the session's data encryption key: scll.
test("the session's keys, and what is sent under its data encryption key", () => {
  const key = desKey(unhex(KNOWN));
  const keys = { enc: key, mac: key, dek: key };
  const session = scp02Handshake(keys, unhex("ED293C60B50DF420"), 0, unhex("3D029C31C789"));
  expect([session.keys.enc, session.keys.mac, session.keys.dek].map((each) => hex(each.bytes()))).toEqual([
    "010B0371D78377B801F2D62AFC671D95",
    "D1C28C601652A4770D67AD82D2D2E1C4",
    "E11987EE331B417A5D67D760692F89D4",
  ]);
  const other = scp02Handshake(keys, unhex("0001020304050607"), 1, unhex("08090A0B0C0D"));
  expect(hex(other.keys.dek.encrypt(unhex("0F0E0D0C0B0A09080706050403020100")))).toBe(
    "FAC6D80E61620CF9E342B787B95AFEA4",
  );
});

/*
 * Challenges of real cards with i = 55: two sessions of the JCOP above (its other one: GlobalPlatformPro, issue 192), of issue 218, of GPShell's card, and of
 * one whose domain is A000000003000000.
 */
test.each([
  [JCOP.mac, 0x001c, "A000000151000000", "3A58BF1253D5"],
  [JCOP.mac, 0x0019, "A000000151000000", "051296110E96"],
  [KNOWN, 0x0046, "A000000151000000", "A58399EA65DD"],
  [KNOWN, 0x0001, "A000000151000000", "3C2B9786B83B"],
  [KNOWN, 0x0000, "A000000003000000", "3D029C31C789"],
])("key %s, sequence counter %i of %s: challenge %s", (mac, sequence, aid, challenge) => {
  expect(hex(scp02CardChallenge(desKey(unhex(mac)), sequence, unhex(aid)))).toBe(challenge);
});

test.each([0x05, 0x0a, 0x1a, 0x35, 0x75])("i = %i is not supported", (i) => {
  expect(() => scp02Options(i)).toThrow(expect.objectContaining({ code: "gp/bad-parameter" }));
});

test.each([0x02, 0x10, 0x11, 0x33])("level %i is not offered", (level) => {
  expect(() => checkScp02Level(level)).toThrow(expect.objectContaining({ code: "gp/bad-level" }));
});
