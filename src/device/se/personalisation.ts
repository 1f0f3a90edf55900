import { expectOk, personalize, type SecuredCard } from "../../protocols/gp/poller.js";
import { APPLICATION_STATES, type RegistryEntry } from "../../protocols/gp/registry.js";
import type { CardAsking } from "../../protocols/iso7816/poller.js";
import { hex } from "../../util/bytes.js";
import { seError } from "./errors.js";
import { withPersonalisation, type Personalisation } from "./journal.js";
import type { JournalKeeper } from "./session.js";
import { blocksOf, storeCommands, type Group, type StoreFormat } from "./store-script.js";

/*
 * A personalisation that may be interrupted. GlobalPlatform keeps no state of STORE DATA from one session to the next: block numbers begin at 0
 * again, and a data grouping has to be whole in one session. So:
 *
 * - No block was sent: it begins.
 * - Some were, the last was not: the application is not complete. All of it is sent again, in one session. An application that keeps each
 *   grouping as it comes, and takes none twice, goes on with `resume`: from the first grouping that was not acknowledged whole.
 * - The last one was sent and no answer came: it may be complete. Its life cycle says so, or somebody has to.
 * - It was complete: it is not personalised again, unless it was deleted and installed meanwhile.
 *
 * Whatever is in the way, `rollBack` (DELETE, INSTALL, and all of it) gets the application back to its beginning.
 */

/** What was asked for, where something stands in the way. */
export type Way = "resume" | "again";

export interface Decision {
  /** Groups that the element has already. */
  readonly skip: number;
  /** For people; absent: nothing was there before. */
  readonly says?: string;
}

const OFFER = "--roll-back deletes the application, installs it anew and sends everything";

/** What the journal and the application's life cycle allow. @throws `se/already-personalised`, `se/interrupted-personalisation` */
export function decide(
  before: Personalisation | undefined,
  wanted: { readonly application: string; readonly data: string },
  entry: Pick<RegistryEntry, "lifeCycle" | "privileges"> | undefined,
  way: Way | undefined,
): Decision {
  const { application } = wanted;
  const state = (entry?.lifeCycle ?? 0) & ~APPLICATION_STATES.locked;
  // Data of a domain are objects, put whenever somebody likes; its life cycle says nothing of them.
  if (way === "again" || entry?.privileges?.has("securityDomain")) return { skip: 0 };
  if (before?.done || state === APPLICATION_STATES.personalized)
    throw seError(
      "already-personalised",
      `${application} was personalised already${before?.done ? "" : ", as its life cycle says"}; ${OFFER}; --again sends the data as it is`,
      { application },
    );
  if (!before || before.sent === 0) return { skip: 0 };
  const same = before.data === wanted.data;
  const interrupted = (why: string, offer: string): Error =>
    seError("interrupted-personalisation", `an earlier personalisation of ${application} ${why}; ${offer}`, {
      application,
      acknowledged: before.sent - 1,
      blocks: before.blocks,
    });
  if (before.sent === before.blocks)
    throw interrupted(
      "was interrupted at its last block, and may be complete",
      `${OFFER}; --again sends the data as it is, if you know that it is not complete`,
    );
  if (!same)
    throw interrupted(
      `with other data was interrupted after block ${before.sent - 1} of ${before.blocks}`,
      `finish it with its own data, or start over: ${OFFER}`,
    );
  const says = `an earlier personalisation was interrupted after ${before.sent - 1} of ${before.blocks} blocks`;
  if (way === "resume")
    return { skip: before.groups, says: `${says}; going on behind ${before.groups} groupings that were acknowledged` };
  return { skip: 0, says: `${says}; sending all of it again` };
}

export interface PersonaliseOptions {
  readonly application: Uint8Array;
  /** The application is the domain that the session is with: it takes STORE DATA as it is, and no INSTALL [for personalization] (7.3.3). */
  readonly own?: boolean;
  readonly format: StoreFormat;
  readonly hidden: boolean;
  readonly groups: readonly Group[];
  /** Groups that are left out, because the element has them. */
  readonly skip: number;
  /** Of format and data, for the journal. */
  readonly digest: string;
  readonly keeper: JournalKeeper;
  /** Called before each block is written down: what it throws ends the work there, with nothing in doubt. */
  readonly stop?: () => void;
}

/** INSTALL [for personalization] where it is another's data, and STORE DATA, each block in the journal before it is sent. Returns how many blocks it took. @throws `gp/refused` */
export function* personalise(card: SecuredCard, options: PersonaliseOptions): CardAsking<number> {
  const { keeper, skip, groups, format } = options;
  const blocks = blocksOf(groups.slice(skip), card.room);
  const before = keeper.journal.personalisations.find((one) => one.application === hex(options.application));
  /** What an element has kept, it has kept: sending all of it again does not take it away. */
  const kept = before && !before.done && before.data === options.digest ? before.groups : 0;
  const note = (sent: number, whole: number, done = false): void =>
    keeper.put(
      withPersonalisation(keeper.journal, {
        application: hex(options.application),
        data: options.digest,
        blocks: blocks.length,
        sent,
        groups: Math.max(kept, skip + whole),
        done,
      }),
    );
  if (!before || before.done) note(0, 0);
  if (options.own !== true) yield* personalize(card, options.application);
  for (const [number, command] of storeCommands(blocks, format, options.hidden).entries()) {
    options.stop?.();
    note(number + 1, blocks[number - 1]?.whole ?? 0);
    expectOk(yield* card.send(command), `STORE DATA block ${number} (${blocks[number]!.says})`);
  }
  note(blocks.length, blocks.at(-1)?.whole ?? 0, true);
  return blocks.length;
}
