/** Options that every verb of `tapbench se` with a session takes. */
export interface SeOptions {
  readonly seed?: string;
  readonly card?: string;
  readonly state?: string;
  readonly keys?: string;
  readonly keyVersion?: string;
  readonly level?: string;
  readonly domain?: string;
  readonly s16?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly journal?: string;
  readonly tryAgain?: boolean;
  readonly anyReader?: boolean;
  readonly trace?: string;
  readonly json?: boolean;
}
