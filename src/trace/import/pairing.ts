import { concat, NO_BYTES } from "../../util/bytes.js";
import type { Nanos } from "../../util/time.js";
import type { ApduRecord, TraceRecord } from "../../util/tracer.js";
import type { Place, Remarks } from "./remarks.js";

/** Longest APDU that is put together from its parts: an extended one with its header, or a response with its status word. */
const MAX_APDU = 65_544;

/** Puts commands and responses of a log together, in the order in which they stand there. */
export interface Pairing {
  /** Of the commands from now on. */
  via: ApduRecord["via"];
  /** Begins an exchange; the one before it ends, answered or not. */
  command(bytes: Uint8Array, place: Place, at?: Nanos): void;
  /** `took`: where the log tells how long the exchange took. */
  response(bytes: Uint8Array, place: Place, when?: { readonly at?: Nanos | undefined; readonly took?: Nanos }): void;
  /** The status word, where it stands apart from the response. */
  status(bytes: Uint8Array, place: Place, at?: Nanos): void;
  /** More bytes of what came last. False: nothing is open. */
  more(bytes: Uint8Array, place: Place): boolean;
  /** No response will come to the open command, for a reason that is no news to the caller. */
  unanswered(why?: string): void;
  /** The field went on or off. */
  field(on: boolean, place: Place, at?: Nanos): void;
  end(): Observations;
}

/** How the log's times can be used. */
export interface Observations {
  readonly exchanges: number;
  readonly timed: boolean;
}

interface Open {
  readonly place: Place;
  readonly via: ApduRecord["via"];
  command: Uint8Array;
  readonly at: Nanos | undefined;
  response?: Uint8Array;
  status?: Uint8Array;
  until?: Nanos | undefined;
  took?: Nanos;
}

const endsWith = (bytes: Uint8Array, end: Uint8Array): boolean =>
  bytes.length >= end.length && end.every((byte, i) => bytes[bytes.length - end.length + i] === byte);

/**
 * Times count from the log's first. The first whole exchange decides whether the log has times: of both its sides, or how long it took. Times that
 * run backwards stand still.
 */
export function pairing(onRecord: (record: TraceRecord) => void, remarks: Remarks): Pairing {
  let open: Open | undefined;
  let timed: boolean | undefined;
  let start: Nanos | undefined;
  let now: Nanos = 0;
  let exchanges = 0;

  const since = (time: Nanos | undefined, place: Place): Nanos => {
    if (time === undefined) return now;
    start ??= time;
    if (time - start < now) {
      if (time - start < now - 1_000_000)
        remarks.add(place, "the time runs backwards here; it is taken to stand still");
      return now;
    }
    return (now = time - start);
  };

  const settle = (why = "the command has no response"): void => {
    const done = open;
    open = undefined;
    if (!done) return;
    const { place, via, command, status } = done;
    let response = done.response ?? NO_BYTES;
    // A log may tell the status word twice: at the end of the response, and apart.
    if (status && !(done.response && endsWith(response, status))) response = concat(response, status);
    if (command.length < 4) {
      remarks.add(place, `a command has 4 bytes at least, and this one ${command.length}; it is left out`);
      return;
    }
    if (response.length === 0) remarks.add(place, why);
    else if (response.length === 1) remarks.add(place, "the response has one byte: its status word is cut off");
    if (response.length > 0) timed ??= done.took !== undefined || (done.at !== undefined && done.until !== undefined);
    exchanges++;
    if (timed !== true) {
      onRecord({ layer: "apdu", at: 0, took: 0, command, response, via });
      return;
    }
    if (done.took === undefined && done.until === undefined && response.length > 0)
      remarks.note("exchanges with one time only are in it; how long these took is not known and shown as nothing");
    const at = since(done.at, place);
    const took = done.took ?? (done.until === undefined ? 0 : since(done.until, place) - at);
    if (done.at === undefined && done.until === undefined) now = at + took;
    onRecord({ layer: "apdu", at, took, command, response, via });
  };

  const bounded = (bytes: Uint8Array, place: Place): Uint8Array => {
    if (bytes.length <= MAX_APDU) return bytes;
    remarks.add(place, `more than ${MAX_APDU} bytes, which no APDU has; the rest is left out`);
    return bytes.slice(0, MAX_APDU);
  };

  const self: Pairing = {
    via: "contactless",
    command(bytes, place, at) {
      settle();
      open = { place, via: self.via, command: bounded(bytes, place), at };
    },
    response(bytes, place, { at, took } = {}) {
      if (!open) return remarks.add(place, "a response without a command before it; it is left out");
      if (open.response || open.status)
        return remarks.add(place, "a second response to the same command; it is left out");
      open.response = bounded(bytes, place);
      open.until = at;
      if (took !== undefined) open.took = took;
    },
    status(bytes, place, at) {
      if (!open) return remarks.add(place, "a status word without a command before it; it is left out");
      if (open.status) return remarks.add(place, "a second status word for the same command; it is left out");
      open.status = bytes;
      open.until ??= at;
    },
    more(bytes, place) {
      if (!open || open.status) return false;
      if (open.response) open.response = bounded(concat(open.response, bytes), place);
      else open.command = bounded(concat(open.command, bytes), place);
      return true;
    },
    unanswered: settle,
    field(on, place, at) {
      settle();
      timed ??= at !== undefined;
      onRecord({ layer: "field", at: timed ? since(at, place) : 0, on });
    },
    end() {
      settle();
      return { exchanges, timed: timed === true };
    },
  };
  return self;
}
