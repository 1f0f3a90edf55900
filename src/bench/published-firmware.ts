import { PUBLISHED, publishedImage, publishedKey } from "../../emulator/boot/published.js";
import { benchError } from "./errors.js";

/** Firmware for emulated devices. */
export interface PublishedFirmware {
  readonly model: string;
  readonly version: string;
  readonly notes: string | undefined;
}

export const publishedFirmware = (): readonly PublishedFirmware[] =>
  PUBLISHED.map(({ model, version, notes }) => ({ model, version, notes }));

/** The image of a version, and the public half of the key that signed it, in PEM. @throws `bench/not-published` */
export function publishedFile(version: string): { readonly image: Uint8Array; readonly key: string } {
  const manifest = PUBLISHED.find((each) => each.version === version);
  if (!manifest)
    throw benchError(
      "not-published",
      `there is no firmware ${version.slice(0, 20)}; there is ${PUBLISHED.map((each) => each.version).join(", ")}`,
      {},
    );
  const key = publishedKey();
  return { image: publishedImage(manifest, key), key: key.pem };
}
