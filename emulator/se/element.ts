import {
  decodeCommand,
  encodeResponse,
  MAX_SHORT_RESPONSE,
  status,
  type CommandApdu,
  type ResponseApdu,
} from "../../src/protocols/iso7816/apdu.js";
import { SW } from "../../src/protocols/iso7816/status.js";
import type { ComputeModel } from "../../src/profiles/types.js";
import { equalBytes, NO_BYTES, readUint } from "../../src/util/bytes.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { resumeRandom, type Random, type RandomPosition } from "../../src/util/random.js";
import type { Nanos } from "../../src/util/time.js";
import { emulatorError } from "../errors.js";
import type { AnyApplet, AppletContext, CardInterface } from "./applet.js";
import { GpCard, manufacture, type CardAtStart, type Instance } from "./gp/card.js";
import type { VolatilePriority } from "./gp/contactless.js";
import { Arbiter } from "./arbitration.js";
import { InstanceStorage } from "./instance-storage.js";
import { Nvm, type NvmCells, type NvmSnapshot } from "./nvm.js";
import {
  channelOf,
  chained,
  manageChannel,
  onBasicChannel,
  ONLY_BASIC,
  type Channel,
  type Channels,
} from "./logical-channels.js";
import { ObjectStore } from "./store.js";
import { storeFault } from "./store-faults.js";

export interface ElementOptions {
  readonly nvmBytes: number;
  readonly pageBytes: number;
  /** The memory's cells; absent: byte-wise, and never worn out. */
  readonly cells?: Omit<NvmCells, "seed"> | undefined;
  /** Bytes of a transaction's changes. */
  readonly commitBytes?: number | undefined;
  readonly applets: readonly { readonly module: string; readonly aid: Uint8Array }[];
  readonly modules: readonly AnyApplet[];
  readonly compute: ComputeModel;
  readonly random: Random;
  /** A GlobalPlatform card; absent: fixed instances without card management. */
  readonly card?: CardAtStart | undefined;
  /** Lets commands of one interface wait for those of the other; absent: they come one after another by themselves. */
  readonly now?: (() => Nanos) | undefined;
}

/** Everything an element is, at rest. */
export interface ElementSnapshot {
  readonly nvm: NvmSnapshot;
  readonly channels: Readonly<Record<CardInterface, Channels>>;
  readonly random: RandomPosition;
  readonly holderVerified: boolean;
  /** Numbers of the instances that have checked their PIN. */
  readonly pinVerified?: readonly number[] | undefined;
  readonly volatilePriority: readonly number[];
}

const INS_SELECT = 0xa4;
const INS_GET_RESPONSE = 0xc0;
const INS_MANAGE_CHANNEL = 0x70;

/** Where a command goes: which interface, which logical channel. */
interface Port {
  readonly via: CardInterface;
  readonly channel: number;
}

/** The emulated secure element: a card operating system with applets, on memory that can lose its power. */
export class SecureElement {
  readonly #options: ElementOptions;
  /** Instances of an element without card management. */
  readonly #fixed: readonly Instance[];
  #nvm: Nvm;
  #store: ObjectStore | undefined;
  #card: GpCard | undefined;
  #channels: Record<CardInterface, Channels> = { wired: ONLY_BASIC, contactless: ONLY_BASIC };
  #random: Random;
  #volatile: VolatilePriority = { numbers: [] };
  readonly #arbiter: Arbiter;
  /** Told by the device over the wired interface: the holder was verified. */
  holderVerified = false;
  #pinVerified: ReadonlySet<number> = new Set();
  /** Extra time for the next commands: a fault. */
  delay: Nanos = 0;

  /** @throws `emulator/unknown-module`; `emulator/store-full` where the memory is too small for what a card is made with */
  constructor(options: ElementOptions) {
    this.#options = options;
    this.#random = options.random;
    this.#arbiter = new Arbiter(options.now);
    this.#nvm = memoryOf(options);
    const { card } = options;
    this.#fixed = card ? [] : fixedInstances(options);
    if (card) manufacture(new ObjectStore(this.#nvm, options.commitBytes), card, options.applets);
  }

  /** Non-volatile memory, for planning power cuts and counting operations. */
  get nvm(): Nvm {
    return this.#nvm;
  }

  /** One APDU. Undefined: the power was cut in it, and the element is off until `powerOff` and the next command. */
  process(bytes: Uint8Array, via: CardInterface): { response: Uint8Array; took: Nanos } | undefined {
    const { compute } = this.#options;
    const operations = this.#nvm.operations;
    let took = compute.command;
    const spend: AppletContext["spend"] = (work) => {
      took +=
        "symmetric" in work
          ? work.symmetric * compute.symmetric
          : Math.round(compute.rsa1024 * (work.rsaBits / 1024) ** 3);
    };
    let response: Uint8Array;
    try {
      response = encodeResponse(this.#dispatch(bytes, via, spend));
    } catch (error) {
      const sw = storeFault(error);
      if (isTapbenchError(error, "emulator/power-lost")) {
        this.#forget();
        return undefined;
      }
      if (sw === undefined) throw error;
      // What the registry and the store know of a memory that failed may be ahead of it.
      if (sw === SW.memoryFailure) this.#store = undefined;
      response = encodeResponse(status(sw));
    }
    took +=
      (bytes.length + response.length) * compute.perByte +
      (this.#nvm.operations - operations) * compute.nvmWrite +
      this.delay;
    return { response, took: took + this.#arbiter.enter(via, took) };
  }

  /** The interface lost its power, or was reset: what it had selected is forgotten, and the other one goes on. */
  powerOff(via: CardInterface): void {
    this.#channels[via] = ONLY_BASIC;
    if (via === "wired") this.#pinVerified = new Set();
    this.#arbiter.leave(via);
    this.#nvm.powerUp();
  }

  /** Whether it answers a field: its contactless interface can be switched off (Amendment C 3.11.4). */
  get contactlessOn(): boolean {
    if (!this.#options.card) return true;
    try {
      this.#powerUp();
    } catch (error) {
      // Without power it says nothing; what the reader then sends ends as any command does.
      if (isTapbenchError(error, "emulator/power-lost")) return true;
      throw error;
    }
    return this.#card!.registry.contactless.on;
  }

  /** All power is gone, and everything volatile with it. */
  #forget(): void {
    this.#store = undefined;
    this.#channels = { wired: ONLY_BASIC, contactless: ONLY_BASIC };
    this.#volatile = { numbers: [] };
    this.#pinVerified = new Set();
    this.#arbiter.reset();
  }

  snapshot(): ElementSnapshot {
    return {
      nvm: this.#nvm.snapshot(),
      channels: { ...this.#channels },
      random: this.#random.position(),
      holderVerified: this.holderVerified,
      pinVerified: [...this.#pinVerified],
      volatilePriority: this.#volatile.numbers,
    };
  }

  /** Becomes what the snapshot was. @throws `emulator/snapshot-mismatch` */
  restore(snapshot: ElementSnapshot): void {
    this.#nvm = memoryOf(this.#options, snapshot.nvm);
    this.#forget();
    this.#channels = { ...snapshot.channels };
    this.#volatile = { numbers: snapshot.volatilePriority };
    this.#random = resumeRandom(snapshot.random);
    this.holderVerified = snapshot.holderVerified;
    this.#pinVerified = new Set(snapshot.pinVerified);
  }

  get #instances(): readonly Instance[] {
    return this.#card?.instances ?? this.#fixed;
  }

  #channel({ via, channel }: Port): Channel {
    return this.#channels[via][channel]!;
  }

  #keep({ via, channel }: Port, value: Channel): void {
    this.#channels[via] = this.#channels[via].with(channel, value);
  }

  /** What is selected: by SELECT, or the issuer's domain by default. */
  #selected({ selected }: Channel, via: CardInterface): Instance | undefined {
    return selected === undefined
      ? this.#card?.defaultFor(via)
      : this.#instances.find(({ number }) => number === selected);
  }

  #powerUp(): void {
    if (this.#store) return;
    const { card, modules, commitBytes } = this.#options;
    this.#store = new ObjectStore(this.#nvm, commitBytes);
    this.#card = card && new GpCard(this.#store, card.settings, modules, this.#volatile);
  }

  #dispatch(bytes: Uint8Array, via: CardInterface, spend: AppletContext["spend"]): ResponseApdu {
    this.#powerUp();
    let command: CommandApdu;
    try {
      command = decodeCommand(bytes);
    } catch (error) {
      if (isTapbenchError(error)) return status(SW.wrongLength);
      throw error;
    }
    if (command.cla === 0xff) return status(SW.classNotSupported);
    const port = { via, channel: channelOf(command.cla) };
    if (!this.#channels[via][port.channel]) return status(SW.channelNotSupported);
    command = port.channel === 0 ? command : { ...command, cla: onBasicChannel(command.cla) };
    // Secure messaging is a matter of domains and applications; that of ISO/IEC 7816-4 is nobody's here.
    const channel = this.#channel(port);
    const own = this.#card !== undefined || this.#selected(channel, via)?.applet.secureMessaging === true;
    if (command.cla & 0x08 || (command.cla & 0x04 && !own)) return status(SW.secureMessagingNotSupported);

    if (command.ins === INS_GET_RESPONSE && command.cla === 0) return this.#getResponse(port, channel, command);
    if (channel.held?.for && sameCommand(channel.held.for, command)) {
      this.#keep(port, { ...channel, held: undefined });
      return this.#fit(port, command, channel.held.response);
    }
    const { channel: kept, whole } = chained(channel, command);
    if (kept !== channel) this.#keep(port, kept);
    if ("sw" in whole) return whole;
    if (whole.cla === 0 && whole.ins === INS_MANAGE_CHANNEL) {
      const managed = manageChannel(this.#channels[via], port.channel, whole, this.#card?.locked === true);
      this.#channels[via] = managed.channels;
      return managed.response;
    }
    const selects = whole.cla === 0 && whole.ins === INS_SELECT && whole.p1 === 0x04;
    return this.#fit(port, whole, selects ? this.#select(port, spend, whole) : this.#process(port, spend, whole));
  }

  /** SELECT by name; a part of the name selects the first that starts with it, or the next (ISO/IEC 7816-4 7.1.1, EMV 4.3 Book 1 12.3.2). */
  #select(port: Port, spend: AppletContext["spend"], { p2, data: name = NO_BYTES }: CommandApdu): ResponseApdu {
    const card = this.#card;
    const first = (p2 & 0x03) === 0x00;
    if (!first && (p2 & 0x03) !== 0x02) return status(SW.wrongP1P2);
    if (name.length > 16 || (name.length === 0 && !card)) return status(SW.wrongData);
    if (card?.terminated === true) return status(SW.functionNotSupported);
    const before = this.#channel(port).selected;
    // A whole name goes before those that only begin with it (Java Card Runtime Environment 4.5.2).
    const all = wholeFirst(card?.candidates(port.via) ?? this.#instances, name);
    const from = first || before === undefined ? 0 : all.findIndex(({ number }) => number === before) + 1;
    const candidates = name.length === 0 && card ? [card.issuer] : from === 0 ? all : all.slice(from);
    for (const instance of candidates) {
      if (!equalBytes(instance.aid.subarray(0, name.length), name)) continue;
      if (card && !card.selectable(instance, port.via)) continue;
      if (this.#activeElsewhere(instance, port)) return status(SW.conditionsOfUse);
      const { state, response } = instance.applet.select(this.#context(instance, port, spend), instance.aid);
      if (response.sw === SW.notFound) continue; // not there for this interface
      if (response.sw === SW.ok || response.sw === SW.deactivated) {
        this.#deselect(port, spend);
        this.#keep(port, { selected: instance.number, appletState: state });
      }
      return response;
    }
    return status(SW.notFound);
  }

  /**
   * Java Card Runtime Environment Specification 2.2.2, 4.5.2: an applet's package is active on one channel, unless it is multiselectable. An element
   * without card management is no Java Card.
   */
  #activeElsewhere({ number, applet, entry }: Instance, port: Port): boolean {
    if (!this.#card || applet.multiSelectable === true) return false;
    return this.#selectedBeside(port).some((other) => {
      const loadFile = this.#instances.find((instance) => instance.number === other)?.entry?.loadFile;
      return other === number || (loadFile !== undefined && entry && equalBytes(loadFile, entry.loadFile));
    });
  }

  /** Numbers of the applications that were selected on other channels, of either interface. */
  #selectedBeside(port: Port): readonly number[] {
    return (["wired", "contactless"] as const).flatMap((via) =>
      this.#channels[via].flatMap((channel, at) =>
        channel?.selected === undefined || (via === port.via && at === port.channel) ? [] : [channel.selected],
      ),
    );
  }

  #deselect(port: Port, spend: AppletContext["spend"]): void {
    const channel = this.#channel(port);
    const instance = this.#selected(channel, port.via);
    if (channel.appletState !== undefined)
      instance?.applet.deselect?.(this.#context(instance, port, spend), channel.appletState);
  }

  #process(port: Port, spend: AppletContext["spend"], command: CommandApdu): ResponseApdu {
    const channel = this.#channel(port);
    const instance = this.#selected(channel, port.via);
    if (!instance || this.#card?.serves(instance) === false) return status(SW.conditionsOfUse);
    const { state, response } = instance.applet.process(
      this.#context(instance, port, spend),
      channel.appletState ?? instance.applet.initial,
      command,
    );
    const { selected, chain, held } = channel;
    this.#keep(port, { selected, appletState: state, chain, held });
    return response;
  }

  /** Cuts a response to what was asked for: the rest waits (`61xx`), or the command is to be repeated with the right Le (`6Cxx`). */
  #fit(port: Port, command: CommandApdu, response: ResponseApdu): ResponseApdu {
    const { data, sw } = response;
    if (data.length === 0) return response;
    const le = command.le ?? 0;
    if (data.length <= le) return response;
    if (le > 0 && le < MAX_SHORT_RESPONSE && !command.extended && data.length <= MAX_SHORT_RESPONSE) {
      this.#keep(port, { ...this.#channel(port), held: { response, for: command } });
      return status(0x6c00 | (data.length & 0xff));
    }
    const left = data.subarray(le);
    this.#keep(port, { ...this.#channel(port), held: { response: { data: left, sw } } });
    return { data: data.subarray(0, le), sw: 0x6100 | (left.length > 0xff ? 0 : left.length) };
  }

  #getResponse(port: Port, channel: Channel, command: CommandApdu): ResponseApdu {
    const held = channel.held?.for ? undefined : channel.held?.response;
    this.#keep(port, { ...channel, held: undefined });
    if (!held) return status(SW.conditionsOfUse);
    return this.#fit(port, { ...command, le: command.le ?? MAX_SHORT_RESPONSE, extended: true }, held);
  }

  #context(instance: Instance, port: Port, spend: AppletContext["spend"], secured = false): AppletContext {
    return {
      via: port.via,
      storage: new InstanceStorage(this.#store!, instance.number, instance.entry?.quota),
      random: this.#random,
      holderVerified: this.holderVerified,
      pinVerified: this.#pinVerified.has(instance.number),
      keepPinVerified: (verified) => {
        const others = [...this.#pinVerified].filter((number) => number !== instance.number);
        this.#pinVerified = new Set(verified ? [...others, instance.number] : others);
      },
      spend,
      contactless: this.#card?.contactlessFor(instance),
      manager: this.#card?.managerFor(
        instance,
        (other, through) => this.#context(other, port, spend, through),
        (number) => this.#selectedBeside(port).includes(number),
      ),
      // Without card management there is no channel that could be secure: the wired interface has to do.
      secured: secured || (!this.#card && port.via === "wired"),
    };
  }
}

function memoryOf({ nvmBytes, pageBytes, cells, random }: ElementOptions, from?: NvmSnapshot): Nvm {
  const seed = from?.seed ?? readUint(random.fork("memory").bytes(4));
  return new Nvm(nvmBytes, pageBytes, from, cells && { ...cells, seed });
}

function fixedInstances({ applets, modules }: ElementOptions): readonly Instance[] {
  return applets.map(({ module, aid }, number) => {
    const found = modules.find((it) => it.module === module);
    if (!found)
      throw emulatorError(
        "unknown-module",
        `there is no applet module '${module}'; known: ${modules.map((it) => it.module).join(", ")}`,
        { module },
      );
    return { number, aid, applet: found };
  });
}

function wholeFirst(instances: readonly Instance[], name: Uint8Array): readonly Instance[] {
  const whole = instances.findIndex(({ aid }) => equalBytes(aid, name));
  return whole <= 0 ? instances : [instances[whole]!, ...instances.toSpliced(whole, 1)];
}

const sameCommand = (a: CommandApdu, b: CommandApdu): boolean =>
  a.cla === b.cla &&
  a.ins === b.ins &&
  a.p1 === b.p1 &&
  a.p2 === b.p2 &&
  equalBytes(a.data ?? NO_BYTES, b.data ?? NO_BYTES);
