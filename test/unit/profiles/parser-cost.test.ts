import { expect, test } from "vitest";
import { parseYaml } from "../../../src/profiles/yaml.js";

test(
  "twenty thousand keys are read in a moment, and the last one is still compared with the first",
  { timeout: 10_000 },
  async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `k${i}: 1`);
    const { data } = await parseYaml(lines.join("\n"), "many.yaml");
    expect(Object.keys(data as object)).toHaveLength(20_000);
    lines.push("k0: 2");
    await expect(parseYaml(lines.join("\n"), "many.yaml")).rejects.toMatchObject({
      code: "profile/bad-yaml",
      context: { line: 20_001 },
    });
  },
);
