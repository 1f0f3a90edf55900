import { padOne, unpadOne } from "../crypto/padding.js";
import type { ContactlessRequest } from "../protocols/gp/contactless.js";
import { updateContactless } from "../protocols/gp/contactless-poller.js";
import { diversified, type Diversification } from "../protocols/gp/diversify.js";
import { expectOk, openSession, personalize, selectDomain, type KeySet } from "../protocols/gp/poller.js";
import { LEVEL } from "../protocols/gp/secure-channel.js";
import type { CardAsking } from "../protocols/iso7816/poller.js";
import type { Random } from "../util/random.js";
import { GROUPS, storeDataScript, type DataGrouping } from "./personalise.js";

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

const BLOCKS = { aes: 16, des: 8 } as const;
const OF_ANY_LENGTH: readonly number[] = Object.values(GROUPS.rsa);

/**
 * A key as it is enciphered: filled up with 80 and zeros where it is no whole number of blocks (EMV CPS 1.1), and also where a part of a private
 * key, which may have any length, ends as if it had been.
 */
function filled({ dgi, value }: DataGrouping, block: number): Uint8Array {
  const looksFilled = OF_ANY_LENGTH.includes(dgi) && unpadOne(value) !== undefined;
  return value.length % block !== 0 || looksFilled ? padOne(value, block) : value;
}

/**
 * Puts the data of applications into a card, through the secure channel of the issuer's own domain. The commands that come out are the ones that
 * go over the wire: whoever carries them sees no key and no account, and who has the session's keys but not its data encryption key sees no key.
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
    const [, ...blocks] = storeDataScript(aid, groupings, {
      blockSize: channel.room,
      protect: (grouping) => channel.protect(filled(grouping, BLOCKS[domain.keys.kind])),
    });
    for (const { command, says } of blocks) expectOk(yield* channel.send(command), `STORE DATA (${says})`);
    // Last, so that a card is in no directory before it can pay.
    if (contactless) yield* updateContactless(channel, aid, contactless);
  }
}
