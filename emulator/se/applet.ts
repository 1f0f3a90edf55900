import type { CommandApdu, ResponseApdu } from "../../src/protocols/iso7816/apdu.js";
import type { Random } from "../../src/util/random.js";
import type { ContactlessView } from "./gp/contactless.js";
import type { ApplicationEntry, CardRegistry, LoadFileEntry } from "./gp/registry.js";
import type { StoreChange } from "./transaction.js";

/** Which way a command came. Personalisation is for the wired one. */
export type CardInterface = "contactless" | "wired";

/** What an applet may use while it answers. */
export interface AppletContext {
  readonly via: CardInterface;
  readonly storage: AppletStorage;
  readonly random: Random;
  /** The device has verified its holder since the field came on, as it tells the element over the wired interface. */
  readonly holderVerified: boolean;
  /** This application has checked its holder's PIN, and no payment has used that up. Gone with the power of the wired interface. */
  readonly pinVerified: boolean;
  /** How the application's check of the PIN ended, or that it is used up. */
  keepPinVerified(verified: boolean): void;
  /** Says what costs time: operations with a symmetric key, or one RSA private operation of that many bits. */
  spend(work: { readonly symmetric: number } | { readonly rsaBits: number }): void;
  /** The card's own operations, for security domains only. */
  readonly manager?: CardManager | undefined;
  /** The contactless registry, as far as the application may see it; absent on elements without card management. */
  readonly contactless?: ContactlessView | undefined;
  /** The command came through the secure channel of the application's security domain. */
  readonly secured?: boolean | undefined;
  /** Deciphers what came encrypted under the session's data encryption key; undefined: no whole blocks. Absent: there is no session. */
  readonly decipher?: ((data: Uint8Array) => Uint8Array | undefined) | undefined;
}

/** What the operating system does for a security domain. A status word other than 9000 says why it did not. */
export interface CardManager {
  readonly registry: CardRegistry;
  /** The domain that asks. */
  readonly own: ApplicationEntry;
  readonly settings: CardSettings;
  readonly freeMemory: number;
  /** Makes an instance and has its applet take the parameters; a load file that is new comes into the registry with it. */
  install(entry: Omit<ApplicationEntry, "number" | "applet">, parameters: Uint8Array, loadFile: LoadFileEntry): number;
  /** Hands a command to an application as if it was selected, secured by its domain; the state is the asker's to keep. */
  forward(
    to: ApplicationEntry,
    state: unknown,
    command: CommandApdu,
    decipher: (data: Uint8Array) => Uint8Array | undefined,
  ): AppletStep<unknown>;
  /** It is selected on another logical channel, of whichever interface. */
  selected(entry: ApplicationEntry): boolean;
  /** Storage of another domain: keys are inherited from the domain above. */
  storageOf(domain: ApplicationEntry): AppletStorage;
}

/** What the card's maker settled. */
export interface CardSettings {
  readonly cplc: Uint8Array;
  readonly diversification: Uint8Array;
  /** Secure channel protocol and its options. */
  readonly scp: 2 | 3;
  readonly i: number;
  /** Wrong authentications in a row after which a key version is blocked. */
  readonly maxFailures: number;
  /** Load files that can be loaded: packages that stand for built-in classes. */
  readonly packages: readonly Omit<LoadFileEntry, "domain">[];
}

/** The objects of one instance. Numbers are the applet's own, 0 to FFFF. */
export interface AppletStorage {
  /** The same array until the object changes. */
  get(id: number): Uint8Array | undefined;
  /** All of them or none. */
  putAll(changes: readonly StoreChange[]): void;
  /**
   * What `work` changes becomes durable together when it returns, or not at all where it throws or the power goes; it reads its own changes.
   * Not for counters that exist: they are durable at once, and stay where the rest is undone. Status word where it fails: 6F00, as for
   * an uncaught TransactionException of Java Card.
   */
  transaction<R>(work: () => R): R;
  counter(id: number): number;
  setCounter(id: number, value: number): void;
  /** Durable before it returns; only ever up. */
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
  /** It has its own secure messaging, in classes 04 and 84. */
  readonly secureMessaging?: boolean;
  /** It may be selected on several logical channels and interfaces at once (Java Card, `MultiSelectable`). */
  readonly multiSelectable?: boolean;
  /** INSTALL [for install]: the application's own parameters (tag C9). A status word other than 9000 refuses; absent: they are left alone. */
  install?(context: AppletContext, parameters: Uint8Array): number;
  /** SELECT by its AID. */
  select(context: AppletContext, aid: Uint8Array): AppletStep<S>;
  process(context: AppletContext, state: S, command: CommandApdu): AppletStep<S>;
  /** Another application is selected, or the interface closes. */
  deselect?(context: AppletContext, state: S): void;
}

/** An applet whose kind of state is its own business. */
export type AnyApplet = Applet<unknown>;

/** For the table of modules. The state goes only where it came from. */
export const applet = <S>(definition: Applet<S>): AnyApplet => definition;
