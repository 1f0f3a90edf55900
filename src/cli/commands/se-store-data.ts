import { seError } from "../../device/se/errors.js";
import { dataDigest, withRecipe, type Installation } from "../../device/se/journal.js";
import { decide, personalise, type Way } from "../../device/se/personalisation.js";
import { entryOf, readRegistry, type Registry } from "../../device/se/registry-tree.js";
import { blocksOf, encrypted, groupsOf, type StoreFormat } from "../../device/se/store-script.js";
import { deleteObject, type Opened, type SecuredCard } from "../../protocols/gp/poller.js";
import { ACTIVATION, privilegeBytes } from "../../protocols/gp/registry.js";
import type { CardAsking } from "../../protocols/iso7816/poller.js";
import { concat, equalBytes, hex, unhex } from "../../util/bytes.js";
import { attempt } from "../../util/errors.js";
import { cliError } from "../errors.js";
import { isFile, readBytes } from "../files.js";
import { aidOf } from "../se-arguments.js";
import { installAgain, shortPrivileges } from "./se-install.js";
import type { SeSession } from "./se-session.js";
import type { VerbAction } from "./se-verb.js";

/** `tapbench se store-data`: INSTALL [for personalization] and STORE DATA, as far as the journal says is wanted. */
export const storeData: VerbAction = async (session, [text, sources], options) => {
  const application = aidOf(text as string);
  const format = formatOf(options);
  const hidden = options["encrypt"] === true;
  if (hidden && format !== "dgi") throw cliError("bad-value", "--encrypt works with data groupings (--dgi) only", {});
  const way = wayOf(options);
  const data = concat(...(await Promise.all((sources as readonly string[]).map(dataOf))));
  const groups = groupsOf(data, format);
  session.checkReader("personalising");

  const name = hex(application);
  const digest = dataDigest(session.keeper.journal, `${format}${hidden ? " encrypted" : ""}`, data);
  const registry = session.dry ? undefined : await session.secured((card) => readRegistry(card));
  const entry = registry && entryOf(registry, application);
  const installed = session.keeper.journal.installations.some((one) => one.application === name);
  // A roll-back that ended between DELETE and INSTALL goes on where the journal says how it was installed.
  if (registry && !entry && !(options["rollBack"] === true && installed))
    throw seError(
      "not-in-registry",
      `there is no application ${name} here; install it first (tapbench se install)${installed ? ", or --roll-back installs it as it was" : ""}`,
      {
        application: name,
      },
    );
  if (options["rollBack"] === true && registry) await rollBack(session, registry, application, options);
  const before = session.keeper.journal.personalisations.find((one) => one.application === name);
  const { skip, says } = decide(
    before,
    { application: name, data: digest },
    options["rollBack"] === true ? undefined : entry,
    way,
  );
  if (says !== undefined) session.note(says);

  const run = (card: SecuredCard, { scp }: Opened): CardAsking<number> => {
    const shown = hidden ? encrypted(groups, card.protect, scp === 3 ? 16 : 8) : groups;
    // What does not fit is told before anything is sent.
    blocksOf(shown, card.room);
    return personalise(card, {
      application,
      own: session.domain !== undefined && equalBytes(session.domain, application),
      format,
      hidden,
      groups: shown,
      skip,
      digest,
      keeper: session.keeper,
      stop: session.stop,
    });
  };
  const blocks = await session.secured(run);
  return {
    lines: [
      `${name} is personalised: ${groups.length - skip} ${format === "dgi" ? "data groupings" : "objects"}, ${data.length} bytes, in ${blocks} block${blocks === 1 ? "" : "s"}`,
    ],
    document: { aid: application, format, groups: groups.length, skipped: skip, bytes: data.length, blocks },
  };
};

const FORMATS: Readonly<Record<string, StoreFormat>> = { dgi: "dgi", tlv: "berTlv", plain: "unspecified" };

function formatOf(options: Readonly<Record<string, unknown>>): StoreFormat {
  const given = Object.keys(FORMATS).filter((name) => options[name] === true);
  if (given.length > 1) throw cliError("bad-value", "data is of one format: --dgi, --tlv or --plain", {});
  return FORMATS[given[0] ?? "dgi"]!;
}

function wayOf({ resume, again, rollBack: back }: Readonly<Record<string, unknown>>): Way | undefined {
  if ([resume, again, back].filter((it) => it === true).length > 1)
    throw cliError("bad-value", "one of --resume, --again and --roll-back at a time", {});
  return resume === true ? "resume" : again === true ? "again" : undefined;
}

const MOST = 1 << 20;

/** Hex, or a file: of hex (white space and lines after # left out), else the bytes as they are. */
async function dataOf(text: string): Promise<Uint8Array> {
  if (!(await isFile(text))) {
    const given = attempt(() => unhex(text));
    if (given) return given;
    throw cliError("bad-value", `'${text.slice(0, 40)}' is neither hex nor a file`, { value: text.slice(0, 40) });
  }
  const bytes = await readBytes(text, MOST);
  const lines = new TextDecoder("latin1").decode(bytes).replace(/#.*$/gm, "");
  return attempt(() => unhex(lines)) ?? bytes;
}

/**
 * DELETE, and INSTALL as the journal remembers it, else as the registry tells. How to install is in the journal before anything goes, so that what
 * is interrupted in between can be done again. @throws `se/interrupted-personalisation` where neither does
 */
async function rollBack(
  session: SeSession,
  registry: Registry,
  application: Uint8Array,
  options: { readonly yes?: unknown },
): Promise<void> {
  const name = hex(application);
  const entry = entryOf(registry, application);
  const known = session.keeper.journal.installations.find((one) => one.application === name);
  const file = registry.loadFiles.find(({ aid }) => entry?.loadFile && hex(aid) === hex(entry.loadFile));
  const how: Installation | undefined =
    known ??
    (entry && file?.modules?.length === 1
      ? {
          application: name,
          loadFile: hex(file.aid),
          module: hex(file.modules[0]!),
          privileges: hex(shortPrivileges(privilegeBytes(entry.privileges ?? []))),
          parameters: "",
          contactless: entry.activation === ACTIVATION.activated,
        }
      : undefined);
  if (!how)
    throw seError(
      "interrupted-personalisation",
      `neither the journal nor the registry says how ${name} was installed: delete and install it yourself (tapbench se delete, se install), then send everything`,
      { application: name },
    );
  await session.confirm(
    `this ${entry ? `deletes ${name} and installs it anew` : `installs ${name}`} from ${how.loadFile}${known ? "" : " (with no parameters: how it was installed is not in the journal)"}`,
    options,
  );
  session.keeper.put(withRecipe(session.keeper.journal, how));
  if (entry) await session.secured((card) => deleteObject(card, application));
  await installAgain(session, how);
}
