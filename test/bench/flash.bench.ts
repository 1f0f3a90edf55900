import { sha256 } from "../../src/crypto/hash.js";
import { generateSigningKey, readSigningKey, type SigningKind } from "../../src/crypto/signing.js";
import { buildImage } from "../../src/protocols/mcuboot/build.js";
import { parseImage } from "../../src/protocols/mcuboot/image.js";
import { judgeImage } from "../../src/protocols/mcuboot/verify.js";
import { image } from "../../src/protocols/smp/groups/image.js";
import { uploadImage, type ImageUploadReport } from "../../src/protocols/smp/image-upload.js";
import { seededRandom } from "../../src/util/random.js";
import { MS, SECOND } from "../../src/util/time.js";
import { imageOf, updatable, type WireModel } from "../support/updatable-device.js";
import { alternate, median } from "./measure.js";

export const description =
  "firmware: uploads over a slow link and a lossy one (virtual time), checking images, the protocol alone";

const IMAGE = 512 * 1024;
const SLOT = 640 * 1024;
/** A usual BLE link, there and back. */
const ROUND_TRIP = 45 * MS;
const PIECE = 1024;
/** Lossy links, of five messages in a hundred each way. */
const SEEDS = 4;

export async function run({ seconds }: { seconds: number }) {
  const slow = { latency: ROUND_TRIP / 2, perByte: 0 };
  const one = overLink(slow, 1);
  const nine = overLink(slow, 9);
  const lossy = Array.from({ length: SEEDS }, (_, seed) => {
    const random = seededRandom(`bench/flash/${seed}`);
    const five: WireModel["up"] = (message) => (random.below(100) < 5 ? [] : [{ message, late: 0 }]);
    return overLink({ ...slow, up: five, down: five }, 9);
  });
  const sum = (of: (each: (typeof lossy)[number]) => number): number => lossy.reduce((all, each) => all + of(each), 0);

  const upload = uploader();
  const ed25519 = verifier("ed25519");
  const p256 = verifier("ecdsa-p256");
  const rates = alternate(
    {
      ed25519: ed25519.judge,
      ed25519Hash: ed25519.hash,
      p256: p256.judge,
      p256Hash: p256.hash,
      upload,
    },
    seconds,
  );
  const ofHash = (judged: readonly number[], hashed: readonly number[]): number =>
    median(judged.map((rate, i) => rate / hashed[i]!));
  const figures = {
    window1BytesPerSecond: one.rate,
    window9BytesPerSecond: nine.rate,
    windowGain: nine.rate / one.rate,
    lossyBytesPerSecond: sum(({ rate }) => rate) / SEEDS,
    lossySentPerDelivered: sum(({ report }) => report.bytesSent) / sum(({ report }) => report.bytes),
    ed25519ImagesPerSecond: median(rates.ed25519),
    ed25519OfHash: ofHash(rates.ed25519, rates.ed25519Hash),
    p256ImagesPerSecond: median(rates.p256),
    p256OfHash: ofHash(rates.p256, rates.p256Hash),
    uploadMegabytesPerSecond: (median(rates.upload) * IMAGE) / 1e6,
  };
  const bars = [
    { key: "windowGain", atLeast: 0.9 * 9 },
    { key: "lossySentPerDelivered", atMost: 1.6 },
    { key: "ed25519OfHash", atLeast: 0.6 },
    { key: "p256OfHash", atLeast: 0.6 },
  ];
  return { figures, bars };
}

/** One upload in virtual time, to an erased slot. */
function overLink(wire: WireModel, window: number): { readonly rate: number; readonly report: ImageUploadReport } {
  const device = updatable({}, { slotBytes: SLOT });
  const host = device.host("wire", wire);
  const from = device.sim.now;
  const data = imageOf("1.1.0", { bytes: IMAGE });
  const report = host.run(uploadImage(host.poller({ window }), data, { bufferBytes: 512 }));
  if (report.match !== true) throw new Error("the upload does not match");
  return { rate: (report.bytes * SECOND) / (device.sim.now - from), report };
}

/** Host and device in one process, and nothing between them. Each time the slot is erased first. */
function uploader(): () => void {
  const bufferBytes = PIECE + 48;
  const device = updatable({ bufferBytes }, { slotBytes: SLOT });
  const host = device.host("wire", { latency: 0, perByte: 0 });
  const poller = host.poller({ window: 9, within: 60 * SECOND });
  const data = imageOf("1.1.0", { bytes: IMAGE });
  return () => {
    host.run(poller.ask(image.erase, {}));
    const { match, pieces } = host.run(uploadImage(poller, data, { bufferBytes }));
    if (match !== true || pieces > data.length / PIECE + 2) throw new Error("the upload does not match");
  };
}

function verifier(kind: SigningKind): { readonly judge: () => void; readonly hash: () => void } {
  const random = seededRandom(`bench/${kind}`);
  const key = readSigningKey(generateSigningKey(kind, random));
  const version = { major: 1, minor: 0, revision: 0, build: 0 };
  const bytes = buildImage(random.bytes(IMAGE), { version, key, random });
  const { covered } = parseImage(bytes);
  return {
    judge: () => {
      if (judgeImage(parseImage(bytes), { keys: [key] }).objections.length > 0) throw new Error("the image is no good");
    },
    hash: () => void sha256(covered),
  };
}
