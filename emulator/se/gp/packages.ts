import { ascii, concat, unhex } from "../../../src/util/bytes.js";
import { CRS_AID, CRS_PACKAGE } from "../../../src/protocols/gp/contactless.js";
import type { LoadFileEntry } from "./registry.js";

/*
 * Load files that this project's cards know: names for built-in classes. An AID that begins with F is nobody's registered one (ISO/IEC 7816-4 8.2.1.2,
 * category F: proprietary).
 */

const RID = concat(unhex("F0"), ascii("TAPB"));
const VERSION = Uint8Array.of(0x01, 0x00);

const named = (name: string): Uint8Array => concat(RID, ascii(name));

/** One package for each class: package AID, module AID, class. */
const one = (name: string, applet: string): Omit<LoadFileEntry, "domain"> => ({
  aid: named(name),
  version: VERSION,
  modules: [{ aid: named(`${name}.A`), applet }],
});

/** GlobalPlatform names the package of its security domains by itself (Card Specification 2.3.1, H.1.3). */
const DOMAINS: Omit<LoadFileEntry, "domain"> = {
  aid: unhex("A0000001515350"),
  version: VERSION,
  modules: [{ aid: unhex("A000000151535041"), applet: "security-domain" }],
};

/** The contactless registry service application has a name of its own, too (Amendment C 3.11.1). */
const CRS: Omit<LoadFileEntry, "domain"> = {
  aid: CRS_PACKAGE,
  version: VERSION,
  modules: [{ aid: CRS_AID, applet: "crs" }],
};

export const PACKAGES: readonly Omit<LoadFileEntry, "domain">[] = [
  DOMAINS,
  one("PPSE", "ppse"),
  one("MCHIP", "mchip"),
  CRS,
];
