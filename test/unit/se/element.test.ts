import { describe, expect, test } from "vitest";
import { applet } from "../../../emulator/se/applet.js";
import { SecureElement, type ElementOptions } from "../../../emulator/se/element.js";
import { unhex } from "../../../src/util/bytes.js";
import { seededRandom } from "../../../src/util/random.js";
import { COMPUTE, send, sendAll } from "../../support/emulated-card.js";

const code = (name: string): unknown => expect.objectContaining({ code: `emulator/${name}` });

interface Counting {
  readonly calls: number;
}

/** Answers what tests of the operating system need, and counts in its volatile state how often it was called. */
const probe = (module: string, there: "everywhere" | "wired" = "everywhere") =>
  applet<Counting>({
    module,
    initial: { calls: 0 },
    select: ({ via }, aid) =>
      there === "wired" && via === "contactless"
        ? { state: { calls: 0 }, response: { data: new Uint8Array(0), sw: 0x6a82 } }
        : { state: { calls: 0 }, response: { data: Uint8Array.of(...aid.subarray(-1)), sw: 0x9000 } },
    process(context, { calls }, { cla, ins, p1, p2, data }) {
      const state = { calls: calls + 1 };
      const answer = (bytes: readonly number[], sw = 0x9000) => ({
        state,
        response: { data: Uint8Array.from(bytes), sw },
      });
      switch (ins) {
        case 0x10: // so many bytes, the first says how often the applet was called
          return answer(Array.from({ length: p1 * 256 + p2 }, (_, i) => (i === 0 ? state.calls : i & 0xff)));
        case 0x12: // echo: class, length of the data, its last byte
          return answer([cla, (data?.length ?? 0) >> 8, (data?.length ?? 0) & 0xff, data?.at(-1) ?? 0]);
        case 0x14: // work
          context.spend({ symmetric: 3 });
          context.spend({ rsaBits: 2048 });
          context.storage.putAll([[1, new Uint8Array(0)]]);
          return answer([]);
        case 0x16: // fill the memory
          context.storage.putAll([[2, new Uint8Array(p1 * 256)]]);
          return answer([]);
        case 0x18:
          return answer([context.via === "wired" ? 1 : 0, context.holderVerified ? 1 : 0, ...context.storage.ids]);
        default:
          return answer([], 0x6d00);
      }
    },
  });

const AIDS = ["A00000000401", "A00000000402", "A00000000403", "B000000001"];
const newElement = (changes: Partial<ElementOptions> = {}): SecureElement =>
  new SecureElement({
    nvmBytes: 8_192,
    pageBytes: 64,
    applets: AIDS.map((aid, i) => ({ module: i === 1 ? "hidden" : "probe", aid: unhex(aid) })),
    modules: [probe("probe"), probe("hidden", "wired")],
    compute: COMPUTE,
    random: seededRandom("element"),
    ...changes,
  });
const SELECT = "00A4040006A0000000040100";
const selected = (): SecureElement => {
  const element = newElement();
  expect(send(element, SELECT)).toBe("019000");
  return element;
};

describe("SELECT", () => {
  test.each([
    ["the whole name", ["00A4040006A0000000040300"], ["039000"]],
    ["the start of a name: the first that has it", ["00A4040005A00000000400"], ["019000"]],
    [
      "next, and next: what this interface does not have is left out",
      ["00A4040005A00000000400", "00A4040205A00000000400", "00A4040205A00000000400"],
      ["019000", "039000", "6A82"],
    ],
    ["next without anything selected starts at the beginning", ["00A4040205A00000000400"], ["019000"]],
    ["a name that nobody has", ["00A4040005A00000000900"], ["6A82"]],
    ["a longer name than anybody's", ["00A4040007A000000004010100"], ["6A82"]],
    ["what only the wired interface has", ["00A4040006A0000000040200"], ["6A82"]],
    ["last and previous occurrence", ["00A4040106A00000000401", "00A4040306A00000000401"], ["6A86", "6A86"]],
    ["no name", ["00A4040000", "00A40400"], ["6A80", "6A80"]],
    ["a name of 17 bytes", [`00A4040011${"A0".repeat(17)}`], ["6A80"]],
    ["by file identifier, with nothing selected", ["00A40000023F00"], ["6985"]],
    ["in the proprietary class, which it is not", ["80A4040006A0000000040100"], ["6985"]],
  ])("%s", (_, commands, answers) => {
    expect(sendAll(newElement(), commands)).toEqual(answers);
  });

  test("that fails leaves the selected applet selected", () => {
    const element = selected();
    expect(sendAll(element, ["0010000101", "00A4040005A00000000900", "0010000101"])).toEqual([
      "019000",
      "6A82",
      "029000",
    ]);
  });

  test("again starts the applet anew; interfaces do not see each other's", () => {
    const element = selected();
    expect(sendAll(element, ["0010000101", SELECT, "0010000101"])).toEqual(["019000", "019000", "019000"]);
    expect(send(element, "0010000101", "wired")).toBe("6985");
    expect(send(element, "00A4040006A0000000040200", "wired")).toBe("029000");
    element.powerOff("wired");
    expect(send(element, "0010000101")).toBe("029000");
    expect(send(element, "0010000101", "wired")).toBe("6985");
  });
});

describe("commands", () => {
  test.each([
    ["before any SELECT", "0010000101", "6985"],
    ["class FF", "FF10000101", "6E00"],
    ["logical channel 1", "0110000101", "6881"],
    ["logical channel 4, further class", "4010000101", "6881"],
    ["secure messaging", "0410000101", "6882"],
    ["secure messaging with an authenticated header", "0C10000101", "6882"],
    ["secure messaging in the proprietary class", "8410000101", "6882"],
    ["GET RESPONSE with nothing waiting", "00C0000000", "6985"],
  ])("%s", (_, command, answer) => {
    expect(send(newElement(), command)).toBe(answer);
  });

  test.each([
    "",
    "00",
    "00A404",
    "00A4040006A0",
    "00A404000701020304050607FFFF",
    "001000000000000000",
    "0010000000000501020304",
    "00A404000000",
  ])("bytes that are no command: '%s' is a wrong length, and harms nothing", (bytes) => {
    const element = selected();
    expect(sendAll(element, [bytes, "0010000101"])).toEqual(["6700", "019000"]);
  });

  test("extended lengths, both ways", () => {
    const element = selected();
    expect(send(element, `0012000000012C${"AB".repeat(300)}0000`)).toBe("00012CAB9000");
    const long = send(element, "00100300000000");
    expect(long).toHaveLength(2 * (768 + 2));
    expect(long.slice(-8)).toBe("FEFF9000");
  });
});

describe("chaining", () => {
  test("joins the parts; the applet sees the class without the chaining bit", () => {
    const element = selected();
    expect(sendAll(element, ["10120000020102", "10120000020304", "0012000001AA04", "0010000101"])).toEqual([
      "9000",
      "9000",
      "000005AA9000",
      "029000",
    ]);
  });

  test("another command in between ends the chain and is not carried out", () => {
    const element = selected();
    expect(sendAll(element, ["10120000020102", "0010000101", "0012000001BB04"])).toEqual([
      "9000",
      "6883",
      "000001BB9000",
    ]);
    expect(sendAll(element, ["10120000020102", "0012000101BB04", "0012000101BB04"])).toEqual([
      "9000",
      "6883",
      "000001BB9000",
    ]);
  });

  test("is forgotten with the power", () => {
    const element = selected();
    send(element, "10120000020102");
    element.powerOff("contactless");
    expect(sendAll(element, [SELECT, "0012000001BB04"])).toEqual(["019000", "000001BB9000"]);
  });

  test("65,535 bytes are the most", () => {
    const element = selected();
    const part = `10120000007FFF${"00".repeat(0x7fff)}`;
    expect(sendAll(element, [part, part, "101200000102"])).toEqual(["9000", "9000", "9000"]);
    expect(send(element, "101200000102")).toBe("6700");
    expect(send(element, "001200000104" + "04")).toBe("000001049000");
  });
});

describe("lengths that do not fit", () => {
  test("6Cxx says the right one; the repetition gives the same answer without another execution", () => {
    const element = selected();
    expect(sendAll(element, ["0010000501", "0010000504", "0010000505", "0010000505"])).toEqual([
      "6C05",
      "6C05",
      "01010203049000",
      "02010203049000",
    ]);
  });

  test("another command after 6Cxx forgets the answer", () => {
    const element = selected();
    expect(sendAll(element, ["0010000501", "0010000201", "00C0000005", "0010000505"])).toEqual([
      "6C05",
      "6C02",
      "6985",
      "03010203049000",
    ]);
  });

  test("256 bytes are 6C00", () => {
    expect(send(selected(), "0010010005")).toBe("6C00");
  });

  test("more than a short answer holds waits for GET RESPONSE", () => {
    const element = selected();
    const first = send(element, "0010010500");
    expect(first).toHaveLength(2 * 258);
    expect(first.slice(-4)).toBe("6105");
    expect(sendAll(element, ["00C0000002", "00C0000001", "00C0000000", "00C0000000"])).toEqual([
      "00016103",
      "026102",
      "03049000",
      "6985",
    ]);
  });

  test("an answer to a command without Le waits whole", () => {
    const element = selected();
    expect(sendAll(element, ["00100004", "00C0000004"])).toEqual(["6104", "010102039000"]);
    const long = selected();
    expect(sendAll(long, ["00100200", "00C00000FF"]).map((answer) => answer.slice(-4))).toEqual(["6100", "6100"]);
  });

  test("a command in between forgets what waits", () => {
    expect(sendAll(selected(), ["00100004", "0010000101", "00C0000004"])).toEqual(["6104", "029000", "6985"]);
  });
});

describe("time", () => {
  test("a command, its bytes, and what the applet says it did", () => {
    const element = selected();
    const took = (apdu: string): number => element.process(unhex(apdu), "contactless")!.took;
    // 1 ms, 5 + 3 bytes of 1 us
    expect(took("0010000101")).toBe(1_008_000);
    // 4 + 2 bytes, 3 x 10 us, an RSA operation of twice the length (8 times 8 ms), an empty object: journal and entry of 100 us each
    expect(took("00140000")).toBe(1_000_000 + 6_000 + 30_000 + 64_000_000 + 200_000);
    element.delay = 5_000;
    expect(took("0010000101")).toBe(1_013_000);
  });
});

describe("what an element is", () => {
  test("an unknown module is named, with those that there are", () => {
    const build = (): SecureElement => newElement({ applets: [{ module: "probes", aid: unhex("A000000004") }] });
    expect(build).toThrow(code("unknown-module"));
    expect(build).toThrow(/'probes'.*probe, hidden/);
  });

  test("objects belong to one instance, and stay without power", () => {
    const element = selected();
    send(element, "00140000");
    expect(send(element, "0018000000")).toBe("0000019000");
    element.powerOff("contactless");
    expect(sendAll(element, ["00A4040006A0000000040300", "0018000000", SELECT, "0018000000"])).toEqual([
      "039000",
      "00009000",
      "019000",
      "0000019000",
    ]);
  });

  test("a full memory is a status word, and the element goes on", () => {
    const element = selected();
    expect(sendAll(element, ["0016FF00", "0018000000", "00160100", "0018000000"])).toEqual([
      "6A84",
      "00009000",
      "9000",
      "0000029000",
    ]);
  });

  test("the holder's verification reaches the applet", () => {
    const element = selected();
    element.holderVerified = true;
    expect(send(element, "0018000000")).toBe("00019000");
  });

  test("a cut in a command: no answer, nothing selected, and alive again with the field", () => {
    const element = selected();
    element.nvm.planCut({ before: 2 });
    expect(send(element, "00140000")).toBe("cut");
    expect(send(element, "0018000000")).toBe("cut");
    element.powerOff("contactless");
    expect(sendAll(element, ["0018000000", SELECT, "0018000000"])).toEqual(["6985", "019000", "0000019000"]);
  });

  test("a snapshot keeps selection, chain, waiting bytes and memory; it is restored any number of times", () => {
    const element = selected();
    sendAll(element, ["00140000", "10120000020102"]);
    const chained = element.snapshot();
    sendAll(element, ["0012000001AA04", "00160100", "00100004"]);
    const waiting = element.snapshot();

    const other = newElement();
    for (let i = 0; i < 2; i++) {
      other.restore(chained);
      expect(sendAll(other, ["0012000001AA04", "0018000000"])).toEqual(["000003AA9000", "0000019000"]);
      other.restore(waiting);
      expect(sendAll(other, ["00C0000004", "0018000000"])).toEqual(["040102039000", "000001029000"]);
    }
    expect(send(element, "00C0000004")).toBe("040102039000");
  });

  test("a snapshot of another element is refused", () => {
    expect(() => newElement({ nvmBytes: 16_384 }).restore(newElement().snapshot())).toThrow(code("snapshot-mismatch"));
  });
});
