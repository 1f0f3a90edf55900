import { EmulatedDevice } from "../../emulator/device.js";
import { parseFault } from "../../emulator/rf/faults.js";
import { Sim } from "../../emulator/sim/sim.js";
import { tapEmulated } from "../../src/bench/emulated-tap.js";
import type { Authorise } from "../../src/emv/acquirer.js";
import { caKeysOf, type CaKeys } from "../../src/emv/oda.js";
import { createIssuer, type IssuedCard, type Issuer } from "../../src/issuer/issuer.js";
import type { IssuerKeys } from "../../src/issuer/keys.js";
import { loadKeySet } from "../../src/profiles/key-sets.js";
import { loadProfile } from "../../src/profiles/load.js";
import type { TerminalProfile } from "../../src/profiles/types.js";
import { encodeCommand } from "../../src/protocols/iso7816/apdu.js";
import { combinationsOf } from "../../src/terminal/data.js";
import { encipheredPin } from "../../src/terminal/pin.js";
import { memoryTrace, type MemoryTrace } from "../../src/trace/memory.js";
import { unhex } from "../../src/util/bytes.js";
import { isTapbenchError } from "../../src/util/errors.js";
import { seededRandom } from "../../src/util/random.js";
import type { TraceRecord } from "../../src/util/tracer.js";
import { commandOf, type Change } from "./changed-answers.js";

/*
 * The bench taken apart, so that a test can put something broken between its parts: another issuer, other CA keys, somebody who changes
 * commands and answers on their way.
 */

/** What is out of order in one tap. */
export interface Broken {
  /** Changes what the card answers. */
  readonly answer?: Change;
  /** Changes commands before the card gets them; the terminal knows nothing of it. */
  readonly command?: (apdu: Uint8Array) => Uint8Array;
  readonly faults?: readonly string[];
  readonly terminal?: string;
  /** Changes the terminal's set-up. */
  readonly setUp?: (terminal: TerminalProfile) => TerminalProfile;
  readonly amount?: bigint;
  readonly at?: string;
  readonly pin?: string;
  readonly caKeys?: (usual: CaKeys) => CaKeys;
  readonly authorise?: (usual: Authorise, issuer: Issuer, card: IssuedCard, parts: BenchParts) => Authorise;
  /** Before the tap, at the issuer. Returns how to undo it. */
  readonly issuer?: (issuer: Issuer, card: IssuedCard) => void | (() => void);
  readonly unworn?: boolean;
}

export interface BenchParts {
  readonly issuer: Issuer;
  readonly keys: IssuerKeys;
  readonly trace: MemoryTrace;
  readonly caKeys: CaKeys;
  provision(device: string, card: string): Promise<BrokenTap>;
}

/** Taps one provisioned device; gives the records of the tap. */
export type BrokenTap = (broken: Broken) => Promise<readonly TraceRecord[]>;

export const SEED = "broken taps";
const ISSUED = new Date("2026-06-01T08:00:00Z");
const USUAL_DAY = "2026-06-15";

export async function benchParts(): Promise<BenchParts> {
  const random = seededRandom(SEED);
  const sim = new Sim();
  const trace = memoryTrace();
  const keys = await loadKeySet("test:default");
  const issuer = createIssuer({
    random: random.fork("issuer"),
    keys,
    onRule: (rule) => trace.record({ layer: "issuer", at: sim.now, ...rule }),
  });
  const caKeys: CaKeys = (rid, index) => caKeysOf(issuer.caPublicKeys())(rid, index);

  async function provision(deviceName: string, cardName: string): Promise<BrokenTap> {
    const profile = await loadProfile("device", deviceName);
    const device = new EmulatedDevice(profile, sim, random.fork(`device/${deviceName}/${cardName}`));
    const card = issuer.issue(await loadProfile("card", cardName), ISSUED);
    for (const command of issuer.personalise(card, { form: profile.form }).commands)
      device.wired(encodeCommand(command));
    const own = device.element.process.bind(device.element);
    const taps = random.fork(`taps/${deviceName}/${cardName}`);

    return async (broken) => {
      device.element.process = (apdu, via) => {
        const answer = own(broken.command ? broken.command(apdu) : apdu, via);
        if (!answer || via !== "contactless" || !broken.answer) return answer;
        const response = broken.answer(answer.response, commandOf(apdu), apdu);
        if (response === undefined) return undefined;
        return { ...answer, response: typeof response === "string" ? unhex(response) : response };
      };
      device.element.holderVerified = broken.unworn !== true && profile.verification !== "none";
      const named = await loadProfile("terminal", broken.terminal ?? "shop");
      const terminal = broken.setUp ? broken.setUp(named) : named;
      const transaction = {
        amount: broken.amount ?? 1_250n,
        at: new Date(`${broken.at ?? USUAL_DAY}T10:00:00Z`),
      };
      const { pin } = broken;
      const undo = broken.issuer?.(issuer, card);
      trace.clear();
      try {
        tapEmulated({
          sim,
          device,
          terminal,
          transaction,
          combinations: combinationsOf(terminal, transaction),
          caKeys: broken.caKeys ? broken.caKeys(caKeys) : caKeys,
          random: taps,
          authorise: broken.authorise ? broken.authorise(issuer.authorise, issuer, card, parts) : issuer.authorise,
          enterPin: pin === undefined ? undefined : (pan) => encipheredPin(pin, pan, new Uint8Array(16).fill(7)),
          faults: (broken.faults ?? []).map(parseFault),
          noise: taps.fork("noise"),
          tracer: trace,
        });
      } catch (error) {
        if (!isTapbenchError(error) || !error.code.startsWith("iso14443/")) throw error;
      } finally {
        undo?.();
      }
      return trace.records;
    };
  }
  const parts: BenchParts = { issuer, keys, trace, caKeys, provision };
  return parts;
}
