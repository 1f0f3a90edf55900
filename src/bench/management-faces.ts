import type { EmulatedDevice } from "../../emulator/device.js";
import { RealTime } from "../../emulator/faces/real-time.js";
import { openSerialFace } from "../../emulator/faces/serial.js";
import { openUdpFace, type UdpPeer } from "../../emulator/faces/udp.js";
import type { ManagementPort } from "../../emulator/mcu/mcu.js";
import type { Sim } from "../../emulator/sim/sim.js";
import type { LineOptions } from "../../emulator/uart/line.js";
import { ascii } from "../util/bytes.js";
import type { Random } from "../util/random.js";
import type { TapbenchError } from "../util/errors.js";
import type { Framer } from "../util/framing.js";
import { benchError } from "./errors.js";

/** How a device's management is shown to other programs. */
export interface ManagementFaces {
  /** A pseudo-terminal, with a link to it where one is named. */
  readonly serial?: {
    readonly link?: string | undefined;
    /** Absent: not paced. */
    readonly uart?: Pick<LineOptions, "baud" | "noise" | "loss"> | undefined;
    readonly framing: () => Framer;
  };
  readonly udp?: { readonly host?: string | undefined; readonly port?: number | undefined };
  /** The device's log, line by line. */
  readonly log?: ((line: string) => void) | undefined;
  /** A face has gone. */
  readonly lost?: ((cause: TapbenchError) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ShownManagement {
  /** What hosts open. */
  readonly serial?: string;
  /** `host:port` */
  readonly udp?: string;
  readonly close: () => Promise<void>;
}

/** Hosts that are told apart; with one more the one that was silent for longest is forgotten. */
const MAX_HOSTS = 8;

/**
 * Shows an emulated device's microcontroller on a serial port, on UDP, or both.
 * @throws `bench/not-managed`, `emulator/no-pty`, `emulator/link-taken`, `emulator/port-taken`, the signal's reason
 */
export async function showManagement(
  sim: Sim,
  device: EmulatedDevice,
  { serial, udp, log, lost, signal }: ManagementFaces,
  random: Random,
): Promise<ShownManagement> {
  const mcu = device.management;
  if (!mcu) throw notManaged(device.profile.name);
  const time = new RealTime(sim, { paced: serial?.uart?.baud !== undefined });
  const closings: (() => Promise<void> | void)[] = [() => time.stop()];
  const close = async (): Promise<void> => {
    for (const each of closings.splice(0).toReversed()) await each();
  };
  try {
    if (log) closings.push(mcu.attach({ name: "log", send: () => {}, log }).detach);
    const path = serial && (await showSerial(serial));
    const address = udp && (await showUdp(udp));
    return { ...(path !== undefined && { serial: path }), ...(address !== undefined && { udp: address }), close };
  } catch (error) {
    await close();
    throw error;
  }

  async function showSerial({ link, uart, framing }: NonNullable<ManagementFaces["serial"]>): Promise<string> {
    const port = mcu!.attach({
      name: "serial",
      send: (message) => face.send(message),
      log: (line) => face.write(ascii(`${line}\r\n`)),
    });
    closings.push(port.detach);
    const face = await openSerialFace({
      sim,
      time,
      framer: framing(),
      message: port.receive,
      line: port.type,
      ...(link !== undefined && { link }),
      ...(uart && { uart: { ...uart, random } }),
      ...(lost && { lost }),
      ...(signal && { signal }),
    });
    closings.push(face.close);
    return face.path;
  }

  async function showUdp({ host, port }: NonNullable<ManagementFaces["udp"]>): Promise<string> {
    const hosts = new Map<string, ManagementPort>();
    const hostOf = (peer: UdpPeer): ManagementPort => {
      const { name } = peer;
      const known = hosts.get(name) ?? mcu!.attach({ name: `udp ${name}`, send: (message) => peer.send(message) });
      hosts.delete(name);
      hosts.set(name, known); // the last one now
      return known;
    };
    const face = await openUdpFace({
      host,
      port,
      maxMessage: device.profile.management!.bufferBytes,
      message(message, peer) {
        if (!hosts.has(peer.name) && hosts.size === MAX_HOSTS) {
          const [silent] = hosts.keys();
          hosts.get(silent!)?.detach();
          hosts.delete(silent!);
        }
        time.catchUp();
        hostOf(peer).receive(message);
        time.catchUp();
      },
    });
    closings.push(() => face.close().then(() => hosts.forEach(({ detach }) => detach())));
    return `${face.host.includes(":") ? `[${face.host}]` : face.host}:${face.port}`;
  }
}

export const notManaged = (name: string): Error =>
  benchError("not-managed", `${name} has no management; devices with a microcontroller have, such as emu:band-s1`, {
    device: name,
  });
