import { describe, expect, test } from "vitest";
import { aesKey } from "../../../src/crypto/aes.js";
import { desKey } from "../../../src/crypto/des.js";
import type { SecureChannel } from "../../../src/protocols/gp/secure-channel.js";
import {
  scp02,
  scp02Accept,
  scp02Authenticate,
  scp02CardChallenge,
  scp02Handshake,
} from "../../../src/protocols/gp/scp02.js";
import {
  scp03,
  scp03Accept,
  scp03Authenticate,
  scp03CardChallenge,
  scp03Handshake,
} from "../../../src/protocols/gp/scp03.js";
import {
  decodeCommand,
  decodeResponse,
  encodeCommand,
  encodeResponse,
  type CommandApdu,
} from "../../../src/protocols/iso7816/apdu.js";
import { hex, unhex } from "../../../src/util/bytes.js";
import { isTapbenchError } from "../../../src/util/errors.js";
import { seededRandom } from "../../../src/util/random.js";
import { witness, type WitnessSession } from "../../support/scp-witness.js";
import { missing } from "../../support/wires.js";

/*
 * Random sessions, against an implementation that shares nothing with ours: byte for byte, both ends, and the same verdict about what was
 * changed on the way.
 */

const SESSIONS = 400;
const random = seededRandom("scp witness");
const upTo = (limit: number): number => Number.parseInt(hex(random.bytes(4)), 16) % limit;
const oneOf = <T>(choices: readonly T[]): T => choices[upTo(choices.length)]!;
const some = (bytes: number): string => hex(random.bytes(bytes));

interface Planned {
  readonly session: WitnessSession;
  readonly level: number;
  /** Plain, as hex. */
  readonly commands: readonly string[];
  readonly responses: readonly string[];
}

const LENGTHS = [0, 0, 1, 7, 8, 15, 16, 17, 31, 32, 100, 231, 239];
/** Classes of channels 0 to 3 and 4 to 19, GlobalPlatform's and interindustry. */
const CLASSES = [0x80, 0x80, 0x00, 0x81, 0x03, 0xc0, 0xcf, 0x42];

function plainCommand(scp: 2 | 3): string {
  const length = scp === 3 ? oneOf([...LENGTHS, 240, 247, 255, 256, 300]) : oneOf(LENGTHS);
  const command: CommandApdu = {
    cla: oneOf(CLASSES),
    ins: oneOf([0xe2, 0xf2, 0xca, 0xe6, 0xd8]),
    p1: upTo(256),
    p2: upTo(256),
    data: random.bytes(length),
    le: oneOf([undefined, undefined, 256, 256, 1, 255, ...(scp === 3 ? [257, 65_536] : [])]),
  };
  return hex(encodeCommand(command));
}

const plainResponse = (): string =>
  oneOf([
    () => `${some(oneOf([...LENGTHS, 240, 254]))}9000`,
    () => `${some(upTo(40))}${oneOf(["6310", "6283", "6200"])}`,
    () => oneOf(["6A88", "6982", "6A80", "6D00", "9000", "6310"]),
  ])();

function planned(scp: 2 | 3): Planned {
  const keyLength = scp === 3 ? oneOf([16, 24, 32]) : 16;
  const size = scp === 3 ? oneOf([8, 16]) : 8;
  const keys = { enc: some(keyLength), mac: some(keyLength), host: some(size) };
  const session: WitnessSession =
    scp === 3 ? { scp, ...keys, card: some(size) } : { scp, ...keys, card: some(6), sequence: some(2) };
  const count = 1 + upTo(8);
  return {
    session,
    level: scp === 3 ? oneOf([0x00, 0x01, 0x03, 0x11, 0x13, 0x33]) : oneOf([0x00, 0x01, 0x03]),
    commands: Array.from({ length: count }, () => plainCommand(scp)),
    responses: Array.from({ length: count }, plainResponse),
  };
}

/** One of our ends, in hexadecimal; undefined where ours refuses. */
interface OurEnd {
  readonly wrap: (plain: string) => string;
  readonly unwrap: (secured: string) => string | undefined;
  readonly wrapResponse: (plain: string) => string;
  readonly unwrapResponse: (secured: string) => string | undefined;
}

/** What `step` gives; undefined where ours says that an APDU is none or an answer is not the card's. */
function unlessRefused<T>(step: () => T): T | undefined {
  try {
    return step();
  } catch (error) {
    if (isTapbenchError(error) && /^(iso7816|gp)\//.test(error.code)) return undefined;
    throw error;
  }
}

function ourEnd<S>(channel: SecureChannel<S>, opened: S): OurEnd {
  let now = opened;
  return {
    wrap(plain) {
      const step = channel.wrap(now, decodeCommand(unhex(plain)));
      now = step.session;
      return hex(encodeCommand(step.command));
    },
    unwrap(secured) {
      const step = unlessRefused(() => channel.unwrap(now, decodeCommand(unhex(secured))));
      if (!step) return undefined;
      now = step.session;
      return hex(encodeCommand(step.command));
    },
    wrapResponse: (plain) => hex(encodeResponse(channel.wrapResponse(now, decodeResponse(unhex(plain))))),
    unwrapResponse: (secured) =>
      unlessRefused(() => hex(encodeResponse(channel.unwrapResponse(now, decodeResponse(unhex(secured)))))),
  };
}

interface OurHost extends OurEnd {
  readonly authenticate: string;
}

/** Our handshake of that session: the host's end, and the card's for an EXTERNAL AUTHENTICATE that it accepts. */
function ours(session: WitnessSession): {
  readonly host: (level: number) => OurHost;
  readonly card: (authenticate: string) => OurEnd | undefined;
} {
  const bytes = (name: "enc" | "mac" | "host" | "card"): Uint8Array => unhex(session[name]);
  if (session.scp === 3) {
    const keys = { enc: aesKey(bytes("enc")), mac: aesKey(bytes("mac")), dek: aesKey(bytes("mac")) };
    const size = bytes("host").length === 16 ? 16 : 8;
    const handshake = scp03Handshake(keys, bytes("host"), bytes("card"), size);
    return {
      host: (level) => {
        const opened = scp03Authenticate(handshake, level);
        return { authenticate: hex(encodeCommand(opened.command)), ...ourEnd(scp03, opened.session) };
      },
      card: (authenticate) => {
        const opened = unlessRefused(() => scp03Accept(handshake, decodeCommand(unhex(authenticate))));
        return opened && ourEnd(scp03, opened);
      },
    };
  }
  const keys = { enc: desKey(bytes("enc")), mac: desKey(bytes("mac")), dek: desKey(bytes("mac")) };
  const sequence = Number.parseInt(session.sequence, 16);
  const handshake = scp02Handshake(keys, bytes("host"), sequence, bytes("card"));
  return {
    host: (level) => {
      const opened = scp02Authenticate(handshake, level);
      return { authenticate: hex(encodeCommand(opened.command)), ...ourEnd(scp02, opened.session) };
    },
    card: (authenticate) => {
      const opened = unlessRefused(() => scp02Accept(handshake, decodeCommand(unhex(authenticate))));
      return opened && ourEnd(scp02, opened);
    },
  };
}

/** Flips a bit, cuts a byte out, or puts one in, at `from` or behind it. */
function changed(original: string, from = 0): string {
  const bytes = unhex(original);
  // Half of them in the header.
  const at = from + upTo(Math.max(1, Math.min(oneOf([5, bytes.length]), bytes.length - from)));
  return oneOf([
    () => hex(bytes.map((byte, i) => (i === at ? byte ^ (1 << upTo(8)) : byte))),
    () => hex(bytes.filter((_, i) => i !== at)),
    () => hex(bytes.subarray(0, at)) + some(1) + hex(bytes.subarray(at)),
  ])();
}

/** A whole APDU whose data are longer or shorter than what was signed. */
function resized(original: string): string {
  const command = decodeCommand(unhex(original));
  const data = command.data ?? new Uint8Array();
  return hex(
    encodeCommand({
      ...command,
      data: upTo(2) === 0 ? data.subarray(0, upTo(data.length)) : unhex(hex(data) + some(1)),
    }),
  );
}

const PLANS = [
  ...Array.from({ length: SESSIONS }, () => planned(3)),
  ...Array.from({ length: SESSIONS / 2 }, () => planned(2)),
];

/** Fields, however their lengths are written. */
const meaning = (apdu: string): object => {
  const { extended: _, ...fields } = decodeCommand(unhex(apdu));
  return { ...fields, data: hex(fields.data ?? new Uint8Array()) };
};

describe.skipIf(missing("scp-witness"))("random sessions against an independent implementation", () => {
  /** What each end of ours sends where nothing is changed. */
  const sent = PLANS.map(({ session, level, commands, responses }) => {
    const host = ours(session).host(level);
    const steps = commands.map((command, i) => {
      const secured = host.wrap(command);
      return { secured, response: host.wrapResponse(responses[i]!) };
    });
    return { authenticate: host.authenticate, steps };
  });

  test("our host and its card: every command arrives, and every answer", () => {
    const answers = witness(
      "card",
      PLANS.map(({ session, responses }, plan) => ({
        session,
        authenticate: sent[plan]!.authenticate,
        steps: sent[plan]!.steps.map(({ secured }, i) => [secured, responses[i]!] as const),
      })),
    );
    expect(answers.length).toBe(PLANS.length);
    for (const [plan, { session, level, commands, responses }] of PLANS.entries()) {
      const host = ours(session).host(level);
      const { accepted, steps } = answers[plan]!;
      expect(accepted).toBe(true);
      expect(steps.length).toBe(commands.length);
      for (const [i, [taken, secured]] of steps.entries()) {
        host.wrap(commands[i]!);
        expect(meaning(taken!)).toEqual(meaning(commands[i]!));
        expect(secured).toBe(sent[plan]!.steps[i]!.response);
        expect(host.unwrapResponse(secured!)).toBe(responses[i]);
      }
    }
  });

  test("its host and our card: the same bytes, the same commands, the same answers", () => {
    const answers = witness(
      "host",
      PLANS.map(({ session, level, commands }, plan) => ({
        session,
        level,
        steps: commands.map((command, i) => [command, sent[plan]!.steps[i]!.response] as const),
      })),
    );
    for (const [plan, { session, commands, responses }] of PLANS.entries()) {
      const { authenticate, steps } = answers[plan]!;
      expect(authenticate).toBe(sent[plan]!.authenticate);
      const card = ours(session).card(authenticate)!;
      expect(steps.map(([secured]) => secured)).toEqual(sent[plan]!.steps.map(({ secured }) => secured));
      expect(steps.map(([, plain]) => plain)).toEqual(responses);
      for (const [i, [secured]] of steps.entries())
        expect(meaning(card.unwrap(secured)!)).toEqual(meaning(commands[i]!));
    }
  });

  test("a changed, dropped, repeated or reordered command: both cards say the same", () => {
    const tampered = sent.map(({ authenticate, steps }) => {
      const wires = steps.map(({ secured }) => secured);
      const at = upTo(wires.length);
      const how = oneOf(["change", "resize", "drop", "repeat", "swap", "authenticate"] as const);
      if (how === "authenticate") return { authenticate: changed(authenticate, 5), wires };
      if (how === "change") wires[at] = changed(wires[at]!);
      if (how === "resize") wires[at] = resized(wires[at]!);
      if (how === "drop") wires.splice(at, 1);
      if (how === "repeat") wires.splice(at, 0, wires[at]!);
      if (how === "swap") wires.unshift(wires.pop()!);
      return { authenticate, wires };
    });
    const answers = witness(
      "card",
      tampered.map(({ authenticate, wires }, plan) => ({
        session: PLANS[plan]!.session,
        authenticate,
        steps: wires.map((wire) => [wire, "9000"] as const),
      })),
    );
    let refusals = 0;
    for (const [plan, { authenticate, wires }] of tampered.entries()) {
      const card = ours(PLANS[plan]!.session).card(authenticate);
      const { accepted, steps } = answers[plan]!;
      expect(card !== undefined).toBe(accepted);
      const taken: (string | null)[] = [];
      for (const wire of card ? wires : []) {
        taken.push(card!.unwrap(wire) ?? null);
        if (taken.at(-1) === null) break;
      }
      expect(taken).toEqual(steps.map(([plain]) => plain));
      if (!card || taken.includes(null)) refusals++;
    }
    // Some changes touch nothing that is signed: Le, the channel's number, a session without MACs.
    expect(refusals).toBeGreaterThan(PLANS.length / 2);
  });

  test("a changed answer: both hosts say the same", () => {
    const answers = sent.map(({ steps }) => steps.map(({ response }) => oneOf([response, changed(response)])));
    // Shorter than a status word is no answer at all.
    const asked = answers.map((all, plan) =>
      all.map((one, i) => (one.length < 4 ? sent[plan]!.steps[i]!.response : one)),
    );
    const heard = witness(
      "host",
      PLANS.map(({ session, level, commands }, plan) => ({
        session,
        level,
        steps: commands.map((command, i) => [command, asked[plan]![i]!] as const),
      })),
    );
    let refusals = 0;
    for (const [plan, { session, level, commands }] of PLANS.entries()) {
      const host = ours(session).host(level);
      const mine = commands.map((command, i) => {
        host.wrap(command);
        return host.unwrapResponse(asked[plan]![i]!) ?? null;
      });
      expect(mine).toEqual(heard[plan]!.steps.map(([, plain]) => plain));
      refusals += mine.filter((one) => one === null).length;
    }
    expect(refusals).toBeGreaterThan(100);
  });

  test("session keys' check: both cryptograms", () => {
    const keys = witness(
      "keys",
      PLANS.map(({ session }) => ({ session })),
    );
    for (const [plan, { session }] of PLANS.entries()) {
      const { host, card, enc, mac } = session;
      const [h, c] = [unhex(host), unhex(card)];
      const mine =
        session.scp === 3
          ? scp03Handshake(
              { enc: aesKey(unhex(enc)), mac: aesKey(unhex(mac)), dek: aesKey(unhex(enc)) },
              h,
              c,
              h.length === 16 ? 16 : 8,
            )
          : scp02Handshake(
              { enc: desKey(unhex(enc)), mac: desKey(unhex(mac)), dek: desKey(unhex(enc)) },
              h,
              Number.parseInt(session.sequence, 16),
              c,
            );
      expect([hex(mine.cardCryptogram), hex(mine.hostCryptogram)]).toEqual([keys[plan]!.card, keys[plan]!.host]);
      expect([hex(mine.keys.enc.bytes()), hex(mine.keys.mac.bytes())]).toEqual([keys[plan]!.enc, keys[plan]!.mac]);
    }
  });

  test("pseudo-random card challenges", () => {
    const asks = Array.from({ length: 200 }, () => {
      const aid = some(5 + upTo(12));
      const size = oneOf([8, 16] as const);
      return oneOf([
        { scp: 3 as const, enc: some(oneOf([16, 24, 32])), sequence: some(3), aid, size },
        { scp: 2 as const, mac: some(16), sequence: some(2), aid },
      ]);
    });
    const mine = asks.map((ask) =>
      hex(
        ask.scp === 3
          ? scp03CardChallenge(aesKey(unhex(ask.enc)), unhex(ask.sequence), unhex(ask.aid), ask.size)
          : scp02CardChallenge(desKey(unhex(ask.mac)), Number.parseInt(ask.sequence, 16), unhex(ask.aid)),
      ),
    );
    expect(witness("challenge", asks)).toEqual(mine);
  });
});
