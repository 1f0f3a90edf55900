import { cliError } from "./errors.js";

/** So long in the field, or out of it. */
export interface ScheduleStep {
  readonly placed: boolean;
  readonly millis: number;
}

const MAX_STEPS = 1000;
const MAX_MILLIS = 24 * 3_600_000;
const UNITS = { ms: 1, s: 1000, min: 60_000 } as const;

/** `2s out, 1s in`: steps that follow one another and start over at the end. @throws `cli/bad-value` */
export function scheduleOf(text: string): readonly ScheduleStep[] {
  const bad = (why: string): Error =>
    cliError("bad-value", `'${text.slice(0, 60)}' is no schedule: ${why}; write it like '2s out, 1s in'`, {});
  const parts = text.split(",");
  if (parts.length > MAX_STEPS) throw bad(`it has more than ${MAX_STEPS} steps`);
  const steps = parts.map((part) => {
    const match = /^\s*(\d{1,9}(?:\.\d{1,3})?)\s*(ms|s|min)\s+(in|out)\s*$/.exec(part);
    if (!match) throw bad(`'${part.trim().slice(0, 20)}' is no time with 'in' or 'out'`);
    const millis = Math.round(Number(match[1]) * UNITS[match[2] as keyof typeof UNITS]);
    if (millis < 1 || millis > MAX_MILLIS) throw bad("a step takes from 1 ms to 24 hours");
    return { placed: match[3] === "in", millis };
  });
  if (new Set(steps.map(({ placed }) => placed)).size < 2) throw bad("it needs steps in and steps out");
  return steps;
}
