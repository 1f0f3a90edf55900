import { lifeCycleName, readRegistry, registryTree, type Branch } from "../../device/se/registry-tree.js";
import { ACTIVATION } from "../../protocols/gp/registry.js";
import { hex } from "../../util/bytes.js";
import { table, type VerbAction } from "./se-verb.js";

/** `tapbench se list`: the registry, by domain. */
export const list: VerbAction = async (session, _args, _options, paint) => {
  const tree = registryTree(await session.secured((card) => readRegistry(card)));
  const rows = tree.flatMap((branch) => rowsOf(branch, 0));
  return {
    lines: table(rows).map((line) => line.replace(/[0-9A-F]{10,32}/, (aid) => paint("tag", aid))),
    document: { registry: tree.map(documentOf) },
  };
};

const activationName = (activation: number): string =>
  Object.entries(ACTIVATION).find(([, value]) => value === activation)?.[0] ?? String(activation);

function rowsOf({ entry, kind, below }: Branch, depth: number): string[][] {
  const indent = "  ".repeat(depth);
  const facts = [
    ...(entry.loadFile && kind !== "load file" ? [`from ${hex(entry.loadFile)}`] : []),
    ...(entry.version ? [`version ${[...entry.version].join(".")}`] : []),
    ...(entry.activation === undefined || entry.activation === ACTIVATION.activated
      ? []
      : [`contactless ${activationName(entry.activation)}`]),
    ...(entry.privileges?.size ? [[...entry.privileges].join(" ")] : []),
  ];
  return [
    [`${indent}${hex(entry.aid)}`, kind, lifeCycleName(entry.lifeCycle, kind), facts.join("; ")],
    ...(entry.modules ?? []).map((module) => [`${indent}  ${hex(module)}`, "module", "", ""]),
    ...below.flatMap((branch) => rowsOf(branch, depth + 1)),
  ];
}

const documentOf = ({ entry, kind, below }: Branch): unknown => ({
  aid: entry.aid,
  kind,
  lifeCycle: lifeCycleName(entry.lifeCycle, kind),
  state: entry.lifeCycle,
  ...(entry.privileges && { privileges: [...entry.privileges] }),
  ...(entry.activation !== undefined && { activation: activationName(entry.activation) }),
  ...(entry.loadFile && { loadFile: entry.loadFile }),
  ...(entry.version && { version: [...entry.version].join(".") }),
  ...(entry.modules && { modules: entry.modules }),
  ...(entry.domain && { domain: entry.domain }),
  below: below.map(documentOf),
});
