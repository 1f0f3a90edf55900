import { describe, expect, test } from "vitest";
import { aesKey } from "../../../src/crypto/aes.js";
import {
  checkScp03Level,
  scp03,
  scp03Accept,
  scp03Authenticate,
  scp03Handshake,
  scp03Options,
  type Scp03Keys,
  type Scp03Session,
} from "../../../src/protocols/gp/scp03.js";
import { decodeCommand, encodeCommand } from "../../../src/protocols/iso7816/apdu.js";
import { hex, unhex } from "../../../src/util/bytes.js";

const keysOf = (enc: string, mac: string, dek: string): Scp03Keys => ({
  enc: aesKey(unhex(enc)),
  mac: aesKey(unhex(mac)),
  dek: aesKey(unhex(dek)),
});

const repeated = (high: string, bytes: number): string =>
  Array.from({ length: bytes }, (_, i) => `${high}${(i % 16).toString(16)}`).join("");

const keySet = (bytes: number): Scp03Keys => keysOf(repeated("0", bytes), repeated("1", bytes), repeated("2", bytes));

/**
 * Exchanges of a real eUICC: osmocom pysim, tests/unittests/test_globalplatform.py (2024), S8 mode, i = 70. Each: INITIALIZE UPDATE and its
 * answer, EXTERNAL AUTHENTICATE, one STORE DATA with the data of its answer, and four commands of cases 1 to 4.
 */
const RECORDED = [
  {
    keys: 16,
    level: 0x11,
    update: "8050300008B13E5F938FC108C400",
    answer: "000000000000000000003003703EB51047495B249F66C484C1D2EF1948000002",
    authenticate: "84821100107D5F5826A993EBC89EEA24957FA0B3CE",
    store: "84E291000EBF3E035C015A558D036518A2829700",
    stored: "BF3E125A1089882119900000000000000000000005971BE68992DBBDFA",
    cases: [
      "84F220020863A63F8959827FB2",
      "84CA006608A0C6A4A74166F7CE00",
      "84F22002124F0212345C054F9F70C52249B50272656536",
      "84F280020A4F00E91443F6DCE6B8ED00",
    ],
  },
  {
    keys: 16,
    level: 0x03,
    update: "80503000088E1552D0513C60F300",
    answer: "0000000000000000000030037030760CD2C47C1DD395065FE5EAD8A9D7000001",
    authenticate: "8482030010FD4721A14D9B07003C451D2F8AE6BB21",
    store: "84E2910018CA9C00F6713D79BC8BAA642BDFF51C3F6A4082D3BD9AD26C00",
    stored: "BF3E125A1089882119900000000000000000000005",
    cases: [
      "84F2200208C9811B11F1264CF1",
      "84CA006608E10AB60B3054798800",
      "84F22002184E2908BDB48B2315A55482E9E936CA122D6ECFAE7D17416E",
      "84F28002180DD10A6B6193E5340B9E77D32D5A179CD710AC2773AEFB2800",
    ],
  },
  {
    keys: 16,
    level: 0x33,
    update: "8050300008FDF38259A1E0DE4400",
    answer: "000000000000000000003003703B1ACA81E821F219081CDC01C26B372D000003",
    authenticate: "84823300108C36F96BCC00724A4E13AD591D7DA3F0",
    store: "84E2910018267A85DFE4A98FCA6FB0527E0DFECCE4914E40401433C87F00",
    stored: "F3BA2B1013AA6224F5E1C138D71805C569E5439B47576260B75FC021B25097CB2E68F8A0144975B9",
    cases: [
      "84F2200208AC6A59024BED84CC",
      "84CA006608409912AD8FB7AED000",
      "84F22002185F3DAFC3AC14C381536A488BF44E06D056DF9D74DBD21E5A",
      "84F280021865165105BE3373347D0424D4400AF2AC393F569EC779389E00",
    ],
  },
  {
    keys: 24,
    level: 0x11,
    update: "80503100087396430B768B085B00",
    answer: "000000000000000000003103708CFC23522FFDBF1E5DF5542CAC8FD866000003",
    authenticate: "84821100102145ED30B146F5DB252FB7E624CEC244",
    store: "84E291000EBF3E035C015AFF42CF801D14394400",
    stored: "BF3E125A1089882119900000000000000000000005162FBD33E04940A9",
    cases: [
      "84F22002084584E4F6784811EE",
      "84CA006608937776EBE190FA3000",
      "84F22002124F0212345C054F9F70C59A52BDDF3040368C",
      "84F280020A4F009804B11411F7393D00",
    ],
  },
  {
    keys: 24,
    level: 0x33,
    update: "80503100089B3F2EEF0E8C937400",
    answer: "00000000000000000000310370F6BB305A15BAE1A68F79FB08212FBED7000002",
    authenticate: "84823300109100BC22D58B45B86A26365CE39FF3CF",
    store: "84E29100188F7F946C84F70D17994BC6E8791251BB1BB1BF02CF8DE58900",
    stored: "C05176C1B6F72AAE50C32CBEE63B0E95998928FD4DFB2BE9F27FFDE8C8476F5909B4805CC4039599",
    cases: [
      "84F2200208D5D97754B6B3D2BA",
      "84CA006608516C82B8E30ADBEB00",
      "84F2200218CC247F4761E6944277A4E0D6E32E44025B1E31537E2FC668",
      "84F2800218BA22B63D509BEF5D093B43E5EAED03ED23144AB2D9CB51DE00",
    ],
  },
  {
    keys: 32,
    level: 0x11,
    update: "805032000811666D57866C6F5400",
    answer: "0000000000000000000032037053EA8847EFA7674E41498A4D66CF0DEE000003",
    authenticate: "84821100102F2AD190EFF2FAFC4908996D1CEBD310",
    store: "84E291000EBF3E035C015AF4B680372542B59D00",
    stored: "BF3E125A10898821199000000000000000000000058012DD7F01F1C4C1",
    cases: [
      "84F2200208D618B7DA68D5FE52",
      "84CA0066088F3E055DB23AD5E500",
      "84F22002124F0212345C054F9F70C5B6E15CC42404915E",
      "84F280020A4F00AA124AA74AFE7F7500",
    ],
  },
  {
    keys: 32,
    level: 0x33,
    update: "805032000897B2055FE58599FD00",
    answer: "00000000000000000000320370A8439A22CEDF045FA9F1903B2834F26E000002",
    authenticate: "8482330010508A0FD959D2E547C6B33154A6BE2057",
    store: "84E29100187A5EF717EAF1E135AE92FE54429D0E465DECDA65F5FE5AEA00",
    stored: "EA90DBFA648A67C5EB6ABC57F8530B97D0CD5647C5E8732016B55203B078DD2ACE7F8BC5D1C1CD99",
    cases: [
      "84F2200208BCC5C17275545D93",
      "84CA00660804806ABA9D543BB600",
      "84F2200218717222491556EC81A45F49CE48BE33320024801A1C4CB0E0",
      "84F2800218561F105BCCD3A1642904B251CCC1228BEB80A82370A8637000",
    ],
  },
] as const;

const STORE = unhex("80E2910006BF3E035C015A00");
const STORED = "BF3E125A1089882119900000000000000000000005";
const CASES = ["80F22002", "80CA006600", "80F220020A4F0212345C054F9F70C5", "80F28002024F0000"].map(unhex);

describe.each(RECORDED)("a recorded session, keys of $keys bytes, level $level", (recorded) => {
  const answer = unhex(recorded.answer);
  const handshake = scp03Handshake(
    keySet(recorded.keys),
    unhex(recorded.update).subarray(5, 13),
    answer.subarray(13, 21),
    8,
  );

  test("the card's cryptogram and the host's", () => {
    expect(hex(handshake.cardCryptogram)).toBe(hex(answer.subarray(21, 29)));
    expect(hex(encodeCommand(scp03Authenticate(handshake, recorded.level).command))).toBe(recorded.authenticate);
  });

  test("commands and answers, seen from the host", () => {
    let { session } = scp03Authenticate(handshake, recorded.level);
    const send = (plain: Uint8Array): string => {
      const step = scp03.wrap(session, decodeCommand(plain));
      ({ session } = step);
      return hex(encodeCommand(step.command));
    };
    expect(send(STORE)).toBe(recorded.store);
    expect(hex(scp03.unwrapResponse(session, { data: unhex(recorded.stored), sw: 0x9000 }).data)).toBe(STORED);
    expect(CASES.map(send)).toEqual(recorded.cases);
  });

  test("the same, seen from the card", () => {
    let session: Scp03Session = scp03Accept(handshake, decodeCommand(unhex(recorded.authenticate)))!;
    const take = (secured: string): string => {
      const step = scp03.unwrap(session, decodeCommand(unhex(secured)))!;
      ({ session } = step);
      return hex(encodeCommand(step.command));
    };
    expect(take(recorded.store)).toBe(hex(STORE));
    expect(hex(scp03.wrapResponse(session, { data: unhex(STORED), sw: 0x9000 }).data)).toBe(recorded.stored);
    expect(recorded.cases.map(take)).toEqual(CASES.map(hex));
  });

  test("any changed bit of a secured command is refused", () => {
    const session = scp03Accept(handshake, decodeCommand(unhex(recorded.authenticate)))!;
    const secured = unhex(recorded.store);
    const accepted: number[] = [];
    for (let bit = 0; bit < (secured.length - 1) * 8; bit++) {
      if (bit >> 3 === 4) continue; // Lc: no longer an APDU
      const changed = Uint8Array.from(secured);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      if (scp03.unwrap(session, decodeCommand(changed))) accepted.push(bit);
    }
    // The two lowest bits of the class byte are the logical channel, which is no part of what is signed.
    expect(accepted).toEqual([0, 1]);
  });
});

describe("SCP03", () => {
  test.each([
    [0x00, { size: 8, pseudoRandom: false, responseMac: false, responseEncryption: false }],
    [0x10, { size: 8, pseudoRandom: true, responseMac: false, responseEncryption: false }],
    [0x60, { size: 8, pseudoRandom: false, responseMac: true, responseEncryption: true }],
    [0x71, { size: 16, pseudoRandom: true, responseMac: true, responseEncryption: true }],
  ])("i = %i", (i, options) => {
    expect(scp03Options(i)).toEqual(options);
  });

  test.each([0x40, 0x02, 0x80, 0x50])("i = %i is refused", (i) => {
    expect(() => scp03Options(i)).toThrow(expect.objectContaining({ code: "gp/bad-parameter" }));
  });

  test.each([
    [0x33, 0x70, true],
    [0x33, 0x30, false],
    [0x13, 0x30, true],
    [0x13, 0x10, false],
    [0x03, 0x00, true],
    [0x02, 0x70, false],
    [0x32, 0x70, false],
  ])("level %i with i = %i is offered: %s", (level, i, offered) => {
    const check = (): void => checkScp03Level(level, scp03Options(i));
    if (offered) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ code: "gp/bad-level" }));
  });
});
