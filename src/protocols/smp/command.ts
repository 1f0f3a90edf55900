import { cborMessage, type CborMessage } from "../../codec/cbor-fields.js";

/** One command of a group: what is asked, what is answered. Both sides use the same declaration. */
export interface Command<Request, Response> {
  /** Stable name, such as `os.echo`. */
  readonly name: string;
  readonly group: number;
  readonly id: number;
  readonly op: "read" | "write";
  /** For the documentation table. */
  readonly says: string;
  /** Doing it twice is doing it once: without an answer it may be sent again. */
  readonly repeatable: boolean;
  readonly request: CborMessage<Request>;
  readonly response: CborMessage<Response>;
}

/** A command whose kinds of messages are its own business. */
export type AnyCommand = Command<unknown, unknown>;

export interface Group {
  readonly id: number;
  /** As the enumeration group tells it. */
  readonly name: string;
  readonly commands: readonly AnyCommand[];
}

/** The longest text and bytes that messages carry here; a device's buffer bounds them further. */
export const LONG_TEXT = 4096;
export const LONG_BYTES = 16_384;
export const PATH = 255;

/** The empty map: what many commands ask with, and what success answers. */
export const Nothing = cborMessage("smp.NOTHING", "Zephyr, SMP protocol specification, Minimal response", {});

/** Declares the commands of one group. `once`: a writing command that must not be sent twice. */
export const commandsOf =
  (group: number, prefix: string) =>
  <Q, A>(
    name: string,
    id: number,
    kind: "read" | "write" | "once",
    says: string,
    request: CborMessage<Q>,
    response: CborMessage<A>,
  ): Command<Q, A> => {
    const op = kind === "read" ? "read" : "write";
    return { name: `${prefix}.${name}`, group, id, op, says, repeatable: kind !== "once", request, response };
  };
