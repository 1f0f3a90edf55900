import type { Command } from "../protocols/smp/command.js";
import { transmitApdu } from "../protocols/smp/element-transmit.js";
import { downloadFile, uploadFile } from "../protocols/smp/file-transfer.js";
import { os } from "../protocols/smp/groups/os.js";
import type { SmpVersion } from "../protocols/smp/header.js";
import { Sequences, SmpPoller } from "../protocols/smp/poller.js";
import { converse } from "../util/converse.js";
import type { Dialogue } from "../util/dialogue.js";
import { Hub } from "../util/hub.js";
import type { MessageWire } from "../util/message-wire.js";
import type { Patience } from "../util/patience.js";
import { SECOND, type Clock, type Nanos } from "../util/time.js";
import type { MeasuredReply } from "./card.js";

/** What a device says without being asked. */
export type ManagementEvent =
  | { readonly kind: "log"; readonly line: string }
  /** A message that answers nothing: late, double, or somebody else's. */
  | { readonly kind: "stray"; readonly message: Uint8Array };

/** MCUmgr's buffers. */
export interface ManagementParameters {
  readonly bufferBytes: number;
  readonly bufferCount: number;
}

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  /** From the last bit of a request to its answer. */
  readonly within?: Nanos | undefined;
}

export interface TransferRequest extends RequestOptions {
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

/** Zephyr's default buffers (CONFIG_MCUMGR_TRANSPORT_NETBUF_SIZE), for devices that do not tell theirs; one request at a time. */
const UNTOLD: ManagementParameters = { bufferBytes: 384, bufferCount: 1 };
const WITHIN: Nanos = 2.5 * SECOND;

/** A managed device as the host sees it: requests of any group, APDUs to its secure element, files, and what it says by itself. */
export class ManagedDevice {
  readonly #wire: MessageWire;
  readonly #clock: Clock;
  readonly #version: SmpVersion;
  readonly #hub: Hub<Uint8Array, Uint8Array>;
  readonly #sequences = new Sequences();
  readonly #watchers = new Set<(event: ManagementEvent) => void>();
  readonly #stopText: (() => void) | undefined;
  #parameters: ManagementParameters | undefined;

  constructor(wire: MessageWire, clock: Clock, { version = 2 }: { readonly version?: SmpVersion } = {}) {
    this.#wire = wire;
    this.#clock = clock;
    this.#version = version;
    this.#hub = new Hub(wire, clock, (message) => this.#tell({ kind: "stray", message }));
    this.#stopText = wire.watchText?.((line) => this.#tell({ kind: "log", line }));
  }

  /** The wire's name. */
  get name(): string {
    return this.#wire.name;
  }

  /** Calls back with what the device says by itself; returns how to stop it. */
  watch(told: (event: ManagementEvent) => void): () => void {
    this.#watchers.add(told);
    return () => void this.#watchers.delete(told);
  }

  /** The device's buffers, asked for once. @throws `smp/no-answer`, `transport/...` */
  async parameters(options: RequestOptions = {}): Promise<ManagementParameters> {
    this.#parameters ??= await this.#talk(1, options, function* (poller) {
      const outcome = yield* poller.outcome(os.parameters, {});
      if (outcome.failure) return UNTOLD; // an optional command
      return { bufferBytes: outcome.value.buf_size, bufferCount: outcome.value.buf_count };
    });
    return this.#parameters;
  }

  /** One request. @throws `smp/refused`, `smp/no-answer`, `transport/...`, the signal's reason */
  request<Q, A>(command: Command<Q, A>, request: Q, options: RequestOptions = {}): Promise<A> {
    return this.#talk(1, options, (poller) => poller.ask(command, request));
  }

  /**
   * One APDU to the secure element. `took` is what the device says that the element needed; `from` and `until` are this machine's clock.
   * @throws `smp/refused`, `smp/no-answer`, `smp/wrong-transfer`, `transport/...`
   */
  async apdu(apdu: Uint8Array, patience: Patience): Promise<MeasuredReply> {
    const { bufferBytes } = await this.parameters({ signal: patience.signal });
    const from = this.#clock.now();
    const { answer, took } = await this.#talk(1, patience, (poller) => transmitApdu(poller, apdu, { bufferBytes }));
    return { answer, took, from, until: this.#clock.now() };
  }

  /** Writes a file, with as many requests under way as the device has buffers less one. @throws as `uploadFile` */
  async upload(path: string, data: Uint8Array, { progress, ...options }: TransferRequest = {}): Promise<void> {
    const { bufferBytes, bufferCount } = await this.parameters(options);
    await this.#talk(bufferCount - 1, options, (poller) => uploadFile(poller, path, data, { bufferBytes, progress }));
  }

  /** @throws as `downloadFile` */
  async download(path: string, { progress, ...options }: TransferRequest = {}): Promise<Uint8Array> {
    const { bufferCount } = await this.parameters(options);
    return this.#talk(bufferCount - 1, options, (poller) => downloadFile(poller, path, { progress }));
  }

  /** A conversation of its own, with at most so many requests under way. @throws what it throws, `transport/...`, the signal's reason */
  converse<R>(
    window: number,
    dialogue: (poller: SmpPoller) => Dialogue<Uint8Array, Uint8Array, R>,
    options: RequestOptions = {},
  ): Promise<R> {
    return this.#talk(window, options, dialogue);
  }

  close(): Promise<void> {
    this.#stopText?.();
    return this.#wire.close();
  }

  /** A conversation of its own on the wire. */
  async #talk<R>(
    window: number,
    { signal, within = WITHIN }: RequestOptions,
    dialogue: (poller: SmpPoller) => Dialogue<Uint8Array, Uint8Array, R>,
  ): Promise<R> {
    const poller = new SmpPoller(this.#sequences, { version: this.#version, window: Math.max(1, window), within });
    const link = this.#hub.view(poller.accepts);
    try {
      return await converse(dialogue(poller), link, { ...(signal && { signal }), farewell: 0 });
    } finally {
      await link.close();
    }
  }

  #tell(event: ManagementEvent): void {
    for (const told of this.#watchers) told(event);
  }
}
