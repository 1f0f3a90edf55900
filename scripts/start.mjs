// npm start [-- arguments]: the tapbench command from this checkout; the demo when nothing else is asked.
import { become, ensureBuilt, ensureInstalled } from "./setup.mjs";

ensureInstalled();
ensureBuilt();
const args = process.argv.slice(2);
become("dist/src/cli/main.js", args.length > 0 ? args : ["demo"]);
