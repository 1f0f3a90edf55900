import { measureListing, measurePersonalisation, measureWear } from "./measure-personalisation.js";
import { measurePowerCuts } from "./measure-power-cuts.js";

export const description =
  "the secure element in process: a personalisation over SCP03, its registry listed, a payment cut at every memory operation";

export async function run({ seconds }: { seconds: number }) {
  const { blockMicros, aesMicros } = measurePersonalisation(seconds);
  const figures = {
    blockMicros,
    aesMicros,
    ofAes: aesMicros / blockMicros,
    listMillis: measureListing(seconds),
    ...(await measurePowerCuts(seconds)),
    ...measureWear(),
  };
  const bars = [
    { key: "blockMicros", atMost: 40 },
    { key: "listMillis", atMost: 2 },
    { key: "sweepMillis", atMost: 1000 },
  ];
  return { figures, bars };
}
