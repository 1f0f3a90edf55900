import type { CommandApdu, ResponseApdu } from "../../src/protocols/iso7816/apdu.js";
import type { Random } from "../../src/util/random.js";

/** Which way a command came. Personalisation is for the wired one. */
export type CardInterface = "contactless" | "wired";

/** What an applet may use while it answers. */
export interface AppletContext {
  readonly via: CardInterface;
  readonly storage: AppletStorage;
  readonly random: Random;
  /** The device has verified its holder since the field came on, as it tells the element over the wired interface. */
  readonly holderVerified: boolean;
  /** Says what costs time: operations with a symmetric key, or one RSA private operation of that many bits. */
  spend(work: { readonly symmetric: number } | { readonly rsaBits: number }): void;
}

/** The objects of one instance. Numbers are the applet's own, 0 to FFFF. */
export interface AppletStorage {
  /** The same array until the object changes. */
  get(id: number): Uint8Array | undefined;
  putAll(changes: readonly (readonly [id: number, bytes: Uint8Array | undefined])[]): void;
  counter(id: number): number;
  setCounter(id: number, value: number): void;
  writeCounter(id: number, value: number): void;
  readonly ids: readonly number[];
}

export interface AppletStep<S> {
  readonly state: S;
  readonly response: ResponseApdu;
}

/** An applet. Volatile state is a value and is gone with the power; everything else is in storage. */
export interface Applet<S> {
  readonly module: string;
  readonly initial: S;
  /** SELECT by its AID. */
  select(context: AppletContext, aid: Uint8Array): AppletStep<S>;
  process(context: AppletContext, state: S, command: CommandApdu): AppletStep<S>;
}

/** An applet whose kind of state is its own business. */
export type AnyApplet = Applet<unknown>;

/** For the table of modules. The state goes only where it came from. */
export const applet = <S>(definition: Applet<S>): AnyApplet => definition;
