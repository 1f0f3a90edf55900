/** Facts that belong to a failure, for programs to read. Never secrets, never whole PANs. */
export type ErrorContext = Readonly<Record<string, unknown>>;

/**
 * Every fault that tapbench reports: a broken wire, a malformed input, a bug.
 * Outcomes (declined, try again, ...) are values, never errors.
 *
 * `code` is stable and the only thing to match on; `message` is a sentence for people that says what to do.
 */
export class TapbenchError extends Error {
  override readonly name = "TapbenchError";
  readonly code: string;
  readonly context: ErrorContext;

  constructor(code: string, message: string, context: ErrorContext = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.context = context;
  }
}

/** Makes the errors of one folder. `codes` lists all of them, in the order in which they were added. */
export interface ErrorTable<Name extends string> {
  (name: Name, message: string, context?: ErrorContext, cause?: unknown): TapbenchError;
  readonly codes: readonly string[];
}

/** The one, append-only table of a folder's error codes: `errorTable("codec", ["truncated"])` makes `codec/truncated`. */
export function errorTable<const Name extends string>(folder: string, names: readonly Name[]): ErrorTable<Name> {
  const make = (name: Name, message: string, context?: ErrorContext, cause?: unknown): TapbenchError =>
    new TapbenchError(`${folder}/${name}`, message, context, cause);
  return Object.assign(make, { codes: names.map((name) => `${folder}/${name}`) });
}

export const utilError = errorTable("util", ["not-hex", "length", "link-overflow", "link-closed", "bad-bound"]);

/** Whether `error` is one of ours, with that code when one is given. */
export function isTapbenchError(error: unknown, code?: string): error is TapbenchError {
  return error instanceof TapbenchError && (code === undefined || error.code === code);
}

/** What `read` gives; undefined where it throws one of ours: malformed bytes, mostly. Anything else is a bug and goes on. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isTapbenchError(error)) return undefined;
    throw error;
  }
}
