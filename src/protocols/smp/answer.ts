import { decodeCbor, encodeCbor, isCborMap, numberOf, type CborMap } from "../../codec/cbor.js";
import { codecError } from "../../codec/errors.js";
import type { Command } from "./command.js";
import { smpError } from "./errors.js";
import { encodeSmp, OP, type SmpMessage } from "./header.js";
import { asVersion1, resultName } from "./results.js";

/** Why a request was not done. `group` absent: one of MCUmgr's own codes. */
export interface Failure {
  readonly rc: number;
  readonly group?: number | undefined;
}

/** What came of a request. */
export type Outcome<A> =
  | { readonly value: A; readonly failure?: undefined }
  | {
      readonly failure: Failure;
      /** What stands beside the error in version 2, such as the length that a file has. */
      readonly also?: CborMap;
    };

export const failed = (rc: number, group?: number, also?: CborMap): Outcome<never> => ({
  failure: group === undefined ? { rc } : { rc, group },
  ...(also && { also }),
});

export interface AnswerOptions {
  /** `rc: 0` with every success, which some old clients wait for. */
  readonly legacyRc: boolean;
}

const responseOp = (op: number): number => (op === OP.read ? OP.readResponse : OP.writeResponse);

/** The response to a request: success as its command declares it, or an error in the words of the request's version. */
export function encodeAnswer<A>(
  request: SmpMessage,
  response: { toMap(value: A): CborMap } | undefined,
  outcome: Outcome<A>,
  { legacyRc }: AnswerOptions,
): Uint8Array {
  const version = Math.min(request.version, 2);
  const map = outcome.failure
    ? failureMap(version, outcome.failure, outcome.also)
    : { ...(legacyRc && { rc: 0 }), ...response!.toMap(outcome.value) };
  return encodeSmp({ ...request, op: responseOp(request.op), version, data: encodeCbor(map) });
}

function failureMap(version: number, { rc, group }: Failure, also: CborMap | undefined): CborMap {
  if (group === undefined) return { rc };
  return version === 1 ? { rc: asVersion1(group, rc) } : { err: { group, rc }, ...also };
}

/**
 * What a response says: `err` and `rc` are both understood, whatever the version.
 * @throws `codec/...` when it is not what the command's declaration says
 */
export function decodeAnswer<A>({ response, name }: Command<unknown, A>, data: Uint8Array): Outcome<A> {
  const map = data.length === 0 ? {} : decodeCbor(data);
  if (!isCborMap(map)) throw codecError("bad-value", `${name}: the answer is not a CBOR map`, { command: name });
  const failure = failureOf(map);
  return failure ? { failure, also: map } : { value: response.fromMap(map) };
}

function failureOf(map: CborMap): Failure | undefined {
  const { err } = map;
  const inGroup = isCborMap(err) ? { rc: numberOf(err["rc"]), group: numberOf(err["group"]) } : undefined;
  if (inGroup?.rc !== undefined && inGroup.group !== undefined)
    return inGroup.rc === 0 ? undefined : { rc: inGroup.rc, group: inGroup.group };
  const rc = numberOf(map["rc"]);
  return rc !== undefined && rc !== 0 ? { rc } : undefined;
}

/** The value, or `smp/refused`, which says in words why the device did not do it. */
export function valueOf<A>(command: string, outcome: Outcome<A>): A {
  if (!outcome.failure) return outcome.value;
  const { rc, group } = outcome.failure;
  const says = resultName(rc, group);
  throw smpError("refused", `the device refused ${command}: ${says}`, {
    command,
    rc,
    ...(group !== undefined && { group }),
    says,
  });
}
