import { describe, expect, test } from "vitest";
import type { Objects, Script, Setup } from "../../../support/scripted-card.js";
import { createTestCa } from "../../../../src/emv/test-ca.js";
import { seededRandom } from "../../../../src/util/random.js";
import { AID } from "../../../support/scripted-card.js";
import { askedFor, recorded, tap, tvrOf, type Tapped } from "./tap.js";

const CDA = 0x10;
const AAC = 0x00;
const TC = 0x40;
const ARQC = 0x80;
const ONLINE_IAC = { "9F0F": "FFFFFFFFFF" };

const camFailed = (tapped: Tapped): string | undefined => {
  expect(tapped.outcome).toMatchObject({
    kind: "end-application",
    error: { l2: "cam-failed" },
    ui: { message: "insert-swipe-or-other-card" },
  });
  return tapped.rules.findLast(({ rule }) => rule === "c2.cda")?.data?.["reason"] as string | undefined;
};

describe("a chain that holds", () => {
  test("TC", () => {
    const tapped = tap({ cda: true });
    expect(askedFor(tapped)).toBe(TC | CDA);
    expect(tvrOf(tapped)).toBe("0000000000");
    expect(tapped.outcome).toMatchObject({ kind: "approved", oda: { method: "cda", status: "ok" } });
    expect(recorded(tapped, 0x9f26)).toBe("8877665544332211");
  });

  test("ARQC", () => {
    const tapped = tap({ cda: true, objects: { "9F0F": "FFFFFFFFFF" } }, { amount: 10_001n });
    expect(askedFor(tapped)).toBe(ARQC | CDA);
    expect(tapped.outcome).toMatchObject({ kind: "online-request", oda: { method: "cda", status: "ok" } });
    expect(recorded(tapped, 0x9f26)).toBe("8877665544332211");
  });

  test("with a PDOL in the transaction hash", () => {
    expect(tap({ cda: true, objects: { "9F38": "9F37049F1A02" } }).outcome).toMatchObject({
      kind: "approved",
      oda: { status: "ok" },
    });
  });

  test("the card declines and signs nothing", () => {
    const tapped = tap(
      { cda: true, cid: AAC, objects: { "9F6E": "005600003030" + "3100" } },
      { terminal: { "9F33": "006808" } },
    );
    expect(tapped.outcome).toMatchObject({ kind: "declined", oda: { method: "cda", status: "missing" } });
    expect(recorded(tapped, 0x9f26)).toBe("1122334455667788");
  });

  test("a denial asks for no signature, unless the card signs AACs too", () => {
    const denied: Setup = { amount: 10_001n, terminal: { DF8121: "0000008000" } };
    expect(askedFor(tap({ cda: true }, denied))).toBe(AAC);
    expect(askedFor(tap({ cda: true, objects: { "9F5D": "000100" } }, denied))).toBe(AAC | CDA);
    expect(askedFor(tap({ cda: true, objects: { "9F5D": "000600" } }, denied))).toBe(AAC);
  });
});

describe("not agreed on", () => {
  test.each<readonly [string, Objects, Objects]>([
    ["the card does not do it", { "82": "0080" }, {}],
    ["the terminal does not do it", {}, { "9F33": "E06800" }],
    ["the reader's security capability overrules", {}, { DF811F: "40" }],
  ])("%s", (_what, objects, terminal) => {
    const tapped = tap({ cda: true, objects }, { terminal });
    expect(askedFor(tapped)).toBe(TC);
    expect(tvrOf(tapped)).toBe("8000000000");
    expect(tapped.outcome).toMatchObject({ kind: "approved", oda: { method: "none" } });
  });

  test("DF811F alone is enough", () => {
    expect(askedFor(tap({ cda: true }, { terminal: { "9F33": "E06800", DF811F: "08" } }))).toBe(TC | CDA);
  });

  test("a device that verifies its holder may still go without", () => {
    const tapped = tap({ objects: { "82": "0280" } });
    expect(askedFor(tapped)).toBe(TC);
    expect(tapped.outcome).toMatchObject({ kind: "approved", oda: { method: "none" } });
  });
});

describe("what CDA needs", () => {
  /** A record without one object of the chain. */
  const without = (tag: string): Script => ({
    cda: true,
    ...(tag === "9F4A" && { objects: { "9F4A": undefined } }),
    respond: (command, _index, usual) => {
      if (command.ins !== 0xb2 || tag === "9F4A") return undefined;
      const text = Buffer.from(usual().data).toString("hex").toUpperCase();
      const at = { "8F": "8F01", "90": "908180", "9F32": "9F3201", "9F46": "9F468180", "9F47": "9F4701" }[tag];
      // an unknown tag of the same length in its place
      const other = tag.length === 2 ? "C0" : "DF7F";
      return at !== undefined && text.includes(at)
        ? `${text.replace(at, other + at.slice(tag.length))}9000`
        : undefined;
    },
  });

  test.each(["8F", "90", "9F32", "9F46", "9F47", "9F4A"])("%s", (tag) => {
    const tapped = tap(without(tag));
    expect(askedFor(tapped)).toBe(TC);
    // ICC data missing, CDA failed
    expect(tvrOf(tapped)).toBe("2400000000");
    expect(tapped.outcome).toMatchObject({
      kind: "approved",
      oda: { method: "cda", status: "missing", reason: `the card has no ${tag}` },
    });
  });

  test("the CA's key", () => {
    const tapped = tap({ cda: true }, { caKeys: () => undefined });
    expect(askedFor(tapped)).toBe(TC);
    expect(tvrOf(tapped)).toBe("0400000000");
    expect(tapped.outcome).toMatchObject({
      oda: { method: "cda", status: "missing", reason: "the terminal has no CA key with index F1" },
    });
  });

  test.each(["9505", "8282", "84"])("a tag list that says 82 and nothing else, not %s", (list) => {
    expect(tap({ cda: true, objects: { "9F4A": list } }).outcome).toMatchObject({
      kind: "end-application",
      error: { l2: "card-data-error", tag: "9F4A" },
    });
  });

  test("a device that verifies its holder is declined without it", () => {
    const tapped = tap({ cda: true, objects: { "82": "0380" } }, { caKeys: () => undefined });
    expect(askedFor(tapped)).toBe(AAC);
    expect(tapped.rules.some(({ rule, data }) => rule === "c2.on-device-cvm" && data?.["asks"] === "AAC")).toBe(true);
  });

  test("such a device is not declined where the reader does not count on it", () => {
    expect(
      askedFor(tap({ cda: true, objects: { "82": "0380" } }, { caKeys: () => undefined, terminal: { DF811B: "80" } })),
    ).toBe(TC);
  });

  test("TAC denial sees a CDA that failed before GENERATE AC", () => {
    expect(askedFor(tap({ cda: true }, { caKeys: () => undefined, terminal: { DF8121: "0400000000" } }))).toBe(AAC);
  });

  test("room for the signed records: 2048 bytes", () => {
    const record = `7081FADF7F81F6${"00".repeat(246)}9000`;
    const script: Script = {
      cda: true,
      objects: { "94": "100101012801090918010100" + "20010100" },
      respond: ({ p2 }) => (p2 === 0x2c ? record : undefined),
    };
    const tapped = tap(script);
    expect(tvrOf(tapped)).toBe("0400000000");
    expect(askedFor(tapped)).toBe(TC);
  });

  test("a signed record beyond file 10 that is no template", () => {
    const script: Script = {
      cda: true,
      objects: { "94": "10010101580101011801010020010100" },
      respond: ({ p2 }) => (p2 === 0x5c ? "FFFF9000" : undefined),
    };
    expect(tvrOf(tap(script))).toBe("0400000000");
  });
});

describe("a signature that does not hold", () => {
  test("changed by a bit", () => {
    const forge = (signature: Uint8Array): Uint8Array => signature.map((byte, i) => (i === 50 ? byte ^ 1 : byte));
    expect(camFailed(tap({ cda: true, forge }))).toMatch(/^signature: wrong-/);
  });

  test("of another length", () => {
    expect(camFailed(tap({ cda: true, forge: (signature) => signature.slice(1) }))).toBe("signature: length-mismatch");
  });

  test("signed data that was changed", () => {
    const script: Script = {
      cda: true,
      respond: (command, _index, usual) => {
        if (command.p2 !== 0x14) return undefined;
        const text = Buffer.from(usual().data).toString("hex").toUpperCase();
        return `${text.replace("5F280200", "5F280208")}9000`;
      },
    };
    expect(camFailed(tap(script))).toBe("card certificate: wrong-hash");
  });

  test("another card's PAN", () => {
    const script: Script = { cda: true, objects: { "5A": "5413330089601083" } };
    expect(camFailed(tap(script))).toBe("card certificate: pan-mismatch");
  });

  test("a CA with another key of the same index", () => {
    const other = createTestCa({ random: seededRandom("another"), rid: AID.slice(0, 5), index: 0xf1, caBits: 1024 });
    expect(camFailed(tap({ cda: true }, { caKeys: other.keys }))).toMatch(/^issuer certificate: /);
  });

  test("an answer that was changed on the way", () => {
    const script: Script = {
      cda: true,
      respond: (command, _index, usual) => {
        if (command.ins !== 0xae) return undefined;
        const { data, sw } = usual();
        const changed = data.slice();
        // the last byte of the ATC
        changed[changed.findIndex((byte, i) => byte === 0x9f && changed[i + 1] === 0x36) + 4]! ^= 1;
        return { data: changed, sw };
      },
    };
    expect(camFailed(tap(script))).toBe("signature: wrong-transaction-hash");
  });

  test("a CID that says less than the signed one", () => {
    const script: Script = {
      cda: true,
      respond: (command, _index, usual) => {
        if (command.ins !== 0xae) return undefined;
        const { data, sw } = usual();
        const changed = data.slice();
        changed[changed.findIndex((byte, i) => byte === 0x9f && changed[i + 1] === 0x27) + 3] = 0x80;
        return { data: changed, sw };
      },
    };
    expect(camFailed(tap(script))).toBe("signature: cid-mismatch");
  });

  test("one that nobody asked for", () => {
    const script: Script = { ac: { "9F4B": "00".repeat(112) } };
    expect(camFailed(tap(script))).toBe("issuer certificate: 8F is missing");
  });

  test("none where one was asked for", () => {
    const unsigned = (cid: string): Script => ({
      cda: true,
      respond: (command) => (command.ins === 0xae ? `77149F2701${cid}9F360200119F260811223344556677889000` : undefined),
    });
    expect(tap(unsigned("40")).outcome).toMatchObject({
      kind: "end-application",
      error: { l2: "card-data-error", tag: "9F4B" },
    });
    expect(tap(unsigned("80")).outcome).toMatchObject({
      kind: "end-application",
      error: { l2: "card-data-error", tag: "9F4B" },
    });
    expect(tap(unsigned("00"), { terminal: { "9F33": "006808" } }).outcome).toMatchObject({ kind: "declined" });
    // a card that says that it signs AACs, asked for one
    const asked = tap(
      { ...unsigned("00"), objects: { "9F5D": "000100", ...ONLINE_IAC } },
      { amount: 10_001n, terminal: { DF8121: "0000008000" } },
    );
    expect(asked.outcome).toMatchObject({ kind: "end-application", error: { l2: "card-data-error", tag: "9F4B" } });
  });
});
