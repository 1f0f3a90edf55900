import type { Command } from "commander";

/** Adds the reports that taps can be written as. `writeReports` takes what was said. */
export const withReportOptions = (command: Command): Command =>
  command
    .option("--html <file>", "write a report as one page that needs nothing else")
    .option("--junit <file>", "write JUnit XML, as CI servers read it")
    .option("--csv <file>", "write a row an exchange, for spreadsheets");
