import { keyTypeName } from "../../device/se/recognition.js";
import { lifeCycleName } from "../../device/se/registry-tree.js";
import { Cplc } from "../../protocols/gp/messages.js";
import { getStatus } from "../../protocols/gp/poller.js";
import { describeAtr } from "../../protocols/pcsc/atr-meaning.js";
import type { KeyInformation } from "../../protocols/gp/registry.js";
import { hex, u16be } from "../../util/bytes.js";
import type { SeSession } from "./se-session.js";
import { byteText, versionText, table, type VerbAction } from "./se-verb.js";

const scpText = ({ scp, i }: { readonly scp: number; readonly i: number }): string =>
  `SCP${byteText(scp)} (i = ${byteText(i)})`;

/** `tapbench se info`: what the element tells anybody; its life cycle where there are keys. */
export const info: VerbAction = async (session, _args, _options, paint) => {
  const { element, identity, name } = session;
  const cplc = identity.cplc && cplcRows(identity.cplc);
  const state = await lifeCycleOf(session);
  const { resources, recognition, keys, sequence } = identity;
  const versions = [...new Set((keys ?? []).map(({ version }) => version))];
  const row = (label: string, value: string | undefined): string[][] => (value === undefined ? [] : [[label, value]]);
  const memory = resources && [
    ...(resources.nonVolatile === undefined ? [] : [`${resources.nonVolatile} bytes non-volatile`]),
    ...(resources.volatile === undefined ? [] : [`${resources.volatile} bytes volatile`]),
  ];
  const rows = [
    ...row("element", `${element.title} (${element.via})`),
    ...row("ATR", element.atr && `${hex(element.atr)} (${describeAtr(element.atr).says})`),
    ...row("known by", name.unique ? name.name : `${name.name} (others of its kind, too)`),
    ...row("issuer domain", identity.domain && hex(identity.domain)),
    ...row("life cycle", state),
    ...row("GlobalPlatform", recognition?.version),
    ...row("secure channel", recognition && recognition.protocols.map(scpText).join(", ")),
    ...versions.flatMap((version) => row(`keys ${versionText(version)}`, keysText(keys!, version))),
    ...row("sequence counter", sequence === undefined ? undefined : String(sequence)),
    ...row("diversification", identity.diversification && hex(identity.diversification)),
    ...row("issuer number", identity.issuer && hex(identity.issuer)),
    ...row("image number", identity.image && hex(identity.image)),
    ...row("applications", resources?.applications === undefined ? undefined : String(resources.applications)),
    ...row("free memory", memory && memory.join(", ")),
    ...row("cannot be read", identity.garbled.length > 0 ? identity.garbled.join(", ") : undefined),
  ];
  return {
    lines: [
      ...table(rows).map((line) => line.replace(/^.{1,17}?(?= {2})/, (label) => paint("tag", label))),
      ...(cplc
        ? [paint("heading", "card production life cycle"), ...table(cplc.map((it) => [`  ${it.description}`, it.text]))]
        : []),
    ],
    document: {
      title: element.title,
      via: element.via,
      atr: element.atr ?? null,
      name: name.name,
      unique: name.unique,
      domain: identity.domain ?? null,
      lifeCycle: state ?? null,
      globalPlatform: recognition?.version ?? null,
      protocols: recognition?.protocols.map(({ scp, i }) => ({ scp, i: byteText(i) })) ?? null,
      otherIdentifiers: recognition?.others ?? null,
      keys: keys?.map(({ id, version, type, length }) => ({ id, version, type: keyTypeName(type), length })) ?? null,
      sequenceCounter: sequence ?? null,
      diversification: identity.diversification ?? null,
      issuerNumber: identity.issuer ?? null,
      imageNumber: identity.image ?? null,
      resources: resources ?? null,
      cplc: cplc ? Object.fromEntries(cplc.map(({ field, text }) => [field, text])) : null,
      garbled: identity.garbled,
    },
  };
};

/** Numbers as the industry writes them: in hex; dates are year and day, YDDD. */
function cplcRows(bytes: Uint8Array): readonly { field: string; description: string; text: string }[] {
  const values: Readonly<Record<string, number | Uint8Array>> = Cplc.decode(bytes);
  return Cplc.table.map(({ field, description }) => {
    const value = values[field]!;
    return { field, description, text: hex(typeof value === "number" ? u16be(value) : value) };
  });
}

/** The keys of a version: identifier, type, length in bits. */
export const keysText = (keys: readonly KeyInformation[], wanted: number): string =>
  keys
    .filter(({ version }) => version === wanted)
    .map(({ id, type, length }) => `${id}: ${keyTypeName(type)} ${length * 8}`)
    .join(", ");

/** The card's life cycle is told through a secure channel only. */
async function lifeCycleOf(session: SeSession): Promise<string | undefined> {
  if (!session.hasKeys) return undefined;
  const [issuer] = await session.secured((card) => getStatus(card, "issuerDomain"));
  return issuer && lifeCycleName(issuer.lifeCycle, "issuer domain");
}
