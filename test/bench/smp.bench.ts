import { files } from "../../src/protocols/smp/groups/files.js";
import { os } from "../../src/protocols/smp/groups/os.js";
import { commandOf } from "../../src/protocols/smp/groups.js";
import { decodeSmp, encodeSmp, OP } from "../../src/protocols/smp/header.js";
import { smpDispatcher, on } from "../../src/protocols/smp/listener.js";
import { seededRandom } from "../../src/util/random.js";
import { alternate, median } from "./measure.js";

export const description = "SMP messages of 400 bytes, encoded and decoded, and a device's dispatcher";

const BYTES = 400;

export async function run({ seconds }: { seconds: number }) {
  const rates = alternate({ roundTrip: messageRoundTrip(), dispatch: dispatched() }, seconds);
  const figures = {
    messagesPerSecond: median(rates.roundTrip),
    dispatchedPerSecond: median(rates.dispatch),
  };
  return { figures, bars: [{ key: "messagesPerSecond", atLeast: 100_000 }] };
}

/** One piece of an upload, written with its header and read again: 400 bytes in all. */
function messageRoundTrip(): () => void {
  const request = { off: 12_345, data: new Uint8Array(0), name: "/lfs/firmware.bin" };
  const around = encodeSmp({ ...HEADER, data: files.upload.request.encode(request) }).length + 2;
  const whole = { ...request, data: seededRandom("bench/smp").bytes(BYTES - around) };
  return () => {
    const bytes = encodeSmp({ ...HEADER, data: files.upload.request.encode(whole) });
    const message = decodeSmp(bytes);
    const read = commandOf(message)!.request.decode(message.data) as typeof whole;
    if (bytes.length !== BYTES || read.data.length !== whole.data.length || read.off !== whole.off)
      throw new Error(`${bytes.length} bytes came back as ${read.data.length} bytes at ${read.off}`);
  };
}
const HEADER = { op: OP.write, version: 2, group: 8, sequence: 7, command: 0 };

/** An echo of 400 bytes: read, done, answered. */
function dispatched(): () => void {
  const dispatch = smpDispatcher<number>(
    [on(os.echo, ({ state, request }) => ({ state: state + 1, outcome: { value: { r: request.d } } }))],
    { bufferBytes: 512, legacyRc: false },
  );
  const data = os.echo.request.encode({ d: "x".repeat(BYTES - 14) });
  const message = encodeSmp({ op: OP.write, version: 2, group: 0, sequence: 7, command: 0, data });
  return () => {
    const { answer } = dispatch(0, message, { now: 0, from: "bench" });
    if (answer?.length !== message.length) throw new Error(`an echo of ${answer?.length} bytes`);
  };
}
