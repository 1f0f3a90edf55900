// npm run soak [-- arguments]: the repetitions that tests keep short, ten times as many. Arguments go to vitest.
import { become, ensureBuilt, ensureInstalled } from "./setup.mjs";

ensureInstalled();
ensureBuilt();
process.env.TAPBENCH_SOAK = "10";
const args = ["run", "--config", "test/vitest.config.ts", "-t", "soak:", "test/integration", "test/fault"];
become("node_modules/vitest/vitest.mjs", [...args, ...process.argv.slice(2)]);
