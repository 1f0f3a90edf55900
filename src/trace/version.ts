/** Of the package; a test holds it to package.json. Read from no file, so that `--help` answers at once. */
export const VERSION = "0.1.0";

/** What this version calls itself in trace files and reports. */
export const TOOL = `tapbench ${VERSION}`;
