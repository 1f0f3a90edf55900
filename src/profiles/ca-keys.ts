import { createHash } from "node:crypto";
import { join } from "node:path";
import { concat, equalBytes, hex, readUint } from "../util/bytes.js";
import { checkFile, notFound } from "./check.js";
import { isFile, profileRoot, type ProfileOptions } from "./load.js";
import { faultAt, readYaml, type YamlFile } from "./yaml.js";

/** A certification authority's public key, of the shape that offline data authentication takes. */
export interface CaKey {
  /** 5 bytes. */
  readonly rid: Uint8Array;
  /** As in tag 8F. */
  readonly index: number;
  readonly modulus: Uint8Array;
  readonly exponent: number;
  /** Last day, YYMMDD in BCD. */
  readonly expiry?: Uint8Array;
}

interface ReadKey {
  readonly rid: Uint8Array;
  readonly index: Uint8Array;
  readonly modulus: Uint8Array;
  readonly exponent: Uint8Array;
  readonly sha1?: Uint8Array | undefined;
  readonly expires?: string | undefined;
}

/**
 * CA public keys: `published` (comes with the package, verification only), or a file in our form or in the one of public collections,
 * `{ "keys": [{ "rid", "index", "modulus", "exp", "hash_sha1" }] }`. A check value that is given must be right.
 * The test CA's keys are in no file: the issuer has them.
 * @throws as `loadProfile`, and `profile/check-value`
 */
export async function loadCaKeys(nameOrFile: string, options: ProfileOptions = {}): Promise<readonly CaKey[]> {
  const root = options.root ?? (await profileRoot());
  if (!isFile(nameOrFile) && nameOrFile !== "published") throw notFound("CA key set", nameOrFile, ["published"]);
  return readCaKeys(await readYaml(isFile(nameOrFile) ? nameOrFile : join(root, "keys", "published.yaml")));
}

/** The same from a file that was read already. */
export async function readCaKeys(file: YamlFile): Promise<readonly CaKey[]> {
  const { caKeysSchema, foreignCaKeysSchema } = await import("./schema.js");
  const keys: readonly ReadKey[] = isForeign(file.data)
    ? checkFile(foreignCaKeysSchema, file.data, [file]).keys.map((key) => ({
        ...key,
        exponent: key.exp,
        sha1: key.hash_sha1 ?? undefined,
      }))
    : checkFile(caKeysSchema, file.data, [file]).keys;
  return keys.map((key, i) => {
    const caKey: CaKey = {
      rid: key.rid,
      index: key.index[0]!,
      modulus: key.modulus,
      exponent: readUint(key.exponent),
      ...(key.expires !== undefined && {
        expiry: lastDay(key.expires, () =>
          faultAt([file], "bad-value", ["keys", i, "expires"], "there is no such day"),
        ),
      }),
    };
    if (key.sha1 && !equalBytes(key.sha1, checkValue(key)))
      throw faultAt(
        [file],
        "check-value",
        ["keys", i],
        `key ${hex(key.rid)} ${hex(key.index)} and its check value disagree; one of them was mistyped`,
        {
          rid: hex(key.rid),
          index: hex(key.index),
        },
      );
    return caKey;
  });
}

/** What sets a public collection apart is the name of its exponent. */
function isForeign(data: unknown): boolean {
  const keys = typeof data === "object" && data !== null ? (data as { readonly keys?: unknown }).keys : undefined;
  const first: unknown = Array.isArray(keys) ? keys[0] : undefined;
  return typeof first === "object" && first !== null && "exp" in first;
}

/** `2030-12-31` to YYMMDD in BCD. */
function lastDay(date: string, wrong: () => Error): Uint8Array {
  const parsed = new Date(`${date}T00:00:00Z`);
  if (Number.isNaN(parsed.getTime()) || parsed.toISOString().slice(0, 10) !== date) throw wrong();
  return Uint8Array.from(date.slice(2).split("-"), (part) => parseInt(part, 16));
}

/** SHA-1 of RID, index, modulus and exponent (EMV 4.3 Book 2 11.2.2). */
const checkValue = ({ rid, index, modulus, exponent }: ReadKey): Uint8Array =>
  Uint8Array.from(
    createHash("sha1")
      .update(concat(rid, index, modulus, exponent))
      .digest(),
  );

/**
 * A lookup for terminals and for verification. Collections hold keys that share RID and index (a live and a test key): the first one
 * counts, so put those that you mean in front.
 */
export function caKeyLookup<K extends CaKey>(keys: readonly K[]): (rid: Uint8Array, index: number) => K | undefined {
  const byName = new Map<string, K>();
  for (const key of keys) {
    const name = `${hex(key.rid)}/${key.index}`;
    if (!byName.has(name)) byName.set(name, key);
  }
  return (rid, index) => byName.get(`${hex(rid)}/${index}`);
}
