/** An element of a document, as the small reader below finds it. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly (Element | string)[];
}

const VOID: ReadonlySet<string> = new Set(["meta", "br"]);
const TOKEN = /<\/([\w:-]+)\s*>|<([\w:-]+)((?:\s+[\w:-]+(?:="[^"<]*")?)*)\s*(\/?)>|([^<]+)/gy;
const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function plain(text: string): string {
  return text.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));?|&/gi, (all, decimal?: string, hex?: string, name?: string) => {
    if (!all.endsWith(";")) throw new Error(`a bare & in ${JSON.stringify(text.slice(0, 80))}`);
    if (name !== undefined) return NAMED[name] ?? all;
    return String.fromCodePoint(decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal));
  });
}

/**
 * Reads XML, or HTML that is written as strictly: every element closed, every attribute quoted, no bare `<` or `&`. Throws where a document is not
 * well-formed, which is what it is for. Style sheets are taken as text.
 */
export function readMarkup(source: string): Element {
  const body = source.replace(/^<\?xml [^?]*\?>\s*|^<!doctype html>\s*/i, "");
  const root = { name: "", attributes: {}, children: [] as (Element | string)[] };
  const open: { name: string; attributes: Record<string, string>; children: (Element | string)[] }[] = [root];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < body.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(body);
    if (!match) throw new Error(`not well-formed at ${at}: ${JSON.stringify(body.slice(at, at + 80))}`);
    const [, closing, opening, attributes, empty, text] = match;
    const top = open.at(-1)!;
    if (text !== undefined) top.children.push(top.name === "style" ? text : plain(text));
    else if (closing !== undefined) {
      if (top.name !== closing) throw new Error(`</${closing}> closes <${top.name}> at ${at}`);
      open.pop();
    } else {
      const element = { name: opening!, attributes: {} as Record<string, string>, children: [] };
      for (const [, name = "", value] of attributes!.matchAll(/([\w:-]+)(?:="([^"]*)")?/g)) {
        if (name in element.attributes) throw new Error(`${name} twice at ${at}`);
        element.attributes[name] = plain(value ?? "");
      }
      top.children.push(element);
      if (empty === "" && !VOID.has(opening!)) open.push(element);
    }
  }
  const elements = root.children.filter((child) => typeof child !== "string");
  if (open.length !== 1 || elements.length !== 1) throw new Error("not one element that is closed");
  return elements[0]!;
}

/** All elements of that name, in order, the element itself included. */
export const elementsOf = (element: Element, name: string): Element[] => [
  ...(element.name === name ? [element] : []),
  ...element.children.flatMap((child) => (typeof child === "string" ? [] : elementsOf(child, name))),
];

export const textOf = (element: Element): string =>
  element.children.map((child) => (typeof child === "string" ? child : textOf(child))).join("");
