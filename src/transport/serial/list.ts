import { readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import type { SerialPortInfo } from "./driver.js";

/** Linux: names of USB devices' serial ports, udev's links to all of them, and neither. */
const PORT = /^tty(ACM|USB)\d{1,4}$/;
const BY_ID = "serial/by-id";

/** The ports that the device folder shows, without asking udev. What is behind them is unknown. */
export async function listDeviceFiles(folder = "/dev"): Promise<readonly SerialPortInfo[]> {
  const stable = new Map<string, string>();
  for (const name of await namesIn(join(folder, BY_ID))) {
    const link = join(folder, BY_ID, name);
    const path = await realpath(link).catch(absent);
    if (path !== undefined) stable.set(path, link);
  }
  const paths = new Set(stable.keys());
  for (const name of await namesIn(folder)) if (PORT.test(name)) paths.add(join(folder, name));
  return [...paths].toSorted().map((path) => {
    const link = stable.get(path);
    return { path, ...(link !== undefined && { stable: link }) };
  });
}

const namesIn = async (folder: string): Promise<readonly string[]> => (await readdir(folder).catch(absent)) ?? [];

/** What is unplugged meanwhile is not listed; nor is what may not be read. */
function absent(error: unknown): undefined {
  if (typeof (error as NodeJS.ErrnoException).code !== "string") throw error;
}
