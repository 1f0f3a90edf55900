import type { DomainKeysFor, EmulatedDevice } from "../../emulator/device.js";
import type { Sim } from "../../emulator/sim/sim.js";
import type { IssuerDomain } from "../issuer/provision.js";
import { loadDomainKeys, type DomainKeys } from "../profiles/domain-keys.js";
import { commandName } from "../inspect/apdu-text.js";
import type { DeviceProfile } from "../profiles/types.js";
import { expectOk } from "../protocols/gp/poller.js";
import { diversified } from "../protocols/gp/diversify.js";
import { encodeCommand, type CommandApdu } from "../protocols/iso7816/apdu.js";
import { exchange, type CardAsking } from "../protocols/iso7816/poller.js";
import { answerWith } from "../util/dialogue.js";
import { isTapbenchError } from "../util/errors.js";
import type { Tracer } from "../util/tracer.js";
import { benchError } from "./errors.js";

/** Who owns the domains of an emulated device: their keys as its maker puts them in, and the issuer's own domain for provisioning. */
export interface DomainOwners {
  readonly keysFor: DomainKeysFor;
  readonly issuer: IssuerDomain;
}

/** Undefined for a device without card management. @throws `profile/...` where a key set is missing */
export async function domainOwners({ element }: DeviceProfile): Promise<DomainOwners | undefined> {
  const { card } = element;
  if (!card) return undefined;
  const { issuerDomain, paymentDomain } = card;
  const sets = new Map<string, DomainKeys>();
  for (const { keys } of [issuerDomain, paymentDomain]) sets.set(keys, await loadDomainKeys(keys));
  const keysFor: DomainKeysFor = (label, diversification) => {
    const set = sets.get(label)!;
    return diversified(set, set.diversification, diversification);
  };
  const own = sets.get(paymentDomain.keys)!;
  return {
    keysFor,
    issuer: { aid: paymentDomain.aid, version: paymentDomain.version, keys: own, diversification: own.diversification },
  };
}

/**
 * Carries what the issuer sends to the element's wired interface, and tells the tracer. Returns the number of APDUs.
 * @throws `bench/provisioning-refused`, `emulator/power-lost`
 */
export function carryToElement(
  device: EmulatedDevice,
  dialogue: CardAsking<void>,
  card: string,
  sim: Sim,
  tracer: Tracer | undefined,
): number {
  let apdus = 0;
  try {
    answerWith(dialogue, (command) =>
      answerWith(exchange(command), (bytes) => {
        const at = sim.now;
        const { response, took } = device.wired(bytes);
        tracer?.record({ layer: "apdu", at, took, command: bytes, response, compute: took, via: "wired" });
        apdus++;
        return { answer: response, took };
      }),
    );
    return apdus;
  } catch (error) {
    if (!isTapbenchError(error) || !error.code.startsWith("gp/")) throw error;
    throw benchError(
      "provisioning-refused",
      `the secure element did not take card ${card}: ${error.message}; does the device's profile have an applet for its AID?`,
      { ...error.context, card },
      error,
    );
  }
}

/** For an element without card management, which takes data as it comes. */
export function* inTheClear(commands: readonly CommandApdu[]): CardAsking<void> {
  for (const command of commands) expectOk((yield command).answer, commandName(encodeCommand(command)));
}
