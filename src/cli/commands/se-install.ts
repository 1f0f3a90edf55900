import { isArchive, unpacked } from "../../bench/archive.js";
import { withInstallation, type Installation } from "../../device/se/journal.js";
import { fromBlock, fromCap, type LoadFile } from "../../device/se/load-file.js";
import { install as installApplication, load } from "../../protocols/gp/poller.js";
import { privilegeBytes } from "../../protocols/gp/registry.js";
import { hex, NO_BYTES } from "../../util/bytes.js";
import { cliError } from "../errors.js";
import { readBytes } from "../files.js";
import { aidOf, bytesOf, privilegesFrom } from "../se-arguments.js";
import type { SeSession } from "./se-session.js";
import { textOption, type VerbAction } from "./se-verb.js";

/** `tapbench se install`: LOAD where there is a file, then INSTALL [for install and make selectable]. */
export const install: VerbAction = async (session, _args, options) => {
  const text = (name: string): string | undefined => textOption(options, name);
  const path = text("file");
  const file = path === undefined ? undefined : await loadFileAt(path);
  const loadFile = text("loadFile") === undefined ? file?.aid : aidOf(text("loadFile")!);
  if (!loadFile)
    throw cliError(
      "bad-value",
      path === undefined
        ? "name the load file with --load-file, or give one with --file"
        : `${path} does not say its AID; name it with --load-file`,
      {},
    );
  const wanted = text("aid");
  const module = moduleOf(text("module"), file, wanted !== undefined);
  const application = wanted === undefined ? module : aidOf(wanted);
  const privileges = privilegesFrom(text("privileges") ?? "");
  const parameters = bytesOf(text("parameters") ?? "", "install parameters (contents of tag C9)", 0, 200);

  session.checkReader(file ? "loading" : "installing");
  // No name of a domain: the one that the session is with.
  if (file) await session.secured((card) => load(card, loadFile, NO_BYTES, file.block));
  const how: Installation | undefined = module &&
    application && {
      application: hex(application),
      loadFile: hex(loadFile),
      module: hex(module),
      privileges: hex(shortPrivileges(privilegeBytes(privileges))),
      parameters: hex(parameters),
      contactless: options["contactless"] === true,
    };
  if (how) await installAgain(session, how);
  return {
    lines: [
      ...(file ? [`loaded ${hex(loadFile)} (${file.block.length} bytes)`] : []),
      ...(how
        ? [`installed ${how.application} from ${how.loadFile}, selectable${how.contactless ? ", contactless too" : ""}`]
        : []),
    ],
    document: {
      loaded: file ? { loadFile, bytes: file.block.length } : null,
      installed: how
        ? {
            aid: how.application,
            loadFile: how.loadFile,
            module: how.module,
            privileges,
            parameters: how.parameters,
            contactless: how.contactless,
          }
        : null,
    },
  };
};

/** One byte where the other two say nothing: older elements take no more. */
export const shortPrivileges = (three: Uint8Array): Uint8Array => (three[1] || three[2] ? three : three.subarray(0, 1));

/** INSTALL, and in the journal how it was done. */
export async function installAgain(session: SeSession, how: Installation): Promise<void> {
  const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));
  await session.secured((card) =>
    installApplication(card, {
      loadFile: bytes(how.loadFile),
      module: bytes(how.module),
      application: bytes(how.application),
      privileges: bytes(how.privileges),
      parameters: bytes(how.parameters),
      ...(how.contactless && { contactless: { activated: true } }),
    }),
  );
  session.keeper.put(withInstallation(session.keeper.journal, how));
}

function moduleOf(given: string | undefined, file: LoadFile | undefined, needed: boolean): Uint8Array | undefined {
  if (given !== undefined) return aidOf(given);
  if (file?.modules.length === 1 && needed) return file.modules[0];
  if (file && !needed) return undefined; // loaded only
  throw cliError(
    "bad-value",
    file && file.modules.length > 1
      ? `the file has ${file.modules.length} modules (${file.modules.map(hex).join(", ")}); choose with --module`
      : "name the module to install with --module",
    {},
  );
}

const MOST = 262_144;

async function loadFileAt(path: string): Promise<LoadFile> {
  const bytes = await readBytes(path, MOST);
  return isArchive(bytes) ? fromCap(unpacked(bytes)) : fromBlock(bytes);
}
