import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { aesKey } from "../../../src/crypto/aes.js";
import { desKey } from "../../../src/crypto/des.js";
import type { KeySet } from "../../../src/protocols/gp/poller.js";
import type { SecureChannel } from "../../../src/protocols/gp/secure-channel.js";
import { scp02, scp02Accept, scp02Authenticate, scp02Handshake } from "../../../src/protocols/gp/scp02.js";
import { scp03, scp03Accept, scp03Authenticate, scp03Handshake } from "../../../src/protocols/gp/scp03.js";
import {
  decodeCommand,
  decodeResponse,
  encodeCommand,
  encodeResponse,
  type CommandApdu,
} from "../../../src/protocols/iso7816/apdu.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { gpCard, ISSUER_DOMAIN } from "../../support/gp-card.js";
import { missing } from "../../support/wires.js";

/*
 * Every key length, mode and level, as literal bytes: scp-matrix.txt, which scp_matrix.py printed. That program shares nothing with ours, and was first
 * held to published sessions itself, the same ones that stand in the tests beside this one.
 */
const FILE = fileURLToPath(new URL("scp-matrix.txt", import.meta.url));
const MATRIX = readFileSync(FILE, "utf8");

interface Cell {
  readonly title: string;
  readonly scp: 2 | 3;
  readonly i: number;
  readonly level: number;
  readonly keys: KeySet;
  readonly host: Uint8Array;
  readonly answer: string;
  readonly authenticate: string;
  readonly commands: readonly (readonly [plain: string, secured: string])[];
  readonly answers: readonly (readonly [plain: string, secured: string])[];
}

const counting = (first: number, bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, (_, i) => first + i);

function cell(text: string): Cell {
  const [title = "", ...lines] = text.split("\n");
  const rows = (mark: string): (readonly [string, string])[] =>
    lines
      .filter((line) => line.startsWith(mark))
      .map((line) => line.split(" "))
      .map(([, first = "", second = ""]) => [first, second]);
  const [[host, answer], [authenticate]] = rows("=") as [[string, string], [string, string]];
  const scp = title.startsWith("SCP03") ? 3 : 2;
  const bytes = Number(/AES-(\d+)/.exec(title)?.[1] ?? 128) / 8;
  const numbered = (name: string): number => Number.parseInt(new RegExp(`${name} (..)`).exec(title)![1]!, 16);
  return {
    title,
    scp,
    i: numbered(" i"),
    level: numbered("level"),
    keys: {
      kind: scp === 3 ? "aes" : "des",
      enc: counting(0x00, bytes),
      mac: counting(0x10, bytes),
      dek: counting(0x20, bytes),
    },
    host: unhex(host),
    answer,
    authenticate,
    commands: rows(">"),
    answers: rows("<"),
  };
}

const CELLS = MATRIX.trim().split("\n\n").map(cell);

interface Ends<S> {
  readonly channel: SecureChannel<S>;
  readonly cardCryptogram: Uint8Array;
  readonly opened: { session: S; command: CommandApdu };
  readonly accepted: S | undefined;
}

/** Both ends of ours, for `check`, whatever the protocol. */
function withEnds({ scp, keys, host, answer, authenticate, level }: Cell, check: <S>(ends: Ends<S>) => void): void {
  const said = unhex(answer);
  const command = decodeCommand(unhex(authenticate));
  if (scp === 3) {
    const size = host.length === 16 ? 16 : 8;
    const set = { enc: aesKey(keys.enc), mac: aesKey(keys.mac), dek: aesKey(keys.dek) };
    const handshake = scp03Handshake(set, host, said.subarray(13, 13 + size), size);
    const [opened, accepted] = [scp03Authenticate(handshake, level), scp03Accept(handshake, command)];
    check({ channel: scp03, cardCryptogram: handshake.cardCryptogram, opened, accepted });
    return;
  }
  const set = { enc: desKey(keys.enc), mac: desKey(keys.mac), dek: desKey(keys.dek) };
  const handshake = scp02Handshake(set, host, (said[12]! << 8) | said[13]!, said.subarray(14, 20));
  const [opened, accepted] = [scp02Authenticate(handshake, level), scp02Accept(handshake, command)];
  check({ channel: scp02, cardCryptogram: handshake.cardCryptogram, opened, accepted });
}

test("every cell is there, once", () => {
  const cells = ["128", "192", "256"].flatMap((bits) =>
    ["S8", "S16"].flatMap((mode) =>
      ["01", "03", "13", "33"].map((level) => `SCP03 AES-${bits} ${mode} level ${level}`),
    ),
  );
  const old = ["15", "55"].flatMap((i) => ["01", "03"].map((level) => `SCP02 level ${level} i ${i}`));
  expect(CELLS.map(({ title }) => title.replace(/(SCP03.*) i ..$/, "$1"))).toEqual([...cells, ...old]);
  expect(CELLS.every(({ commands, answers }) => commands.length === 7 && answers.length === 7)).toBe(true);
});

describe.each(CELLS)("$title", (each) => {
  test("host and card", () => {
    withEnds(each, ({ channel, cardCryptogram, opened, accepted }) => {
      expect(each.answer).toContain(hex(cardCryptogram));
      expect(hex(encodeCommand(opened.command))).toBe(each.authenticate);
      let host = opened.session;
      let card: typeof host = accepted!;
      for (const [at, [plain, secured]] of each.commands.entries()) {
        const sent = channel.wrap(host, decodeCommand(unhex(plain)));
        const taken = channel.unwrap(card, decodeCommand(unhex(secured)))!;
        host = sent.session;
        card = taken.session;
        expect([hex(encodeCommand(sent.command)), hex(encodeCommand(taken.command))]).toEqual([secured, plain]);
        const [clear, onWire] = each.answers[at]!;
        expect(hex(encodeResponse(channel.wrapResponse(card, decodeResponse(unhex(clear)))))).toBe(onWire);
        expect(hex(encodeResponse(channel.unwrapResponse(host, decodeResponse(unhex(onWire)))))).toBe(clear);
      }
    });
  });

  // With i = 15 its challenge would be drawn.
  if (each.i !== 0x15)
    test("the emulated element, fresh, answers so and accepts that", () => {
      const { scp, i, keys, host, answer, authenticate } = each;
      const element = gpCard({ scp, i, keys });
      const send = (apdu: Uint8Array): string => hex(element.process(apdu, "wired")!.response);
      send(encodeCommand({ cla: 0x00, ins: 0xa4, p1: 0x04, p2: 0x00, data: ISSUER_DOMAIN, le: 256 }));
      expect(send(encodeCommand({ cla: 0x80, ins: 0x50, p1: 0, p2: 0, data: host, le: 256 }))).toBe(`${answer}9000`);
      expect(send(unhex(authenticate))).toBe("9000");
    });
});

test.skipIf(missing("scp-witness"))("the program prints just that", () => {
  const program = fileURLToPath(new URL("../../support/scp_matrix.py", import.meta.url));
  const { stdout, stderr } = spawnSync("/usr/bin/python3", [program], { encoding: "utf8" });
  expect(stderr).toBe("");
  expect(stdout).toBe(MATRIX);
});
