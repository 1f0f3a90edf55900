// npm test [-- arguments]: the tests; arguments go to vitest (a part of a file name, -t "name", --watch).
import { become, ensureBuilt, ensureInstalled } from "./setup.mjs";

ensureInstalled();
// Tests of the command line run the built one.
ensureBuilt();
become("node_modules/vitest/vitest.mjs", ["run", "--config", "test/vitest.config.ts", ...process.argv.slice(2)]);
