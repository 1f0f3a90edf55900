# Manages the secure element in a PC/SC reader as GlobalPlatform tools do: SELECT and GET DATA, then sessions of SCP03 or SCP02 at the levels asked
# for, and sessions that somebody spoils. Knows nothing of tapbench: pyscard, and scp_witness.py for the secure channel.
# Arguments: reader, key, levels. Prints one JSON document; bytes are hexadecimal.
import json
import os
import sys

from smartcard.CardConnection import CardConnection
from smartcard.System import readers

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "support"))
from scp_witness import Refused, Scp02, Scp03

HOST_CHALLENGE = bytes.fromhex("C81ED3B6B3DEF556")
GET_STATUS = {"domain": "80F28002024F0000", "applications": "80F24002024F0000", "none": "80F24002074F05A1A2A3A4A500"}

reader = next(each for each in readers() if str(each) == sys.argv[1])
key = bytes.fromhex(sys.argv[2])
levels = [int(level, 16) for level in sys.argv[3:]]
connection = reader.createConnection()
connection.connect(CardConnection.T1_protocol)


def send(apdu):
    data, sw1, sw2 = connection.transmit(list(apdu))
    return bytes(data) + bytes([sw1, sw2])


def shown(value):
    return value.hex().upper()


def raw(apdu):
    return shown(send(bytes.fromhex(apdu)))


def value_of(tag, data):
    """The value of a tag of one byte with a length of one byte, anywhere."""
    at = data.index(tag)
    return data[at + 2 : at + 2 + data[at + 1]]


def initialize(with_key):
    """SELECT, INITIALIZE UPDATE: the host's end, and what the card said."""
    aid = value_of(0x84, send(bytes.fromhex("00A4040000")))
    answer = send(bytes.fromhex("8050000008") + HOST_CHALLENGE + b"\x00")
    if answer[-2:] != b"\x90\x00":
        sys.exit("INITIALIZE UPDATE: " + shown(answer))
    if answer[11] == 2:
        sequence, card, cryptogram = answer[12:14], answer[14:20], answer[20:28]
        host = Scp02(with_key, with_key, HOST_CHALLENGE, card, sequence)
        challenge = Scp02.challenge(key, sequence, aid)
    else:
        card, cryptogram, sequence = answer[13:21], answer[21:29], answer[29:32]
        host = Scp03(with_key, with_key, HOST_CHALLENGE, card)
        challenge = Scp03.challenge(key, sequence, aid, 8)
    told = {
        "aid": aid,
        "update": answer[10:],
        "pseudo-random": challenge == card,
        "cryptogram": cryptogram == host.card_cryptogram,
    }
    return host, told


def ask(host, plain):
    """One secured exchange: the plain answer, and how long it was on the wire."""
    answer = send(host.wrap(bytes.fromhex(plain)))
    try:
        return {"wire": len(answer), "plain": host.unwrap_response(answer)}
    except Refused as refused:
        return {"wire": len(answer), "refused": str(refused)}


def ask_without_le(host, plain):
    """The same where the card must be asked for its answer: 61xx, and GET RESPONSE outside of secure messaging."""
    first = send(host.wrap(bytes.fromhex(plain)))
    answer = send(bytes.fromhex("00C00000") + first[-1:])
    return {"first": first, "plain": host.unwrap_response(answer)}


def session(level):
    host, told = initialize(key)
    told["authenticate"] = send(host.authenticate(level))
    told["status"] = {name: ask(host, apdu) for name, apdu in GET_STATUS.items()}
    told["without data"] = ask(host, "80CA9F7F00")
    told["without Le"] = ask_without_le(host, "80F28002024F00")
    return told


def stored():
    """STORE DATA of the issuer identification number, and what anybody reads afterwards."""
    host = opened(levels[-1])
    answer = host.unwrap_response(send(host.wrap(bytes.fromhex("80E290000642045413330F00"))))
    return [answer, bytes.fromhex(raw("00A4040000"))[-2:], bytes.fromhex(raw("80CA004200"))]


def opened(level):
    host, _ = initialize(key)
    if send(host.authenticate(level)) != b"\x90\x00":
        sys.exit("EXTERNAL AUTHENTICATE")
    return host


def spoiled(changed):
    """What the card says to a spoiled command, and then to a good one."""
    host = opened(levels[-1])
    bad = send(changed(host.wrap(bytes.fromhex(GET_STATUS["domain"]))))
    return [bad, send(host.wrap(bytes.fromhex(GET_STATUS["domain"])))]


def flipped(apdu, at):
    at %= len(apdu)
    return apdu[:at] + bytes([apdu[at] ^ 1]) + apdu[at + 1 :]


def wrong_key():
    host, told = initialize(bytes(reversed(key)))
    refused = send(host.authenticate(0x01))
    again = send(host.authenticate(0x01))
    return {"cryptogram": told["cryptogram"], "authenticate": [refused, again], "afterwards": session(0x01)["authenticate"]}


def wrong_mac():
    host, _ = initialize(key)
    return send(flipped(host.authenticate(0x01), -1))


def level_that_is_not_offered():
    host, _ = initialize(key)
    return send(host.authenticate(0x02))


result = {
    "identity": {apdu: raw(apdu) for apdu in ("00A4040000", "80CA9F7F00", "80CA006600", "80CA00E000", "80CA00C100", "80CA004200")},
    "before authentication": [raw(GET_STATUS["domain"]), raw("84" + GET_STATUS["domain"][2:])],
    "levels": {"%02X" % level: session(level) for level in levels},
    "stored": stored(),
    "wrong MAC": spoiled(lambda apdu: flipped(apdu, -2)),
    "changed data": spoiled(lambda apdu: flipped(apdu, 6)),
    "unsecured": spoiled(lambda apdu: bytes.fromhex(GET_STATUS["domain"])),
    "wrong key": wrong_key(),
    "wrong MAC of EXTERNAL AUTHENTICATE": wrong_mac(),
    "level 02": level_that_is_not_offered(),
    "EXTERNAL AUTHENTICATE alone": [raw("00A4040000")[-4:], shown(send(Scp03(key, key, HOST_CHALLENGE, bytes(8)).authenticate(1)))],
}
connection.disconnect()
print(json.dumps(result, default=shown))
