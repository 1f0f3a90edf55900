// Writes device-profiles/schema/*.json from src/profiles/schema.ts: node --import tsx scripts/profile-schemas.mjs
import { mkdir, writeFile } from "node:fs/promises";
import { jsonSchemaText, profileJsonSchemas } from "../src/profiles/json-schema.ts";

const folder = new URL("../device-profiles/schema/", import.meta.url);
await mkdir(folder, { recursive: true });
for (const [name, schema] of Object.entries(await profileJsonSchemas())) {
  await writeFile(new URL(`${name}.json`, folder), jsonSchemaText(schema));
}
