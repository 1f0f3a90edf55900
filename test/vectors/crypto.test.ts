import { expect, it } from "vitest";
import { retailMac } from "../../src/crypto/des.js";
import { padOne, padZeros } from "../../src/crypto/padding.js";
import {
  cryptogramRecipe,
  mchipCryptogram,
  type CryptogramRecipe,
  type CryptogramVersionName,
} from "../../src/emv/cryptogram-versions.js";
import { applicationCryptogram, arpc1, arpc2 } from "../../src/emv/cryptogram.js";
import { cvc3, ivCvc3 } from "../../src/emv/cvc3.js";
import { commonSessionKey, iccMasterKey, iccMasterKeyA, treeSessionKey, visaSessionKey } from "../../src/emv/keys.js";
import {
  commandMac,
  encryptCommandData,
  pinBlock2,
  visPinBlock,
  type CommandEncryption,
} from "../../src/emv/secure-messaging.js";
import { concat, hex, NO_BYTES, readUint, unhex } from "../../src/util/bytes.js";
import { describeVectors } from "../support/vectors.js";

type Inputs = Readonly<Record<string, string | number | null>>;
interface Case {
  readonly id: string;
  readonly fn: string;
  readonly in: Inputs;
  readonly out: string;
}
interface Step {
  readonly op: string;
  readonly in: Inputs;
  readonly out: string;
}
interface Profile {
  readonly profile: string;
  readonly keys: {
    readonly iss_mk_ac: string;
    readonly iss_mk_smi: string;
    readonly iss_mk_smc: string;
    readonly pan: string;
    readonly psn: string;
  };
  readonly steps: readonly Step[];
}

/** The inputs of one case, by name. */
function inputs(values: Inputs) {
  const text = (name: string): string | undefined =>
    values[name] === null || values[name] === undefined ? undefined : String(values[name]);
  return {
    text,
    bytes: (name: string): Uint8Array => unhex(text(name) ?? ""),
    number: (name: string, otherwise = 0): number => Number(values[name] ?? otherwise),
  };
}
type In = ReturnType<typeof inputs>;

const CALLS: Readonly<Record<string, (given: In) => Uint8Array>> = {
  "kd.derive_icc_mk_a": ({ bytes, text }) => iccMasterKeyA(bytes("iss_mk"), text("pan") ?? "", text("psn")),
  "kd.derive_common_sk": ({ bytes }) => commonSessionKey(bytes("icc_mk"), bytes("r")),
  "kd.derive_visa_sm_sk": ({ bytes }) => visaSessionKey(bytes("icc_mk"), bytes("atc")),
  "kd.derive_emv2000_tree_sk": ({ bytes, number }) =>
    treeSessionKey(bytes("icc_mk"), bytes("atc"), {
      height: number("height"),
      branches: number("branch_factor"),
      iv: bytes("iv"),
    }),
  "ac.generate_ac": ({ bytes, text }) =>
    applicationCryptogram(bytes("sk_ac"), bytes("data"), text("padding_type") === "VISA" ? 1 : 2),
  "ac.generate_arpc_1": ({ bytes }) => arpc1(bytes("sk_ac"), bytes("arqc"), bytes("arpc_rc")),
  "ac.generate_arpc_2": ({ bytes }) => arpc2(bytes("sk_ac"), bytes("arqc"), bytes("csu"), bytes("prop_auth_data")),
  "cvv.generate_cvc3": ({ bytes }) =>
    cvc3(bytes("icc_cvc3"), ivCvc3(bytes("icc_cvc3"), bytes("track_template")), bytes("un"), bytes("atc")),
  "mac.mac_iso9797_3": ({ bytes, number }) =>
    retailMac(concat(bytes("key1"), bytes("key2")), (number("padding") === 1 ? padZeros : padOne)(bytes("data"))),
  "mac.pad_iso9797_1": ({ bytes, number }) => padZeros(bytes("data"), number("block_size", 8)),
  "mac.pad_iso9797_2": ({ bytes, number }) => padOne(bytes("data"), number("block_size", 8)),
  "sm.encrypt_command_data": ({ bytes, text }) =>
    encryptCommandData(
      bytes("sk_smc"),
      bytes("command_data"),
      (text("encryption_type") ?? "").toLowerCase() as CommandEncryption,
    ),
  "sm.generate_command_mac": ({ bytes }) => commandMac(bytes("sk_smi"), bytes("command")),
  "sm.format_iso9564_2_pin_block": ({ text }) => pinBlock2(text("pin") ?? ""),
  "sm.format_vis_pin_block": ({ bytes, text }) =>
    visPinBlock(bytes("icc_mk_ac"), text("pin") ?? "", text("current_pin")),
};

describeVectors<{ readonly cases: readonly Case[] }>("crypto_kd_ac_sm", ({ cases }) => {
  it("has all 55 cases", () => expect(cases).toHaveLength(55));

  it.each(cases.map((one) => [one.id, one] as const))("%s", (_id, one) => {
    const out = CALLS[one.fn]!(inputs(one.in));
    // a CVC3 is printed as the decimal number that goes into a track
    expect(one.fn === "cvv.generate_cvc3" ? String(readUint(out)) : hex(out)).toBe(one.out);
  });
});

const VERSION_OF: Readonly<Record<string, CryptogramVersionName>> = {
  VisaCVN10: "visa-10",
  VisaCVN18: "visa-18",
  VisaCVN22: "visa-22",
  InteracCVN133: "interac-133",
  MasterCardCVN16: "mchip-16",
  MasterCardCVN17: "mchip-17",
  MasterCardCVN20: "mchip-20",
  MasterCardCVN21: "mchip-21",
};
const MCHIP_CVN = { "mchip-16": 0x10, "mchip-17": 0x11, "mchip-20": 0x14, "mchip-21": 0x15 } as const;

/** 9F10 where the vectors give only what stands in it. */
function iadOf({ bytes, text }: In, recipe: CryptogramRecipe): Uint8Array {
  if (text("tag_9f10") !== undefined) return bytes("tag_9f10");
  const { scheme, cvn } = recipe.version;
  if (scheme === "visa") return concat(Uint8Array.of(0x06, 0x01, cvn), bytes("cvr"));
  return concat(Uint8Array.of(0x01, cvn), bytes("cvr"), unhex("0000"), bytes("counters"));
}

describeVectors<{ readonly profiles: readonly Profile[] }>("crypto_cvn_profiles", ({ profiles }) => {
  it("has all 8 profiles, each with its recipe", () => {
    expect(profiles.map(({ profile }) => profile)).toEqual(Object.keys(VERSION_OF));
    expect(profiles.flatMap(({ steps }) => steps)).toHaveLength(35);
  });

  const steps = profiles.flatMap((profile) =>
    profile.steps.map((step, at) => [`${profile.profile} ${at + 1} ${step.op}`, profile, step] as const),
  );
  it.each(steps)("%s", (_name, profile, step) => {
    const recipe = cryptogramRecipe(VERSION_OF[profile.profile]!);
    const given = inputs(step.in);
    const { bytes, text } = given;
    const masterKey = (key: "iss_mk_ac" | "iss_mk_smi" | "iss_mk_smc") =>
      iccMasterKey(unhex(profile.keys[key]), profile.keys.pan, profile.keys.psn);
    const first = inputs(profile.steps[0]!.in); // later steps repeat only some of the transaction's data
    const atc = first.bytes("tag_9f36");
    const un = first.bytes("tag_9f37");
    const context = { atc, arqc: bytes("tag_9f26") };
    const script = (header: Uint8Array, data: Uint8Array) =>
      recipe.scriptMac(recipe.scriptKey(masterKey("iss_mk_smi"), context), context, header, data);

    switch (step.op) {
      case "generate_ac": {
        const valueOf = (tag: number) => (tag === 0x9f10 ? iadOf(given, recipe) : bytes(`tag_${tag.toString(16)}`));
        const sessionKey = recipe.sessionKey(masterKey("iss_mk_ac"), atc, un);
        expect(hex(recipe.cryptogram(sessionKey, recipe.data(valueOf)))).toBe(step.out);
        break;
      }
      case "generate_arpc": {
        const master = masterKey("iss_mk_ac");
        const keys = { master, session: recipe.sessionKey(master, atc, un) };
        const answer =
          text("csu") === undefined
            ? bytes("arpc_rc")
            : { csu: bytes("csu"), proprietary: bytes("proprietary_auth_data") };
        expect(hex(recipe.arpc(keys, bytes("tag_9f26"), answer))).toBe(step.out);
        break;
      }
      case "generate_command_mac":
        expect(hex(script(bytes("command_header"), bytes("command_data")))).toBe(step.out);
        break;
      case "generate_pin_change_command": {
        const block = recipe.pinBlock(masterKey("iss_mk_ac"), text("pin") ?? "", text("current_pin"));
        const data = recipe.scriptData(recipe.scriptKey(masterKey("iss_mk_smc"), context), block);
        const header = concat(
          unhex(text("current_pin") === undefined ? "84240002" : "84240001"),
          Uint8Array.of(data.length + 8),
        );
        expect(hex(concat(header, data, script(header, data)))).toBe(step.out);
        break;
      }
      default:
        expect.unreachable(`no step is called ${step.op}`);
    }
  });

  it.each(profiles.filter(({ profile }) => profile.startsWith("MasterCard")).map((one) => [one.profile, one] as const))(
    "%s, by the card's short way from CDOL1",
    (name, { keys, steps: [first] }) => {
      const recipe = mchipCryptogram(MCHIP_CVN[VERSION_OF[name] as keyof typeof MCHIP_CVN]);
      const given = inputs(first!.in);
      const cdol1 = concat(
        ...["9f02", "9f03", "9f1a", "95", "5f2a", "9a", "9c", "9f37"].map((tag) => given.bytes(`tag_${tag}`)),
      );
      const data = recipe.fromCdol1(cdol1, given.bytes("tag_82"), given.bytes("tag_9f36"), iadOf(given, recipe));
      const key = recipe.sessionKey(
        iccMasterKey(unhex(keys.iss_mk_ac), keys.pan, keys.psn),
        given.bytes("tag_9f36"),
        given.bytes("tag_9f37"),
      );
      expect(hex(recipe.cryptogram(key, data))).toBe(first!.out);
      expect(data).not.toEqual(NO_BYTES);
    },
  );
});
