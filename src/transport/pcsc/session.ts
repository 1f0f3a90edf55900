import type { TapbenchError } from "../../util/errors.js";
import { bounded, pause, type Patience } from "../../util/patience.js";
import { MS, SECOND, type Clock, type Nanos } from "../../util/time.js";
import { transportError } from "../errors.js";
import type { PcscClient, PcscDriver, PcscEvents, ReaderState } from "./driver.js";

/** How long the service may take to list its readers. */
const OPENING: Nanos = 5 * SECOND;
/** Between two attempts to reach a service that went away. */
const RETRY: Nanos = 250 * MS;
/** After a command was torn: coming back within 600 ms can leave "no card" for good (measured with pcscd 1.9.9 and vpcd 3.3). */
const STAY_AWAY: Nanos = SECOND;

export interface KnownReader {
  readonly name: string;
  readonly state: ReaderState;
}

/**
 * A view of all readers that outlives the service: no binding recovers from a restart, so there is a new client after each. Nothing runs
 * until somebody asks; `close` ends it.
 */
export class PcscSession {
  readonly clock: Clock;
  readonly #driver: PcscDriver;
  #client: PcscClient | undefined;
  #opening: Promise<PcscClient> | undefined;
  #there = false;
  #names: readonly string[] = [];
  readonly #states = new Map<string, ReaderState>();
  readonly #watchers = new Set<() => void>();
  readonly #closing = new AbortController();
  #notBefore: Nanos = 0;
  /** Changes with each client: connections of an old one are of no use. */
  generation = 0;

  constructor(driver: PcscDriver, clock: Clock) {
    this.#driver = driver;
    this.clock = clock;
  }

  /** The readers whose state is known, in the service's order. Empty while there is no client. */
  get readers(): readonly KnownReader[] {
    return this.#names.flatMap((name) => {
      const state = this.#states.get(name);
      return state === undefined ? [] : [{ name, state }];
    });
  }

  /** The service is there: it has listed its readers, be it none. */
  get connected(): boolean {
    return this.#there;
  }

  stateOf(reader: string): ReaderState | undefined {
    return this.#names.includes(reader) ? this.#states.get(reader) : undefined;
  }

  /** The client there is, when it is of that generation. */
  clientOf(generation: number): PcscClient | undefined {
    return this.generation === generation ? this.#client : undefined;
  }

  /**
   * A client that has listed its readers: the one there is, or a new one.
   * @throws `transport/driver-missing`, `transport/no-service`, `transport/closed`, `transport/time-out`, the signal's reason
   */
  async client(patience: Patience): Promise<PcscClient> {
    this.#closing.signal.throwIfAborted();
    if (this.#client && !this.#opening) return this.#client;
    this.#opening ??= this.#open().finally(() => (this.#opening = undefined));
    return bounded(this.clock, this.#opening, patience, () => silent());
  }

  /** Waits until `look` finds something. A service that goes away meanwhile is looked for again. @throws `late()`, the signal's reason */
  async until<T>(look: () => T | undefined, { within, signal }: Patience, late: () => Error): Promise<T> {
    const end = this.clock.now() + within;
    for (;;) {
      const left = end - this.clock.now();
      let gone: TapbenchError | undefined;
      try {
        await this.client({ within: left, signal });
      } catch (error) {
        signal?.throwIfAborted();
        if (!isAway(error)) throw error;
        gone = error;
      }
      if (!gone && !this.#client) continue; // it went away between its answer and ours
      const found = gone ? undefined : look();
      if (found !== undefined) return found;
      const rest = end - this.clock.now();
      if (rest <= 0) throw gone ?? late();
      await this.#change(gone ? Math.min(rest, RETRY) : rest, signal);
    }
  }

  /** Calls back at each change of readers or states; returns how to stop it. */
  watch(run: () => void): () => void {
    this.#watchers.add(run);
    return () => this.#watchers.delete(run);
  }

  /** A command broke in the middle: its client, and the native call that may still hang in it, end now. */
  tear(client: PcscClient): void {
    this.stayAway();
    if (this.#client !== client) return;
    this.#drop();
    void client.close();
    this.#tell();
  }

  /** A failed command left the reader in an unknown state: leave it alone for a while. */
  stayAway(): void {
    this.#notBefore = this.clock.now() + STAY_AWAY;
  }

  /** Resolves when connecting is wise again. */
  async settled(signal: AbortSignal | undefined): Promise<void> {
    const wait = this.#notBefore - this.clock.now();
    if (wait > 0) await pause(this.clock, wait, signal);
  }

  async close(): Promise<void> {
    this.#closing.abort(transportError("closed", "this connection with PC/SC was closed; open a new one", {}));
    await this.#drop()?.close();
    this.#tell();
  }

  #drop(): PcscClient | undefined {
    const client = this.#client;
    this.#client = undefined;
    this.#there = false;
    this.#names = [];
    this.#states.clear();
    this.generation++;
    return client;
  }

  async #open(): Promise<PcscClient> {
    await this.settled(this.#closing.signal);
    const generation = ++this.generation;
    const giveUp = new AbortController();
    const stop = (): void => giveUp.abort();
    let cancel = this.clock.after((this.#driver.startsWithin ?? 0) + OPENING, stop);
    const started = (): void => {
      cancel();
      cancel = this.clock.after(OPENING, stop);
    };
    this.#closing.signal.addEventListener("abort", stop);
    try {
      const client = await this.#driver.open({ ...this.#events(generation), started }, giveUp.signal);
      this.#client = client;
      if (giveUp.signal.aborted) throw silent();
      await this.#listed(generation, giveUp.signal);
      return client;
    } catch (error) {
      await this.#drop()?.close();
      throw error;
    } finally {
      cancel();
      this.#closing.signal.removeEventListener("abort", stop);
    }
  }

  /** Every listed reader's state has come. */
  #listed(generation: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const lost = signal.aborted || this.generation !== generation;
        if (!lost && !this.#names.every((name) => this.#states.has(name))) return;
        this.#watchers.delete(look);
        signal.removeEventListener("abort", look);
        if (lost) reject(silent());
        else resolve();
      };
      this.#watchers.add(look);
      signal.addEventListener("abort", look);
      look();
    });
  }

  #events(generation: number): PcscEvents {
    const current = (run: () => void): void => {
      if (this.generation !== generation) return;
      run();
      this.#tell();
    };
    return {
      readers: (names) =>
        current(() => {
          this.#there = true;
          this.#names = names;
          for (const name of this.#states.keys()) if (!names.includes(name)) this.#states.delete(name);
        }),
      state: (reader, state) => current(() => this.#states.set(reader, state)),
      closed: () => {
        if (this.generation !== generation) return;
        this.#drop();
        this.#tell();
      },
    };
  }

  #tell(): void {
    for (const run of this.#watchers) run();
  }

  /** The next change, or the end of the time. */
  async #change(within: Nanos, signal: AbortSignal | undefined): Promise<void> {
    let stop = (): void => {};
    const change = new Promise<void>((resolve) => (stop = this.watch(resolve)));
    const late = silent();
    try {
      await bounded(this.clock, change, { within, signal }, () => late);
    } catch (error) {
      if (error !== late) throw error;
    } finally {
      stop();
    }
  }
}

const silent = (): TapbenchError =>
  transportError(
    "no-service",
    "the PC/SC service does not answer; is it stuck? Restart it (pcscd) and repeat the command",
    {},
  );

const AWAY: ReadonlySet<string> = new Set(["transport/no-service", "transport/service-lost"]);
const isAway = (error: unknown): error is TapbenchError => AWAY.has((error as TapbenchError).code);
