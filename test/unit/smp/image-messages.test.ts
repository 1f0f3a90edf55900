import { describe, expect, test } from "vitest";
import { image } from "../../../src/protocols/smp/groups/image.js";
import type { Command } from "../../../src/protocols/smp/command.js";
import { asVersion1, groupResult, resultName } from "../../../src/protocols/smp/results.js";
import { hex, unhex } from "../../../src/util/bytes.js";

/*
 * Maps as in Zephyr's documentation of SMP group 1, keys in the order in which its img_mgmt_state.c writes them, encoded by python3-cbor2 5.4.6
 * (cbor2.dumps).
 */
const HASH = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";
const REVERSED = "1F1E1D1C1B1A191817161514131211100F0E0D0C0B0A09080706050403020100";

type Row = readonly [
  name: string,
  message: Command<never, unknown>["request" | "response"],
  value: object,
  bytes: string,
];

const ROWS: readonly Row[] = [
  [
    "state",
    image.state.response,
    {
      images: [
        {
          slot: 0,
          version: "2.0.4",
          hash: unhex(HASH),
          bootable: true,
          pending: false,
          confirmed: true,
          active: true,
          permanent: false,
        },
        {
          slot: 1,
          version: "2.1.0.5",
          hash: unhex(REVERSED),
          bootable: true,
          pending: true,
          confirmed: false,
          active: false,
          permanent: false,
        },
      ],
      splitStatus: 0,
    },
    `A266696D6167657382A864736C6F74006776657273696F6E65322E302E3464686173685820${HASH}68626F6F7461626C65F56770656E64696E67F469636F6E6669726D6564F566616374697665F5697065726D616E656E74F4A864736C6F74016776657273696F6E67322E312E302E3564686173685820${REVERSED}68626F6F7461626C65F56770656E64696E67F569636F6E6669726D6564F466616374697665F4697065726D616E656E74F46B73706C697453746174757300`,
  ],
  [
    "state of one image of several, flags that are set only",
    image.state.response,
    {
      images: [
        {
          image: 1,
          slot: 0,
          version: "1.0.0",
          hash: unhex(HASH),
          bootable: true,
          confirmed: true,
          active: true,
        },
      ],
    },
    `A166696D6167657381A765696D6167650164736C6F74006776657273696F6E65312E302E3064686173685820${HASH}68626F6F7461626C65F569636F6E6669726D6564F566616374697665F5`,
  ],
  ["test", image.setState.request, { hash: unhex(HASH), confirm: false }, `A264686173685820${HASH}67636F6E6669726DF4`],
  ["confirm", image.setState.request, { confirm: true }, "A167636F6E6669726DF5"],
  [
    "first piece",
    image.upload.request,
    { image: 1, len: 300_000, off: 0, sha: unhex(HASH), data: unhex("3DB8F396"), upgrade: true },
    `A665696D61676501636C656E1A000493E0636F666600637368615820${HASH}6464617461443DB8F3966775706772616465F5`,
  ],
  [
    "another piece",
    image.upload.request,
    { off: 70_000, data: unhex("010203") },
    "A2636F66661A00011170646461746143010203",
  ],
  ["how far it is", image.upload.response, { off: 4096 }, "A1636F6666191000"],
  ["the end", image.upload.response, { off: 300_000, match: true }, "A2636F66661A000493E0656D61746368F5"],
  ["erase", image.erase.request, { slot: 3 }, "A164736C6F7403"],
  [
    "slot info",
    image.slotInfo.response,
    {
      images: [
        {
          image: 0,
          slots: [
            { slot: 0, size: 425_984 },
            { slot: 1, size: 425_984, upload_image_id: 2 },
          ],
          max_image_size: 417_792,
        },
      ],
    },
    "A166696D6167657381A365696D6167650065736C6F747382A264736C6F74006473697A651A00068000A364736C6F74016473697A651A000680006F75706C6F61645F696D6167655F6964026E6D61785F696D6167655F73697A651A00066000",
  ],
];

test.each(ROWS)("%s", (_name, message, value, bytes) => {
  expect(hex(message.encode(value as never))).toBe(bytes);
  expect(message.decode(unhex(bytes))).toEqual(value);
});

test("numbers and operations", () => {
  expect(Object.values(image).map(({ name, group, id, op }) => [name, group, id, op])).toEqual([
    ["image.state", 1, 0, "read"],
    ["image.set-state", 1, 0, "write"],
    ["image.upload", 1, 1, "write"],
    ["image.erase", 1, 5, "write"],
    ["image.slot-info", 1, 6, "read"],
  ]);
});

test.each([
  [image.state.response, "A166696D6167657380"],
  [image.upload.request, "A0"],
  [image.erase.request, ""],
] as const)("what may be absent is: %#", (message, bytes) => {
  expect(() => message.decode(unhex(bytes))).not.toThrow();
});

test.each([
  [image.state.response, "A0", "codec/bad-value"],
  [image.state.response, "A166696D616765738164736C6F74", "codec/bad-value"],
  [image.upload.request, "A1636F666620", "codec/bad-value"],
  [image.upload.request, "A1636F66661B0000000100000000", "codec/bad-value"],
  [image.setState.request, `A164686173685841${"00".repeat(65)}`, "codec/too-long"],
] as const)("refused: %#", (message, bytes, code) => {
  expect(() => message.decode(unhex(bytes))).toThrow(expect.objectContaining({ code }) as Error);
});

// Numbers of img_mgmt_err_code_t, and img_mgmt_translate_error_code, in Zephyr's img_mgmt.h and img_mgmt.c.
describe("codes", () => {
  test.each([
    ["no image", 3, "no entry"],
    ["no TLVs", 4, "no entry"],
    ["hash not found", 8, "unknown"],
    ["no free slot", 9, "bad state"],
    ["flash write failed", 12, "unknown"],
    ["flash erase failed", 13, "unknown"],
    ["invalid slot", 14, "invalid"],
    ["no free memory", 15, "no memory"],
    ["invalid page offset", 19, "invalid"],
    ["invalid offset", 20, "invalid"],
    ["invalid length", 21, "invalid"],
    ["invalid image header", 22, "invalid"],
    ["invalid image header magic", 23, "unknown"],
    ["invalid hash", 24, "invalid"],
    ["invalid flash address", 25, "invalid"],
    ["version not known", 26, "unknown"],
    ["current version is newer", 27, "bad state"],
    ["image already pending", 28, "bad state"],
    ["image too large", 30, "unknown"],
    ["more data than announced", 31, "unknown"],
    ["confirmation denied", 32, "unknown"],
    ["the active slot cannot be tested", 33, "unknown"],
    ["active slot not known", 34, "unknown"],
  ])("%s is %i, and '%s' in version 1", (name, number, version1) => {
    expect(groupResult(1, name)).toBe(number);
    expect(resultName(asVersion1(1, number))).toBe(version1);
  });
});
