import { join } from "node:path";
import { checkFile, notFound } from "./check.js";
import { profileRoot, type ProfileOptions } from "./load.js";
import { readYaml } from "./yaml.js";

/** The keys of a security domain, or the master keys that a card's own follow from. */
export interface DomainKeys {
  /** `test:issuer-domain`, or a file and its set. */
  readonly label: string;
  readonly kind: "aes" | "des";
  readonly diversification: "none" | "kdf3" | "emv" | "visa2";
  readonly enc: Uint8Array;
  readonly mac: Uint8Array;
  readonly dek: Uint8Array;
}

const TEST = "test";

/**
 * Key sets of security domains: `test:<set>` out of `device-profiles/keys/domains.yaml`, or `<file>:<set>` out of a file of the same form.
 * Errors never repeat a key.
 * @throws as `loadProfile`
 */
export async function loadDomainKeys(label: string, options: ProfileOptions = {}): Promise<DomainKeys> {
  const cut = label.lastIndexOf(":");
  const [from, name] = cut < 0 ? [label, ""] : [label.slice(0, cut), label.slice(cut + 1)];
  const root = options.root ?? (await profileRoot());
  const path = from === TEST ? join(root, "keys", "domains.yaml") : from;
  if (name === "") throw notFound("key set", label, ["test:issuer-domain", "<file>:<set>"]);
  const file = await readYaml(path);
  const { domainKeysSchema } = await import("./schema.js");
  const { sets } = checkFile(domainKeysSchema, file.data, [file], true);
  const set = Object.hasOwn(sets, name) ? sets[name] : undefined;
  if (!set)
    throw notFound(
      "key set",
      label,
      Object.keys(sets).map((one) => `${from}:${one}`),
    );
  return { label, ...set };
}
