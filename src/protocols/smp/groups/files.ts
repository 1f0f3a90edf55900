import { blob, cborMessage, either, mapOf, maybe, record, text, uint } from "../../../codec/cbor-fields.js";
import { commandsOf, LONG_BYTES, Nothing, PATH } from "../command.js";

const SOURCE = "Zephyr, SMP group 8";
const TYPE = 16;

const DownloadRequest = cborMessage("smp.files.DOWNLOAD_REQUEST", `${SOURCE}, file download`, {
  off: [uint(), "first byte wanted"],
  name: [text(PATH), "absolute path"],
});
const DownloadResponse = cborMessage("smp.files.DOWNLOAD_RESPONSE", `${SOURCE}, file download`, {
  off: [uint(), "where the data lies"],
  data: [blob(LONG_BYTES), "a piece of the file; the device says how long"],
  len: [maybe(uint()), "length of the file, with the first piece"],
});
const UploadRequest = cborMessage("smp.files.UPLOAD_REQUEST", `${SOURCE}, file upload`, {
  off: [uint(), "where the data lies"],
  data: [blob(LONG_BYTES), "a piece of the file"],
  name: [text(PATH), "absolute path"],
  len: [maybe(uint()), "length of the file, with the first piece"],
});
const UploadResponse = cborMessage("smp.files.UPLOAD_RESPONSE", `${SOURCE}, file upload`, {
  off: [uint(), "bytes written so far"],
});
const NameRequest = cborMessage("smp.files.STATUS_REQUEST", `${SOURCE}, file status`, {
  name: [text(PATH), "absolute path"],
});
const StatusResponse = cborMessage("smp.files.STATUS_RESPONSE", `${SOURCE}, file status`, {
  len: [uint(), "length of the file"],
});
const HashRequest = cborMessage("smp.files.HASH_REQUEST", `${SOURCE}, file hash/checksum`, {
  name: [text(PATH), "absolute path"],
  type: [maybe(text(TYPE)), "crc32 (when absent) or sha256"],
  off: [maybe(uint()), "first byte, 0 when absent"],
  len: [maybe(uint()), "most bytes, all when absent"],
});
const HashResponse = cborMessage("smp.files.HASH_RESPONSE", `${SOURCE}, file hash/checksum`, {
  type: [text(TYPE), "which one it is"],
  off: [maybe(uint()), "first byte, where it is not 0"],
  len: [uint(), "bytes that it covers"],
  output: [
    either(uint(), blob(64), (value): value is number => !(value instanceof Uint8Array)),
    "crc32: a number; sha256: bytes",
  ],
});
const TypesResponse = cborMessage("smp.files.TYPES_RESPONSE", `${SOURCE}, supported hash/checksum types`, {
  types: [mapOf(record({ format: [uint(), "0 a number, 1 bytes"], size: [uint(), "bytes"] }), 16), "by name"],
});

const command = commandsOf(8, "files");

export const files = {
  download: command("download", 0, "read", "a piece of a file", DownloadRequest, DownloadResponse),
  upload: command("upload", 0, "write", "writes a piece of a file", UploadRequest, UploadResponse),
  status: command("status", 1, "read", "length of a file", NameRequest, StatusResponse),
  hash: command("hash", 2, "read", "checksum or hash of a file", HashRequest, HashResponse),
  types: command("types", 3, "read", "checksums and hashes that the device computes", Nothing, TypesResponse),
  close: command("close", 4, "write", "closes the file of a transfer that was not finished", Nothing, Nothing),
} as const;
