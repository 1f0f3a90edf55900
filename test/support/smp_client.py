"""A client of MCUmgr's SMP that shares nothing with this repository: written from Zephyr's documentation of the protocol, its groups and its
transports, with python3-cbor2 and python3-serial. It asks, compares with literal bytes or with what another CBOR library reads, and says so.

    smp_client.py --udp 127.0.0.1:1337
    smp_client.py --serial /dev/ttyACM0 [--baud 115200]     console framing: base64 lines

One JSON line a check on standard output; exit code 0 when all hold, 1 when one does not, 2 when the wire failed.
"""

import argparse
import base64
import binascii
import json
import socket
import struct
import sys
import time
import zlib

import cbor2

READ, WRITE = 0, 2
WITHIN = 10.0
# A device that restarts hears nothing: ask it again after so long, and so often.
AGAIN, TRIES = 1.0, 30


class Udp:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((host, int(port)))

    def exchange(self, packet, within=WITHIN):
        self.socket.send(packet)
        return self.receive(within)

    def receive(self, within):
        self.socket.settimeout(within)
        return self.socket.recv(65535)


class Console:
    """Lines of at most 127 bytes: 06 09 or 04 14, base64, 0A. Inside: u16be length, packet, u16be CRC-16/XMODEM of the packet."""

    LINE = 93

    def __init__(self, path, baud):
        import serial

        self.port = serial.Serial(path, baud)
        self.text = []

    def type(self, lines, count):
        """Lines as they are, and the first `count` lines that come back."""
        self.port.timeout = WITHIN
        self.port.write(lines)
        return [self.port.readline() for _ in range(count)]

    def exchange(self, packet, within=WITHIN):
        framed = packet + struct.pack(">H", binascii.crc_hqx(packet, 0))
        framed = struct.pack(">H", len(framed)) + framed
        for at in range(0, len(framed), self.LINE):
            start = b"\x06\x09" if at == 0 else b"\x04\x14"
            self.port.write(start + base64.b64encode(framed[at : at + self.LINE]) + b"\n")
        return self.receive(within)

    def receive(self, within):
        self.port.timeout = within
        got, wanted = b"", None
        while wanted is None or len(got) < wanted:
            line = self.port.readline()
            if not line.endswith(b"\n"):
                raise TimeoutError("no answer on the serial line")
            line = line.strip(b"\r\n")
            if line.startswith(b"\x06\x09"):
                got = base64.b64decode(line[2:])
                wanted = 2 + struct.unpack(">H", got[:2])[0]
            elif line.startswith(b"\x04\x14") and wanted is not None:
                got += base64.b64decode(line[2:])
            else:
                self.text.append(line.decode("ascii", "replace"))
        answer, crc = got[2 : wanted - 2], struct.unpack(">H", got[wanted - 2 : wanted])[0]
        if binascii.crc_hqx(answer, 0) != crc:
            raise ValueError("the CRC of a frame is wrong")
        return answer


class Client:
    def __init__(self, wire):
        self.wire = wire
        self.sequence = 0x40
        self.given_up = set()
        self.failures = 0

    def tell(self, check, ok, got):
        self.failures += 0 if ok else 1
        print(json.dumps({"check": check, "ok": ok, "got": got}), flush=True)

    def literal(self, check, request, expected):
        """Bytes for bytes."""
        got = self.wire.exchange(bytes.fromhex(request)).hex()
        self.tell(check, got == expected.lower(), got)

    def ask(self, op, group, command, value, version=2, within=WITHIN):
        """One request with the next sequence number: the response's map."""
        self.sequence = (self.sequence + 1) % 256
        data = cbor2.dumps(value)
        head = struct.pack(">BBHHBB", (version - 1) << 3 | op, 0, len(data), group, self.sequence, command)
        answer = self.wire.exchange(head + data, within)
        while answer[6] in self.given_up:  # too late
            answer = self.wire.receive(within)
        first, flags, length, its_group, sequence, its_command = struct.unpack(">BBHHBB", answer[:8])
        assert first == (version - 1) << 3 | (op + 1), f"operation and version {first:02x}"
        assert (flags, its_group, sequence, its_command) == (0, group, self.sequence, command), answer[:8].hex()
        assert length == len(answer) - 8, f"length {length}"
        return cbor2.loads(answer[8:])

    def restarts(self, check, boots):
        """Asks how often it has booted until that is so often; the restart keeps it from answering for a while."""
        for _ in range(TRIES):
            try:
                got = self.ask(READ, 2, 0, {"name": "mcu"}, within=AGAIN)["fields"]["boots"]
            except (TimeoutError, ConnectionError):
                self.given_up.add(self.sequence)
                continue
            if got == boots:
                return self.tell(check, True, got)
            time.sleep(AGAIN / 10)
        self.tell(check, False, "no answer, or no restart")

    def holds(self, check, got, expected):
        self.tell(check, expected(got) if callable(expected) else got == expected, repr(got)[:200])


def console(client):
    """The lines themselves: two requests, what comes back, and what is no frame."""
    wire = client.wire
    # 0010 | the echo of version 2 below | CRC 6DDA. The answer differs in its operation and in "r": CRC 2A85.
    echo, echoed = b"\x06\x09ABAKAAAGAAACAKFhZGJoaW3a\n", b"\x06\x09ABALAAAGAAACAKFhcmJoaSqF\n"
    client.holds("a line", wire.type(echo, 1), [echoed])
    # Text between the two, a frame whose CRC is wrong, and one that is cut off by the next: one answer to each that is whole.
    torn = b"\x06\x09ABAKAAAGAAACAKFhZGJoaW3b\n" + b"\x06\x09AGAKAAAGAAACAKFhZGJoaW3a\n"
    client.holds("lines that are none", wire.type(torn + echo + echo, 2), [echoed, echoed])
    # The same frame in two lines, as a sender may break it: 12 bytes and 6.
    broken = b"\x06\x09ABAKAAAGAAACAKFh\n\x04\x14ZGJoaW3a\n"
    client.holds("a frame in two lines", wire.type(broken, 1), [echoed])


def run(client):
    # {"d": "hi"} -> {"r": "hi"}; version 1 and 2, as a write and as a read.
    client.literal("echo, version 1", "0200000600000100a16164626869", "0300000600000100a16172626869")
    client.literal("echo, version 2", "0a00000600000200a16164626869", "0b00000600000200a16172626869")
    client.literal("echo, read", "0800000600000300a16164626869", "0900000600000300a16172626869")
    # A map of indefinite length, as zcbor writes it.
    client.literal("echo, indefinite map", "0a00000700000400bf6164626869ff", "0b00000600000400a16172626869")
    # {"rc": 8}: not supported; {"rc": 3}: invalid.
    client.literal("no such group", "0a00000100320500a0", "0b00000500320500a162726308")
    client.literal("no such command", "0200000100000663a0", "0300000500000663a162726308")
    client.literal("not CBOR", "0a000001000007001f", "0b00000500000700a162726303")
    # The clock is not set: {"err": {"group": 0, "rc": 4}} in version 2, {"rc": 5} in version 1.
    client.literal("a group's error, version 2", "0800000100000804a0", "0900001100000804a163657272a26567726f75700062726304")
    client.literal("a group's error, version 1", "0000000100000904a0", "0100000500000904a162726305")

    parameters = client.ask(READ, 0, 6, {})
    client.holds("parameters", parameters, lambda got: got["buf_size"] >= 96 and got["buf_count"] >= 1)
    client.holds("info", client.ask(READ, 0, 7, {"format": "i"}), lambda got: len(got["output"]) > 0)
    client.holds("info, a letter that is none", client.ask(READ, 0, 7, {"format": "z"}), {"err": {"group": 0, "rc": 2}})
    client.holds("info, the same in version 1", client.ask(READ, 0, 7, {"format": "z"}, 1), {"rc": 3})
    client.holds("set the clock", client.ask(WRITE, 0, 4, {"datetime": "2026-06-15T10:00:00.000000+00:00"}), {})
    client.holds("read the clock", client.ask(READ, 0, 4, {}), lambda got: got["datetime"].startswith("2026-06-15T10:0"))

    client.holds("groups", client.ask(READ, 10, 1, {}), lambda got: {0, 2, 3, 8, 9, 10, 64} <= set(got["groups"]))
    names = client.ask(READ, 2, 1, {})["stat_list"]
    client.holds("statistics", client.ask(READ, 2, 0, {"name": names[0]}), lambda got: got["name"] == names[0])

    client.holds("write a setting", client.ask(WRITE, 3, 0, {"name": "py/a", "val": b"\x01\x02"}), {})
    client.holds("read it", client.ask(READ, 3, 0, {"name": "py/a"}), {"val": b"\x01\x02"})
    client.holds("a setting that is not there", client.ask(READ, 3, 0, {"name": "py/b"}), {"err": {"group": 3, "rc": 3}})

    content = bytes(range(256)) * 12
    piece = parameters["buf_size"] - 8 - 48
    at = 0
    while at < len(content):
        request = {"off": at, "data": content[at : at + piece], "name": "/lfs/py.bin"}
        if at == 0:
            request["len"] = len(content)
        got = client.ask(WRITE, 8, 0, request)
        expected = min(at + piece, len(content))
        if got != {"off": expected}:
            client.holds(f"upload at {at}", got, {"off": expected})
            break
        at = expected
    client.holds("upload", at, len(content))
    wrong = client.ask(WRITE, 8, 0, {"off": 7, "data": b"x", "name": "/lfs/py.bin"})
    client.holds("a wrong offset", wrong, {"err": {"group": 8, "rc": 11}, "len": len(content)})
    client.holds("status", client.ask(READ, 8, 1, {"name": "/lfs/py.bin"}), {"len": len(content)})
    crc = {"type": "crc32", "len": len(content), "output": zlib.crc32(content)}
    client.holds("checksum", client.ask(READ, 8, 2, {"name": "/lfs/py.bin"}), crc)
    read = b""
    while len(read) < len(content):
        got = client.ask(READ, 8, 0, {"off": len(read), "name": "/lfs/py.bin"})
        if got.get("off") != len(read) or not got.get("data") or (not read and got.get("len") != len(content)):
            break
        read += got["data"]
    client.holds("download", read == content, True)

    client.holds("shell", client.ask(WRITE, 9, 0, {"argv": ["version"]}), lambda got: got["ret"] == 0 and got["o"] != "")
    client.holds("shell, no such command", client.ask(WRITE, 9, 0, {"argv": ["nope"]}), lambda got: got["ret"] != 0)
    client.holds("shell, nothing", client.ask(WRITE, 9, 0, {"argv": []}), {"err": {"group": 9, "rc": 3}})
    # GET DATA for the card production life cycle: 9F7F, 2A bytes, 9000.
    cplc = client.ask(WRITE, 64, 0, {"d": bytes.fromhex("80CA9F7F00")})
    client.holds("secure element", cplc, lambda got: got["r"][:3].hex() == "9f7f2a" and got["r"][-2:].hex() == "9000")


    boots = client.ask(READ, 2, 0, {"name": "mcu"})["fields"]["boots"]
    client.literal("reset", "0a0000010000fe05a0", "0b0000010000fe05a0")
    client.restarts("it restarts", boots + 1)
    client.holds("a setting that was not saved", client.ask(READ, 3, 0, {"name": "py/a"}), {"err": {"group": 3, "rc": 3}})
    client.holds("a file is kept", client.ask(READ, 8, 1, {"name": "/lfs/py.bin"}), {"len": len(content)})


def main():
    parser = argparse.ArgumentParser()
    wires = parser.add_mutually_exclusive_group(required=True)
    wires.add_argument("--udp")
    wires.add_argument("--serial")
    parser.add_argument("--baud", type=int, default=115200)
    arguments = parser.parse_args()
    try:
        client = Client(Udp(arguments.udp) if arguments.udp else Console(arguments.serial, arguments.baud))
        if isinstance(client.wire, Console):
            console(client)
        run(client)
        if isinstance(client.wire, Console):
            client.holds("its log, between the frames", client.wire.text, lambda got: any(" mcu: boot 2" in line for line in got))
    except (OSError, AssertionError, ValueError, KeyError) as error:
        print(f"smp_client: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    return 1 if client.failures else 0


if __name__ == "__main__":
    sys.exit(main())
