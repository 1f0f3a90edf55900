import { expect, test } from "vitest";
import { lifeCycleName, registryTree, type Branch } from "../../../src/device/se/registry-tree.js";
import { decodeRegistry, type RegistryEntry } from "../../../src/protocols/gp/registry.js";
import { hex, unhex } from "../../../src/util/bytes.js";

const app = (aid: string, domain?: string, privileges: RegistryEntry["privileges"] = new Set()): RegistryEntry => ({
  aid: unhex(aid),
  lifeCycle: 0x07,
  privileges,
  ...(domain !== undefined && { domain: unhex(domain) }),
});
const shape = (branches: readonly Branch[]): unknown[] =>
  branches.map(({ entry, kind, below }) => [hex(entry.aid), kind, ...shape(below)]);

test("the issuer's entry of a real card", () => {
  // GlobalPlatformPro, TestParseTags.java (2022): an entry with tags that nobody asked for.
  const [issuer] = decodeRegistry(
    unhex(
      "E3464F08A0000000030000009F700101C5039EFE80CF0140CF0141CF0142CF0143CF0180CF0181CF0182CF0183C40BD276000005AAFFCAFE0001CE020001CC08A000000003000000",
    ),
    "issuerDomain",
    "tlv",
  );
  expect(shape(registryTree({ issuer: issuer!, applications: [], loadFiles: [] }))).toEqual([
    ["A000000003000000", "issuer domain"],
  ]);
  expect(lifeCycleName(issuer!.lifeCycle, "issuer domain")).toBe("OP_READY");
  expect(issuer!.privileges!.size).toBe(13);
});

test("entries stand below their domain; those whose domain is not told at the top; circles end", () => {
  const domain = new Set(["securityDomain"] as const);
  const issuer = app("A000000151000000", undefined, domain);
  const tree = registryTree({
    issuer,
    applications: [
      app("F000000001", "F000000003"),
      app("F000000002"),
      app("F000000003", "A000000151000000", domain),
      app("F000000004", "F000000005", domain),
      app("F000000005", "F000000004", domain),
      app("F000000006", "F0000000FF"),
    ],
    loadFiles: [{ aid: unhex("F100000001"), lifeCycle: 1, domain: unhex("F000000003"), modules: [] }],
  });
  expect(shape(tree)).toEqual([
    [
      "A000000151000000",
      "issuer domain",
      ["F000000003", "domain", ["F000000001", "application"], ["F100000001", "load file"]],
    ],
    ["F000000002", "application"],
    ["F000000006", "application"],
    ["F000000004", "domain", ["F000000005", "domain"]],
  ]);
});

// GlobalPlatform Card Specification 2.3.1, tables 11-3, 11-4, 11-6.
test.each([
  [0x01, "issuer domain", "OP_READY"],
  [0x07, "issuer domain", "INITIALIZED"],
  [0x0f, "issuer domain", "SECURED"],
  [0x7f, "issuer domain", "CARD_LOCKED"],
  [0xff, "issuer domain", "TERMINATED"],
  [0x03, "application", "INSTALLED"],
  [0x07, "application", "SELECTABLE"],
  [0x0f, "domain", "PERSONALIZED"],
  [0x87, "application", "LOCKED (SELECTABLE)"],
  [0x17, "application", "17"],
  [0x01, "load file", "LOADED"],
] as const)("state %i of %s is %s", (state, kind, name) => {
  expect(lifeCycleName(state, kind)).toBe(name);
});
