import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { emulate } from "../../support/emulation.js";
import { PYTHON, READER } from "../../support/pcsc-client.js";
import { startPcscd, type Pcscd } from "../../support/pcscd.js";
import { missing } from "../../support/wires.js";

/*
 * Programs that are not ours manage the emulated element through pcscd, over the contactless interface: pyscard with secure channels of its own
 * (scp_witness.py), and opensc-tool.
 */

const MANAGEMENT = fileURLToPath(new URL("management.py", import.meta.url));
const KEY = "404142434445464748494A4B4C4D4E4F";

/** GET STATUS, plain: the issuer domain by itself; then the payment domain, the payment directory, the payment application and the CRS application. */
const ISSUER_DOMAIN = "E3134F08A0000001510000009F70010FC5039EFE80";
const APPLICATIONS =
  "E3284F09A000000151535041019F70020F01C503808000C407A0000001515350CC08A000000151000000" +
  "E3304F0E325041592E5359532E44444630319F70020701C503000000C409F05441504250505345CC09A00000015153504101" +
  "E32A4F07A00000000410109F70020701C503000000C40AF0544150424D43484950CC09A00000015153504101" +
  // The issuer's, deactivated over the air; privileges: global registry (04), contactless activation (20).
  "E3294F09A000000151435253009F70020700C503000420C408A000000151435253CC08A000000151000000";
const CPLC = /^9F7F2A54420001[0-9A-F]{76}$/;

interface Asked {
  readonly wire: number;
  readonly plain: string;
}

interface Managed {
  readonly identity: Readonly<Record<string, string>>;
  readonly levels: Readonly<
    Record<
      string,
      {
        readonly aid: string;
        readonly update: string;
        readonly "pseudo-random": boolean;
        readonly cryptogram: boolean;
        readonly authenticate: string;
        readonly status: Readonly<Record<"domain" | "applications" | "none", Asked>>;
        readonly "without data": Asked;
        readonly "without Le": { readonly first: string; readonly plain: string };
      }
    >
  >;
  readonly [refusal: string]: unknown;
}

async function manage(pcscd: Pcscd, reader: string, ...levels: readonly string[]): Promise<Managed> {
  const { code, out, err } = await pcscd.run(PYTHON, [MANAGEMENT, reader, KEY, ...levels]);
  expect(err).toBe("");
  expect(code).toBe(0);
  return JSON.parse(out) as Managed;
}

describe.skipIf(missing("pcsc") ?? missing("scp-witness"))("the emulated element, managed through pcscd", () => {
  let pcscd: Pcscd;
  let managed: Managed;
  beforeAll(async () => {
    pcscd = await startPcscd();
    await emulate(pcscd, "band-s1", "--seed", "7");
    managed = await manage(pcscd, READER, "01", "03", "13", "33");
  });
  afterAll(() => pcscd?.close());

  test("what it says of itself to anybody", () => {
    expect(managed.identity).toEqual({
      // FCI with the issuer domain's name, and 255 bytes as the longest command data.
      "00A4040000": "6F108408A000000151000000A5049F6501FF9000",
      "80CA9F7F00": expect.stringMatching(/^9F7F2A54420001[0-9A-F]{76}9000$/) as string,
      // Card recognition data: GlobalPlatform 2.3, identification scheme, SCP03 with i = 70 (OIDs under 1.2.840.114283).
      "80CA006600":
        "6631732F06072A864886FC6B01600C060A2A864886FC6B02020301630906072A864886FC6B03640B06092A864886FC6B0403709000",
      // Keys 1 to 3 of version 30, AES, 16 bytes.
      "80CA00E000": "E012C00401308810C00402308810C004033088109000",
      "80CA00C100": "C1030000009000",
      "80CA004200": "6A88",
    });
    expect(managed["before authentication"]).toEqual(["6982", "6982"]);
  });

  /*
   * The first session's challenge and cryptogram are a real card's: key 40..4F, domain A000000151000000, sequence counter 1 and this host
   * challenge (GlobalPlatformPro, issue 98, 2017). Only i differs: 10 there, 70 here.
   */
  test("the first answer to INITIALIZE UPDATE is a real card's", () => {
    expect(managed.levels["01"]!.update).toBe("30037086C8BD65FA1044EECF4A8EE6E34A43210000019000");
  });

  /** Bytes on the wire: GET STATUS of the domain, of applications, of nothing, and GET DATA of the CPLC; plain 21, 179, 0 and 45, then the status. */
  test.each([
    ["01", [23, 181, 2, 47]],
    ["03", [23, 181, 2, 47]],
    ["13", [31, 189, 2, 55]], // a MAC of 8 bytes
    ["33", [42, 202, 2, 58]], // whole blocks of 16 and a MAC
  ])("level %s: an authenticated GET STATUS, checked by the other program", (level, wire) => {
    const { status, ...told } = managed.levels[level]!;
    expect(told).toMatchObject({
      aid: "A000000151000000",
      "pseudo-random": true,
      cryptogram: true,
      authenticate: "9000",
    });
    const all = [status.domain, status.applications, status.none, told["without data"]];
    expect(all.map((one) => one.plain.slice(-4))).toEqual(["9000", "9000", "6A88", "9000"]);
    expect(all.map((one) => one.plain.slice(0, -4))).toEqual([
      ISSUER_DOMAIN,
      APPLICATIONS,
      "",
      expect.stringMatching(CPLC) as string,
    ]);
    expect(all.map((one) => one.wire)).toEqual(wire);
    // Without Le the whole answer waits: its bytes without the status word are announced.
    const announced = (wire[0]! - 2).toString(16).toUpperCase().padStart(2, "0");
    expect(told["without Le"]).toEqual({ first: `61${announced}`, plain: `${ISSUER_DOMAIN}9000` });
  });

  test("STORE DATA at level 33, and anybody reads what was stored", () => {
    expect(managed["stored"]).toEqual(["9000", "9000", "42045413330F9000"]);
  });

  test.each(["wrong MAC", "changed data", "unsecured"])("%s ends the session", (how) => {
    expect(managed[how]).toEqual(["6982", "6982"]);
  });

  test("wrong keys: a cryptogram that does not fit, 6300, and no second try with the same challenge", () => {
    expect(managed["wrong key"]).toEqual({ cryptogram: false, authenticate: ["6300", "6982"], afterwards: "9000" });
    expect(managed["wrong MAC of EXTERNAL AUTHENTICATE"]).toBe("6300");
  });

  test("a level that does not exist, and EXTERNAL AUTHENTICATE before INITIALIZE UPDATE", () => {
    expect(managed["level 02"]).toBe("6A86");
    expect(managed["EXTERNAL AUTHENTICATE alone"]).toEqual(["9000", "6982"]);
  });

  test("opensc-tool sends what GlobalPlatform tools begin with", async () => {
    const commands = ["00A4040000", "00A4040008A00000015100000000", "80CA006600", "00CA006600", "80F28002024F0000"];
    const { code, out } = await pcscd.run("opensc-tool", ["-c", "default", ...commands.flatMap((it) => ["-s", it])]);
    expect(code).toBe(0);
    const answers = [...out.matchAll(/SW1=0x(..), SW2=0x(..)\)(?::\n([\s\S]*?)(?=Sending|$))?/g)].map(
      ([, sw1, sw2, dump = ""]) => dump.replace(/^((?:[0-9A-F]{2} )+).*$/gm, "$1").replace(/\s/g, "") + sw1! + sw2!,
    );
    const { "00A4040000": select, "80CA006600": recognition } = managed.identity;
    expect(answers).toEqual([select, select, recognition, recognition, "6982"]);
  });
});

/** A profile of an element that speaks SCP02 with i = 55. */
const OLD_BAND = `
extends: band-s1
title: A band with an old element
element:
  card:
    scp: 2
    i: "55"
    issuerDomain: { aid: "A000000151000000", version: 48, keys: test:issuer-domain-des }
    paymentDomain: { aid: "A00000015153504101", version: 49, keys: test:issuer-domain-des }
`;

describe.skipIf(missing("pcsc") ?? missing("scp-witness"))("an old element, managed through pcscd with SCP02", () => {
  let pcscd: Pcscd;
  let folder: string;
  let managed: Managed;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "old-band-"));
    const profile = join(folder, "old-band.yaml");
    await writeFile(profile, OLD_BAND);
    pcscd = await startPcscd();
    await emulate(pcscd, profile, "--seed", "7");
    managed = await manage(pcscd, READER, "01", "03");
  });
  afterAll(async () => {
    await pcscd?.close();
    await rm(folder, { recursive: true, force: true });
  });

  // Key version 30, SCP02, sequence counter 1, and the challenge of a real card with this key, domain and counter (GPShell's, see scp02.test.ts).
  test("the challenge is a real card's", () => {
    expect(managed.levels["01"]!.update).toMatch(/^300200013C2B9786B83B[0-9A-F]{16}9000$/);
  });

  test.each(["01", "03"])("level %s: an authenticated GET STATUS", (level) => {
    const { status, ...told } = managed.levels[level]!;
    expect(told).toMatchObject({ "pseudo-random": true, cryptogram: true, authenticate: "9000" });
    expect([status.domain.plain, status.applications.plain, status.none.plain]).toEqual([
      `${ISSUER_DOMAIN}9000`,
      `${APPLICATIONS}9000`,
      "6A88",
    ]);
  });

  test("spoiled commands end the session; wrong keys are refused", () => {
    const spoiled = ["wrong MAC", "changed data", "unsecured"].map((how) => managed[how]);
    expect(spoiled).toEqual([
      ["6982", "6982"],
      ["6982", "6982"],
      ["6982", "6982"],
    ]);
    expect(managed["wrong key"]).toEqual({ cryptogram: false, authenticate: ["6300", "6982"], afterwards: "9000" });
    expect(managed["stored"]).toEqual(["9000", "9000", "42045413330F9000"]);
  });
});
