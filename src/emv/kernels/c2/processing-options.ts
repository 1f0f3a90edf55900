import { buildDol, parseDol } from "../../../codec/dol.js";
import { tlv } from "../../../codec/tlv.js";
import type { CardAsking } from "../../../protocols/iso7816/poller.js";
import { SW } from "../../../protocols/iso7816/status.js";
import { hex, NO_BYTES } from "../../../util/bytes.js";
import { isTapbenchError } from "../../../util/errors.js";
import type { KernelOutcome } from "../../outcome.js";
import { dolFormat } from "../../tags.js";
import { AIP, KERNEL_CONFIGURATION } from "./bits.js";
import { openTemplate, parsed, storeTemplate } from "./card-data.js";
import { aboutTag, endApplication, selectNext } from "./outcomes.js";
import { aipHas, configured, given, lookUp, onDeviceCvm, type C2 } from "./state.js";

/** Values that a data object list asks for; undefined: the list itself is malformed. */
export function dolData(tap: C2, list: Uint8Array): Uint8Array | undefined {
  try {
    return buildDol(parseDol(list), (tag) => lookUp(tap, tag), dolFormat);
  } catch (error) {
    if (isTapbenchError(error) && error.code.startsWith("codec/")) return undefined;
    throw error;
  }
}

/** The selected application's FCI (Book C-2 S1.7, S1.8): unreadable, or without a DF name, another application may do. */
export function readFci(tap: C2): KernelOutcome | undefined {
  const wrong = storeTemplate(tap.card, openTemplate(tap.input.fci, 0x6f));
  if (wrong !== undefined)
    return selectNext(tap, { l2: "parsing-error", ...aboutTag(wrong) }, "The answer to SELECT breaks the format.");
  if (!given(tap, 0x84))
    return selectNext(tap, { l2: "card-data-missing", tag: "84" }, "The answer to SELECT names no application.");
  tap.input.onRule?.({
    rule: "c2.aid",
    says: "The application is selected.",
    data: { aid: hex(tap.input.aid), dfName: hex(tap.card.get(0x84)!) },
  });
  return undefined;
}

/** GET PROCESSING OPTIONS and what follows from its answer (Book C-2 S1.13, S3). */
export function* getProcessingOptions(tap: C2): CardAsking<KernelOutcome | undefined> {
  const list = given(tap, 0x9f38);
  const data = list ? dolData(tap, list) : NO_BYTES;
  if (!data) return selectNext(tap, { l2: "parsing-error", tag: "9F38" }, "The PDOL breaks the format.");
  // 83 and its length must fit the one byte of Lc
  if (data.length > 252)
    return selectNext(tap, { l2: "card-data-error", tag: "9F38" }, "The PDOL asks for more than a command can carry.");
  tap.pdolData = data;

  const { answer } = yield { cla: 0x80, ins: 0xa8, p1: 0, p2: 0, data: tlv(0x83, data), le: 256 };
  if (answer.sw !== SW.ok)
    return selectNext(tap, { l2: "status-bytes", sw: answer.sw }, "The card refused GET PROCESSING OPTIONS.");
  const wrong =
    answer.data[0] === 0x77 ? storeTemplate(tap.card, openTemplate(answer.data, 0x77)) : storeFormat1(tap, answer.data);
  if (wrong !== undefined)
    return endApplication(
      tap,
      { l2: "parsing-error", ...aboutTag(wrong) },
      "The answer to GET PROCESSING OPTIONS breaks the format.",
    );
  for (const [tag, name] of [
    [0x82, "82"],
    [0x94, "94"],
  ] as const)
    if (!given(tap, tag))
      return endApplication(
        tap,
        { l2: "card-data-missing", tag: name },
        `The answer to GET PROCESSING OPTIONS has no ${name}.`,
      );
  return chooseMode(tap);
}

/** Template 80: AIP, then AFL, without tags (Book C-2 S3.12). @returns as storeTemplate does */
function storeFormat1(tap: C2, data: Uint8Array): number | undefined {
  const objects = parsed(data);
  const value = objects?.length === 1 && objects[0]!.tag === 0x80 ? objects[0]!.value : undefined;
  if (!value || value.length < 6 || (value.length - 2) % 4 !== 0) return 0;
  tap.card.set(0x82, value.subarray(0, 2));
  tap.card.set(0x94, value.subarray(2));
  return undefined;
}

/** EMV mode where card and reader have it (Book C-2 S3.15). Mag-stripe mode would start here. */
function chooseMode(tap: C2): KernelOutcome | undefined {
  const emv = aipHas(tap, AIP.emvMode) && !configured(tap, KERNEL_CONFIGURATION.emvModeNotSupported);
  tap.onDevice = onDeviceCvm(tap);
  tap.input.onRule?.({
    rule: "c2.mode",
    says: emv ? "Card and reader use EMV mode." : "The card, or this reader, has no EMV mode.",
    data: {
      aip: hex(tap.card.get(0x82)!),
      configuration: hex(tap.input.terminal.get(0xdf811b) ?? NO_BYTES),
      onDeviceCvm: tap.onDevice,
    },
  });
  return emv
    ? undefined
    : endApplication(tap, { l2: "magstripe-not-supported" }, "EMV mode is not possible, and this kernel has no other.");
}
