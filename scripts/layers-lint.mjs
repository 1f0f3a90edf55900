// Writes the tables of scripts/layers.mjs down for oxlint, which then underlines a breach in the editor:
//   node scripts/layers-lint.mjs > .oxlintrc.layers.json
// The linter sees specifiers, not files, so it forbids what leads up and into a forbidden folder; what it cannot see
// (circles, say) the import walk finds.
import { fileURLToPath } from "node:url";
import { allowed, ambient, harmless, ioFolders, rowOf } from "./layers.mjs";

export function lintConfig() {
  // Of all overrides that match a file the last one counts, so inner folders stand after the folder around them.
  const places = [...new Set([...Object.keys(allowed).map(placeOf), ...ioFolders])];
  places.sort((a, b) => a.split("/").length - b.split("/").length);
  return {
    overrides: [ambientOverride(), ...places.map(importOverride)],
  };
}

function placeOf(row) {
  return row.startsWith("emulator") ? row : `src/${row}`;
}

function ambientOverride() {
  const message = "everything that varies is an argument; scripts/layers.mjs says which folders may reach outside";
  const globals = [...ambient.functions, ...ambient.objects].map((name) => ({ name, message }));
  return {
    files: ["src/**", "emulator/**"],
    excludeFiles: ioFolders.map((folder) => `${folder}/**`),
    rules: {
      "no-restricted-globals": ["error", { globals, checkGlobalObject: true }],
      "no-restricted-properties": [
        "error",
        ...ambient.members.map(([object, property]) => ({ object, property, message })),
      ],
    },
  };
}

function importOverride(place) {
  const row = rowOf(place);
  const message = `${row} may import ${allowed[row].join(", ") || "nothing of ours"}`;
  const patterns = [{ regex: forbiddenSpecifiers(place, row), message }];
  if (!ioFolders.includes(place)) {
    const free = Object.keys(harmless).filter((name) => harmless[name].includes(place));
    const group = ["node:*", "node:*/**", ...free.map((name) => `!node:${name}`)];
    patterns.push({ group, message: "no I/O here; scripts/layers.mjs says where" });
  }
  return {
    files: [place.endsWith(".ts") ? place : `${place}/**`],
    rules: { "no-restricted-imports": ["error", { patterns }] },
  };
}

/** What the import of a forbidden folder looks like from a file in `place`. */
function forbiddenSpecifiers(place, row) {
  const forbidden = Object.keys(allowed).filter((other) => other !== row && !allowed[row].includes(other));
  const names = forbidden
    .filter((other) => !other.startsWith("emulator"))
    .map((other) => other.replace(/\.ts$/, "\\.js"));
  if (place.startsWith("emulator")) {
    const faces = forbidden.includes("emulator/faces") ? String.raw`|^(?:\.\.?/)+faces/` : "";
    return String.raw`^(?:\.\./)+src/${anyOf(names)}${faces}`;
  }
  if (forbidden.includes("emulator")) names.push("emulator");
  return (place.endsWith(".ts") ? String.raw`^\.\.?/` : String.raw`^(?:\.\./)+`) + anyOf(names);
}

function anyOf(names) {
  return `(?:${names.join("|")})(?:/|$)`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${JSON.stringify(lintConfig(), undefined, 2)}\n`);
}
