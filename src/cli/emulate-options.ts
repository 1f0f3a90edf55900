/** Options of `tapbench emulate`, as they come from the command line. */
export interface EmulateOptions {
  /** True: where pcscd's driver listens by default. */
  readonly pcsc?: string | true;
  /** True: a pseudo-terminal without a link to it. */
  readonly serial?: string | true;
  readonly baud?: string;
  readonly framing: string;
  readonly noise?: string;
  readonly loss?: string;
  /** True: this machine only, on SMP's port. */
  readonly udp?: string | true;
  readonly logs?: boolean;
  readonly slot: string;
  readonly port?: string;
  readonly seed?: string;
  readonly card?: string;
  readonly state?: string;
  readonly schedule?: string;
  readonly trace?: string;
  readonly apdus?: boolean;
  readonly jsonLines?: boolean;
}

export const EMULATE_DEFAULTS: Pick<EmulateOptions, "slot" | "framing"> = { slot: "1", framing: "console" };
