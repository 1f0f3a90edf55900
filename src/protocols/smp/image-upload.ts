import { sha256 } from "../../crypto/hash.js";
import { equalBytes } from "../../util/bytes.js";
import type { Dialogue } from "../../util/dialogue.js";
import { attempt } from "../../util/errors.js";
import { MS, SECOND, type Nanos } from "../../util/time.js";
import { HEADER_BYTES as IMAGE_HEADER, parseImage } from "../mcuboot/image.js";
import { HASHES } from "../mcuboot/verify.js";
import { valueOf, type Failure, type Outcome } from "./answer.js";
import { LONG_BYTES } from "./command.js";
import { smpError } from "./errors.js";
import { image } from "./groups/image.js";
import { HEADER_BYTES } from "./header.js";
import type { Ask, SmpPoller, Work } from "./poller.js";
import { groupResult, rc } from "./results.js";

export interface ImageUploadOptions {
  /** Bytes of one of the device's buffers, as its MCUmgr parameters say. */
  readonly bufferBytes: number;
  /** Number of the image; 0 unless given. */
  readonly image?: number | undefined;
  /** The device takes only a version above the one that runs. */
  readonly upgrade?: boolean | undefined;
  /** Pieces have a multiple of so many bytes; 4 unless given. */
  readonly align?: number | undefined;
  /** Bytes that the device has. Fewer than before: it lost them and gets them again. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

export interface ImageUploadReport {
  readonly bytes: number;
  /** Requests that carried data, those that were sent again among them. */
  readonly pieces: number;
  /** Data in all of them. */
  readonly bytesSent: number;
  /** What the device had already of an earlier upload. */
  readonly resumedAt: number;
  /** Times that the device had lost what it had, and it was sent again from the beginning. */
  readonly restarts: number;
  /** The device says that the slot has the upload's SHA-256; undefined: it does not check, and lists the image. */
  readonly match: boolean | undefined;
}

/** Deadlines as Nordic's clients have them: the first piece waits for an erase, the last one for a check. */
const FIRST_WITHIN: Nanos = 40 * SECOND;
const LAST_WITHIN: Nanos = 20 * SECOND;
const WITHIN: Nanos = 2500 * MS;
/** Times that one piece may go wrong. */
const FAILURES = 5;
/** Times that the device may lose everything. */
const RESTARTS = 5;
/** From then on a message that never got an answer in that size is made smaller. */
const TOO_LARGE_AFTER = 2;

/** The device's own troubles with one message; the next may fare better. */
const PASSING: ReadonlySet<number> = new Set([rc("no memory"), rc("timeout"), rc("corrupt"), rc("busy")]);
const MESSAGE_SIZE = rc("message size");
const INVALID = rc("invalid");
/** After these the device has forgotten the upload. */
const FORGETS: ReadonlySet<number> = new Set([
  groupResult(1, "flash write failed"),
  groupResult(1, "more data than announced"),
]);

interface Piece extends Ask {
  readonly off: number;
  readonly end: number;
  /** Bytes that its message could have. */
  readonly room: number;
  /** Which run of pieces it belongs to: after going back, answers to earlier ones are no news. */
  readonly run: number;
}

/**
 * An image in pieces, several under way: go-back-N on the offset that the device answers. What it has is never sent again unless it loses it.
 */
class ImageUpload implements Work {
  readonly inOrder = true;
  readonly #data: Uint8Array;
  readonly #head: object;
  readonly #align: number;
  readonly #progress: ImageUploadOptions["progress"];
  /** Bytes that the first and the other messages have besides data. */
  readonly #around: { readonly first: number; readonly other: number };
  #room: number;
  /** The largest message that was answered. */
  #proven = 0;
  /** The device has to be told what comes before anything else. */
  #open = false;
  #told = false;
  #next = 0;
  #there = 0;
  #run = 0;
  #failures = 0;
  #done = false;
  #match: boolean | undefined;
  #pieces = 0;
  #bytesSent = 0;
  #resumedAt = 0;
  #restarts = 0;
  /** Times that it asked anew what the device has. */
  #asked = 0;
  /** What the device had when it lost its place. */
  #lost = 0;

  constructor(data: Uint8Array, options: ImageUploadOptions) {
    const { bufferBytes, image: number = 0, upgrade, align = 4, progress } = options;
    this.#data = data;
    this.#head = {
      ...(number > 0 && { image: number }),
      len: data.length,
      sha: sha256(data),
      ...(upgrade && { upgrade }),
    };
    this.#align = align;
    this.#progress = progress;
    const empty = { data: new Uint8Array(0) };
    // The data's own length takes up to two bytes more.
    this.#around = {
      first: HEADER_BYTES + image.upload.request.encode({ ...this.#head, off: 0, ...empty }).length + 2,
      other: HEADER_BYTES + image.upload.request.encode({ off: data.length, ...empty }).length + 2,
    };
    this.#room = bufferBytes;
    if (bufferBytes < this.#leastRoom)
      throw smpError("too-long", `the device's buffers of ${bufferBytes} bytes have no room for an image's header`, {
        bufferBytes,
        needed: this.#leastRoom,
      });
  }

  get report(): ImageUploadReport {
    return {
      bytes: this.#data.length,
      pieces: this.#pieces,
      bytesSent: this.#bytesSent,
      resumedAt: this.#resumedAt,
      restarts: this.#restarts,
      match: this.#match,
    };
  }

  next(underWay: number): Ask | undefined {
    if (this.#done) return undefined;
    if (!this.#open) return underWay > 0 ? undefined : this.#piece(0);
    if (this.#next >= this.#data.length && underWay > 0) return undefined;
    if (this.#next >= this.#data.length) this.#next = this.#there;
    return this.#piece(this.#next);
  }

  answered(ask: Ask, outcome: Outcome<unknown>): void {
    if (this.#done) return;
    const piece = ask as Piece;
    if (outcome.failure) return this.#refused(piece, outcome);
    this.#proven = Math.max(this.#proven, piece.room);
    const { off, match } = outcome.value as { off?: number; match?: boolean };
    if (off === undefined)
      throw smpError("wrong-transfer", "the device does not say how much of the image it has", { sent: piece.off });
    if (off === this.#data.length) return this.#finish(match);
    if (off > this.#data.length) throw taken(off, this.#there);
    if (piece.off === 0) return this.#opened(piece, off);
    if (off > this.#there) this.#advance(off);
    if (piece.run !== this.#run || off >= piece.end) return;
    if (off === this.#there) return this.#again(piece, "takes no more");
    // Behind what it had: it has another upload now, or none.
    if (off > 0) throw taken(off, this.#there);
    this.#restart("lost the upload");
  }

  expired(ask: Ask): boolean {
    const piece = ask as Piece;
    if (this.#done || piece.run !== this.#run) return true;
    this.#again(piece, "does not answer");
    if (this.#failures > TOO_LARGE_AFTER && piece.room > this.#proven) this.#shrink(piece);
    return true;
  }

  get #leastRoom(): number {
    return this.#around.first + IMAGE_HEADER;
  }

  #piece(off: number): Piece {
    const { first, other } = this.#around;
    const room = Math.min(this.#room - (off === 0 ? first : other), LONG_BYTES);
    const size = Math.max(room - (room % this.#align), Math.min(room, IMAGE_HEADER));
    const data = this.#data.subarray(off, off + size);
    const end = off + data.length;
    const last = end === this.#data.length;
    this.#next = end;
    this.#pieces++;
    this.#bytesSent += data.length;
    return {
      command: image.upload,
      request: off === 0 ? { ...this.#head, off, data } : { off, data },
      within: off === 0 ? FIRST_WITHIN : last ? LAST_WITHIN : WITHIN,
      off,
      end,
      room: this.#room,
      run: this.#run,
    };
  }

  /** The first piece is answered: what the device has of this image, now or from before. */
  #opened(piece: Piece, off: number): void {
    if (piece.run !== this.#run) return;
    if (off === 0) return this.#again(piece, "takes nothing");
    if (!this.#told && off !== piece.end) this.#resumedAt = off;
    if (off < this.#lost) this.#restarts++;
    this.#told = true;
    this.#open = true;
    this.#there = this.#next = off;
    this.#failures = 0;
    this.#progress?.(off, this.#data.length);
  }

  #advance(off: number): void {
    this.#there = off;
    this.#next = Math.max(this.#next, off);
    this.#failures = 0;
    this.#progress?.(off, this.#data.length);
  }

  #finish(match: boolean | undefined): void {
    if (match === false) return this.#restart("has something else than was sent");
    if (!this.#told) this.#resumedAt = this.#pieces > 1 ? 0 : this.#data.length;
    this.#done = true;
    this.#match = match;
    this.#advance(this.#data.length);
  }

  #refused(piece: Piece, outcome: Outcome<unknown> & { readonly failure: Failure }): void {
    const { rc: code, group } = outcome.failure;
    const own = group === undefined;
    if (own && code === MESSAGE_SIZE && piece.room > this.#leastRoom) {
      this.#back();
      return this.#shrink(piece);
    }
    if (own && (PASSING.has(code) || (code === INVALID && piece.off > 0))) return this.#again(piece, "refuses a piece");
    if (group === 1 && FORGETS.has(code) && piece.run === this.#run) return this.#restart("failed to write");
    if (piece.run === this.#run) valueOf(image.upload.name, outcome);
  }

  /** Half of it; a smaller one may already be under way. */
  #shrink(piece: Piece): void {
    this.#room = Math.min(this.#room, Math.max(this.#leastRoom, piece.room >> 1));
  }

  #back(): void {
    this.#run++;
    this.#next = this.#there;
  }

  #again(piece: Piece, why: string): void {
    if (piece.run !== this.#run) return;
    if (++this.#failures > FAILURES)
      throw smpError(
        why === "does not answer" ? "no-answer" : "stuck-transfer",
        `the device ${why} at byte ${this.#there} of ${this.#data.length}, after ${FAILURES} tries more; upload again to go on from there`,
        { off: this.#there, total: this.#data.length },
      );
    this.#back();
  }

  #restart(why: string): void {
    if (++this.#asked > RESTARTS)
      throw smpError("wrong-transfer", `the device ${why} ${this.#asked} times; is its flash whole?`, {
        restarts: this.#asked,
        off: this.#there,
      });
    this.#open = false;
    this.#told = true;
    this.#lost = this.#there;
    this.#there = 0;
    this.#failures = 0;
    this.#back();
  }
}

const taken = (off: number, there: number) =>
  smpError(
    "upload-taken",
    `the device is at byte ${off} of an upload, and this one was at ${there}: somebody else uploads to it; let them finish and try again`,
    { off, there },
  );

/**
 * Uploads an image, with as many pieces under way as the poller's window has room for. An upload of the same image that broke off goes on where the
 * device has it. Stopped in between, nothing is half sent.
 * @throws `smp/refused`, `smp/no-answer`, `smp/too-long`, `smp/stuck-transfer`, `smp/wrong-transfer`, `smp/upload-taken`
 */
export function* uploadImage(
  poller: SmpPoller,
  data: Uint8Array,
  options: ImageUploadOptions,
): Dialogue<Uint8Array, Uint8Array, ImageUploadReport> {
  const work = new ImageUpload(data, options);
  yield* poller.run(work);
  const { report } = work;
  if (report.match !== true) yield* seeItThere(poller, data);
  return report;
}

/** The device did not check what it has, or somebody else's upload reached just as far: then its list of images has to know this one. */
function* seeItThere(poller: SmpPoller, data: Uint8Array): Dialogue<Uint8Array, Uint8Array, void> {
  const parsed = attempt(() => parseImage(data));
  const hash = parsed?.tlvs.find(({ type }) => HASHES.has(type))?.value;
  const states = yield* poller.outcome(image.state, {});
  if (!hash || states.failure) return;
  if (!states.value.images.some((each) => each.hash && equalBytes(each.hash, hash)))
    throw smpError("wrong-transfer", "the device has not got the image that was sent; upload it again", {
      there: states.value.images.map(({ slot, version }) => `${slot}: ${version}`),
    });
}
