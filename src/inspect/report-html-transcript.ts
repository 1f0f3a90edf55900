import { formatNanos, type Nanos } from "../util/time.js";
import { htmlText as text } from "./markup.js";
import type { TranscriptEntry } from "./transcript.js";
import type { Tree, TreeNode } from "./tree.js";

/* The transcript of a tap in HTML: a line an entry, what is below it folded away. */

type Of<K extends TranscriptEntry["kind"]> = Extract<TranscriptEntry, { readonly kind: K }>;

const item = (at: Nanos | undefined, content: string): string =>
  `<li><time>${at === undefined ? "" : formatNanos(at)}</time><div>${content}</div></li>\n`;

const folded = (summary: string, inside: string): string => `<details><summary>${summary}</summary>${inside}</details>`;

const bytes = (arrow: string, hex: string): string => `<p class="hex">${arrow} ${hex}</p>`;

function node({ tag, name, value, meaning, parts = [], cut, children = [] }: TreeNode): string {
  const told = [
    `<span class="tag">${tag}</span>`,
    ...(name === undefined ? [] : [text(name)]),
    ...(value === undefined ? [] : [`<span class="soft">${value === "" ? "(empty)" : value}</span>`]),
    ...(meaning === undefined ? [] : [`<span class="meaning">${text(meaning)}</span>`]),
    ...(cut ? ['<span class="bad">cut off</span>'] : []),
  ];
  const below = [...parts.map((says) => `<li class="meaning">${text(says)}</li>`), ...children.map(node)];
  return `<li>${told.join(" ")}${below.length > 0 ? `<ul>${below.join("")}</ul>` : ""}</li>`;
}

const treeHtml = ({ nodes, problem, scope }: Tree): string =>
  `<ul class="tree">${nodes.map(node).join("")}${problem ? `<li class="bad">${text(problem.message)} [${problem.code}]</li>` : ""}</ul>${scope === undefined ? "" : `<p><small>tags named by kernel ${text(scope)}</small></p>`}`;

function exchange({ at, took, compute, frames, via, command, response }: Of<"exchange">): string {
  const good = response.sw === "9000" || response.sw?.startsWith("61") === true;
  const facts = [
    ...(took === undefined ? [] : [formatNanos(took)]),
    ...(compute === undefined ? [] : [`card ${formatNanos(compute)}`]),
    ...(frames === undefined ? [] : [`${frames} frames`]),
    ...(via === "wired" ? ["wired"] : []),
  ].join(", ");
  const summary = `<b>${text(command.name)}</b> <span class="${good ? "good" : "bad"}">${text(response.name)}</span> <small>${facts}</small>`;
  const { tree } = response;
  return item(
    at,
    folded(summary, bytes("&gt;", command.bytes) + bytes("&lt;", response.bytes) + (tree ? treeHtml(tree) : "")),
  );
}

function rule({ at, rule: name, says, data }: Of<"rule">): string {
  const head = `<span class="tag">${text(name)}</span> ${text(says)}`;
  const facts = Object.entries(data ?? {});
  if (facts.length === 0) return item(at, head);
  const rows = facts.map(([label, value]) => `<dt>${text(label)}</dt><dd>${text(String(value))}</dd>`);
  return item(at, folded(head, `<dl>${rows.join("")}</dl>`));
}

function frames(list: readonly Of<"frame">[]): string {
  const rows = list.map(
    ({ at, from, name, bytes: hex, fault }) =>
      `<tr><td class="number">${at === undefined ? "" : formatNanos(at)}</td><td>${from === "pcd" ? "reader" : "card"}</td><td${fault === undefined ? "" : ' class="bad"'}>${text(name)}</td><td><code>${hex}</code></td></tr>`,
  );
  const faults = list.filter(({ fault }) => fault !== undefined).length;
  const summary = `${list.length} frames outside exchanges${faults > 0 ? `, <span class="bad">${faults} faulty</span>` : ""}`;
  return item(list[0]?.at, folded(summary, `<div class="scroll"><table>${rows.join("")}</table></div>`));
}

/** The entries as one list. */
export function transcriptHtml(entries: readonly TranscriptEntry[]): string {
  const out: string[] = ['<ol class="log">\n'];
  let loose: Of<"frame">[] = [];
  const settle = (): void => {
    if (loose.length > 0) out.push(frames(loose));
    loose = [];
  };
  for (const entry of entries) {
    if (entry.kind === "frame") {
      loose.push(entry);
      continue;
    }
    settle();
    if (entry.kind === "exchange") out.push(exchange(entry));
    else if (entry.kind === "rule") out.push(rule(entry));
    else out.push(item(entry.at, `<b>${entry.on ? "field on" : "field off"}</b>`));
  }
  settle();
  out.push("</ol>\n");
  return out.join("");
}
