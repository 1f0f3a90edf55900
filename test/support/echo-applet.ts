import { EmulatedDevice, MODULES } from "../../emulator/device.js";
import { applet } from "../../emulator/se/applet.js";
import { ContactlessReader } from "../../emulator/reader/reader.js";
import { Sim } from "../../emulator/sim/sim.js";
import { loadProfile } from "../../src/profiles/load.js";
import { FDT_PCD_ISO } from "../../src/protocols/iso14443/timing.js";
import { status } from "../../src/protocols/iso7816/apdu.js";
import { unhex } from "../../src/util/bytes.js";
import { seededRandom } from "../../src/util/random.js";

export const ECHO_AID = "F04543484F";
export const SELECT_ECHO = `00A4040005${ECHO_AID}00`;

/**
 * An applet that answers at any length: `80 10 P1 P2` with P1P2 bytes that count up, `80 12` with its own data, `80 14 P1 P2` after P1P2 times
 * its work for one RSA operation of 65,536 bits, `80 16` never: it breaks.
 */
export const echo = applet<undefined>({
  module: "echo",
  initial: undefined,
  select: () => ({ state: undefined, response: status(0x9000) }),
  process(context, state, { ins, p1, p2, data = new Uint8Array(0) }) {
    const number = (p1 << 8) | p2;
    if (ins === 0x10)
      return { state, response: { data: Uint8Array.from({ length: number }, (_, i) => i), sw: 0x9000 } };
    if (ins === 0x12) return { state, response: { data, sw: 0x9000 } };
    if (ins === 0x14) {
      for (let i = 0; i < number; i++) context.spend({ rsaBits: 65_536 });
      return { state, response: status(0x9000) };
    }
    if (ins === 0x16) throw new TypeError("the echo applet breaks");
    return { state, response: status(0x6d00) };
  },
});

/** A band whose only applet is that one, on a reader. */
export async function echoOnReader(): Promise<{ reader: ContactlessReader; device: EmulatedDevice; sim: Sim }> {
  const sim = new Sim();
  const band = await loadProfile("device", "band-s1");
  const profile = { ...band, element: { ...band.element, applets: [{ module: "echo", aid: unhex(ECHO_AID) }] } };
  const device = new EmulatedDevice(profile, sim, seededRandom("echo"), { modules: [...MODULES, echo] });
  const reader = new ContactlessReader(sim, device, {
    reader: { fsdi: 8, maxRate: 8, retries: 2 },
    frameDelay: FDT_PCD_ISO,
  });
  return { reader, device, sim };
}
