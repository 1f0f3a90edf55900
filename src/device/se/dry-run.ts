import type { SecuredCard } from "../../protocols/gp/poller.js";
import type { CommandApdu } from "../../protocols/iso7816/apdu.js";
import { SW } from "../../protocols/iso7816/status.js";
import { NO_BYTES } from "../../util/bytes.js";

/** Secures commands as `channel` does, tells of them, and sends none; the element that is not there agrees to everything. */
export function dryChannel(
  channel: SecuredCard,
  told: (plain: CommandApdu, secured: CommandApdu) => void,
): SecuredCard {
  return {
    ...channel,
    // oxlint-disable-next-line require-yield -- nothing is sent
    *send(command) {
      const sending = channel.send(command);
      const step = sending.next();
      if (step.done !== true) told(command, step.value);
      sending.return({ data: NO_BYTES, sw: SW.ok });
      return { data: NO_BYTES, sw: SW.ok };
    },
  };
}
