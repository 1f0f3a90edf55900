import { join } from "node:path";
import { checkFile, notFound } from "./check.js";
import { profileError } from "./errors.js";
import { profileRoot, type ProfileOptions } from "./load.js";
import { parseYaml, readYaml } from "./yaml.js";

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

/** The variables that a key set may come from instead of a file, so that it stands on no command line. */
export const KEY_VARIABLES = {
  enc: "TAPBENCH_SE_ENC",
  mac: "TAPBENCH_SE_MAC",
  dek: "TAPBENCH_SE_DEK",
  kind: "TAPBENCH_SE_KIND",
  diversification: "TAPBENCH_SE_DIVERSIFICATION",
} as const;

/**
 * A key set out of the environment: three keys in hex; kind (`aes` unless given) and diversification (`none`). Undefined: none of the three is
 * there. Errors never repeat a key. @throws `profile/missing-key`, `profile/bad-value`
 */
export async function environmentKeys(
  env: Readonly<Record<string, string | undefined>>,
): Promise<DomainKeys | undefined> {
  const given = Object.entries(KEY_VARIABLES).flatMap(([name, variable]) => {
    const value = env[variable] ?? "";
    return value === "" ? [] : [[name, value] as const];
  });
  const values = new Map(given);
  const keys = ["enc", "mac", "dek"] as const;
  const missing = keys.filter((name) => !values.has(name));
  if (missing.length === keys.length) return undefined;
  if (missing.length > 0)
    throw profileError(
      "missing-key",
      `${missing.map((name) => KEY_VARIABLES[name]).join(" and ")} must be set beside ${keys
        .filter((name) => values.has(name))
        .map((name) => KEY_VARIABLES[name])
        .join(" and ")}: a key set has three keys`,
      { missing: missing.map((name) => KEY_VARIABLES[name]) },
    );
  const label = "environment";
  const { domainKeysSchema } = await import("./schema.js");
  const set = { kind: "aes", ...Object.fromEntries(values) };
  const file = await parseYaml("sets: {}", label);
  const { sets } = checkFile(domainKeysSchema, { sets: { [label]: set } }, [file], true);
  return { label, ...sets[label]! };
}

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
