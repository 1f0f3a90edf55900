export interface Finding {
  readonly kind: "layer" | "circle" | "io" | "length";
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

export declare const allowed: Readonly<Record<string, readonly string[]>>;
export declare function check(files: ReadonlyMap<string, string>): readonly Finding[];
export declare function readTree(): ReadonlyMap<string, string>;
