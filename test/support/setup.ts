import { survey, wires } from "./wires.js";
import { vectorsRow } from "./vectors.js";

/** Once before all tests: says what they will do without, and stops when something required is missing. */
export function setup(): void {
  const { notes, failure } = survey([...wires, vectorsRow], process.env["TAPBENCH_REQUIRE"]);
  for (const note of notes) process.stderr.write(`${note}\n`);
  if (failure === undefined) return;
  const error = new Error(failure);
  error.stack = failure;
  throw error;
}
