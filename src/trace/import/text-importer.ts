import type { Observed } from "../header.js";
import type { TraceImporter } from "./format.js";
import { lineReader, MAX_LINE, withoutColours } from "./lines.js";
import { remarkList, type Remarks } from "./remarks.js";

/** What a log says, line by line. */
export interface LogReader {
  line(text: string, number: number): void;
  end(): Observed;
}

/** An importer of a format that goes by lines. */
export function textImporter(start: (remarks: Remarks) => LogReader): TraceImporter {
  const remarks = remarkList();
  const reader = start(remarks);
  const lines = lineReader({
    line: (text, number) => reader.line(withoutColours(text), number),
    tooLong: (line) => remarks.add({ line, column: 1 }, `more than ${MAX_LINE} characters; the line is left out`),
  });
  return {
    push: (piece) => lines.push(piece),
    end() {
      lines.end();
      const observed = reader.end();
      return { name: "", observed, remarks: remarks.list() };
    },
  };
}
