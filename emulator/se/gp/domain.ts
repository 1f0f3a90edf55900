import { tlv } from "../../../src/codec/tlv.js";
import { CARD_STATES } from "../../../src/protocols/gp/registry.js";
import { isSecured } from "../../../src/protocols/gp/secure-channel.js";
import { status, type CommandApdu } from "../../../src/protocols/iso7816/apdu.js";
import { SW } from "../../../src/protocols/iso7816/status.js";
import { applet, type AppletContext, type AppletStep, type CardManager } from "../applet.js";
import { storeFault } from "../store-faults.js";
import { say, type Content, type ContentState, type ContentStep } from "./content.js";
import { getData } from "./data-objects.js";
import { remove } from "./delete.js";
import { getStatus } from "./get-status.js";
import { install, load } from "./install.js";
import { setStatus } from "./life-cycle.js";
import { putKey } from "./put-key.js";
import { storeData, storeOwn } from "./store-data.js";
import { externalAuthenticate, initializeUpdate, NO_SESSION, unwrapped, wrapped, type SecureState } from "./session.js";

/*
 * A security domain, the issuer's or a supplementary one (GlobalPlatform Card Specification 2.3.1, chapter 7): an applet that the operating system gives
 * its own operations to. Everything that changes the card comes through its secure channel.
 */

const INS = {
  initializeUpdate: 0x50,
  externalAuthenticate: 0x82,
  getData: 0xca,
  install: 0xe6,
  load: 0xe8,
  storeData: 0xe2,
  getStatus: 0xf2,
  setStatus: 0xf0,
} as const;

/** Commands through the secure channel, by instruction. */
const COMMANDS: ReadonlyMap<number, Content> = new Map([
  [INS.install, install],
  [INS.load, load],
  [0xe4, remove],
  [0xd8, putKey],
  [INS.setStatus, setStatus],
  [INS.getStatus, getStatus],
  [INS.storeData, storeData],
  [INS.getData, getData],
]);

/** What a domain still takes in states in which it does not take everything (5.1.1): to unlock and to end the card, and to tell of it. */
const TAKEN_IN: ReadonlyMap<number, readonly number[]> = new Map([
  [CARD_STATES.cardLocked, [INS.initializeUpdate, INS.externalAuthenticate, INS.getData, INS.getStatus, INS.setStatus]],
  [CARD_STATES.terminated, [INS.getData]],
]);

const INITIAL: ContentState = { secure: NO_SESSION };

/** The command went wrong in a way that ends the session, or there is none. */
const over = (sw: number): AppletStep<ContentState> => ({ state: INITIAL, response: status(sw) });

/** Longest data of one command, tag 9F65 of the answer to SELECT. */
const MAX_COMMAND_DATA = 0xff;

export const securityDomain = applet<ContentState>({
  module: "security-domain",
  initial: INITIAL,
  multiSelectable: true,

  select: ({ manager }, aid) => ({
    state: INITIAL,
    response: {
      data: tlv(0x6f, tlv(0x84, aid), tlv(0xa5, tlv(0x9f65, Uint8Array.of(MAX_COMMAND_DATA)))),
      sw: manager?.registry.cardState === CARD_STATES.cardLocked ? SW.deactivated : SW.ok,
    },
  }),

  process(context, state, command) {
    const { manager } = context;
    const { ins } = command;
    if (!manager || TAKEN_IN.get(manager.registry.cardState)?.includes(ins) === false)
      return { state, response: status(SW.conditionsOfUse) };
    // What the domain above it hands on came through that one's channel (7.3.3).
    if (context.secured === true) return storeOwn(context, manager, state, command);
    if (ins === INS.initializeUpdate && command.cla === 0x80) {
      const { state: secure, response } = initializeUpdate(context, manager, command);
      return { state: { secure }, response };
    }
    if (ins === INS.externalAuthenticate && state.secure.phase === "challenged") {
      const { state: secure, response } = externalAuthenticate(context, manager, state.secure, command);
      return { state: { secure }, response };
    }
    if (state.secure.phase !== "open")
      return ins === INS.getData && !isSecured(command.cla)
        ? getData(context, manager, state, command)
        : over(SW.securityStatus);

    context.spend({ symmetric: 2 });
    const opened = unwrapped(state.secure, command);
    if (!opened) return over(SW.securityStatus);
    const step = safely(manager, opened.state, () =>
      dispatch(context, manager, { ...state, secure: opened.state }, opened.command),
    );
    return { state: step.state, response: wrapped(opened.state, step.response) };
  },
});

/** A fault of the store is an answer like any other, and the session goes on behind it; what came so far of something longer is gone. */
function safely(manager: CardManager, secure: SecureState, work: () => ContentStep): ContentStep {
  try {
    return work();
  } catch (error) {
    const sw = storeFault(error);
    if (sw === undefined) throw error;
    // A store that failed behind its commit is ahead of the registry, and what an applet stored before it failed is nobody's.
    manager.registry.reload();
    return say({ secure }, sw);
  }
}

/** What came so far of something that takes several commands goes on with the next of its own, and ends with any other. */
type Kept = (state: ContentState) => Partial<ContentState>;
const GOES_ON: ReadonlyMap<number, Kept> = new Map<number, Kept>([
  [INS.storeData, ({ personalising, storing }) => ({ personalising, storing })],
  [INS.load, ({ loading }) => ({ loading })],
  [INS.install, ({ loading }) => (loading?.whole ? { loading } : {})],
  [INS.getStatus, ({ pending }) => ({ pending })],
  [INS.getData, (state) => state],
]);

function dispatch(
  context: AppletContext,
  manager: CardManager,
  state: ContentState,
  command: CommandApdu,
): ContentStep {
  const { ins, cla } = command;
  const now: ContentState = { secure: state.secure, ...GOES_ON.get(ins)?.(state) };
  if (cla !== 0x80 && (cla !== 0x00 || ins !== INS.getData))
    return { state: now, response: status(SW.classNotSupported) };
  const handler = COMMANDS.get(ins);
  return handler
    ? handler(context, manager, now, command)
    : { state: now, response: status(SW.instructionNotSupported) };
}
