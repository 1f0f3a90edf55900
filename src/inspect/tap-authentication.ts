import type { CaKeys } from "../emv/oda.js";
import { cdaFault } from "./explain/kernel-2.js";
import type { Facts } from "./explain/facts.js";
import type { Transaction } from "./transaction.js";
import { LINKS, verifyTransaction, type LinkName } from "./verify.js";
import type { Authentication, ChainStatus } from "./verdict.js";

type CheckedLink = Exclude<LinkName, "exchanges">;
const CHAIN = LINKS.filter((link): link is CheckedLink => link !== "exchanges");

const TITLES: Readonly<Record<CheckedLink, string>> = {
  issuerCertificate: "issuer certificate (90)",
  cardCertificate: "card certificate (9F46)",
  sdad: "signed dynamic data (9F4B)",
  transactionDataHash: "transaction data hash",
};

export interface AuthenticationInput {
  readonly transaction: Transaction | undefined;
  readonly masked: boolean;
  /** What the kernel said of CDA when it ran; empty where it was not recorded. */
  readonly kernel: Facts;
  readonly caKeys?: CaKeys | undefined;
}

const linksOf = (status: (link: CheckedLink) => ChainStatus): Authentication["links"] =>
  CHAIN.map((link) => ({ link, title: TITLES[link], status: status(link) }));

/** What the kernel's own check came to, where it was recorded. */
function kernelStatus(kernel: Facts): Authentication["status"] | undefined {
  switch (kernel.text("status")) {
    case "ok":
      return "ok";
    case "failed":
      return "failed";
    case "missing":
      return kernel.has("caIndex") ? "missing-key" : "missing";
    default:
      return undefined;
  }
}

/** The first link that the kernel found broken. */
function kernelBroken(kernel: Facts): Authentication["firstBroken"] {
  const status = kernelStatus(kernel);
  if (status === undefined || status === "ok") return undefined;
  const reason = kernel.text("reason");
  if (status === "missing-key")
    return {
      link: "issuerCertificate",
      reason: "missing-key",
      says: `the terminal had no CA key ${kernel.text("caIndex")} of ${kernel.text("rid")}`,
    };
  if (status === "missing") {
    const ofIssuer = ["8F", "90", "9F32"].includes(kernel.text("tag"));
    return { link: ofIssuer ? "issuerCertificate" : "cardCertificate", reason: "missing", says: reason };
  }
  const found = cdaFault(reason);
  return { link: found?.link ?? "sdad", reason: found?.fault ?? reason, says: reason };
}

/** Part 5 of a verdict: the chain from the CA's key to the cryptogram, checked again where that is possible. */
export function authenticationOf({ transaction, masked, kernel, caKeys }: AuthenticationInput): Authentication {
  const said = kernelStatus(kernel);
  const broken = kernelBroken(kernel);
  if (!transaction) return { method: "none", status: "not-performed", links: [], notes: ["no transaction was begun"] };
  const index = transaction.card.get(0x8f);
  const ca = index && {
    rid: Buffer.from(transaction.aid.subarray(0, 5)).toString("hex").toUpperCase(),
    index: Buffer.from(index).toString("hex").toUpperCase(),
  };
  const base = { ...(ca && { ca }) };
  const method = said === undefined ? "none" : "cda";
  const signed = transaction.card.has(0x9f4b);
  if (masked)
    return {
      ...base,
      method: signed ? "cda" : method,
      status: said ?? (signed ? "not-verifiable" : "not-performed"),
      links: signed ? linksOf(() => "not-verifiable") : [],
      ...(broken && { firstBroken: broken }),
      notes: [
        ...(signed ? ["the trace is masked, so the chain cannot be verified again"] : []),
        ...(said === undefined ? [] : [`the kernel said when it ran: ${said.replaceAll("-", " ")}`]),
      ],
    };
  const verification = verifyTransaction(transaction, caKeys ?? (() => undefined));
  if (verification.method === "none")
    return {
      ...base,
      method,
      status: said ?? "not-performed",
      links: [],
      ...(broken && { firstBroken: broken }),
      notes: verification.firstBroken ? [verification.firstBroken.says] : [],
    };
  const first = verification.firstBroken?.link === "exchanges" ? undefined : verification.firstBroken;
  const failedAt = CHAIN.find((link) => verification[link] !== "ok");
  const status: ChainStatus = failedAt === undefined ? "ok" : verification[failedAt];
  return {
    ...base,
    method: "cda",
    status,
    links: linksOf((link) => verification[link]),
    ...(first && { firstBroken: first }),
    notes: said === undefined || said === status ? [] : [`the kernel said when it ran: ${said.replaceAll("-", " ")}`],
  };
}
