import type { ContactlessRequest } from "../protocols/gp/contactless.js";
import { updateContactless } from "../protocols/gp/contactless-poller.js";
import { diversified, type Diversification } from "../protocols/gp/diversify.js";
import { expectOk, openSession, personalize, selectDomain, type KeySet } from "../protocols/gp/poller.js";
import { LEVEL } from "../protocols/gp/secure-channel.js";
import type { CardAsking } from "../protocols/iso7816/poller.js";
import type { Random } from "../util/random.js";
import { storeDataScript, type DataGrouping } from "./personalise.js";

/** The issuer's security domain on a card, and the master keys that the card's own follow from. */
export interface IssuerDomain {
  readonly aid: Uint8Array;
  readonly version: number;
  readonly keys: KeySet;
  readonly diversification: Diversification;
}

/** What one application gets. */
export interface ApplicationData {
  readonly aid: Uint8Array;
  readonly groupings: readonly DataGrouping[];
  /** What the contactless registry is told of it, once its data is in. */
  readonly contactless?: ContactlessRequest | undefined;
}

/** Everything: C-MAC, C-DECRYPTION, R-MAC, R-ENCRYPTION; on SCP02, which has less, commands only. */
const FULL = LEVEL.commandMac | LEVEL.commandEncryption | LEVEL.responseMac | LEVEL.responseEncryption;
const COMMANDS = LEVEL.commandMac | LEVEL.commandEncryption;

/**
 * Puts the data of applications into a card, through the secure channel of the issuer's own domain. The commands that come out are the ones that
 * go over the wire: whoever carries them sees no key and no account.
 *
 * @throws `gp/wrong-cryptogram`, `gp/refused`, ...: the card is as it was before the application whose data was refused
 */
export function* provision(
  domain: IssuerDomain,
  applications: readonly ApplicationData[],
  random: Random,
): CardAsking<void> {
  yield* selectDomain(domain.aid);
  const { channel } = yield* openSession({
    keysFor: (data) => diversified(domain.keys, domain.diversification, data),
    version: domain.version,
    level: domain.keys.kind === "aes" ? FULL : COMMANDS,
    challenge: (bytes) => random.bytes(bytes),
  });
  for (const { aid, groupings, contactless } of applications) {
    yield* personalize(channel, aid);
    const [, ...blocks] = storeDataScript(aid, groupings, { blockSize: channel.room });
    for (const { command, says } of blocks) expectOk(yield* channel.send(command), `STORE DATA (${says})`);
    // Last, so that a card is in no directory before it can pay.
    if (contactless) yield* updateContactless(channel, aid, contactless);
  }
}
