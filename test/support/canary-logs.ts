import { crcFrame } from "../../src/protocols/iso14443/frame.js";

/*
 * Exchanges as other tools log them, written by hand: the longer ones go over several frames, packets or lines. Hex in.
 */

export type LoggedExchange = readonly [command: string, response: string];

const spaced = (hex: string): string => hex.replace(/../g, "$& ").trim();
const parts = (hex: string, size: number): string[] => hex.match(new RegExp(`.{1,${2 * size}}`, "g")) ?? [""];
const byte = (value: number): string => value.toString(16).padStart(2, "0");
const framed = (hex: string): string => Buffer.from(crcFrame(Buffer.from(hex, "hex")).bytes).toString("hex");

/** Blocks of ISO/IEC 14443-4 of so many bytes, acknowledged; who says it. */
function blocks(
  [command, response]: LoggedExchange,
  number: { of: number },
  size = 14,
): (readonly ["pcd" | "picc", string])[] {
  const out: (readonly ["pcd" | "picc", string])[] = [];
  for (const [from, hex] of [
    ["pcd", command],
    ["picc", response],
  ] as const)
    for (const [i, part] of parts(hex, size).entries()) {
      const chained = (i + 1) * size * 2 < hex.length;
      if (from === "picc" && i > 0) out.push(["pcd", framed(`a${2 + number.of}`)]);
      out.push([from, framed(`${chained ? 1 : 0}${2 + number.of}${part}`)]);
      if (from === "pcd" && chained) out.push(["picc", framed(`a${2 + number.of}`)]);
      if (chained || from === "picc") number.of ^= 1;
    }
  return out;
}

const le32 = (value: number): string => Buffer.from(Uint32Array.of(value).buffer).toString("hex");

function packet(from: "pcd" | "picc", at: number, frame: string): string {
  const length = 4 + frame.length / 2;
  const padding = -length & 3;
  const event = from === "pcd" ? "fe" : "ff";
  const size = byte((frame.length / 2) >> 8) + byte((frame.length / 2) & 0xff);
  const total = le32(32 + length + padding);
  return `06000000${total}${le32(0)}${le32(0)}${le32(at)}${le32(length)}${le32(length)}00${event}${size}${frame}${"00".repeat(padding)}${total}`;
}

/** Whole files, a format each. */
export const LOGS: Readonly<Record<string, (exchanges: readonly LoggedExchange[]) => Uint8Array | string>> = {
  pasted: (exchanges) => exchanges.map(([c, r]) => `=> ${c}\n<= ${r}\n`).join(""),
  "pasted with blanks": (exchanges) => exchanges.map(([c, r]) => `>> ${spaced(c)}\n<< ${spaced(r)}\n`).join(""),
  recorded: (exchanges) => JSON.stringify({ name: "canary", exchanges: exchanges.map(([c, r]) => ({ c, r })) }),
  globalplatformpro: (exchanges) =>
    `# GlobalPlatformPro\nSCardConnect("Reader 00 00", T=*) -> T=1, 3B80800101\n${exchanges
      .map(([c, r]) => {
        const size = r.length / 2 - 2;
        return `A>> T=1 (4+${String(c.length / 2 - 5).padStart(4, "0")}) ${c.slice(0, 8)} ${c.slice(8)}\nA<< (${String(size).padStart(4, "0")}+2) (15ms) ${r.slice(0, -4)} ${r.slice(-4)}\n`;
      })
      .join("")}`,
  "pcsc-spy": (exchanges) =>
    exchanges
      .map(([c, r]) => {
        const dump = (side: string, hex: string): string =>
          parts(hex, 16)
            .map((row, i) => ` ${side}  ${byte((i * 16) >> 8)}${byte((i * 16) & 0xff)} ${spaced(row)} ....\n`)
            .join("");
        const length = (hex: string): string => `0x000000${byte(hex.length / 2).toUpperCase()} (${hex.length / 2})`;
        return `SCardTransmit\n i hCard: 0x4D2A91B7\n i bSendLength ${length(c)}\n i bSendBuffer\n${dump("i", c)} o bRecvLength ${length(r)}\n o bRecvBuffer\n${dump("o", r)} => Command successful. (SCARD_S_SUCCESS [0x00000000])  [0.024518]\n`;
      })
      .join(""),
  proxmark3: (exchanges) => {
    const number = { of: 0 };
    const frames = exchanges.flatMap((exchange) => blocks(exchange, number));
    return `      Start |        End | Src | Data | CRC |\n${frames
      .map(
        ([from, hex], i) =>
          ` ${i * 2000} | ${i * 2000 + 1000} | ${from === "pcd" ? "Rdr" : "Tag"} |${parts(hex, 18)
            .map(spaced)
            .join(" |     |\n            |            |     |")} |  ok |\n`,
      )
      .join("")}`;
  },
  pcapng: (exchanges) => {
    const number = { of: 0 };
    const frames = exchanges.flatMap((exchange) => blocks(exchange, number));
    const head =
      "0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000" + "0100000014000000080100000000000014000000";
    return new Uint8Array(
      Buffer.from(head + frames.map(([from, hex], i) => packet(from, i * 1000, hex)).join(""), "hex"),
    );
  },
};
