import type { Paint } from "../paint.js";
import type { Comparison } from "./compare.js";

const times = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

/** For people: notes, a line a difference, then how many. `strictly`: what would compare what was set aside. */
export function renderComparison(
  { differences, more, setAside, notes }: Comparison,
  paint: Paint,
  strictly?: string,
): string[] {
  const aside =
    setAside.count === 0
      ? ""
      : `; ${times(setAside.count, "volatile value")} set aside (${setAside.names.join(", ")}${strictly === undefined ? "" : `; ${strictly}`})`;
  const count = differences.length + more;
  return [
    ...notes.map((note) => paint("dim", note)),
    ...differences.map(({ says }) => paint("bad", says)),
    ...(more > 0 ? [`and ${more} more`] : []),
    (count === 0 ? paint("good", "no difference") : times(count, "difference")) + aside,
  ];
}
