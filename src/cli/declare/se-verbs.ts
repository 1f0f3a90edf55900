import type { Command } from "commander";
import type { VerbAction } from "../commands/se-verb.js";

/*
 * The verbs of `tapbench se` that work in a session: the same on the command line, behind a device, and in a shell, without one.
 */

export interface Verb {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  /** Adds the verb's own arguments and options. */
  readonly arrange: (command: Command) => Command;
  /** Without `tapbench se`. */
  readonly examples: readonly string[];
  readonly load: () => Promise<VerbAction>;
}

export const VERBS: readonly Verb[] = [
  {
    name: "info",
    summary: "what an element tells anybody",
    description:
      "Shows what a secure element tells without keys: card production life cycle, GlobalPlatform version, secure channel protocols, key versions, free memory. With keys its life cycle, too.",
    arrange: (command) => command,
    examples: ["info emu:band-s1", "info pcsc:ACR1252 --json"],
    load: async () => (await import("../commands/se-info.js")).info,
  },
  {
    name: "list",
    summary: "applications, security domains, load files",
    description:
      "Lists the element's registry by security domain: life cycles, privileges, load files and their modules.",
    arrange: (command) => command,
    examples: [
      "list emu:band-s1 --keys test:issuer-domain",
      "list pcsc: --keys keys.yaml:lab --domain A00000015153504101",
    ],
    load: async () => (await import("../commands/se-list.js")).list,
  },
  {
    name: "install",
    summary: "install an application, loading it first where there is a file",
    description:
      "Installs an application from a load file and makes it selectable. With --file the load file is loaded first: a CAP file, or its components as they are (IJC, bin).",
    arrange: (command) =>
      command
        .option("--file <path>", "load this first: CAP, IJC or bin")
        .option("--load-file <aid>", "load file to install from; default: what --file calls itself")
        .option("--module <aid>", "module in it; default: the only one")
        .option("--aid <aid>", "what the application is to be called; default: as the module")
        .option("--privileges <names>", "such as cardReset,cvmManagement")
        .option("--contactless", "activate it on the contactless interface, where applications are not by themselves")
        .option("--parameters <hex>", "install parameters of the application (contents of tag C9)"),
    examples: [
      "install emu:band-s1 --keys test:issuer-domain --load-file F0544150424D43484950 --module F0544150424D434849502E41 --aid A0000000041010AA",
      "install pcsc: --keys keys.yaml:lab --file wallet.cap --aid A000000004101001 --parameters 0102 --contactless",
    ],
    load: async () => (await import("../commands/se-install.js")).install,
  },
  {
    name: "delete",
    summary: "delete an application or a load file",
    description: "Deletes an application, a load file, or a load file with everything made from it. Asks first.",
    arrange: (command) =>
      command.argument("<aid>", "what goes").option("--related", "with everything made from the load file"),
    examples: ["delete emu:band-s1 A0000000041010 --keys test:issuer-domain --yes"],
    load: async () => (await import("../commands/se-delete.js")).remove,
  },
  {
    name: "keys",
    summary: "list, put and delete key versions",
    description:
      "Lists the key versions of a security domain, puts a key set or deletes a version. Keys come out of files by label and are never shown; check values are. Changes ask first.",
    arrange: (command) =>
      command
        .option("--put <set>", "key set: test:<set>, or <file>:<set>")
        .option("--version <n>", "with --put: the key version that it becomes, such as 0x31")
        .option("--replace <n>", "with --put: the key version that it takes the place of")
        .option("--delete <n>", "key version to delete"),
    examples: [
      "keys emu:band-s1",
      "keys emu:band-s1 --keys test:issuer-domain --put test:issuer-domain --version 0x21 --yes",
      "keys pcsc: --keys keys.yaml:lab --delete 0x20",
    ],
    load: async () => (await import("../commands/se-keys.js")).keys,
  },
  {
    name: "store-data",
    summary: "personalise an application",
    description:
      "Sends data to an application through its security domain: hex, or files of hex or bytes, one after the other. What the element acknowledged is kept in its journal. A personalisation that was interrupted is sent again as a whole, as long as its last block was not sent; one that was complete is not sent again.",
    arrange: (command) =>
      command
        .argument("<aid>", "application that the data is for")
        .argument("<data...>", "hex, or files")
        .option("--dgi", "data groupings: DGI, length, value (default)")
        .option("--tlv", "BER-TLV objects")
        .option("--plain", "of no known format")
        .option("--encrypt", "encrypt the values of data groupings under the data encryption key")
        .option(
          "--resume",
          "go on behind the groupings that were acknowledged: for applications that keep each as it comes",
        )
        .option("--roll-back", "delete the application, install it anew, and send everything")
        .option("--again", "send it whatever the journal says"),
    examples: [
      "store-data emu:band-s1 A0000000041010 card.dgi --keys test:payment-domain --domain A00000015153504101",
      "store-data pcsc: A0000000041010 card.dgi --keys keys.yaml:lab --roll-back",
      "store-data emu:band-s1 A000000151000000 4204DEADBEEF --tlv --keys test:issuer-domain --dry-run",
    ],
    load: async () => (await import("../commands/se-store-data.js")).storeData,
  },
  {
    name: "lock",
    summary: "lock or unlock an application or the card",
    description:
      "Locks an application or the whole card, takes a lock off again, or terminates the card for ever. Locking and terminating the card ask first.",
    arrange: (command) =>
      command
        .argument("[aid]", "application")
        .option("--unlock", "take the lock off")
        .option("--card", "the card: nothing but its issuer's domain can be selected")
        .option("--terminate", "the end of the card; nothing takes it back"),
    examples: [
      "lock emu:band-s1 A0000000041010 --keys test:issuer-domain",
      "lock pcsc: --card --unlock --keys keys.yaml:lab",
    ],
    load: async () => (await import("../commands/se-lock.js")).lock,
  },
];
