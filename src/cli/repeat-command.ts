import { TAP_DEFAULTS, type TapOptions } from "./tap-options.js";

/** The command line that gives the same bytes again: options that were left out keep their defaults. */
export function repeatCommand(verb: string, options: TapOptions, seed: string): string {
  const given = (["at", "issued", "pin", "terminal", "card", "state", "amount", "currency", "expect"] as const).filter(
    (name) => options[name] !== TAP_DEFAULTS[name],
  );
  const parts = [
    ["seed", seed],
    ...given.map((name) => [name, options[name]!]),
    ...(options.fault ?? []).map((fault) => ["fault", fault]),
  ];
  const flags = options.revealTestData === true ? " --reveal-test-data" : "";
  return `tapbench ${verb} ${parts.map(([name, value]) => `--${name} ${quoted(value!)}`).join(" ")}${flags}`;
}

const quoted = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
