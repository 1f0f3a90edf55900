import type { CaKeys } from "../emv/oda.js";
import { caKeyLookup, loadCaKeys } from "../profiles/ca-keys.js";
import type { TraceHeader } from "../trace/header.js";
import type { Context } from "./context.js";

/** CA keys for checking a trace, and whether the trace's own test CA had to give one. */
export interface TraceKeys {
  readonly keys: CaKeys;
  /** What to say when a key came from the test CA of the seed in the header; absent until one did. */
  readonly note: () => string | undefined;
}

/**
 * Keys for checking the cards in a trace: those of the files, the published ones, and, where the trace is a run of ours that is not masked,
 * those of the test CA of its seed.
 * @throws `profile/...`
 */
export async function traceKeys(header: TraceHeader, files: readonly string[], context: Context): Promise<TraceKeys> {
  const sets = await Promise.all([...files.map((name) => loadCaKeys(asFile(name))), loadCaKeys("published")]);
  const given = caKeyLookup(sets.flat());
  const ours = header.source === undefined && !header.masked && header.seed !== "";
  const test = ours ? await testKeys(header.seed, context) : undefined;
  let own = false;
  return {
    keys: (rid, index) => {
      const key = given(rid, index);
      if (key) return key;
      const found = test?.(rid, index);
      own ||= found !== undefined;
      return found;
    },
    // Who can write a trace can name a seed: this key proves that the trace is consistent, not where it came from.
    note: () =>
      own ? `the CA key comes from the test CA of seed ${header.seed}, named by the trace itself` : undefined,
  };
}

/** The test CA follows from the seed of the run, which is in the trace's header. */
async function testKeys(seed: string, context: Context): Promise<CaKeys> {
  const { issuer } = await context.openBench({ seed });
  return (rid, index) => issuer.caPublicKeys([rid]).find((key) => key.index === index);
}

/** Names without a slash or suffix mean key sets that come with the package; here a file is meant. */
const asFile = (name: string): string =>
  /[/\\]|\.(ya?ml|json)$/i.test(name) || name === "published" ? name : `./${name}`;
