import type { ManagementProfile } from "../../src/profiles/types.js";
import type { Nanos } from "../../src/util/time.js";
import type { Battery } from "./battery.js";
import type { FileSystem } from "./file-system.js";
import type { ImageSlots } from "./image-slots.js";
import type { SettingsStore } from "./settings-store.js";

/** The secure element as its controller reaches it. */
export interface ElementPort {
  /** One APDU on the wired interface; undefined: the element lost its power in it. No time passes: it says how long it took. */
  readonly transmit: (apdu: Uint8Array) => { readonly response: Uint8Array; readonly took: Nanos } | undefined;
  /** Power off and on. */
  readonly reset: () => void;
  readonly atr: Uint8Array;
}

/** The NFC controller. */
export interface NfcPort {
  /** The device is in a field. */
  readonly field: () => boolean;
  /** Whether the device answers a reader. */
  readonly listen: (on: boolean) => void;
}

/** What a device is called, for those who ask. */
export interface Identity {
  readonly model: string;
  readonly title: string;
  readonly firmware: string;
  readonly verification: "none" | "passcode" | "biometric";
}

/** Everything that the management server works with besides its own state: storage, and the rest of the device. */
export interface McuParts {
  readonly identity: Identity;
  readonly profile: ManagementProfile;
  readonly settings: SettingsStore;
  readonly files: FileSystem;
  /** Absent: there is no boot loader, and the firmware cannot be updated. */
  readonly images: ImageSlots | undefined;
  /** Programs and erases since the flash was made. */
  readonly flashOperations: () => number;
  readonly element: ElementPort;
  readonly nfc: NfcPort;
  readonly holderVerified: () => boolean;
  readonly battery: Battery;
}
