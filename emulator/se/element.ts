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
import { concat, equalBytes, NO_BYTES } from "../../src/util/bytes.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { resumeRandom, type Random, type RandomPosition } from "../../src/util/random.js";
import type { Nanos } from "../../src/util/time.js";
import { emulatorError } from "../errors.js";
import type { AnyApplet, AppletContext, AppletStorage, CardInterface } from "./applet.js";
import { Nvm, type NvmSnapshot } from "./nvm.js";
import { ObjectStore } from "./store.js";

/** An applet instance: what it runs, under which AID. Its number keeps its objects apart from others'. */
interface Instance {
  readonly number: number;
  readonly aid: Uint8Array;
  readonly applet: AnyApplet;
}

/** One interface's side of the element; a value. */
interface Channel {
  readonly selected?: number | undefined;
  readonly appletState?: unknown;
  /** A chained command so far. */
  readonly chain?: CommandApdu | undefined;
  /** Response bytes that wait for GET RESPONSE, or for the same command with the right Le. */
  readonly held?: { readonly response: ResponseApdu; readonly for?: CommandApdu } | undefined;
}

export interface ElementOptions {
  readonly nvmBytes: number;
  readonly pageBytes: number;
  readonly applets: readonly { readonly module: string; readonly aid: Uint8Array }[];
  readonly modules: readonly AnyApplet[];
  readonly compute: ComputeModel;
  readonly random: Random;
}

/** Everything an element is, at rest. */
export interface ElementSnapshot {
  readonly nvm: NvmSnapshot;
  readonly channels: Readonly<Record<CardInterface, Channel>>;
  readonly random: RandomPosition;
  readonly holderVerified: boolean;
}

const MAX_CHAIN = 65_535;
const INS_SELECT = 0xa4;
const INS_GET_RESPONSE = 0xc0;
const CLA_CHAINING = 0x10;

/** The emulated secure element: a card operating system with applets, on memory that can lose its power. */
export class SecureElement {
  readonly #options: ElementOptions;
  readonly #instances: readonly Instance[];
  #nvm: Nvm;
  #store: ObjectStore | undefined;
  #channels: Record<CardInterface, Channel> = { wired: {}, contactless: {} };
  #random: Random;
  /** Told by the device over the wired interface: the holder was verified. */
  holderVerified = false;
  /** Extra time for the next commands: a fault. */
  delay: Nanos = 0;

  constructor(options: ElementOptions) {
    this.#options = options;
    this.#random = options.random;
    this.#nvm = new Nvm(options.nvmBytes, options.pageBytes);
    this.#instances = options.applets.map(({ module, aid }, number) => {
      const found = options.modules.find((it) => it.module === module);
      if (!found)
        throw emulatorError(
          "unknown-module",
          `there is no applet module '${module}'; known: ${options.modules.map((it) => it.module).join(", ")}`,
          { module },
        );
      return { number, aid, applet: found };
    });
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
      if (isTapbenchError(error, "emulator/store-full")) response = encodeResponse(status(SW.noMemory));
      else if (!isTapbenchError(error, "emulator/power-lost")) throw error;
      else {
        this.#store = undefined;
        this.#channels = { wired: {}, contactless: {} };
        return undefined;
      }
    }
    took +=
      (bytes.length + response.length) * compute.perByte +
      (this.#nvm.operations - operations) * compute.nvmWrite +
      this.delay;
    return { response, took };
  }

  /** The interface lost its power, or was reset: what it had selected is forgotten. */
  powerOff(via: CardInterface): void {
    this.#channels[via] = {};
    this.#nvm.powerUp();
  }

  snapshot(): ElementSnapshot {
    return {
      nvm: this.#nvm.snapshot(),
      channels: { ...this.#channels },
      random: this.#random.position(),
      holderVerified: this.holderVerified,
    };
  }

  /** Becomes what the snapshot was. @throws `emulator/snapshot-mismatch` */
  restore(snapshot: ElementSnapshot): void {
    this.#nvm = new Nvm(this.#options.nvmBytes, this.#options.pageBytes, snapshot.nvm);
    this.#store = undefined;
    this.#channels = { ...snapshot.channels };
    this.#random = resumeRandom(snapshot.random);
    this.holderVerified = snapshot.holderVerified;
  }

  #dispatch(bytes: Uint8Array, via: CardInterface, spend: AppletContext["spend"]): ResponseApdu {
    this.#store ??= new ObjectStore(this.#nvm);
    let command: CommandApdu;
    try {
      command = decodeCommand(bytes);
    } catch (error) {
      if (isTapbenchError(error)) return status(SW.wrongLength);
      throw error;
    }
    const channel = this.#channels[via];
    if (command.cla === 0xff) return status(SW.classNotSupported);
    if (command.cla & 0x03 || (command.cla & 0x40) !== 0) return status(SW.channelNotSupported);
    if (command.cla & 0x0c) return status(SW.secureMessagingNotSupported);
    if (command.ins === INS_GET_RESPONSE && command.cla === 0) return this.#getResponse(via, channel, command);
    if (channel.held?.for && sameCommand(channel.held.for, command)) {
      this.#channels[via] = { ...channel, held: undefined };
      return this.#fit(via, command, channel.held.response);
    }

    const whole = this.#chain(via, channel, command);
    if ("sw" in whole) return whole;
    const response =
      whole.cla === 0 && whole.ins === INS_SELECT && whole.p1 === 0x04
        ? this.#select(via, spend, whole)
        : this.#process(via, spend, whole);
    return this.#fit(via, whole, response);
  }

  /** Puts a chained command together (ISO/IEC 7816-4 5.3.3). */
  #chain(via: CardInterface, channel: Channel, command: CommandApdu): CommandApdu | ResponseApdu {
    const { selected, appletState, chain, held } = channel;
    if (!chain && !held && !(command.cla & CLA_CHAINING)) return command;
    const rest = { selected, appletState };
    const fits =
      !chain ||
      (chain.cla === (command.cla & ~CLA_CHAINING) &&
        chain.ins === command.ins &&
        chain.p1 === command.p1 &&
        chain.p2 === command.p2);
    this.#channels[via] = rest;
    if (!fits) return status(SW.lastOfChainExpected);
    if (!chain && !(command.cla & CLA_CHAINING)) return command;
    const data = concat(chain?.data ?? NO_BYTES, command.data ?? NO_BYTES);
    if (data.length > MAX_CHAIN) return status(SW.wrongLength);
    const whole = { ...command, cla: command.cla & ~CLA_CHAINING, data };
    if (!(command.cla & CLA_CHAINING)) return whole;
    this.#channels[via] = { ...rest, chain: whole };
    return status(SW.ok);
  }

  /** SELECT by name; a part of the name selects the first that starts with it, or the next (ISO/IEC 7816-4 7.1.1, EMV 4.3 Book 1 12.3.2). */
  #select(via: CardInterface, spend: AppletContext["spend"], { p2, data: name = NO_BYTES }: CommandApdu): ResponseApdu {
    const first = (p2 & 0x03) === 0x00;
    if (!first && (p2 & 0x03) !== 0x02) return status(SW.wrongP1P2);
    if (name.length === 0 || name.length > 16) return status(SW.wrongData);
    const from = first ? 0 : (this.#channels[via].selected ?? -1) + 1;
    for (let i = from; i < this.#instances.length; i++) {
      const instance = this.#instances[i]!;
      if (!equalBytes(instance.aid.subarray(0, name.length), name)) continue;
      const { state, response } = instance.applet.select(this.#context(instance, via, spend), instance.aid);
      if (response.sw === SW.notFound) continue; // not there for this interface
      if (response.sw === SW.ok) this.#channels[via] = { selected: instance.number, appletState: state };
      return response;
    }
    return status(SW.notFound);
  }

  #process(via: CardInterface, spend: AppletContext["spend"], command: CommandApdu): ResponseApdu {
    const channel = this.#channels[via];
    const instance = channel.selected === undefined ? undefined : this.#instances[channel.selected];
    if (!instance) return status(SW.conditionsOfUse);
    const { state, response } = instance.applet.process(
      this.#context(instance, via, spend),
      channel.appletState,
      command,
    );
    const { selected, chain, held } = channel;
    this.#channels[via] = { selected, appletState: state, chain, held };
    return response;
  }

  /** Cuts a response to what was asked for: the rest waits (`61xx`), or the command is to be repeated with the right Le (`6Cxx`). */
  #fit(via: CardInterface, command: CommandApdu, response: ResponseApdu): ResponseApdu {
    const { data, sw } = response;
    if (data.length === 0) return response;
    const le = command.le ?? 0;
    if (data.length <= le) return response;
    if (le > 0 && le < MAX_SHORT_RESPONSE && !command.extended && data.length <= MAX_SHORT_RESPONSE) {
      this.#channels[via] = { ...this.#channels[via], held: { response, for: command } };
      return status(0x6c00 | (data.length & 0xff));
    }
    const left = data.subarray(le);
    this.#channels[via] = { ...this.#channels[via], held: { response: { data: left, sw } } };
    return { data: data.subarray(0, le), sw: 0x6100 | (left.length > 0xff ? 0 : left.length) };
  }

  #getResponse(via: CardInterface, channel: Channel, command: CommandApdu): ResponseApdu {
    const held = channel.held?.for ? undefined : channel.held?.response;
    this.#channels[via] = { ...channel, held: undefined };
    if (!held) return status(SW.conditionsOfUse);
    return this.#fit(via, { ...command, le: command.le ?? MAX_SHORT_RESPONSE, extended: true }, held);
  }

  #context(instance: Instance, via: CardInterface, spend: AppletContext["spend"]): AppletContext {
    return {
      via,
      storage: new InstanceStorage(this.#store!, instance.number),
      random: this.#random,
      holderVerified: this.holderVerified,
      spend,
    };
  }
}

/** One instance's part of the store: its numbers, moved out of the way of others'. */
class InstanceStorage implements AppletStorage {
  readonly #store: ObjectStore;
  readonly #base: number;

  constructor(store: ObjectStore, instance: number) {
    this.#store = store;
    this.#base = instance * 0x10000;
  }

  get ids(): readonly number[] {
    const base = this.#base;
    return this.#store.ids.filter((id) => id >= base && id < base + 0x10000).map((id) => id - base);
  }

  get(id: number): Uint8Array | undefined {
    return this.#store.get(this.#base + id);
  }

  putAll(changes: readonly (readonly [id: number, bytes: Uint8Array | undefined])[]): void {
    this.#store.putAll(changes.map(([id, bytes]) => [this.#base + id, bytes]));
  }

  counter(id: number): number {
    return this.#store.counter(this.#base + id);
  }

  setCounter(id: number, value: number): void {
    this.#store.setCounter(this.#base + id, value);
  }

  writeCounter(id: number, value: number): void {
    this.#store.writeCounter(this.#base + id, value);
  }
}

const sameCommand = (a: CommandApdu, b: CommandApdu): boolean =>
  a.cla === b.cla &&
  a.ins === b.ins &&
  a.p1 === b.p1 &&
  a.p2 === b.p2 &&
  equalBytes(a.data ?? NO_BYTES, b.data ?? NO_BYTES);
