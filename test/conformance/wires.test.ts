import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBench, type Bench, type BenchDevice } from "../../src/bench/bench.js";
import type { ManagedBenchDevice } from "../../src/bench/managed.js";
import { element } from "../../src/protocols/smp/groups/element.js";
import { nativePcsc } from "../../src/transport/pcsc/native-driver.js";
import { SECOND } from "../../src/util/time.js";
import { testFolder } from "../support/echo-pty.js";
import { emulateBand } from "../support/emulated-band.js";
import { emulate, type Emulation } from "../support/emulation.js";
import { startPcscd } from "../support/pcscd.js";
import { missing } from "../support/wires.js";
import { core, type ElementUnderTest } from "./core.js";

const PATIENCE = { within: 10 * SECOND };

interface Opened extends ElementUnderTest {
  readonly close: () => Promise<void>;
}

/** The same script, the same band, every wire there is to it. */
const wires: readonly {
  readonly name: string;
  readonly needs: readonly string[];
  readonly open: () => Promise<Opened>;
}[] = [
  {
    name: "emu",
    needs: ["emu"],
    async open() {
      const bench = await openBench();
      const device = await bench.open("emu:band-s1");
      await bench.provision(device, "k2-credit");
      return managed("emu", await bench.manage(device));
    },
  },
  {
    name: "pcsc",
    needs: ["pcsc", "nfc-pcsc"],
    async open() {
      const pcscd = await startPcscd();
      await emulate(pcscd, "band-s1");
      const bench = await openBench({ pcsc: nativePcsc({ socket: pcscd.socket }) });
      const device = await bench.open("pcsc:00 00");
      if (device.kind !== "card") throw new Error("no reader");
      return {
        name: "pcsc",
        transmit: async (apdu) => (await device.card.apdu(apdu, PATIENCE)).answer,
        reset: async () => void (await device.card.activate(PATIENCE)),
        close: async () => {
          await device.close();
          await pcscd.close();
        },
      };
    },
  },
  {
    name: "serial",
    needs: ["serial"],
    async open() {
      const folder = await testFolder();
      const band = emulateBand(`--serial=${join(folder.path, "band")}`);
      return onWire("serial", band, ({ serial }) => `serial:${String(serial)}`, folder.remove);
    },
  },
  {
    name: "serial, raw frames, paced",
    needs: ["serial"],
    async open() {
      const folder = await testFolder();
      const band = emulateBand(`--serial=${join(folder.path, "band")}`, "--framing", "raw", "--baud", "921600");
      return onWire("serial", band, ({ serial }) => `serial:${String(serial)}?baud=921600&framing=raw`, folder.remove);
    },
  },
  {
    name: "udp",
    needs: ["udp"],
    open: () => onWire("udp", emulateBand("--udp=127.0.0.1:0"), ({ udp }) => `udp:${String(udp)}`),
  },
];

async function onWire(
  name: string,
  band: Emulation,
  specOf: (ready: Readonly<Record<string, unknown>>) => string,
  last: () => Promise<void> = async () => {},
): Promise<Opened> {
  const bench: Bench = await openBench();
  const device: BenchDevice = await bench.open(specOf(await band.next("ready")));
  const opened = managed(name, await bench.manage(device));
  return {
    ...opened,
    close: async () => {
      await opened.close();
      await band.stop();
      await last();
    },
  };
}

const managed = (name: string, device: ManagedBenchDevice): Opened => ({
  name,
  transmit: async (apdu) => (await device.management.apdu(apdu, PATIENCE)).answer,
  reset: async () => void (await device.management.request(element.reset, {})),
  close: device.close,
});

describe.each(wires)("core over $name", ({ needs, open }) => {
  const lack = needs.map((name) => missing(name)).find((each) => each !== undefined);
  describe.skipIf(lack)("one script", () => {
    let card: Opened | undefined;
    beforeAll(async () => {
      card = await open();
      await card.reset();
    });
    afterAll(() => card?.close());
    test.each(core)("$name", async (one) => {
      await expect(one.run(card!)).resolves.toBeUndefined();
    });
  });
});
