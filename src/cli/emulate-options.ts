/** Options of `tapbench emulate`, as they come from the command line. */
export interface EmulateOptions {
  /** True: where pcscd's driver listens by default. */
  readonly pcsc?: string | true;
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

export const EMULATE_DEFAULTS: Pick<EmulateOptions, "slot"> = { slot: "1" };
