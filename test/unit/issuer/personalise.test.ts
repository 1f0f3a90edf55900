import { beforeAll, describe, expect, test } from "vitest";
import { leaves, parseTlv, valueOf } from "../../../src/codec/tlv.js";
import { verifyChain } from "../../../src/emv/oda.js";
import { issuerError } from "../../../src/issuer/errors.js";
import { createIssuer, type Issuer, type IssuedCard } from "../../../src/issuer/issuer.js";
import { requireTestKeys, type IssuerKeys } from "../../../src/issuer/keys.js";
import {
  applicationGroupings,
  directoryGrouping,
  storeDataScript,
  track2,
  type PersonalisationInput,
} from "../../../src/issuer/personalise.js";
import { caKeyLookup } from "../../../src/profiles/ca-keys.js";
import { loadKeySet } from "../../../src/profiles/key-sets.js";
import { loadProfile } from "../../../src/profiles/load.js";
import type { CardProfile } from "../../../src/profiles/types.js";
import { encodeCommand } from "../../../src/protocols/iso7816/apdu.js";
import { concat, hex, unhex } from "../../../src/util/bytes.js";
import { seededRandom } from "../../../src/util/random.js";

const AT = new Date("2026-03-15T10:00:00Z");
const code = (name: string): unknown => expect.objectContaining({ code: `issuer/${name}` });

let keys: IssuerKeys;
let credit: CardProfile;
let online: CardProfile;
beforeAll(async () => {
  keys = await loadKeySet("test:default");
  credit = await loadProfile("card", "k2-credit");
  online = await loadProfile("card", "k2-online");
});

const newIssuer = (seed = "personalise test"): Issuer =>
  createIssuer({ random: seededRandom(seed), keys, ca: { bits: 1024 } });
const small = (profile: CardProfile): CardProfile => ({
  ...profile,
  oda: { ...profile.oda, issuerBits: 768, cardBits: 768 },
});

/** Groupings of one application, out of the commands: what an applet does. */
function received(commands: readonly Uint8Array[]): Map<string, string> {
  const bytes = concat(...commands.map((command) => command.subarray(5)));
  const found = new Map<string, string>();
  for (let at = 0; at < bytes.length;) {
    const dgi = hex(bytes.subarray(at, at + 2));
    const long = bytes[at + 2] === 0xff;
    const length = long ? bytes[at + 3]! * 256 + bytes[at + 4]! : bytes[at + 2]!;
    const from = at + (long ? 5 : 3);
    found.set(dgi, hex(bytes.subarray(from, from + length)));
    at = from + length;
  }
  return found;
}

describe("cutting groupings into commands", () => {
  const group = (dgi: number, value: Uint8Array) => ({ dgi, value, says: "", secret: false });
  const sent = (...args: Parameters<typeof storeDataScript>): string[] =>
    storeDataScript(...args).map((step) => hex(encodeCommand(step.command)));

  test("SELECT, then one block that is the last", () => {
    expect(
      sent(unhex("A0000000041010"), [group(0x9102, unhex("500441424344")), group(0xa002, unhex("9F170103"))]),
    ).toEqual(["00A4040007A000000004101000", "80E288001091020650044142434" + "4A002049F170103"]);
  });

  test("254 bytes have a short length, 255 a long one", () => {
    const [, short] = storeDataScript(unhex("A000000004"), [group(0x0101, new Uint8Array(254))], { blockSize: 1000 });
    expect(hex(short!.command.data!.subarray(0, 4))).toBe("0101FE00");
    const [, long] = storeDataScript(unhex("A000000004"), [group(0x0101, new Uint8Array(255))], { blockSize: 1000 });
    expect(hex(long!.command.data!.subarray(0, 6))).toBe("0101FF00FF00");
    expect(long!.command.data).toHaveLength(260);
  });

  test("a grouping that does not fit is continued; whole ones are not torn; blocks are counted, the last one marked", () => {
    const steps = sent(
      unhex("A000000004"),
      [group(0x0101, unhex("AABB")), group(0x0102, unhex("00112233445566778899")), group(0x0103, unhex("CC"))],
      { blockSize: 8 },
    );
    expect(steps.slice(1)).toEqual([
      "80E20800050101" + "02AABB",
      "80E20801080102" + "0A0011223344",
      "80E2080205" + "5566778899",
      "80E28803040103" + "01CC",
    ]);
  });

  test("short blocks hold 255 bytes at most", () => {
    const steps = storeDataScript(unhex("A000000004"), [group(0x0101, new Uint8Array(600))]);
    expect(steps.slice(1).map((step) => step.command.data!.length)).toEqual([255, 255, 95]);
  });

  test("257 blocks are too many; a block size that is none", () => {
    const many = Array.from({ length: 257 }, () => group(0x0101, new Uint8Array(5)));
    expect(() => storeDataScript(unhex("A000000004"), many, { blockSize: 8 })).toThrow(code("too-many-blocks"));
    for (const blockSize of [0, 7, 1.5, 70_000])
      expect(() => storeDataScript(unhex("A000000004"), [], { blockSize })).toThrow(code("bad-request"));
  });
});

describe("contents, typed in", () => {
  // Card keys: option A with OpenSSL's des-ede-ecb, odd parity; check values likewise.
  const input = (): PersonalisationInput => ({
    token: { dpan: "5413339000001513", sequence: "00", expiry: "2902", par: "TB01ABCDEFGHIJKLMNOPQRSTUVWXY" },
    profile: online,
    keys: {
      ac: unhex("ABABF44A92CE15234986EF1054375D98"),
      smi: unhex("34C7D967E97345AE1ADAD0101F7F4AB5"),
      smc: unhex("433D46CBBC7C37267C158C46DA5DA1FE"),
    },
    discretionary: "1234567890123",
    at: AT,
  });
  const groupings = (): Map<string, string> =>
    new Map(
      applicationGroupings(input()).map(({ dgi, value }) => [
        dgi.toString(16).toUpperCase().padStart(4, "0"),
        hex(value),
      ]),
    );

  test("without offline data authentication: one record, not signed", () => {
    expect([...groupings().keys()]).toEqual(["0201", "9102", "9104", "8000", "9000", "A001", "A002"]);
    expect(groupings().get("0201")).toBe(
      "7081C7" +
        "57135413339000001513D29022011234567890123F" +
        "5A085413339000001513" +
        "5F2403290228" +
        "5F2503260301" +
        "5F28020276" +
        "5F30020201" +
        "5F340100" +
        "8C279F02069F03069F1A0295055F2A029A039C019F37049F35019F45029F4C089F34039F21039F7C14" +
        "8D0C910A8A0295059F37049F4C08" +
        "8E0E000000000000000042031E031F03" +
        "9F0702FF00" +
        "9F08020002" +
        "9F0D05F450848000" +
        "9F0E050000000000" +
        "9F0F05F450848000" +
        "9F241D" +
        "544230314142434445464748494A4B4C4D4E4F505152535455565758" +
        "59" +
        "9F42020978",
    );
  });

  test("answers, keys and control", () => {
    const all = groupings();
    expect(all.get("9102")).toBe("500F54415042454E4348204F4E4C494E45" + "870101" + "5F2D04656E6465");
    expect(all.get("9104")).toBe("82021A80" + "940410010100");
    expect(all.get("8000")).toBe(
      "ABABF44A92CE15234986EF1054375D98" + "34C7D967E97345AE1ADAD0101F7F4AB5" + "433D46CBBC7C37267C158C46DA5DA1FE",
    );
    expect(all.get("9000")).toBe("81321D" + "677E13" + "106F01");
    expect(all.get("A001")).toBe("C10101" + "C20111" + "C303000000" + "C40300CD00" + "C50100" + "C60100");
    expect(all.get("A002")).toMatch(/^9F241D54423031/);
  });

  test("keys are marked as secrets, nothing else is", () => {
    expect(
      applicationGroupings(input())
        .filter((one) => one.secret)
        .map((one) => one.dgi),
    ).toEqual([0x8000]);
  });

  test("a PDOL stands in the answer to SELECT", () => {
    const [, select] = applicationGroupings({ ...input(), profile: { ...online, pdol: unhex("9F1A02") } });
    expect(hex(select!.value)).toContain("8701019F38039F1A025F2D");
  });

  test("February of a leap year has 29 days", () => {
    const [record] = applicationGroupings({ ...input(), token: { ...input().token, expiry: "2802" } });
    expect(hex(valueOf(parseTlv(record!.value), 0x70, 0x5f24))).toBe("280229");
  });

  test("lists that leave no room in the record are refused", () => {
    expect(() => applicationGroupings({ ...input(), profile: { ...online, cdol1: new Uint8Array(120) } })).toThrow(
      code("record-too-long"),
    );
  });

  test("the directory", () => {
    const one = directoryGrouping([{ aid: unhex("A0000000041010"), label: "ONE", priority: 1, kernel: "c2" }]);
    expect([one.dgi.toString(16), hex(one.value)]).toEqual([
      "9102",
      "BF0C17" + "6115" + "4F07A0000000041010" + "50034F4E45" + "870101" + "9F2A0102",
    ]);
    const two = directoryGrouping([
      { aid: unhex("A0000000041010"), label: "A", priority: 2, kernel: "c2" },
      { aid: unhex("A0000000043060"), label: "B", priority: 1, kernel: "c2" },
    ]);
    expect(parseTlv(two.value)[0]!.children).toHaveLength(2);
  });

  test("track 2 of a PAN of 19 digits is cut to 37", () => {
    expect(hex(track2("5413339000001513001", "2902", "201", "1234567890123"))).toBe(
      "5413339000001513001D29022011234567890F",
    );
  });
});

describe("an issuer's script", () => {
  test("two applications, the payment applet first, then the directory; a CDA card has certificates and a private key", () => {
    const issuer = newIssuer();
    const script = issuer.personalise(issuer.issue(small(credit), AT));
    const commands = script.commands.map(encodeCommand);
    const selects = commands.flatMap((command, i) =>
      command[1] === 0xa4 ? [[i, hex(command.subarray(5, -1))] as const] : [],
    );
    expect(selects.map(([, aid]) => aid)).toEqual(["A0000000041010", "325041592E5359532E4444463031"]);
    const applet = received(commands.slice(1, selects[1]![0]));
    expect([...applet.keys()]).toEqual([
      "0201",
      "0301",
      "0302",
      "0401",
      "0402",
      "9102",
      "9104",
      "8000",
      "9000",
      "8201",
      "8202",
      "8203",
      "8204",
      "8205",
      "A001",
      "A002",
    ]);
    expect(applet.get("9104")).toBe("82021B80940C100101011801020020010200");
    expect(applet.get("0201")).toMatch(/9F4A0182$/);
    expect(commands.filter((command) => command.length > 260)).toEqual([]);
    for (const [i, command] of commands.entries())
      if (hex(command).startsWith("80E2")) expect(command[2]! & 0x80).toBe(commands[i + 1]?.[1] === 0xe2 ? 0 : 0x80);
    // Two primes of the card's modulus, and parts that belong to them.
    const [p, q] = ["8205", "8204"].map((dgi) => BigInt(`0x${applet.get(dgi)}`)) as [bigint, bigint];
    const [dp, dq, qInv] = ["8203", "8202", "8201"].map((dgi) => BigInt(`0x${applet.get(dgi)}`)) as [
      bigint,
      bigint,
      bigint,
    ];
    expect((p * q).toString(2)).toHaveLength(768);
    expect([(3n * dp) % (p - 1n), (3n * dq) % (q - 1n), (qInv * q) % p]).toEqual([1n, 1n, 1n]);
  });

  test("a terminal that trusts the CA finds issuer and card certificate good, and a changed record bad", () => {
    const issuer = newIssuer();
    const card = issuer.issue(small(credit), AT);
    const applet = received(issuer.personalise(card).commands.map(encodeCommand).slice(1, -2));
    const record = (dgi: string): Uint8Array => unhex(applet.get(dgi)!);
    const objects = new Map(
      [
        ...leaves(["0201", "0301", "0302", "0401", "0402"].flatMap((dgi) => parseTlv(record(dgi)))),
        ...parseTlv(record("9104")),
      ].map((one) => [one.tag, one.value]),
    );
    const judge = (main: Uint8Array) =>
      verifyChain({
        rid: unhex("A000000004"),
        valueOf: (tag) => objects.get(tag),
        records: [{ sfi: 2, data: main }],
        date: unhex("260315"),
        caKeys: caKeyLookup(issuer.caPublicKeys()),
      });
    const main = record("0201");
    expect(judge(main)).toMatchObject({
      issuer: { status: "ok" },
      staticData: { status: "ok" },
      card: { status: "ok" },
    });
    const changed = Uint8Array.from(main);
    changed[changed.length - 8]! ^= 1;
    expect(judge(changed).card.status).toBe("failed");
  });

  test("the same card, the same bytes; another card, others", () => {
    const bytes = (issuer: Issuer, card: IssuedCard): string =>
      issuer
        .personalise(card)
        .commands.map((command) => hex(encodeCommand(command)))
        .join();
    const [a, b] = [newIssuer(), newIssuer()];
    const [first, again] = [a.issue(small(credit), AT), b.issue(small(credit), AT)];
    expect(bytes(a, first)).toBe(bytes(b, again));
    expect(bytes(a, first)).toBe(bytes(a, first));
    expect(bytes(a, a.issue(small(credit), AT))).not.toBe(bytes(a, first));
    expect(newIssuer("other").issue(credit, AT).token.dpan).not.toBe(first.token.dpan);
  });

  test("other cards on the device are listed, too", () => {
    const issuer = newIssuer();
    const [one, two] = [
      issuer.issue(online, AT),
      issuer.issue({ ...online, aid: unhex("A0000000043060"), label: "OTHER" }, AT),
    ];
    const last = issuer.personalise(one, { others: [two] }).commands.at(-1)!;
    expect(hex(last.data!)).toContain("4F07A0000000043060");
  });

  test("extended blocks where they are asked for", () => {
    const issuer = newIssuer();
    const { steps } = issuer.personalise(issuer.issue(small(credit), AT), { blockSize: 4000 });
    expect(steps.map((step) => step.command.ins)).toEqual([0xa4, 0xe2, 0xa4, 0xe2]);
    expect(steps[1]!.secret).toBe(true);
  });

  test("an issuer key that is longer than the CA's", () => {
    const issuer = newIssuer();
    expect(() => issuer.personalise(issuer.issue(credit, AT))).toThrow(code("bad-certificate-lengths"));
  });

  test("the CA's key: one for each RID, of the length that was asked for, of an index that nobody published", () => {
    const issuer = newIssuer();
    issuer.issue(online, AT);
    const [key, ...more] = issuer.caPublicKeys();
    expect(more).toEqual([]);
    expect([hex(key!.rid), key!.index, key!.modulus.length]).toEqual(["A000000004", 0xe0, 128]);
    expect(issuer.caPublicKeys([unhex("A000000003")])[0]!.modulus).not.toEqual(key!.modulus);
  });

  test("a second token of an account spends the same money", () => {
    const issuer = newIssuer();
    const card = issuer.issue(online, AT, { active: false });
    const again = issuer.issueAgain(card, AT);
    expect([card.token.state, again.token.state]).toEqual(["INACTIVE", "ACTIVE"]);
    expect(again.token.par).toBe(card.token.par);
    expect(issuer.ledger.accounts()).toHaveLength(1);
    expect(issuer.activate(card.token.id).state).toBe("ACTIVE");
    issuer.suspend(again.token.id, "holder");
    expect(issuer.resume(again.token.id, "holder").state).toBe("ACTIVE");
    expect(issuer.delete(again.token.id).state).toBe("DELETED");
  });

  test("keys of another set, of another length, with a wrong check value", () => {
    expect(() => createIssuer({ random: seededRandom("x"), keys: { ...keys, label: "live:one" } })).toThrow(
      code("not-a-test-key"),
    );
    expect(() => requireTestKeys({ ...keys, smc: new Uint8Array(8) })).toThrow(code("bad-key"));
    expect(() =>
      requireTestKeys({
        ...keys,
        checkValues: { ac: new Uint8Array(3), smi: new Uint8Array(3), smc: new Uint8Array(3) },
      }),
    ).toThrow(code("bad-key"));
    expect(keys.checkValues).toBeDefined();
  });

  test("a profile with a real BIN cannot be issued", () => {
    expect(() => newIssuer().issue({ ...online, bin: "400000" }, AT)).toThrow(code("not-a-test-bin"));
    expect(issuerError.codes).toContain("issuer/not-a-test-bin");
  });
});
