import { describe, expect, test } from "vitest";
import {
  deleteObject,
  getData,
  getStatus,
  install,
  load,
  openSession,
  personalize,
  putKeys,
  selectDomain,
  setStatus,
  storeData,
  type KeySet,
} from "../../../src/protocols/gp/poller.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { CARD_AID, encodeGroupings, groupings, PPSE_NAME, SELECT_CARD, send } from "../../support/emulated-card.js";
import {
  ask,
  cplc,
  gpCard,
  ISSUER_DOMAIN,
  open,
  PAYMENT_DOMAIN,
  TEST_DES_KEYS,
  TEST_KEYS,
} from "../../support/gp-card.js";

const code = (name: string): unknown => expect.objectContaining({ code: `gp/${name}` });
const refused = (sw: string): unknown =>
  expect.objectContaining({ code: "gp/refused", message: expect.stringContaining(sw) as unknown });
const PACKAGE = hex(unhex("F0")) + Buffer.from("TAPBPPSE").toString("hex").toUpperCase();
const MODULE = PACKAGE + Buffer.from(".A").toString("hex").toUpperCase();

describe("a new card", () => {
  test("shows the issuer's domain by default and by a name of no bytes", () => {
    const element = gpCard();
    expect(send(element, "00A4040000")).toBe("6F108408A000000151000000A5049F6501FF9000");
    expect(send(element, "00A4040008A00000015100000000")).toBe("6F108408A000000151000000A5049F6501FF9000");
    expect(send(gpCard(), "80CA9F7F00")).toBe(`9F7F2A${hex(cplc)}9000`);
  });

  test("tells its protocol, its keys and its counter to anybody, and nothing else", () => {
    const element = gpCard();
    // Card recognition data: GlobalPlatform, 2.3.1, identification, SCP03 with i = 70.
    expect(send(element, "80CA006600")).toBe(
      "6631732F06072A864886FC6B01600C060A2A864886FC6B02020301630906072A864886FC6B03640B06092A864886FC6B0403709000",
    );
    expect(send(element, "80CA00E000")).toBe("E012C00401308810C00402308810C004033088109000");
    expect(send(element, "80CA00C100")).toBe("C1030000009000");
    expect(send(element, "80CA004200")).toBe("6A88");
    expect(send(element, "80F28002024F0000")).toBe("6982");
    expect(send(element, "80E400000A4F08A00000015100000000")).toBe("6982");
  });

  test("lists what is on it", () => {
    const element = gpCard();
    const { channel } = open(element);
    const told = (scope: Parameters<typeof getStatus>[1]): string[] =>
      ask(element, getStatus(channel, scope)).map(({ aid, lifeCycle }) => `${hex(aid)} ${lifeCycle.toString(16)}`);
    expect(told("issuerDomain")).toEqual(["A000000151000000 f"]);
    expect(told("applications")).toEqual([`${hex(PAYMENT_DOMAIN)} f`, `${PPSE_NAME} 7`, `${CARD_AID} 7`]);
    expect(told("loadFiles")).toEqual(["A0000001515350 1", `${PACKAGE} 1`, "F0544150424D43484950 1"]);
    const [, first] = ask(element, getStatus(channel, "loadFilesAndModules"));
    expect(first?.modules?.map(hex)).toEqual([MODULE]);
  });
});

describe.each([
  { scp: 3, i: 0x00, levels: [0x00, 0x01, 0x03] },
  { scp: 3, i: 0x10, levels: [0x01, 0x03] },
  { scp: 3, i: 0x20, levels: [0x01, 0x11, 0x13] },
  { scp: 3, i: 0x60, levels: [0x13, 0x33] },
  { scp: 3, i: 0x70, levels: [0x00, 0x01, 0x03, 0x13, 0x33] },
  { scp: 2, i: 0x15, levels: [0x00, 0x01, 0x03] },
  { scp: 2, i: 0x55, levels: [0x01, 0x03] },
] as const)("SCP0$scp, i = $i", ({ scp, i, levels }) => {
  test.each(levels)("level %i: a session works and survives its commands", (level) => {
    const element = gpCard({ scp, i });
    const keys = scp === 3 ? TEST_KEYS : TEST_DES_KEYS;
    const { channel } = open(element, level, keys);
    for (let round = 0; round < 3; round++) {
      expect(ask(element, getStatus(channel, "applications"))).toHaveLength(3);
      expect(hex(ask(element, getData(channel, 0x00e0))!).slice(0, 4)).toBe("E012");
    }
  });
});

describe("authentication", () => {
  const WRONG: KeySet = { ...TEST_KEYS, mac: unhex("00".repeat(16)) };

  test("with wrong keys ends before the card has counted anything", () => {
    const element = gpCard();
    expect(() => open(element, 0x33, WRONG)).toThrow(code("wrong-cryptogram"));
    for (let i = 0; i < 10; i++) expect(() => open(element, 0x33, WRONG)).toThrow(code("wrong-cryptogram"));
    expect(open(element).version).toBe(0x30);
  });

  test("that is wrong five times in a row blocks the keys; a right one before forgives", () => {
    const element = gpCard();
    const guess = (): string => {
      send(element, "8050000008000102030405060700", "wired");
      return send(element, `8482010010${"00".repeat(16)}`, "wired");
    };
    expect([guess(), guess(), guess(), guess()]).toEqual(["6300", "6300", "6300", "6300"]);
    open(element);
    expect([guess(), guess(), guess(), guess(), guess()]).toEqual(["6300", "6300", "6300", "6300", "6300"]);
    expect(send(element, "8050000008000102030405060700", "wired")).toBe("6983");
    expect(() => open(element)).toThrow(refused("6983"));
  });

  test("a sequence number is never used twice, even when the power goes right after it", () => {
    const element = gpCard();
    const challenge = (): string => send(element, "8050000008000102030405060700", "wired").slice(26, 42);
    const first = challenge();
    element.nvm.planCut({ before: 2 });
    const second = challenge();
    element.powerOff("wired");
    expect(new Set([first, second, challenge()]).size).toBe(3);
  });

  test("a broken MAC ends the session", () => {
    const element = gpCard();
    const { channel } = open(element);
    expect(send(element, "84F280020A4F000000000000000000", "wired")).toBe("6982");
    expect(() => ask(element, getStatus(channel, "applications"))).toThrow(refused("6982"));
  });
});

describe("content", () => {
  test("is loaded, installed, selected and deleted, and every byte of memory comes back", () => {
    const element = gpCard();
    const { channel } = open(element);
    const free = (): string => hex(ask(element, getData(channel, 0xff21))!);
    const before = free();
    const application = unhex("A000000999010203");
    ask(element, install(channel, { loadFile: unhex(PACKAGE), module: unhex(MODULE), application }));
    expect(free()).not.toBe(before);
    expect(send(element, "00A4040008A00000099901020300", "wired")).toBe("6F0C8408A000000999010203A5009000");
    ask(element, selectDomain());
    const again = open(element).channel;
    ask(element, deleteObject(again, application));
    expect(hex(ask(element, getData(again, 0xff21))!)).toBe(before);
    expect(send(element, "00A4040008A00000099901020300", "wired")).toBe("6A82");
  });

  test("of a load file that this card does not know is refused, as by a card that lacks it", () => {
    const element = gpCard();
    const { channel } = open(element);
    expect(() => ask(element, load(channel, unhex("A00000099955"), ISSUER_DOMAIN, new Uint8Array(600)))).toThrow(
      refused("6A88"),
    );
  });

  test("a load file goes with what was made from it, or stays", () => {
    const element = gpCard();
    const { channel } = open(element);
    expect(() => ask(element, deleteObject(channel, unhex(PACKAGE)))).toThrow(refused("6985"));
    ask(element, deleteObject(channel, unhex(PACKAGE), true));
    expect(send(element, `00A404000E${PPSE_NAME}00`, "wired")).toBe("6A82");
    ask(element, selectDomain());
    const next = open(element).channel;
    ask(element, load(next, unhex(PACKAGE), ISSUER_DOMAIN, new Uint8Array(600)));
    ask(element, install(next, { loadFile: unhex(PACKAGE), module: unhex(MODULE), application: unhex(PPSE_NAME) }));
    expect(send(element, `00A404000E${PPSE_NAME}00`, "wired").slice(-4)).toBe("9000");
  });

  test("keys are replaced and the old ones are gone", () => {
    const element = gpCard();
    const next: KeySet = {
      kind: "aes",
      enc: unhex("11".repeat(24)),
      mac: unhex("22".repeat(24)),
      dek: unhex("33".repeat(24)),
    };
    ask(element, putKeys(open(element).channel, next, 0x32, 0x30));
    expect(() => open(element)).toThrow(code("wrong-cryptogram"));
    expect(send(element, "80CA00E000", "wired")).toBe("E012C00401328818C00402328818C004033288189000");
    expect(open(element, 0x33, next).version).toBe(0x32);
  });
});

describe("personalisation", () => {
  const personalised = (element = gpCard()) => {
    ask(element, selectDomain(PAYMENT_DOMAIN));
    const { channel } = open(element);
    ask(element, personalize(channel, unhex(CARD_AID)));
    ask(element, storeData(channel, unhex(encodeGroupings(groupings())), "dgi"));
    return element;
  };

  test("goes through the application's own domain", () => {
    const element = personalised();
    element.powerOff("wired");
    expect(send(element, SELECT_CARD)).toBe("6F118407A0000000041010A5065004544553549000");
  });

  test("does not go past it: neither in the clear nor through another domain", () => {
    const element = gpCard();
    send(element, SELECT_CARD, "wired");
    expect(send(element, "80E2880000", "wired")).toBe("6985");
    ask(element, selectDomain());
    const { channel } = open(element);
    expect(() => ask(element, personalize(channel, unhex(CARD_AID)))).toThrow(refused("6A88"));
  });

  test("of a locked application is refused, and it cannot be selected", () => {
    const element = personalised();
    ask(element, selectDomain());
    const { channel } = open(element);
    ask(element, setStatus(channel, "application", 0x80, unhex(CARD_AID)));
    expect(send(element, SELECT_CARD)).toBe("6A82");
    ask(element, setStatus(channel, "application", 0x00, unhex(CARD_AID)));
    expect(send(element, SELECT_CARD)).toBe("6F118407A0000000041010A5065004544553549000");
  });
});

describe("logical channels", () => {
  test("have selections of their own", () => {
    const element = gpCard();
    expect(send(element, "0070000001", "wired")).toBe("019000");
    expect(send(element, `01A404000E${PPSE_NAME}00`, "wired").slice(-4)).toBe("9000");
    expect(send(element, "80CA00C100", "wired")).toBe("C1030000009000");
    expect(send(element, "81CA00C100", "wired")).toBe("6D00");
    expect(send(element, "02A4040000", "wired")).toBe("6881");
    expect(send(element, "00708001", "wired")).toBe("9000");
    expect(send(element, "01A4040000", "wired")).toBe("6881");
  });

  test("are opened by the card or by number, closed by themselves or from another (11.7, ISO/IEC 7816-4 7.1.2)", () => {
    const element = gpCard();
    const asked = (apdu: string): string => send(element, apdu, "wired");
    expect(["00700005", "0070000001", "0170000001"].map(asked)).toEqual(["9000", "019000", "029000"]);
    expect(asked("00700005")).toBe("6A86"); // open already
    expect(asked("02708000")).toBe("9000"); // itself
    expect(asked("02A4040000")).toBe("6881");
    expect(asked("00708005")).toBe("9000");
    // Closed already: a warning. The basic channel and numbers above 19 are no channels to close.
    expect(["00708005", "00708000", "00708014", "00700014", "00700100"].map(asked)).toEqual([
      "6200",
      "6A86",
      "6A86",
      "6A86",
      "6A86",
    ]);
    expect(asked("00700000")).toBe("6700"); // nowhere to say the number
  });

  test("are not opened on a locked card", () => {
    const element = gpCard();
    const { channel } = open(element);
    ask(element, setStatus(channel, "card", 0x7f));
    expect(send(element, "0070000001", "wired")).toBe("6A81");
    ask(element, setStatus(open(element).channel, "card", 0x0f));
    expect(send(element, "0070000001", "wired")).toBe("019000");
  });

  test("reach to 19, in the further form of the class byte, a secure channel included", () => {
    const element = gpCard();
    for (let number = 1; number <= 19; number++)
      expect(send(element, "0070000001", "wired")).toBe(`${number.toString(16).padStart(2, "0").toUpperCase()}9000`);
    expect(send(element, "0070000001", "wired")).toBe("6A81");
    expect(send(element, "4FA4040000", "wired").slice(-4)).toBe("9000");
    expect(send(element, "CFCA00C100", "wired")).toBe("C1030000009000");
  });
});

test("openSession says which keys it wants when it has others", () => {
  const element = gpCard({ scp: 2, i: 0x15 });
  expect(() =>
    ask(
      element,
      openSession({ keysFor: () => TEST_KEYS, version: 0, level: 1, challenge: (bytes) => new Uint8Array(bytes) }),
    ),
  ).toThrow(code("no-keys"));
});
