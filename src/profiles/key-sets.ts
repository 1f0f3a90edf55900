import { join } from "node:path";
import { checkFile, notFound } from "./check.js";
import { profileRoot, type ProfileOptions } from "./load.js";
import { readYaml } from "./yaml.js";

/** Issuer master keys of a set. */
export interface IssuerKeySet {
  /** `test:default`: file and set. */
  readonly label: string;
  readonly ac: Uint8Array;
  readonly smi: Uint8Array;
  readonly smc: Uint8Array;
  /** What each key encrypts zeros to, 3 bytes; the issuer compares them. */
  readonly checkValues?: { readonly ac: Uint8Array; readonly smi: Uint8Array; readonly smc: Uint8Array };
}

/**
 * Issuer master keys by label, `test:<set>`, out of `device-profiles/keys/test.yaml`. Errors never repeat a key.
 * @throws as `loadProfile`
 */
export async function loadKeySet(label: string, options: ProfileOptions = {}): Promise<IssuerKeySet> {
  const [prefix, name] = label.split(":", 2) as [string, string | undefined];
  const root = options.root ?? (await profileRoot());
  if (prefix !== "test" || name === undefined) throw notFound("key set", label, ["test:default"]);
  const file = await readYaml(join(root, "keys", "test.yaml"));
  const { keySetsSchema } = await import("./schema.js");
  const { sets } = checkFile(keySetsSchema, file.data, [file], true);
  const set = Object.hasOwn(sets, name) ? sets[name] : undefined;
  if (!set)
    throw notFound(
      "key set",
      label,
      Object.keys(sets).map((one) => `test:${one}`),
    );
  return { label, ac: set.ac, smi: set.smi, smc: set.smc, ...(set.checkValues && { checkValues: set.checkValues }) };
}
