import fc from "fast-check";
import { expect, test } from "vitest";
import { kernelC2 } from "../../../../src/emv/kernels/c2/kernel.js";
import { status, type CommandApdu, type ResponseApdu } from "../../../../src/protocols/iso7816/apdu.js";
import { SW } from "../../../../src/protocols/iso7816/status.js";
import { answerWith, type Reply } from "../../../../src/util/dialogue.js";
import { isTapbenchError } from "../../../../src/util/errors.js";
import { kernelInput, scriptedCard, testCaKeys, type ScriptedCard } from "../../../support/scripted-card.js";

const OUTCOMES = ["approved", "declined", "online-request", "end-application", "select-next", "try-another-interface"];
/** GET PROCESSING OPTIONS, at most 128 records, GENERATE AC. */
const MOST_COMMANDS = 130;

/** What becomes of an answer on its way. */
type Mutation =
  | { readonly kind: "none" }
  | { readonly kind: "byte"; readonly at: number; readonly value: number }
  | { readonly kind: "cut"; readonly at: number }
  | { readonly kind: "insert"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "twice" }
  | { readonly kind: "random"; readonly bytes: Uint8Array; readonly sw: number };

function mutate({ data, sw }: ResponseApdu, mutation: Mutation): ResponseApdu {
  switch (mutation.kind) {
    case "none":
      return { data, sw };
    case "byte":
      return {
        data: data.map((byte, i) => (i === mutation.at % Math.max(1, data.length) ? mutation.value : byte)),
        sw,
      };
    case "cut":
      return { data: data.slice(0, mutation.at % (data.length + 1)), sw };
    case "insert": {
      const at = mutation.at % (data.length + 1);
      return { data: Uint8Array.from([...data.slice(0, at), ...mutation.bytes, ...data.slice(at)]), sw };
    }
    case "twice":
      return { data: Uint8Array.from([...data, ...data]), sw };
    case "random":
      return { data: mutation.bytes, sw: mutation.sw };
  }
}

const position = fc.nat({ max: 400 });
const bytes = fc.uint8Array({ maxLength: 40 });
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Mutation>({ kind: "none" }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("byte" as const), at: position, value: fc.nat({ max: 255 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("cut" as const), at: position }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("insert" as const), at: position, bytes }) },
  { weight: 1, arbitrary: fc.constant<Mutation>({ kind: "twice" }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("random" as const),
      bytes,
      sw: fc.constantFrom(0x9000, 0x6985, 0x6283, 0x0000),
    }),
  },
);

/** The scripted card may choke on what a mutation makes the kernel send; a real one answers 6F00 then. */
function usual(card: ScriptedCard, command: CommandApdu): Reply<ResponseApdu> {
  try {
    return card.answer(command);
  } catch (error) {
    if (!isTapbenchError(error)) throw error;
    return { answer: status(SW.noDiagnosis), took: 0 };
  }
}

/** Nothing that a card says makes the kernel throw. */
const expectOutcome = (cda: boolean, fci: Mutation, mutations: readonly Mutation[], aip: string): void => {
  const card = scriptedCard({ cda, objects: { "82": aip, "9F38": "9F02069F37045F2A02" } });
  let index = 0;
  const input = {
    ...kernelInput(card, { caKeys: testCaKeys(), amount: 6_000n }),
    fci: mutate({ data: card.fci, sw: 0x9000 }, fci).data,
  };
  const outcome = answerWith(kernelC2(input), (command) => {
    const { answer, took } = usual(card, command);
    return { answer: mutate(answer, mutations[index++ % mutations.length]!), took };
  });
  expect(OUTCOMES).toContain(outcome.kind);
  expect(card.commands.length).toBeLessThanOrEqual(MOST_COMMANDS);
};

const NONE: Mutation = { kind: "none" };
const mutations = fc.array(mutation, { minLength: 1, maxLength: 6 });
const aip = fc.constantFrom("0080", "1080", "1280", "1980", "1B80", "0000", "FFFF");

test("mutated answers: an outcome, within bounded commands", () => {
  fc.assert(
    fc.property(mutations, aip, (all, card) => expectOutcome(false, NONE, all, card)),
    { numRuns: 1_500 },
  );
});

test("mutated answers of a card with CDA", () => {
  fc.assert(
    fc.property(mutations, (all) => expectOutcome(true, NONE, all, "1980")),
    { numRuns: 300 },
  );
});

test("a mutated answer to SELECT", () => {
  fc.assert(
    fc.property(mutation, (fci) => expectOutcome(false, fci, [NONE], "1080")),
    { numRuns: 500 },
  );
});

test("one changed byte in each answer, at every place", () => {
  const whole = scriptedCard({ objects: { "82": "1080" } });
  answerWith(kernelC2(kernelInput(whole)), whole.answer);
  for (let step = 0; step < whole.commands.length; step++)
    for (let at = 0; at < 200; at++) {
      const all = whole.commands.map((_, i): Mutation =>
        i === step ? { kind: "byte", at, value: (at * 37) & 0xff } : NONE,
      );
      expectOutcome(false, NONE, all, "1080");
    }
});

test("an AFL of whatever", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 60 }), (afl) => {
      const card = scriptedCard({
        respond: ({ ins }) => (ins === 0xb2 ? "70009000" : undefined),
        objects: { "94": Buffer.from(afl).toString("hex") },
      });
      expect(answerWith(kernelC2(kernelInput(card)), card.answer).kind).toBe("end-application");
      expect(card.commands.length).toBeLessThanOrEqual(MOST_COMMANDS);
    }),
    { numRuns: 500 },
  );
});
