import { checkKind } from "../../device/se/session.js";
import { checkValuesOf } from "../../device/se/check-values.js";
import { decodeKeyInformation, keyTypeName } from "../../device/se/recognition.js";
import { loadDomainKeys } from "../../profiles/domain-keys.js";
import { diversified } from "../../protocols/gp/diversify.js";
import { deleteKeys, getData, putKeys, type KeySet } from "../../protocols/gp/poller.js";
import type { KeyInformation } from "../../protocols/gp/registry.js";
import { hex } from "../../util/bytes.js";
import { cliError } from "../errors.js";
import { numberOf } from "../se-arguments.js";
import { keysText } from "./se-info.js";
import type { SeSession } from "./se-session.js";
import { versionText, table, textOption, type VerbAction, type VerbResult } from "./se-verb.js";

/** `tapbench se keys`: what there is, or one change of it. */
export const keys: VerbAction = async (session, _args, options) => {
  const text = (name: string): string | undefined => textOption(options, name);
  const [put, gone] = [text("put"), text("delete")];
  if (put !== undefined && gone !== undefined) throw cliError("bad-value", "--put and --delete do not go together", {});
  if (put === undefined && (text("version") ?? text("replace")) !== undefined)
    throw cliError("bad-value", "--version and --replace go with --put", {});
  if (put !== undefined) return putSet(session, put, text("version"), text("replace"), options);
  if (gone !== undefined) return deleteVersion(session, numberOf(gone, "a key version", 1, 0x7f), options);
  return listKeys(session);
};

async function listKeys(session: SeSession): Promise<VerbResult> {
  const found = session.hasKeys ? await ownKeys(session) : (session.identity.keys ?? []);
  const versions = [...new Set(found.map(({ version }) => version))];
  return {
    lines:
      versions.length === 0
        ? ["the element tells of no keys"]
        : table(versions.map((version) => [`version ${versionText(version)}`, keysText(found, version)])),
    document: {
      keys: found.map(({ id, version, type, length }) => ({ id, version, type: keyTypeName(type), length })),
    },
  };
}

/** Of the domain that the session is with. */
async function ownKeys(session: SeSession): Promise<readonly KeyInformation[]> {
  const data = await session.secured((card) => getData(card, 0xe0));
  return (data && decodeKeyInformation(data)) ?? [];
}

async function putSet(
  session: SeSession,
  label: string,
  version: string | undefined,
  replace: string | undefined,
  options: { readonly yes?: unknown },
): Promise<VerbResult> {
  const set = await loadDomainKeys(label);
  checkKind(session.identity, set.kind, set.label);
  if (version === undefined) throw cliError("bad-value", "say which key version they become: --version 0x31", {});
  const becomes = numberOf(version, "a key version", 1, 0x7f);
  const replaces = replace === undefined ? 0 : numberOf(replace, "a key version", 1, 0x7f);
  session.checkReader("putting keys");
  await session.confirm(
    `PUT KEY ${replaces === 0 ? `adds key version ${versionText(becomes)} to` : `puts ${label} in place of key version ${versionText(replaces)} of`} ${session.element.title}: who has not got these keys is locked out of it`,
    options,
  );
  let own: KeySet | undefined;
  await session.secured((card, { diversification }) => {
    own = diversified(set, set.diversification, diversification);
    return putKeys(card, own, becomes, replaces);
  });
  const checks = own && checkValuesOf(own);
  return {
    lines: [
      `key version ${versionText(becomes)} is ${label}`,
      ...(checks ? [`check values: ENC ${hex(checks.enc)}, MAC ${hex(checks.mac)}, DEK ${hex(checks.dek)}`] : []),
    ],
    document: {
      put: { label, version: becomes, replaced: replaces === 0 ? null : replaces, checkValues: checks ?? null },
    },
  };
}

async function deleteVersion(
  session: SeSession,
  version: number,
  options: { readonly yes?: unknown },
): Promise<VerbResult> {
  await session.confirm(
    `DELETE takes key version ${versionText(version)} off ${session.element.title} for good`,
    options,
  );
  await session.secured((card) => deleteKeys(card, version));
  return { lines: [`deleted key version ${versionText(version)}`], document: { deleted: { version } } };
}
