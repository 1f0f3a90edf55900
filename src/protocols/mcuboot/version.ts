import { mcubootError } from "./errors.js";

/** As an image's header has it (image.h, struct image_version). */
export interface ImageVersion {
  readonly major: number;
  readonly minor: number;
  readonly revision: number;
  readonly build: number;
}

const LIMITS = { major: 0xff, minor: 0xff, revision: 0xffff, build: 0xffff_ffff } as const;

/** `1.2.3+4`, or less: what is left out is zero. @throws `mcuboot/bad-version` */
export function parseVersion(text: string): ImageVersion {
  const match = /^(\d{1,10})(?:\.(\d{1,10}))?(?:\.(\d{1,10}))?(?:\+(\d{1,10}))?$/.exec(text);
  const [major, minor, revision, build] = (match?.slice(1) ?? []).map((part) => Number(part ?? 0));
  const version = { major: major ?? NaN, minor: minor ?? NaN, revision: revision ?? NaN, build: build ?? NaN };
  for (const [part, limit] of Object.entries(LIMITS))
    if (!(version[part as keyof ImageVersion] <= limit))
      throw mcubootError(
        "bad-version",
        `'${text.slice(0, 40)}' is no image version; write it like 1.2.3+4: at most 255, 255, 65535 and 4294967295`,
        { version: text.slice(0, 40) },
      );
  return version;
}

/** `1.2.3+4`; a build of zero is left out. */
export const formatVersion = ({ major, minor, revision, build }: ImageVersion): string =>
  `${major}.${minor}.${revision}${build === 0 ? "" : `+${build}`}`;

/** Below zero: `a` is the older one. The boot loader looks at the build only where it was built to. */
export function compareVersions(a: ImageVersion, b: ImageVersion, withBuild = true): number {
  return a.major - b.major || a.minor - b.minor || a.revision - b.revision || (withBuild ? a.build - b.build : 0);
}
