/** Longest line that is looked at, in characters: an extended APDU pair in spaced hex is under 400,000. */
export const MAX_LINE = 1 << 20;

/** Takes a text file in pieces of any size and gives its lines. */
export interface LineReader {
  push(piece: Uint8Array): void;
  end(): void;
}

export interface LineSink {
  /** Without its end. `number` counts from 1. */
  line(text: string, number: number): void;
  /** A line of more than `MAX_LINE` characters, which was left out. */
  tooLong(number: number): void;
}

type Decode = (bytes: Uint8Array) => string;

const latin1: Decode = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");

/** One character a byte: columns count bytes, and a character cut by the end of a piece changes nothing. */
function decoderFor(head: Uint8Array): { readonly decode: Decode; readonly mark: number } {
  if (head[0] === 0xff && head[1] === 0xfe) {
    // What a Windows shell writes when output is sent to a file.
    const decoder = new TextDecoder("utf-16le");
    return { decode: (bytes) => decoder.decode(bytes, { stream: true }), mark: 2 };
  }
  return { decode: latin1, mark: head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0 };
}

const ESCAPE = "\u001B";
/** What colours a terminal: SGR of ECMA-48 8.3.117. */
const COLOURS = new RegExp(String.raw`${ESCAPE}\[[\d;]*m`, "g");
export const withoutColours = (text: string): string => (text.includes(ESCAPE) ? text.replace(COLOURS, "") : text);

/** The beginning of a file as text, for telling its format. */
export function headText(head: Uint8Array): string {
  const { decode, mark } = decoderFor(head);
  return withoutColours(decode(head.subarray(mark)));
}

/** Lines end in LF, CR LF or CR, mixed as they may be. */
export function lineReader(sink: LineSink): LineReader {
  let decode: Decode | undefined;
  let begun: Uint8Array = new Uint8Array(0);
  let tail = "";
  let number = 0;
  let skipping = false;

  const take = (text: string): void => {
    number++;
    if (skipping || text.length > MAX_LINE) sink.tooLong(number);
    else sink.line(text, number);
    skipping = false;
  };

  const cut = (last: boolean): void => {
    let from = 0;
    let lf = tail.indexOf("\n");
    let cr = tail.indexOf("\r");
    for (;;) {
      if (lf >= 0 && lf < from) lf = tail.indexOf("\n", from);
      if (cr >= 0 && cr < from) cr = tail.indexOf("\r", from);
      if (cr >= 0 && (lf < 0 || cr < lf)) {
        if (cr === tail.length - 1 && !last) break; // LF may follow in the next piece
        take(tail.slice(from, cr));
        from = tail[cr + 1] === "\n" ? cr + 2 : cr + 1;
      } else if (lf >= 0) {
        take(tail.slice(from, lf));
        from = lf + 1;
      } else break;
    }
    tail = tail.slice(from);
    if (tail.length <= MAX_LINE + 1) return;
    skipping = true;
    tail = tail.endsWith("\r") ? "\r" : "";
  };

  return {
    push(piece) {
      let bytes = piece;
      if (!decode) {
        begun = Uint8Array.of(...begun, ...piece.subarray(0, 3));
        if (begun.length < 3) return;
        const found = decoderFor(begun);
        bytes = new Uint8Array(begun.length - found.mark + Math.max(0, piece.length - 3));
        bytes.set(begun.subarray(found.mark));
        bytes.set(piece.subarray(3), begun.length - found.mark);
        decode = found.decode;
      }
      tail += decode(bytes);
      cut(false);
    },
    end() {
      if (!decode) {
        const found = decoderFor(begun);
        tail = found.decode(begun.subarray(found.mark));
      }
      cut(true);
      if (tail !== "" || skipping) take(tail);
      tail = "";
    },
  };
}
