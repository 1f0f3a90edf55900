import { openBench, type Bench } from "../../src/bench/bench.js";
import type { TapReport } from "../../src/bench/tap-report.js";
import { desKey } from "../../src/crypto/des.js";
import { sha1 } from "../../src/crypto/hash.js";
import { generateRsa } from "../../src/crypto/rsa-generate.js";
import { rsaPrivate, rsaPublic } from "../../src/crypto/rsa.js";
import { mchipCryptogram } from "../../src/emv/cryptogram-versions.js";
import { seededRandom } from "../../src/util/random.js";
import { alternate, bytesAllocated, median } from "./measure.js";

export const description =
  "taps in process, activation to authorisation: CDA and without, beside their cryptography alone";

/** A cent a tap: the account lasts. */
const REQUEST = { amount: 1n, terminal: "shop" } as const;

export async function run({ seconds }: { seconds: number }) {
  const bench = await openBench({ seed: "bench" });
  const cda = await tapper(bench, "emu:band-s1?seed=1", "k2-credit");
  const plain = await tapper(bench, "emu:band-s1?seed=2", "k2-online");
  const crypto = cryptographyOfOneTap();
  const rates = alternate(
    { cda: () => expectApproved(cda(), "cda"), plain: () => expectApproved(plain(), "none"), crypto },
    seconds,
  );
  const one = cda();
  const figures = {
    tapsPerSecond: median(rates.cda),
    cryptographyPerSecond: median(rates.crypto),
    ofCryptography: median(rates.cda.map((rate, i) => rate / rates.crypto[i]!)),
    withoutOdaPerSecond: median(rates.plain),
    kilobytesAllocatedPerTap: bytesAllocated(cda, 200) / 1024,
    simulatedMicros: one.total / 1000,
    onAirMicros: one.air / 1000,
    leastPossibleMicros: one.leastAir / 1000,
  };
  const bars = [
    { key: "tapsPerSecond", atLeast: 1700 },
    { key: "ofCryptography", atLeast: 0.7 },
    { key: "withoutOdaPerSecond", atLeast: 6000 },
  ];
  return { figures, bars };
}

async function tapper(bench: Bench, spec: `emu:${string}`, card: string): Promise<() => TapReport> {
  const device = await bench.open(spec);
  await bench.provision(device, card);
  return bench.prepareTap(device, REQUEST);
}

function expectApproved(report: TapReport, oda: string): void {
  if (report.outcome !== "approved" || report.oda !== oda || report.cryptogram?.verified !== true)
    throw new Error(
      `a tap ended ${report.outcome}, ODA ${report.oda} (${report.issuer?.reason ?? "issuer not asked"})`,
    );
}

/** What one CDA tap computes, and nothing else: CA 1984, issuer 1408, card 1408 bits, lengths as in the tap. */
function cryptographyOfOneTap(): () => void {
  const random = seededRandom("bench/crypto");
  const [ca, issuer, card] = [1984, 1408, 1408].map((bits, i) => generateRsa(bits, 3, random.fork(`key ${i}`)));
  const sign = rsaPrivate(card!);
  const master = desKey(random.bytes(16));
  const recipe = mchipCryptogram(0x11);
  const block = (bytes: number): Uint8Array => random.bytes(bytes).fill(0, 0, 1);
  const blocks = { ca: block(248), issuer: block(176), card: block(176) };
  const hashed = [230, 400, 172, 172, 160, 160].map((length) => random.bytes(length));
  const [atc, un, data, arc] = [2, 4, 48, 2].map((length) => random.bytes(length));
  return () => {
    const key = desKey(recipe.sessionKey(master, atc!, un!));
    const arqc = recipe.cryptogram(key, data!);
    sign.apply(blocks.card);
    rsaPublic(ca!, blocks.ca);
    rsaPublic(issuer!, blocks.issuer);
    rsaPublic(card!, blocks.card);
    for (const bytes of hashed) sha1(bytes);
    const session = desKey(recipe.sessionKey(master, atc!, un!));
    recipe.cryptogram(session, data!);
    recipe.arpc({ master, session }, arqc, arc!);
  };
}
