import { tlv } from "../../src/codec/tlv.js";
import { status } from "../../src/protocols/iso7816/apdu.js";
import { SW } from "../../src/protocols/iso7816/status.js";
import { applet } from "./applet.js";
import { INS_STORE_DATA, NO_PERSONALISATION, storeData, type PersonalisationState } from "./personalisation.js";

const DGI_FCI = 0x9102;

/** Proximity payment system environment (EMV Contactless Book B 3.3.1): its SELECT response is what was personalised as DGI 9102. */
export const ppse = applet<PersonalisationState>({
  module: "ppse",
  initial: NO_PERSONALISATION,
  select({ storage, via }, aid) {
    const fci = storage.get(DGI_FCI);
    // Not personalised: invisible to a reader, and there for personalisation.
    if (!fci && via === "contactless") return { state: NO_PERSONALISATION, response: status(SW.notFound) };
    return {
      state: NO_PERSONALISATION,
      response: { data: tlv(0x6f, tlv(0x84, aid), tlv(0xa5, fci ?? new Uint8Array(0))), sw: SW.ok },
    };
  },
  process(context, state, command) {
    if (command.ins !== INS_STORE_DATA) return { state, response: status(SW.instructionNotSupported) };
    if ((command.cla & 0xfc) !== 0x80) return { state, response: status(SW.classNotSupported) };
    return storeData(
      context,
      state,
      command,
      (dgi) => (dgi === DGI_FCI ? SW.ok : SW.dataNotFound),
      () => ({ sw: SW.ok }),
    );
  },
});
