import { hex } from "../util/bytes.js";

const KERNELS: readonly (readonly [rid: string, kernel: string])[] = [
  ["A000000004", "c2"],
  ["A000000003", "c3"],
  ["A000000025", "c4"],
  ["A000000065", "c5"],
  ["A000000152", "c6"],
  ["A000000333", "c7"],
];

/** The kernel that an application usually goes to, by its RID: for naming tags on which kernels disagree. EMV Contactless Book B table 3-6. */
export const kernelOfAid = (aid: Uint8Array): string | undefined => {
  const name = hex(aid);
  return KERNELS.find(([rid]) => name.startsWith(rid))?.[1];
};
