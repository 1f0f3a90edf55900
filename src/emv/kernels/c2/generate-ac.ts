import type { CardAsking } from "../../../protocols/iso7816/poller.js";
import { SW } from "../../../protocols/iso7816/status.js";
import { hex } from "../../../util/bytes.js";
import { verifyCda, verifyChain, type Chain, type Link } from "../../oda.js";
import type { KernelOutcome } from "../../outcome.js";
import { referenceControl } from "./action-analysis.js";
import { setBit, TVR } from "./bits.js";
import { openTemplate, parsed, storeTemplate } from "./card-data.js";
import { aboutTag, completed, endApplication } from "./outcomes.js";
import { dolData } from "./processing-options.js";
import { AC, caKeyOf, given, lookUp, type C2 } from "./state.js";

/** The one GENERATE AC of this kernel, and what its answer decides (Book C-2 7.6, S9, S910). */
export function* generateAc(tap: C2): CardAsking<KernelOutcome> {
  const data = dolData(tap, tap.card.get(0x8c)!);
  if (!data || data.length > 255)
    return endApplication(
      tap,
      { l2: data ? "card-data-error" : "parsing-error", tag: "8C" },
      "CDOL1 is malformed or asks for too much.",
    );
  const p1 = referenceControl(tap);
  tap.cdolData = data;

  const { answer } = yield { cla: 0x80, ins: 0xae, p1, p2: 0, data, le: 256 };
  if (answer.sw !== SW.ok)
    return endApplication(tap, { l2: "status-bytes", sw: answer.sw }, "The card refused GENERATE AC.");
  const wrong = answer.data[0] === 0x77 ? storeFormat2(tap, answer.data) : storeFormat1(tap, answer.data);
  if (wrong !== undefined)
    return endApplication(
      tap,
      { l2: "parsing-error", ...aboutTag(wrong) },
      "The answer to GENERATE AC breaks the format.",
    );
  return checkCid(tap) ?? (given(tap, 0x9f4b) ? verifySignature(tap) : checkUnsigned(tap));
}

function storeFormat2(tap: C2, data: Uint8Array): number | undefined {
  const template = openTemplate(data, 0x77);
  if (template) tap.acResponse = template.value;
  return storeTemplate(tap.card, template);
}

/** Template 80: CID, ATC, cryptogram, and issuer application data where there is some (Book C-2 S9.18). @returns as storeTemplate does */
function storeFormat1({ card }: C2, data: Uint8Array): number | undefined {
  const objects = parsed(data);
  const value = objects?.length === 1 && objects[0]!.tag === 0x80 ? objects[0]!.value : undefined;
  if (!value || value.length < 11 || value.length > 43) return 0;
  const parts = [
    [0x9f27, value.subarray(0, 1)],
    [0x9f36, value.subarray(1, 3)],
    [0x9f26, value.subarray(3, 11)],
    [0x9f10, value.subarray(11)],
  ] as const;
  for (const [tag, part] of parts) {
    if (part.length === 0) continue;
    if ((card.get(tag)?.length ?? 0) > 0) return tag;
    card.set(tag, part);
  }
  return undefined;
}

const NAMES: Readonly<Record<number, string>> = {
  [AC.aac]: "AAC",
  [AC.tc]: "TC",
  [AC.arqc]: "ARQC",
};

/** The card may give less than it was asked for, never more (Book C-2 S9.21 to S9.24). */
function checkCid(tap: C2): KernelOutcome | undefined {
  for (const [tag, name] of [
    [0x9f36, "9F36"],
    [0x9f27, "9F27"],
  ] as const)
    if (!given(tap, tag))
      return endApplication(tap, { l2: "card-data-missing", tag: name }, `The answer to GENERATE AC has no ${name}.`);
  const cid = tap.card.get(0x9f27)![0]!;
  const type = cid & 0xc0;
  const allowed = type === AC.aac || (type === AC.arqc && tap.ac !== AC.aac) || (type === AC.tc && tap.ac === AC.tc);
  tap.input.onRule?.({
    rule: "c2.ac",
    says: allowed
      ? "The card answered with a cryptogram that was asked for, or a lesser one."
      : "The card answered with more than it was asked for.",
    data: {
      asked: NAMES[tap.ac]!,
      got: NAMES[type] ?? "RFU",
      cid,
      atc: hex(tap.card.get(0x9f36)!),
      signatureAsked: tap.signatureAsked,
      tvr: hex(tap.tvr),
    },
  });
  return allowed
    ? undefined
    : endApplication(tap, { l2: "card-data-error", tag: "9F27" }, "The card answered with more than it was asked for.");
}

/** No signature in the answer (Book C-2 S910.30 to S910.38): right for an AAC, and where none was asked for. */
function checkUnsigned(tap: C2): KernelOutcome {
  if (!given(tap, 0x9f26))
    return endApplication(
      tap,
      { l2: "card-data-missing", tag: "9F26" },
      "The answer to GENERATE AC has no cryptogram.",
    );
  const isAac = (tap.card.get(0x9f27)![0]! & 0xc0) === AC.aac;
  const owed = isAac ? tap.signatureAsked && tap.ac === AC.aac : tap.signatureAsked;
  if (owed)
    return endApplication(tap, { l2: "card-data-error", tag: "9F4B" }, "A signature was asked for, and none came.");
  if (tap.cda && tap.oda.method === "none")
    tap.oda = { method: "cda", status: "missing", reason: "the card declined without a signature" };
  return completed(tap);
}

/** CDA (Book C-2 S910.1 to S910.7). A signature that does not hold ends the application: nothing of this answer can be believed. */
function verifySignature(tap: C2): KernelOutcome {
  const { aid, caKeys } = tap.input;
  const valueOf = (tag: number): Uint8Array | undefined => lookUp(tap, tag);
  const chain = verifyChain({
    rid: aid.subarray(0, 5),
    valueOf,
    records: tap.signedRecords,
    date: tap.input.terminal.get(0x9a) ?? new Uint8Array(0),
    caKeys,
  });
  const result = verifyCda(chain, {
    un: tap.own.get(0x9f37)!,
    pdolData: tap.pdolData,
    cdol1Data: tap.cdolData,
    response: tap.acResponse,
  });
  if (result.status === "ok") {
    tap.card.set(0x9f26, result.ac).set(0x9f4c, result.iccDynamicNumber);
    tap.oda = { method: "cda", status: "ok" };
    tap.input.onRule?.({
      rule: "c2.cda",
      says: "The card's signature holds, up to the CA's key.",
      data: { status: "ok", iccDynamicNumber: hex(result.iccDynamicNumber), ...caKeyOf(tap) },
    });
    return completed(tap);
  }
  setBit(tap.tvr, TVR.cdaFailed);
  const reason = firstFault(chain, result);
  tap.oda = { method: "cda", status: "failed", reason };
  tap.input.onRule?.({
    rule: "c2.cda",
    says: `The card's signature does not hold: ${reason}.`,
    data: { status: "failed", reason, tvr: hex(tap.tvr), ...caKeyOf(tap) },
  });
  return endApplication(tap, { l2: "cam-failed" }, `Offline data authentication failed: ${reason}.`);
}

/** The first link of the chain that does not hold, and why. */
function firstFault(chain: Chain, signature: Link): string {
  const links = [
    ["issuer certificate", chain.issuer],
    ["static data", chain.staticData],
    ["card certificate", chain.card],
    ["signature", signature],
  ] as const;
  for (const [name, link] of links) {
    if (link.status === "failed") return `${name}: ${link.reason}`;
    if (link.status === "missing") return `${name}: ${link.what} is missing`;
  }
  return "not evaluated";
}
