export declare function lintConfig(): unknown;
