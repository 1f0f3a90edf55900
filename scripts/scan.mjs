// A small scanner for TypeScript and JavaScript: which modules a file names, and its code without comments and string contents.
// Not a parser: it knows where comments, strings, templates and regular expressions begin and end, and nothing else.

/** An identifier after which a slash begins a regular expression, not a division. */
const beforeRegex = /(?:^|[^\w$.])(?:return|typeof|case|in|of|do|else|void|delete|throw|new|await|yield|instanceof)$/;

/**
 * @param {string} source
 * @returns {{ code: string, imports: { specifier: string | undefined, line: number }[], lineAt: (index: number) => number }}
 * `code` is as long as the source, with blanks for what stands in comments, strings and regular expressions.
 * An import without a specifier is a computed one.
 */
export function scan(source) {
  const code = blankOut(source);
  const lineAt = (index) => source.slice(0, index).split("\n").length;
  const imports = [];
  // Import, export-from and import-for-effect declarations: nothing else puts a string right after these words.
  for (const match of code.matchAll(/(?<![\w$.#])(?:from|import)\s*(["'])([ ]*)\1/dg)) {
    imports.push({ specifier: source.slice(...match.indices[2]), line: lineAt(match.index) });
  }
  // import("..."), also as a type, and require("...").
  for (const match of code.matchAll(/(?<![\w$.#])(?:import|require)\s*\(\s*(?:(["'`])([ ]*)\1)?/dg)) {
    const inside = match.indices[2];
    imports.push({ specifier: inside && source.slice(...inside), line: lineAt(match.index) });
  }
  return { code, imports, lineAt };
}

function blankOut(source) {
  const out = source.split("");
  const blank = (from, to) => {
    for (let i = from; i < to; i++) if (out[i] !== "\n") out[i] = " ";
  };
  /** For each template that is open: how many braces are open inside its current ${}. */
  const templates = [];
  let i = 0;
  const inTemplate = () => {
    const start = i;
    while (i < source.length && source[i] !== "`" && !source.startsWith("${", i)) i += source[i] === "\\" ? 2 : 1;
    blank(start, i);
    if (source[i] === "`") {
      i++;
    } else {
      templates.push(0);
      i += 2;
    }
  };
  while (i < source.length) {
    const char = source[i];
    const start = i;
    if (source.startsWith("//", i)) {
      i = endOr(source.indexOf("\n", i), source.length);
      blank(start, i);
    } else if (source.startsWith("/*", i)) {
      i = endOr(source.indexOf("*/", i + 2) + 2, source.length, 2);
      blank(start, i);
    } else if (char === '"' || char === "'") {
      i = endOfString(source, i);
      blank(start + 1, i - 1);
    } else if (char === "`") {
      i++;
      inTemplate();
    } else if (char === "/" && regexMayStart(out, i)) {
      i = endOfRegex(source, i);
      blank(start + 1, i - 1);
    } else {
      i++;
      if (templates.length > 0 && char === "{") templates.push(templates.pop() + 1);
      if (templates.length > 0 && char === "}") {
        const open = templates.pop();
        if (open === 0) inTemplate();
        else templates.push(open - 1);
      }
    }
  }
  return out.join("");
}

const endOr = (index, otherwise, least = 0) => (index < least ? otherwise : index);

function endOfString(source, start) {
  let i = start + 1;
  while (i < source.length && source[i] !== source[start] && source[i] !== "\n") i += source[i] === "\\" ? 2 : 1;
  return Math.min(i + 1, source.length);
}

/** After an operator, an opening bracket, a keyword or nothing; `out` has its comments blanked already. */
function regexMayStart(out, at) {
  const before = out
    .slice(Math.max(0, at - 200), at)
    .join("")
    .trimEnd();
  return before === "" || /[=([{},;:!&|?+\-*%^~<>]$/.test(before) || beforeRegex.test(before);
}

/** A division after all when no slash follows on the line. */
function endOfRegex(source, start) {
  let inClass = false;
  for (let i = start + 1; i < source.length && source[i] !== "\n"; i++) {
    if (source[i] === "\\") i++;
    else if (source[i] === "[") inClass = true;
    else if (source[i] === "]") inClass = false;
    else if (source[i] === "/" && !inClass) return i + 1;
  }
  return start + 1;
}
