import type { Patience } from "../../util/patience.js";
import { transportError } from "../errors.js";
import type { PcscSession } from "./session.js";

export interface ReaderChoice {
  /** Part of a reader's name, in any case; empty: the only reader, or the first that has a card. */
  readonly wanted: string;
  /** Whether a reader holds something that is not tapped: the slot of a SAM. Only taken when nothing else fits. */
  readonly aside: (reader: string) => boolean;
}

/**
 * The one reader that is meant. Where several are there and none has a card, waits for the first card.
 * @throws `transport/no-reader`, `transport/ambiguous-reader`, `transport/no-card`, `transport/no-service`, `transport/driver-missing`
 */
export async function chooseReader(session: PcscSession, choice: ReaderChoice, patience: Patience): Promise<string> {
  await session.client(patience);
  const [only, ...more] = fitting(session, choice);
  if (only !== undefined && (more.length === 0 || choice.wanted !== "")) return only;
  const withCard = (): string | undefined =>
    session.readers.find(({ name, state }) => state.present && fitting(session, choice).includes(name))?.name;
  return session.until(withCard, patience, () =>
    transportError(
      "no-card",
      `there is no card on any reader (${[only, ...more].join(", ")}); put one on one of them`,
      {
        readers: [only, ...more],
      },
    ),
  );
}

/** @throws `transport/no-reader`, `transport/ambiguous-reader` */
function fitting(session: PcscSession, { wanted, aside }: ReaderChoice): readonly string[] {
  const names = session.readers.map(({ name }) => name);
  if (names.length === 0)
    throw transportError("no-reader", "no PC/SC reader is attached; plug one in (tapbench devices lists them)", {});
  const exact = names.filter((name) => name === wanted);
  const part = names.filter((name) => name.toLowerCase().includes(wanted.toLowerCase()));
  const fit = exact.length > 0 ? exact : part;
  const tapped = fit.filter((name) => !aside(name));
  const found = tapped.length > 0 ? tapped : fit;
  if (found.length === 0)
    throw transportError("no-reader", `no reader is called '${wanted}'; there are: ${names.join(", ")}`, {
      readers: names,
    });
  if (wanted !== "" && found.length > 1)
    throw transportError("ambiguous-reader", `'${wanted}' fits ${found.join(" and ")}; write more of the name`, {
      readers: found,
    });
  return found;
}
