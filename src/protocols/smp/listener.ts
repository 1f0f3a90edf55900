import { isTapbenchError } from "../../util/errors.js";
import type { Nanos } from "../../util/time.js";
import { encodeAnswer, failed, type AnswerOptions, type Outcome } from "./answer.js";
import type { AnyCommand, Command } from "./command.js";
import { commandKey, keyOf } from "./groups.js";
import { HEADER_BYTES, OP, readSmp, type SmpMessage } from "./header.js";
import { rc } from "./results.js";

/** One request as a handler sees it. */
export interface Call<S, Q> {
  readonly state: S;
  readonly request: Q;
  readonly now: Nanos;
  /** Which wire it came on: transfers belong to one. */
  readonly from: string;
  /** Bytes that the whole response may have, header included. */
  readonly room: number;
}

/** What a handler did. */
export interface Done<S, A> {
  readonly state: S;
  readonly outcome: Outcome<A>;
  /** What it took the device; 0 when absent. */
  readonly took?: Nanos;
}

export type Handler<S, Q, A> = (call: Call<S, Q>) => Done<S, A>;

export interface HandlerRow<S> {
  readonly command: AnyCommand;
  readonly handle: Handler<S, unknown, unknown>;
}

/** A row of a device's table: a command, and who does it. */
export const on = <S, Q, A>(command: Command<Q, A>, handle: Handler<S, Q, A>): HandlerRow<S> => ({
  command,
  handle: handle as Handler<S, unknown, unknown>,
});

export interface ListenerOptions extends AnswerOptions {
  /** Bytes of one buffer: longer requests never arrive, longer responses are `message size`. */
  readonly bufferBytes: number;
}

/** What a message led to; no answer where it was none of a host's requests. */
export interface Dispatched<S> {
  readonly state: S;
  readonly answer?: Uint8Array;
  readonly took: Nanos;
  /** For counting: done or refused; `noise`: not even a request. */
  readonly result: "done" | "refused" | "noise";
}

export type Dispatcher<S> = (
  state: S,
  bytes: Uint8Array,
  context: { readonly now: Nanos; readonly from: string },
) => Dispatched<S>;

/** The device's side of SMP on whole messages: finds who does a request, and puts the answer into the words of its version. */
export function smpDispatcher<S>(rows: readonly HandlerRow<S>[], options: ListenerOptions): Dispatcher<S> {
  const byKey = new Map(rows.map((row) => [keyOf(row.command), row] as const));
  const { bufferBytes } = options;

  return (state, bytes, context) => {
    if (bytes.length < HEADER_BYTES || bytes.length > bufferBytes) return { state, took: 0, result: "noise" };
    const { request, problem } = readRequest(bytes);
    // An answer is nobody's question: answering it could go on for ever.
    if (request.op === OP.readResponse || request.op === OP.writeResponse) return { state, took: 0, result: "noise" };
    const row = byKey.get(commandKey(request.group, request.command, request.op));
    const early = problem ?? (row && request.op <= OP.write ? undefined : rc("not supported"));
    const refuse = (why: number, kept: S, took: Nanos): Dispatched<S> => ({
      state: kept,
      took,
      answer: encodeAnswer(request, undefined, failed(why), options),
      result: "refused",
    });
    if (early !== undefined) return refuse(early, state, 0);
    const { command, handle } = row!;
    let asked: unknown;
    try {
      asked = command.request.decode(request.data);
    } catch (error) {
      if (!isTapbenchError(error)) throw error;
      return refuse(rc("invalid"), state, 0);
    }
    const { state: next, outcome, took = 0 } = handle({ state, request: asked, ...context, room: bufferBytes });
    const answer = encodeAnswer(request, command.response, outcome, options);
    if (answer.length > bufferBytes) return refuse(rc("message size"), next, took);
    return { state: next, answer, took, result: outcome.failure ? "refused" : "done" };
  };
}

/** A message of at least a header, and what is wrong with it as a whole. */
function readRequest(bytes: Uint8Array): { request: SmpMessage; problem?: number } {
  const request = readSmp(bytes);
  if (((bytes[2]! << 8) | bytes[3]!) !== request.data.length) return { request, problem: rc("corrupt") };
  return request.version > 2 ? { request, problem: rc("version too new") } : { request };
}
