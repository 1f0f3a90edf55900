import { kernelC2 } from "../../../../src/emv/kernels/c2/kernel.js";
import type { KernelOutcome } from "../../../../src/emv/outcome.js";
import type { RuleRecord } from "../../../../src/util/tracer.js";
import { hex } from "../../../../src/util/bytes.js";
import { answerWith } from "../../../../src/util/dialogue.js";
import {
  cdolValues,
  kernelInput,
  scriptedCard,
  testCaKeys,
  type Script,
  type ScriptedCard,
  type Setup,
} from "../../../support/scripted-card.js";

export interface Tapped {
  readonly outcome: KernelOutcome;
  readonly card: ScriptedCard;
  readonly rules: readonly Omit<RuleRecord, "at" | "layer">[];
}

/** One transaction of kernel 2 with a scripted card. */
export function tap(script: Script = {}, setup: Setup = {}): Tapped {
  const card = scriptedCard(script);
  const rules: Omit<RuleRecord, "at" | "layer">[] = [];
  const input = kernelInput(card, {
    ...(script.cda && { caKeys: testCaKeys() }),
    onRule: (rule) => rules.push(rule),
    ...setup,
  });
  return { outcome: answerWith(kernelC2(input), card.answer), card, rules };
}

/** A value that the card got with GENERATE AC, in hex. */
export const sent = ({ card }: Tapped, tag: number): string => hex(cdolValues(card).get(tag)!);
export const tvrOf = (tapped: Tapped): string => sent(tapped, 0x95);
/** P1 of GENERATE AC: what was asked for. */
export const askedFor = ({ card }: Tapped): number | undefined => card.commands.find(({ ins }) => ins === 0xae)?.p1;
/** A value of the data record, in hex. */
export const recorded = ({ outcome }: Tapped, tag: number): string | undefined => {
  const value = "dataRecord" in outcome ? outcome.dataRecord.get(tag) : undefined;
  return value && hex(value);
};
