import type { ZodType } from "zod";

/**
 * JSON Schemas of all YAML files by name (`device`, `card`, `terminal`, `reader`, `keys`, `ca-keys`), for editors. They are a little more lenient than the
 * loader: what a file leaves out may come from what it extends.
 */
export async function profileJsonSchemas(): Promise<Readonly<Record<string, unknown>>> {
  const { z } = await import("zod");
  const schema = await import("./schema.js");
  const make = (of: ZodType): JsonObject =>
    z.toJSONSchema(of, { io: "input", unrepresentable: "any", target: "draft-7" });
  return {
    device: lenient(make(schema.deviceSchema)),
    card: lenient(make(schema.cardSchema)),
    terminal: lenient(make(schema.terminalSchema)),
    reader: lenient(make(schema.readerSchema)),
    keys: make(schema.keySetsSchema),
    "domain-keys": make(schema.domainKeysSchema),
    "ca-keys": make(schema.caKeysSchema),
  };
}

type JsonObject = { [key: string]: unknown };

/** Complete, or extending something, or a template: only the first has to have everything. */
function lenient(schema: JsonObject): JsonObject {
  const { required } = schema;
  return {
    ...(withoutRequired(schema) as JsonObject),
    anyOf: [{ required: ["extends"] }, { required: ["template"] }, { required }],
  };
}

function withoutRequired(node: unknown, names = false): unknown {
  if (Array.isArray(node)) return node.map((one) => withoutRequired(one));
  if (typeof node !== "object" || node === null) return node;
  return Object.fromEntries(
    Object.entries(node)
      // Below `properties` a key is a name, not a keyword; lists are replaced as a whole, so what they hold must be complete.
      .filter(([key]) => names || key !== "required")
      .map(([key, value]) => [
        key,
        key === "items" && !names ? value : withoutRequired(value, key === "properties" && !names),
      ]),
  );
}

/** The text of a schema file. */
export const jsonSchemaText = (schema: unknown): string => `${JSON.stringify(schema, undefined, 2)}\n`;
