# Prints test/unit/gp/scp-matrix.txt: sessions as scp_witness.py works them out, one for each cell of key length, mode and level of SCP03, and of SCP02's
# options and levels. Line by line: what it is, the answer to INITIALIZE UPDATE (host challenge in front), EXTERNAL AUTHENTICATE, then commands (>) and
# answers (<), plain and secured.
import sys

sys.dont_write_bytecode = True
from scp_witness import Scp02, Scp03

AID = bytes.fromhex("A000000151000000")
DIVERSIFICATION = bytes.fromhex("00112233445566778899")
VERSION = 0x30
SEQUENCE = 1
HOST = bytes.fromhex("6B1F0C9A44D2E8573A95B7C10E2F6D84")
# Cases 1 to 4 of ISO/IEC 7816-4; data of less than a block, of one and of two; answers without data, with them, warnings, an error.
STEPS = [
    ("80F22002", "9000"),
    ("80CA006600", "BF3E125A10890821199000000000000000000000059000"),
    ("80E2800010000102030405060708090A0B0C0D0E0F", "9000"),
    ("80F28002024F0000", "101112131415161718191A1B1C1D1E1F6310"),
    ("80F24002074F05A1A2A3A4A500", "6A88"),
    ("80F0800F", "6283"),
    ("81E200011F" + "5A" * 31 + "00", "C3" * 31 + "9000"),
]


def key(first, length):
    return bytes((first + i) & 0xFF for i in range(length))


def printed(title, make, level, answer):
    host, card = make(), make()
    authenticate = host.authenticate(level)
    card.accept(authenticate)
    print(title)
    print("=", answer)
    print("=", authenticate.hex().upper())
    for command, response in STEPS:
        secured = host.wrap(bytes.fromhex(command))
        assert card.unwrap(secured).hex().upper() == command
        answered = card.wrap_response(bytes.fromhex(response))
        assert host.unwrap_response(answered).hex().upper() == response
        print(">", command, secured.hex().upper())
        print("<", response, answered.hex().upper())
    print()


def scp03(length, size, level):
    i = {0x01: 0x10, 0x03: 0x10, 0x13: 0x30, 0x33: 0x70}[level] | (size == 16)
    enc, mac, host = key(0x00, length), key(0x10, length), HOST[:size]
    sequence = SEQUENCE.to_bytes(3, "big")
    card = Scp03.challenge(enc, sequence, AID, size)
    answer = DIVERSIFICATION + bytes([VERSION, 3, i]) + card + Scp03(enc, mac, host, card).card_cryptogram + sequence
    title = "SCP03 AES-%d S%d level %02X i %02X" % (length * 8, size, level, i)
    printed(title, lambda: Scp03(enc, mac, host, card), level, host.hex().upper() + " " + answer.hex().upper())


def scp02(i, level):
    enc, mac, host = key(0x00, 16), key(0x10, 16), HOST[:8]
    sequence = SEQUENCE.to_bytes(2, "big")
    card = Scp02.challenge(mac, sequence, AID) if i == 0x55 else bytes.fromhex("D49E70215BC3")
    cryptogram = Scp02(enc, mac, host, card, sequence).card_cryptogram
    answer = DIVERSIFICATION + bytes([VERSION, 2]) + sequence + card + cryptogram
    title = "SCP02 level %02X i %02X" % (level, i)
    printed(title, lambda: Scp02(enc, mac, host, card, sequence), level, host.hex().upper() + " " + answer.hex().upper())


for length in (16, 24, 32):
    for size in (8, 16):
        for level in (0x01, 0x03, 0x13, 0x33):
            scp03(length, size, level)
for i in (0x15, 0x55):
    for level in (0x01, 0x03):
        scp02(i, level)
