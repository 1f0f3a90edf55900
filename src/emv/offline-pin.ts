import type { CardAsking } from "../protocols/iso7816/poller.js";
import { SW } from "../protocols/iso7816/status.js";
import { pinBlock2 } from "./secure-messaging.js";

/** How a PIN entry ended. `sw`: the card does not take one at all, or not now. */
export type PinEntry =
  | { readonly kind: "verified" }
  | { readonly kind: "wrong"; readonly triesLeft: number }
  | { readonly kind: "blocked" }
  | { readonly kind: "refused"; readonly sw: number };

/**
 * Has the selected payment application check its holder's PIN: VERIFY, plaintext (EMV 4.3 Book 3 6.5.12). For a wallet, over the element's wired
 * interface. @param pin 4 to 12 digits @throws `emv/bad-pin`
 */
export function* enterPin(pin: string): CardAsking<PinEntry> {
  const { answer } = yield { cla: 0x00, ins: 0x20, p1: 0x00, p2: 0x80, data: pinBlock2(pin) };
  const { sw } = answer;
  if (sw === SW.ok) return { kind: "verified" };
  if ((sw & 0xfff0) === SW.triesLeft) return { kind: "wrong", triesLeft: sw & 0x0f };
  return sw === SW.authenticationBlocked ? { kind: "blocked" } : { kind: "refused", sw };
}
