import { uploadImage as uploading, type ImageUploadReport } from "../../protocols/smp/image-upload.js";
import { SECOND, type Nanos } from "../../util/time.js";
import { rateMeter, type TransferProgress } from "./rate.js";
import { inTime, isLost, type FirmwareOptions, type FirmwareTarget } from "./target.js";

export interface UploadOptions extends FirmwareOptions {
  /** Number of the image; 0 unless given. */
  readonly image?: number | undefined;
  /** The device takes only a version above the one that runs. */
  readonly upgrade?: boolean | undefined;
  /** Pieces under way at once; the device's buffers less one unless given. */
  readonly window?: number | undefined;
  readonly progress?: ((progress: TransferProgress) => void) | undefined;
}

export interface UploadReport extends ImageUploadReport {
  readonly took: Nanos;
  /** Times that the wire broke in it. */
  readonly reconnects: number;
}

/** How often the wire may break without anything new arriving. */
const BREAKS = 5;
const RECONNECT: Nanos = 30 * SECOND;

/**
 * Uploads an image. When the wire breaks or the device stops answering it connects anew and goes on where the device is; stopped by the signal, a later
 * upload of the same image does.
 * @throws `smp/refused`, `smp/no-answer`, `smp/too-long`, `smp/stuck-transfer`, `smp/wrong-transfer`, `smp/upload-taken`, `transport/...`,
 *   `firmware/too-late`
 */
export function uploadImage(
  target: FirmwareTarget,
  data: Uint8Array,
  { image, upgrade, window, progress, ...options }: UploadOptions = {},
): Promise<UploadReport> {
  return inTime(target, options, async (signal) => {
    const { clock } = target;
    const meter = rateMeter(() => clock.now());
    const begun = clock.now();
    let furthest = 0;
    let breaks = 0;
    let reconnects = 0;
    const told = (done: number, total: number): void => {
      if (done > furthest) breaks = 0;
      furthest = Math.max(furthest, done);
      progress?.(meter(done, total));
    };
    for (;;) {
      try {
        const { management } = target;
        const { bufferBytes, bufferCount } = await management.parameters({ signal });
        const report = await management.converse(
          window ?? bufferCount - 1,
          (poller) => uploading(poller, data, { bufferBytes, image, upgrade, progress: told }),
          { signal },
        );
        return { ...report, took: clock.now() - begun, reconnects };
      } catch (error) {
        if (signal.aborted || !isLost(error) || ++breaks > BREAKS) throw error;
      }
      reconnects++;
      await target.reconnect({ within: RECONNECT, signal });
    }
  });
}
