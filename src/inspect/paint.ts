/** What a piece of text is, for whoever colours it. */
export type Role = "tag" | "name" | "value" | "meaning" | "heading" | "good" | "bad" | "dim";

/** Colours a piece of text, or leaves it as it is. Passed in: what is shown does not know where it is shown. */
export type Paint = (role: Role, text: string) => string;

export const plain: Paint = (_role, text) => text;

const CODES: Readonly<Record<Role, string>> = {
  tag: "36",
  name: "1",
  value: "0",
  meaning: "32",
  heading: "1;34",
  good: "32",
  bad: "31",
  dim: "2",
};

/** ANSI colours for terminals. */
export const ansi: Paint = (role, text) => (text === "" ? "" : `\u001b[${CODES[role]}m${text}\u001b[0m`);
