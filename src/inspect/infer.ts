import type { CaKeys } from "../emv/oda.js";
import { hex } from "../util/bytes.js";
import type { RuleRecord } from "../util/tracer.js";
import { commandName } from "./apdu-text.js";
import type { Exchange } from "./exchanges.js";
import { scopeOfAid } from "./scope.js";
import { givenBy } from "./tap-data.js";
import type { Transaction } from "./transaction.js";
import { verifyTransaction } from "./verify.js";

type Data = NonNullable<RuleRecord["data"]>;

const rule = (name: string, says: string, data: Data): RuleRecord => ({
  layer: "kernel",
  at: 0,
  rule: `inferred.${name}`,
  says,
  data,
});

const TYPES = ["AAC", "TC", "ARQC", "RFU"] as const;
const LINK_NAMES = {
  issuerCertificate: "issuer certificate",
  cardCertificate: "card certificate",
  sdad: "signature",
  transactionDataHash: "signature",
} as const;

/** Decisions that follow from commands and answers, where nobody recorded any. The last one is what ended the tap. */
export function inferredRules(
  exchanges: readonly Exchange[],
  transaction: Transaction | undefined,
  caKeys: CaKeys | undefined,
  masked: boolean,
): RuleRecord[] {
  const last = exchanges.at(-1);
  if (!last) return [rule("nothing", "There is no exchange with a card.", {})];
  const command = commandName(last.command);
  const sw = last.response.length < 2 ? 0 : (last.response.at(-2)! << 8) | last.response.at(-1)!;
  if (sw !== 0x9000) return [rule("status-word", "The card refused the last command.", { command, sw })];
  const given = givenBy(transaction, transaction && scopeOfAid(transaction.aid), exchanges);
  if (!transaction || !given) return [rule("unfinished", "The exchanges end without a cryptogram.", { command })];

  const found: RuleRecord[] = [];
  const got = given.name;
  const asked = transaction.generateAc ? TYPES[transaction.generateAc.p1 >> 6]! : "";
  if (asked === "AAC")
    found.push(
      rule("taa", "The terminal asked the card to decline.", {
        asks: "AAC",
        by: "denial",
        tvr: hex(transaction.terminal.get(0x95) ?? new Uint8Array(5)),
        iacDenial: hex(transaction.card.get(0x9f0e) ?? new Uint8Array(5)),
      }),
    );
  else found.push(rule("ac", "The card answered with a cryptogram.", { asked, got }));
  if (masked || !caKeys) return found;
  const { method, firstBroken } = verifyTransaction(transaction, caKeys);
  if (method === "cda" && firstBroken && firstBroken.link !== "exchanges" && firstBroken.reason !== "missing-key")
    found.push(
      rule("cda", "The card's signature does not hold.", {
        status: "failed",
        reason: `${LINK_NAMES[firstBroken.link]}: ${firstBroken.reason.replace(/^missing-(.+)$/, "$1 is missing")}`,
      }),
    );
  return found;
}
