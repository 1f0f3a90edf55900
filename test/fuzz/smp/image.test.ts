import { describe, expect, test } from "vitest";
import { image } from "../../../src/protocols/smp/groups/image.js";
import { decodeAnswer } from "../../../src/protocols/smp/answer.js";
import { commandOf } from "../../../src/protocols/smp/groups.js";
import { decodeSmp, encodeSmp, OP } from "../../../src/protocols/smp/header.js";
import { uploadImage } from "../../../src/protocols/smp/image-upload.js";
import { hex } from "../../../src/util/bytes.js";
import { seededRandom, type Random } from "../../../src/util/random.js";
import { SECOND } from "../../../src/util/time.js";
import { imageOf, updatable } from "../../support/updatable-device.js";

/** Longer runs are a number away. */
const CASES = 20_000;

const IMAGES = ["0.9.0", "1.1.0", "1.2.0"].map((version) => imageOf(version, { bytes: 3000 }));
const commands = Object.values(image);

/** Requests that a server has to think about: near to what hosts send. */
function request(random: Random): Uint8Array {
  const command = commands[random.below(commands.length)]!;
  const data = IMAGES[random.below(IMAGES.length)]!;
  const off = [0, 0, 200, 400, random.below(4000), 0xffff_ffff][random.below(6)]!;
  const len = [data.length, data.length, 400, random.below(200_000), 0][random.below(5)]!;
  const some = <T extends object>(value: T): Partial<T> => (random.below(5) === 0 ? {} : value);
  const values: Record<string, object> = {
    "image.upload": {
      ...some({ off }),
      ...some({ data: data.subarray(off, off + random.below(300)) }),
      ...some({ len }),
      ...some({ sha: random.below(2) === 0 ? data.subarray(0, random.below(40)) : random.bytes(32) }),
      ...(random.below(3) === 0 && { upgrade: random.below(2) === 0 }),
      ...(random.below(6) === 0 && { image: random.below(4) }),
    },
    "image.set-state": {
      ...some({ hash: random.bytes([0, 31, 32, 32, 48][random.below(5)]!) }),
      ...some({ confirm: random.below(2) === 0 }),
    },
    "image.erase": some({ slot: random.below(5) }),
  };
  const value = values[command.name] ?? command.request.sample(random);
  const message = encodeSmp({
    op: OP[command.op],
    version: 1 + random.below(2),
    group: 1,
    sequence: random.below(256),
    command: command.id,
    data: command.request.encode(value),
  });
  if (random.below(3) > 0) return message;
  const changed = message.slice();
  changed[random.below(changed.length)]! ^= 1 << random.below(8);
  return random.below(2) === 0 ? changed : changed.subarray(0, random.below(changed.length + 1));
}

describe("the image group of a device", () => {
  test(`${CASES} messages, near to right: each is answered or left alone, what runs stays, and nothing grows`, () => {
    const device = updatable({}, { slotBytes: 32 * 1024 });
    const { sim, mcu, slots } = device;
    const active = (): string => hex(slots().images[0]!.slots[0].read(0, 32 * 1024));
    const before = active();
    let last: Uint8Array | undefined;
    const port = mcu.attach({ name: "fuzz", send: (message) => void (last = message) });
    const random = seededRandom("fuzz/image");
    const results = new Map<string, number>();
    for (let i = 0; i < CASES; i++) {
      last = undefined;
      port.receive(request(random));
      sim.runUntil(sim.now + 5 * SECOND);
      if (last) {
        const answer = decodeSmp(last);
        const command = commandOf(answer);
        const outcome = command && decodeAnswer(command, answer.data);
        const key = outcome?.failure ? `${outcome.failure.group ?? "-"}/${outcome.failure.rc}` : "done";
        results.set(key, (results.get(key) ?? 0) + 1);
      }
      const session = mcu.state.image;
      if (session) {
        expect(session.rest.length).toBeLessThan(4);
        expect(session.sha.length).toBeLessThanOrEqual(32);
        expect(session.off).toBeLessThan(session.length);
        expect(session.length).toBeLessThanOrEqual(32 * 1024);
      }
      if (i % 1000 === 0) expect(active()).toBe(before);
    }
    expect(active()).toBe(before);
    expect(sim.idle).toBe(true);
    // Successes, and most of what may be refused in this group.
    expect(results.get("done")).toBeGreaterThan(CASES / 10);
    expect([...results.keys()].filter((key) => key.startsWith("1/")).length).toBeGreaterThan(6);
    const host = device.host("after");
    const data = IMAGES[1]!;
    expect(host.run(uploadImage(host.poller(), data, { bufferBytes: 512 })).match).toBe(true);
  }, 120_000);
});
