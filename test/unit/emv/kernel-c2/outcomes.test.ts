import { describe, expect, test } from "vitest";
import { hex } from "../../../../src/util/bytes.js";
import { TapbenchError } from "../../../../src/util/errors.js";
import { seededRandom } from "../../../../src/util/random.js";
import type { Objects, Script } from "../../../support/scripted-card.js";
import { recorded, tap, type Tapped } from "./tap.js";

const AC = 0xae;
const answering = (response: string): Script => ({ respond: ({ ins }) => (ins === AC ? response : undefined) });
const errorIndication = ({ outcome }: Tapped): string => hex(outcome.discretionaryData.get(0xdf8115)!);
const ONLINE: Objects = { "9F0F": "FFFFFFFFFF" };
const HOLD = 1_300_000_000;

describe("approved", () => {
  test("offline, without verification", () => {
    const tapped = tap();
    expect(tapped.outcome).toMatchObject({
      kind: "approved",
      cvm: "none",
      receipt: false,
      oda: { method: "none" },
      ui: { message: "approved", status: "not-ready", hold: HOLD, language: "en" },
    });
    expect(errorIndication(tapped)).toBe("0000000000FF");
  });

  test("to be signed", () => {
    const { outcome } = tap({ objects: { "82": "1080" } }, { amount: 5_001n, terminal: { DF8118: "20" } });
    expect(outcome).toMatchObject({
      kind: "approved",
      cvm: "signature",
      receipt: true,
      ui: { message: "approved-please-sign" },
    });
  });

  test("the data record has what clearing needs", () => {
    const tapped = tap({}, { terminal: { "9F1E": "5445535430303031" } });
    const record = tapped.outcome.kind === "approved" ? tapped.outcome.dataRecord : new Map<number, Uint8Array>();
    expect(Object.fromEntries([...record].map(([tag, value]) => [tag.toString(16).toUpperCase(), hex(value)]))).toEqual(
      {
        "9F02": "000000001000",
        "9F03": "000000000000",
        "9F26": "1122334455667788",
        "9F27": "40",
        "9F36": "0011",
        "9F10": "0110A00003220000000000000000000000FF",
        "9F37": "0A0B0C0D",
        "9F34": "3F0000",
        "9F33": "E00808",
        "9F35": "22",
        "9F1A": "0056",
        "9F1E": "5445535430303031",
        "9F07": "FFC0",
        "9F09": "0002",
        "5F2A": "0978",
        "5F24": "291231",
        "5F34": "01",
        "9F21": "120000",
        "95": "8000000000",
        "9A": "260115",
        "9C": "00",
        "82": "0080",
        "84": "A0000000041010",
        "50": "54455354",
        "5A": "5413330089601075",
        "57": "5413330089601075D2912201123456789F",
      },
    );
  });
});

describe("online request", () => {
  test("asked for, or a TC refused", () => {
    for (const script of [{ objects: ONLINE }, { cid: 0x80 }]) {
      const tapped = tap(script);
      expect(tapped.outcome).toMatchObject({
        kind: "online-request",
        ui: { message: "authorising", status: "not-ready", hold: 0 },
      });
      expect(recorded(tapped, 0x9f27)).toBe("80");
    }
  });

  test("with online PIN", () => {
    const { outcome } = tap({ objects: { "82": "1080", "8E": "00000000000000004203", ...ONLINE } }, { amount: 5_001n });
    expect(outcome).toMatchObject({ kind: "online-request", cvm: "online-pin", receipt: true });
  });
});

describe("an AAC", () => {
  const contactless = { "9F33": "006808" };
  test.each<readonly [string, Objects, Objects, object]>([
    [
      "a terminal without contacts",
      {},
      contactless,
      { kind: "declined", ui: { message: "declined", status: "not-ready", hold: HOLD } },
    ],
    [
      "a terminal with contacts",
      {},
      {},
      { kind: "try-another-interface", ui: { message: "insert-or-swipe", status: "not-ready" } },
    ],
    ["a card that says it is one", { "9F6E": "0056000030303100" }, {}, { kind: "try-another-interface" }],
    ["a watch", { "9F6E": "0056000030313100" }, {}, { kind: "declined" }],
    ["a device that does not say what it is", { "9F6E": "0056800030313100" }, {}, { kind: "try-another-interface" }],
    ["third party data too short to say", { "9F6E": "0056000031" }, {}, { kind: "try-another-interface" }],
    ["cash", {}, { ...contactless, "9C": "01" }, { kind: "declined" }],
    ["cash disbursement", {}, { ...contactless, "9C": "17" }, { kind: "declined" }],
    ["cashback", {}, { ...contactless, "9C": "09" }, { kind: "declined" }],
    [
      "a refund",
      {},
      { ...contactless, "9C": "20" },
      { kind: "end-application", ui: { message: "clear", status: "not-ready", hold: 0 } },
    ],
  ])("%s", (_what, objects, terminal, expected) => {
    expect(tap({ cid: 0x00, objects }, { terminal }).outcome).toMatchObject(expected);
  });

  test("declined carries the data record", () => {
    const tapped = tap({ cid: 0x00 }, { terminal: contactless });
    expect(recorded(tapped, 0x9f27)).toBe("00");
    expect(recorded(tapped, 0x9f26)).toBe("1122334455667788");
  });
});

describe("what the card may answer", () => {
  const denied = { amount: 10_001n, terminal: { DF8121: "0000008000", "9F33": "006808" } };
  const online = { amount: 10_001n, terminal: { DF8122: "0000008000", "9F33": "006808" } };
  const offline = { terminal: { "9F33": "006808" } };
  const MORE = "end-application";
  test.each([
    ["TC", offline, 0x40, "approved"],
    ["TC", offline, 0x80, "online-request"],
    ["TC", offline, 0x00, "declined"],
    ["TC", offline, 0xc0, MORE],
    ["ARQC", online, 0x40, MORE],
    ["ARQC", online, 0x80, "online-request"],
    ["ARQC", online, 0x00, "declined"],
    ["ARQC", online, 0xc0, MORE],
    ["AAC", denied, 0x40, MORE],
    ["AAC", denied, 0x80, MORE],
    ["AAC", denied, 0x00, "declined"],
    ["TC, with other bits in the CID", offline, 0x4f, "approved"],
  ] as const)("asked for %s", (_asked, setup, cid, kind) => {
    const tapped = tap({ cid }, setup);
    expect(tapped.outcome.kind).toBe(kind);
    if (kind === MORE) {
      expect(tapped.outcome).toMatchObject({ error: { l2: "card-data-error", tag: "9F27" } });
      expect(errorIndication(tapped)).toBe("00060000001C");
    }
  });
});

describe("answers to GENERATE AC", () => {
  test.each([
    ["80120000110000000000000000" + "01020304050607" + "9000", { kind: "declined" }],
    ["801240001111223344556677880102030405060" + "79000", { kind: "approved" }],
    ["800B40001111223344556677889000", { kind: "approved" }],
    ["800A400011112233445566779000", { error: { l2: "parsing-error" } }],
    [`802C${"40".padEnd(88, "0")}9000`, { error: { l2: "parsing-error" } }],
    ["800B4000111122334455667788009000", { kind: "approved" }],
    ["800B400011112233445566778880009000", { error: { l2: "parsing-error" } }],
    ["6985", { error: { l2: "status-bytes", sw: 0x6985 } }],
    ["6F00", { error: { l2: "status-bytes", sw: 0x6f00 } }],
    ["9000", { error: { l2: "parsing-error" } }],
    ["77009000", { error: { l2: "card-data-missing", tag: "9F36" } }],
    ["77059F360200119000", { error: { l2: "card-data-missing", tag: "9F27" } }],
    ["77049F2701409000", { error: { l2: "card-data-missing", tag: "9F36" } }],
    ["77099F2701409F360200119000", { error: { l2: "card-data-missing", tag: "9F26" } }],
    ["77149F2701409F360200119F260811223344556677889000", { kind: "approved" }],
    ["77139F2701409F360200119F2607112233445566779000", { error: { l2: "parsing-error", tag: "9F26" } }],
    ["77189F2701409F2701409F360200119F260811223344556677889000", { error: { l2: "parsing-error", tag: "9F27" } }],
    ["770A5A0854133300896010759000", { error: { l2: "parsing-error", tag: "5A" } }],
    ["77149F2701409F360200119F26081122334455667788", { error: { l2: "status-bytes", sw: 0x7788 } }],
  ])("%s", (response, expected) => {
    const kind = "error" in expected ? { kind: "end-application" } : {};
    expect(tap(answering(response), { terminal: { "9F33": "006808" } }).outcome).toMatchObject({
      ...kind,
      ...expected,
    });
  });

  test("format 1 does not repeat what came before", () => {
    const script: Script = {
      objects: { "94": "10010101" },
      respond: ({ ins }) =>
        ins === 0xa8
          ? "770F820200809404100101019F360200119000"
          : ins === AC
            ? "800B40001111223344556677889000"
            : undefined,
    };
    expect(tap(script).outcome).toMatchObject({ error: { l2: "parsing-error", tag: "9F36" } });
  });
});

describe("a device that wants its holder's attention", () => {
  test.each(["000100", "000200", "000001", "000008"])("PCII %s", (pcii) => {
    expect(tap({ ac: { DF4B: pcii } }).outcome).toMatchObject({
      kind: "end-application",
      start: "B",
      ui: { message: "see-phone", status: "not-ready", hold: HOLD, language: "en" },
      error: {},
    });
  });
  test.each(["000000", "FF0000", "00FC00", "0000F0"])("PCII %s asks for nothing", (pcii) => {
    expect(tap({ ac: { DF4B: pcii } }).outcome.kind).toBe("approved");
  });
});

describe("the link breaks", () => {
  const STEPS = ["GET PROCESSING OPTIONS", "READ RECORD", "GENERATE AC"];
  const ERRORS = [
    ["iso14443/no-answer", "time-out", "010000000021"],
    ["iso14443/transmission", "transmission", "020000000021"],
    ["iso14443/protocol", "protocol", "030000000021"],
    ["iso7816/short-response", "protocol", "030000000021"],
    ["iso7816/endless-response", "protocol", "030000000021"],
  ] as const;
  const throwing = (step: number, error: Error): Script => ({
    respond: (_command, index) => {
      if (index === step) throw error;
      return undefined;
    },
  });

  test.each(STEPS.flatMap((name, step) => ERRORS.map((row) => [name, step, ...row] as const)))(
    "at %s (command %i): %s",
    (_name, step, code, l1, indication) => {
      const tapped = tap(throwing(step, new TapbenchError(code, "the link broke")));
      expect(tapped.outcome).toMatchObject({
        kind: "end-application",
        start: "B",
        error: { l1 },
        ui: { message: "try-again", status: "ready-to-read", hold: 0, language: "en" },
      });
      expect(errorIndication(tapped)).toBe(indication);
      expect(tapped.card.commands).toHaveLength(step + 1);
    },
  );

  test.each(STEPS.map((name, step) => [name, step] as const))("another error at %s passes through", (_name, step) => {
    const error = new TapbenchError("emulator/bug", "not a link error");
    expect(() => tap(throwing(step, error))).toThrow(error);
    expect(() => tap(throwing(step, new RangeError("a bug")))).toThrow(RangeError);
  });
});

describe("what people see", () => {
  test.each([
    ["656E6465", "en"],
    ["6465", "de"],
    [undefined, undefined],
  ])("language preference %s", (preference, language) => {
    const { outcome } = tap({ objects: { "5F2D": preference } });
    expect("ui" in outcome ? outcome.ui.language : "none").toBe(language);
  });

  test("hold time as configured, in tenths of a second; 1.3 s by itself", () => {
    expect(tap({}, { terminal: { DF812D: "000025" } }).outcome).toMatchObject({ ui: { hold: 2_500_000_000 } });
    expect(tap({}, { terminal: { DF812D: undefined } }).outcome).toMatchObject({ ui: { hold: HOLD } });
  });

  test("discretionary data: capabilities, currency, third party data, error", () => {
    const { outcome } = tap({ objects: { "9F5D": "000600", "9F6E": "0056000030303100" } });
    expect([...outcome.discretionaryData.keys()]).toEqual([0x9f5d, 0x9f42, 0x9f6e, 0xdf8115]);
  });
});

test("every decision has its rule, in order", () => {
  const { rules } = tap();
  expect(rules.map(({ rule }) => rule)).toEqual([
    "c2.aid",
    "c2.mode",
    "c2.oda",
    "c2.transaction-limit",
    "c2.cvm",
    "c2.floor-limit",
    "c2.taa",
    "c2.ac",
    "c2.outcome",
  ]);
  for (const { says } of rules) expect(says).toMatch(/^[A-Z].*\.$/);
});

test("nobody has to listen", () => {
  expect(tap({ cda: true }, { onRule: undefined as never }).outcome.kind).toBe("approved");
});

test("the unpredictable number comes from the generator", () => {
  const random = seededRandom("kernel");
  const expected = hex(seededRandom("kernel").bytes(4));
  expect(recorded(tap({}, { random }), 0x9f37)).toBe(expected);
});
