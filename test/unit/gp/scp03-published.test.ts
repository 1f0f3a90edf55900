import { describe, expect, test } from "vitest";
import { aesKey } from "../../../src/crypto/aes.js";
import {
  scp03,
  scp03Accept,
  scp03Authenticate,
  scp03CardChallenge,
  scp03Handshake,
  type Scp03Keys,
} from "../../../src/protocols/gp/scp03.js";
import { decodeCommand, decodeResponse, encodeCommand, encodeResponse } from "../../../src/protocols/iso7816/apdu.js";
import { hex, unhex } from "../../../src/util/bytes.js";

/*
 * Sessions that others published: of real cards, and of implementations that are not ours. Each with its host challenge, the card's challenge and
 * cryptogram, EXTERNAL AUTHENTICATE, then commands plain and secured, and answers secured and plain where they were published.
 */

type Step = readonly [plainCommand: string, securedCommand: string, securedAnswer?: string, plainAnswer?: string];

interface Published {
  readonly name: string;
  readonly enc: string;
  readonly mac: string;
  readonly host: string;
  /** Card challenge and card cryptogram, as in the answer to INITIALIZE UPDATE. */
  readonly card: string;
  readonly authenticate: string;
  readonly steps: readonly Step[];
}

const KNOWN = "404142434445464748494A4B4C4D4E4F";

/** GET STATUS of one domain and of one package, on one and the same card. */
const DOMAIN = "E3264F08A0000001510000009F700101C5039EFE80C407A0000001515350CC08A000000151000000";
const PACKAGE = "E3254F07A00000015153509F700101CE02FFFF8408A000000151535041CC08A000000151000000";

/** Two real cards: miketlk/omfgp, tests/omfgp/scp_test.py (2020). Key 40..4F, i = 00 and 70. */
const OMFGP: readonly Published[] = [
  {
    name: "a card of i = 00, level 01",
    host: "68E9C8799FF8CB46",
    card: "F8D89D88BA1287BF9B5C9D42D5059430",
    authenticate: "8482010010F3C7624565B5894F16EF5681573C34A2",
    steps: [
      ["80F28002024F00", "84F280020A4F004C4C51B5DFA7A181"],
      ["80F24002024F00", "84F240020A4F002108D3E0BA43B673", "6A88", "6A88"],
    ] as const,
  },
  {
    name: "a card of i = 00, level 03",
    host: "CC8A0407F63066E8",
    card: "EF23AAB4C343EDDE5B283674A8983749",
    authenticate: "8482030010112355D07180C24547A5EB3BD470F7C5",
    steps: [
      ["80F28002024F00", "84F28002184EE4C1127567676E7E08833B785051FD96FDFE1EC5BD293F"],
      ["80F24002024F00", "84F2400218E33CB507A6FFF09CE7A44EEB7498295D99F96B9F2470A782", "6A88", "6A88"],
    ] as const,
  },
  {
    name: "a card of i = 70, level 11",
    host: "CB6DA009E0404A67",
    card: "21428DA9468C2D5A8D05CE9657FBD5ED",
    authenticate: "8482110010CC606C998B98BF8AF0746E4F50D3F65E",
    steps: [
      ["80F28002024F00", "84F280020A4F002987243A9C15F44A", `${DOMAIN}7D5F8BBC66683F429000`, `${DOMAIN}9000`],
      ["80F24002024F00", "84F240020A4F00EB20CB18E1CE889F", "6A88", "6A88"],
      ["80F21002024F00", "84F210020A4F00B334705EAFAB9FB1", `${PACKAGE}4457D7641E95465F9000`, `${PACKAGE}9000`],
    ] as const,
  },
  {
    name: "a card of i = 70, level 13",
    host: "F70E1C5D67085E4B",
    card: "7B9EAD94A8B88028F47137A2FB093F5E",
    authenticate: "84821300102E2057B873FCD25D175D4D63C5CD4CEB",
    steps: [
      [
        "80F28002024F00",
        "84F2800218E9170B7D79EA80AF507247375BB3F8EDE6F54FDD858BAE89",
        `${DOMAIN}707D9895B36C6F6B9000`,
        `${DOMAIN}9000`,
      ],
      ["80F24002024F00", "84F240021804B77FFA640854E3BA8611F944C9B99F938E8E1A5FF70E98", "6A88", "6A88"],
      [
        "80F21002024F00",
        "84F2100218291B45B303C43B6222834BC0011A83A91BDD0CFD8BACD09B",
        `${PACKAGE}39B68A29F735CFCC9000`,
        `${PACKAGE}9000`,
      ],
    ] as const,
  },
  {
    name: "a card of i = 70, level 33",
    host: "0C980267C298D194",
    card: "730BE014C03B4558A2155798D5B2C602",
    authenticate: "84823300109716680D938E0CE764738F77E5E39408",
    steps: [
      [
        "80F28002024F00",
        "84F2800218AFB12C966FF538690FA04199550D8E93AF7F2569E92DEC66",
        "0C7A219212D7B6E7B1F602BA291660368CA6E7C959E343FDBCDA20285A5A2A52143C8AA1ED5580A5DDB8A1D54730F461424520A6C56622FD9000",
        `${DOMAIN}9000`,
      ],
      ["80F24002024F00", "84F240021851EF5596042E756C67E7A031A33F88C25E0F05398B4ADFBA", "6A88", "6A88"],
      [
        "80F21002024F00",
        "84F2100218CEB683FB79244285024670A969C17182CE2534871478DDA2",
        "123AB3A33146D67BC317E3873631F83DFC1C680D88E8147DD9CB2899433878847B911D7678CA6879E2FD674F02A778D56B563952AFA826119000",
        `${PACKAGE}9000`,
      ],
    ] as const,
  },
].map((each) => ({ ...each, enc: KNOWN, mac: KNOWN }));

/** Samsung/OpenSCP-Java, src/test/java/com/samsung/openscp/testdata (2025): level 33, each key length in both modes; three GET STATUS. */
const SAMSUNG_ENC = "1D72CD9283FD55162722C6BEAA4DC1877F4C0CD0ECC15E052AAC39A99AF9AD72";
const SAMSUNG_MAC = "F4932BA02FFC3098D172790099D2838236F2E61068D56F4401CC0374C25AF8CB";
const S8 = "06F85B77251BF794";
const S16 = S8 + S8;
const PACKAGES =
  "08A00000015141434C010010A0000002202003010101000000000006010010A0000002202003010101000000000011010005A00000024801009000";
const SAMSUNG: readonly Published[] = [
  {
    bytes: 16,
    host: S8,
    card: "9CE033FA78E6B10DDC2DBE8974C8B0DE",
    authenticate: "8482330010B08D6CE26B6CB3CCB411CF0296EB7B1D",
    packages: [
      "84F22000185230BA64388B4A40E0B4DA5CC1DF51C285E4020D99D5AED1",
      "BD3292BFB1A23C4478E37292BA1EDF438770CE472FB7611FBDBD1C981A27FA4780A81A95D93C05F9C4C94839DED0363CFEA57CE2ECFB572B26F3474DAEEBBABC202942381F9755F59000",
    ],
    applets: "84F24000181819D47B42BBE6B9449BBC2BD43A090DAC1F2F0A52D9F34B",
    domain: "84F280001809F07C3DF47956B1052951FA28211BA7BABC05C321D9B3BF",
  },
  {
    bytes: 24,
    host: S8,
    card: "9CE033FA78E6B10D6E7C64F962A822A4",
    authenticate: "848233001063B6CEFAC0EC098333860788C65220BA",
    packages: [
      "84F2200018D9EDCBCB7F69CB1EF0508E6EDE933A6D80091E7D99CB3E51",
      "99077B167D43A4F313B59B63CC23EFD3B5158BDEF8F24D85E250570A4AAB81869A92307350267F0FBC2278FA3D34D2FD5D2B4E8C0362C01D082C76A17B80AEA4BA5FB9D7DA3BB3689000",
    ],
    applets: "84F2400018CDC4B0480CF151C1132655133115A8CA1A89964F2554551C",
    domain: "84F280001896800333FA638A32DBCCBF4C7E52FBD5DA469A954E1D58F6",
  },
  {
    bytes: 32,
    host: S8,
    card: "9CE033FA78E6B10D8AFA7267CB63740E",
    authenticate: "848233001050E003735F92228269A094FFC07429FD",
    packages: [
      "84F2200018BD57D1382AE8F66F7EB5F5991B92D1399044157C7DFD2761",
      "47D81041004B7E9208E3BEF1372E7CDE8CD995AEF207F138C80D45156F2D36F2B15BDC9C4D6FDB9774344495CCC83AE7BA0B39C734BF9CEBD07204AA5A67DF2D7E663D55FC4944C09000",
    ],
    applets: "84F240001845D2B475C3EFF8BBB254D0B6A8E6CA97CF5265D907A76070",
    domain: "84F28000187083CA3ADA0F76CF7B3FFAC60ABE13599D521EE7B9224C49",
  },
  {
    bytes: 16,
    host: S16,
    card: "0617A2C34D50B562F7DECFC3DBF58A649EF733B7486D813C92E4CA61E5102F91",
    authenticate: "84823300201C6A43582F842A90D81CA4E970754664D8C0C6C340E007C5C6EBCDF4F7C065BE",
    packages: [
      "84F2200020EB30913C363A6C1309D13ADC765D9DF1C44F207C2941B898A290F627B05AE990",
      "05717C3DED78C6BB7AEE55A68E66E0D7C90473C380A60755DD7B63ECF55FD0B4067612B43A0A05CDA95E9122C91D8527A21681805C1A25AAA38994E15A6379DF66EE234701C673C32DAF5C54B11085C49000",
    ],
    applets: "84F2400020F1EC5CF268D357692CD0FAF186A1E6C79F68B473C4672C0A08F0437B16314698",
    domain: "84F2800020A9DDD67660ECC75765C431CD69AD53A79202F01E13B24C15F4CFF4C9B335EEE5",
  },
  {
    bytes: 24,
    host: S16,
    card: "0617A2C34D50B562F7DECFC3DBF58A64A378671D41E7F6E3F5254CA9D4C481A4",
    authenticate: "848233002099033B5BB5246C859B9748E497EDAE8D9EBB7BD196CE4E3EBFC92343D69478AB",
    packages: [
      "84F220002032319E399171DAF20FD8E8ECD1CE462569B7D5645AAD98E537593EF48816DB4B",
      "B6AB2FDB15B2D1A895B8329736C5AF47D4B6B6AECBB73E327A91D300D4BF0F36AD710F7FF5505481F690EFE3561E1C5335EF510B018D56D21D5F1CA9557AC9E225D04413BAA39828273DBC4B00B0BF309000",
    ],
    applets: "84F2400020161D4B6C1E2D790D66EA1E890ADC3F45D59E2416D6DC553E8738C2ADA182E583",
    domain: "84F28000208BCC8139988A0F51441F6F8FF3C20A526CD783E30BEC1D8CC9D7E3D43AE779A5",
  },
  {
    bytes: 32,
    host: S16,
    card: "0617A2C34D50B562F7DECFC3DBF58A6499D2966CF09C9201FDE8343E93FB18B4",
    authenticate: "848233002071D1A091C5D24AF177B00E69B1A32B4E30A5168CF8C86B19730DF915EF82D8A7",
    packages: [
      "84F2200020DD3036DC4C636717702732ABBA185633873A933310002B25E386CF10A4E6B130",
      "A5E7309DCA3EFFA13D1AA03FE0D3E2BA8D04DF15A6A26989150F512ED453F5DFFB2A7E4EE4E2FFACEFC0945435BCAF3A914A9F7BD66B4F82635B7757AE82B54262489B3B58224F99E846E2A8061B17329000",
    ],
    applets: "84F2400020EC2F4F2DDA358BF87C9A946D129D7C12F132C6A63CDAD60E80526C9A6487580C",
    domain: "84F28000207C873E7BDCE82D67EC28783A3C3222C01E70D8C7A498CA3C7E348944F44A18B3",
  },
].map(({ bytes, host, card, authenticate, packages, applets, domain }) => ({
  name: `Samsung OpenSCP, AES-${bytes * 8}, S${host.length / 2}, level 33`,
  enc: SAMSUNG_ENC.slice(0, bytes * 2),
  mac: SAMSUNG_MAC.slice(0, bytes * 2),
  host,
  card,
  authenticate,
  steps: [
    ["80F22000024F00", packages[0]!, packages[1]!, PACKAGES],
    ["80F24000024F00", applets],
    ["80F28000024F00", domain],
  ],
}));

/** ievkh/scll-rust, the reference vectors of its cryptographic backend (scp03_ref.py): S16 at the levels that Samsung's lack, S8 at 13. */
const SCLL: readonly Published[] = [
  [
    "S16, level 13",
    "8482130020313082B4105AE33D7C2D323A1E5CD6FF343B84121805124B821D0FC05CCBFACD",
    "84E60000207741688C2836B029A8ED938260CC067FCAD223BB9F79FB7E5062345977E964CE",
    "00A40400AF04B29A8600F9A6589499AAAC528AB89000",
  ],
  [
    "S16, level 03",
    "8482030020313082B4105AE33D7C2D323A1E5CD6FF5D033E49191B0298AA603187AD0C3582",
    "84E60000207741688C2836B029A8ED938260CC067F1214BB4B5AF022C24988E42CDA8F49DD",
    "00A404009000",
  ],
  [
    "S8, level 13",
    "8482130010FAFA93C2EDE6246389A42CEC80E1226C",
    "84E6000018199DD7FF46730B64AC254C903EC573501F8C45277CC91F5F",
    "00A40400E2D87FA5BE9616EE9000",
  ],
].map(([name = "", authenticate = "", secured = "", answer = ""]) => ({
  name: `scll, ${name}`,
  enc: KNOWN,
  mac: KNOWN,
  host: name.startsWith("S16") ? "000102030405060708090A0B0C0D0E0F" : "0001020304050607",
  card: name.startsWith("S16")
    ? "101112131415161718191A1B1C1D1E1F1F3975EB7C6D743F38BB5842328732A1"
    : "08090A0B0C0D0E0F114F6BC5052C5228",
  authenticate,
  steps: [["80E60000050102030405", secured, answer, "00A404009000"]],
}));

describe.each([...OMFGP, ...SAMSUNG, ...SCLL])("$name", ({ enc, mac, host, card, authenticate, steps }) => {
  const keys: Scp03Keys = { enc: aesKey(unhex(enc)), mac: aesKey(unhex(mac)), dek: aesKey(unhex(KNOWN)) };
  const size = host.length === 32 ? 16 : 8;
  const said = unhex(card);
  const handshake = scp03Handshake(keys, unhex(host), said.subarray(0, size), size);
  const level = unhex(authenticate)[2]!;

  test("the card's cryptogram and the host's", () => {
    expect(hex(handshake.cardCryptogram)).toBe(hex(said.subarray(size)));
    expect(hex(encodeCommand(scp03Authenticate(handshake, level).command))).toBe(authenticate);
  });

  test("seen from the host", () => {
    let { session } = scp03Authenticate(handshake, level);
    for (const [plain, secured, answer, clear] of steps) {
      const step = scp03.wrap(session, decodeCommand(unhex(plain)));
      ({ session } = step);
      expect(hex(encodeCommand(step.command))).toBe(secured);
      if (answer !== undefined)
        expect(hex(encodeResponse(scp03.unwrapResponse(session, decodeResponse(unhex(answer)))))).toBe(clear);
    }
  });

  test("seen from the card", () => {
    let session = scp03Accept(handshake, decodeCommand(unhex(authenticate)))!;
    for (const [plain, secured, answer, clear] of steps) {
      const step = scp03.unwrap(session, decodeCommand(unhex(secured)))!;
      ({ session } = step);
      expect(hex(encodeCommand(step.command))).toBe(plain);
      if (clear !== undefined)
        expect(hex(encodeResponse(scp03.wrapResponse(session, decodeResponse(unhex(clear)))))).toBe(answer);
    }
  });
});

/*
 * Card challenges that follow from sequence counter and AID. Of real cards: omfgp, as above (its domain is A000000151000000); GlobalPlatformPro, issue
 * 98 (2017). Of other implementations: suma12/asterix, SCP03.py ("from SCP03 crypto calculation by J.M. Valade"); ievkh/scll-rust.
 */
test.each([
  ["00001D", "A000000151000000", "21428DA9468C2D5A"],
  ["000021", "A000000151000000", "7B9EAD94A8B88028"],
  ["000023", "A000000151000000", "730BE014C03B4558"],
  ["000001", "A000000151000000", "86C8BD65FA1044EE"],
  ["00002A", "A000000018434D08090A0B0C000000", "A3F5F144D19BE66E"],
  ["000001", "A000000151000000", "6924434C956736C8EE6122E8A3FC612F"],
])("sequence counter %s of %s: challenge %s", (sequence, aid, challenge) => {
  const size = challenge.length === 32 ? 16 : 8;
  expect(hex(scp03CardChallenge(aesKey(unhex(KNOWN)), unhex(sequence), unhex(aid), size))).toBe(challenge);
});
