# GlobalPlatform's secure channels SCP03 (Amendment D) and SCP02 (Card Specification, appendix E), written from their public description with
# python3-cryptography, to hold an implementation against: nothing here comes from one. Both ends, whole sessions.
#
# Standard input: a JSON list of questions; standard output: the list of answers. Bytes are hexadecimal, upper case. A session is
#   {"scp": 3, "enc": KEY, "mac": KEY, "host": CHALLENGE, "card": CHALLENGE}                    challenges of 8 or 16 bytes: S8 or S16
#   {"scp": 2, "enc": KEY, "mac": KEY, "host": CHALLENGE, "card": CHALLENGE, "sequence": HEX}   card challenge of 6 bytes
# and a question one of
#   {"do": "challenge", "scp": 3, "enc": KEY, "sequence": HEX, "aid": HEX, "size": 8}    the pseudo-random card challenge
#   {"do": "challenge", "scp": 2, "mac": KEY, "sequence": HEX, "aid": HEX}
#   {"do": "keys", "session": S}                                    session keys and cryptograms
#   {"do": "host", "session": S, "level": L, "steps": [[plain command, secured response or null], ...]}
#       {"authenticate": APDU, "steps": [[secured command, plain response or null], ...]}     null: refused, or none asked
#   {"do": "card", "session": S, "authenticate": APDU, "steps": [[secured command, plain response], ...]}
#       {"accepted": bool, "steps": [[plain command or null, secured response or null], ...]}  ends with the first refusal
import json
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

try:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
except ImportError:
    TripleDES = algorithms.TripleDES

C_MAC, C_DECRYPTION, R_MAC, R_ENCRYPTION = 0x01, 0x02, 0x10, 0x20


class Refused(Exception):
    pass


def crypt(algorithm, mode, data, decrypt=False):
    cipher = Cipher(algorithm, mode)
    run = cipher.decryptor() if decrypt else cipher.encryptor()
    return run.update(data) + run.finalize()


def pad(data, block):
    """ISO/IEC 9797-1 padding method 2."""
    data += b"\x80"
    return data + bytes(-len(data) % block)


def unpad(data):
    bare = data.rstrip(b"\x00")
    if not bare.endswith(b"\x80"):
        raise Refused("padding")
    return bare[:-1]


def parsed(apdu):
    """Header, data, Le: a number or None, and whether the lengths have their extended form."""
    header, body = apdu[:4], apdu[4:]
    if len(header) < 4:
        raise Refused("short")
    if not body:
        return header, b"", None, False
    extended = len(body) > 1 and body[0] == 0
    size = 2 if extended else 1
    if extended:
        body = body[1:]
    if len(body) == size:
        return header, b"", le_of(body), extended
    lc, rest = int.from_bytes(body[:size], "big"), body[size:]
    if lc == 0 or len(rest) - lc not in (0, size):
        raise Refused("lengths")
    return header, rest[:lc], le_of(rest[lc:]) if rest[lc:] else None, extended


def le_of(field):
    return int.from_bytes(field, "big") or 1 << 8 * len(field)


def lc_field(length, extended):
    return b"\x00" + length.to_bytes(2, "big") if extended else bytes([length])


def needs_extended(length, le, extended):
    return extended or length > 255 or (le or 0) > 256


def built(header, data, le, extended):
    extended = needs_extended(len(data), le, extended)
    out = header
    if data:
        out += lc_field(len(data), extended) + data
    if le is not None:
        if not extended:
            out += bytes([le & 0xFF])
        else:
            out += (b"" if data else b"\x00") + (le & 0xFFFF).to_bytes(2, "big")
    return out


def secured(cla):
    """Class byte with GlobalPlatform's secure messaging shown: channels 0 to 3, or 4 to 19."""
    return cla | (0x20 if cla & 0x40 else 0x04)


def unsecured(cla):
    if cla & 0x40:
        if cla & 0x30 != 0x20:
            raise Refused("no secure messaging, or chained")
        return cla & ~0x20
    if cla & 0x3C != 0x04:
        raise Refused("no secure messaging, or not GlobalPlatform's, or chained")
    return cla & ~0x04


def mac_header(header, lc, extended):
    """What a MAC sees: secure messaging, channel 0, the length with the MAC."""
    return bytes([(header[0] & 0x80) | 0x04]) + header[1:] + lc_field(lc, extended)


def is_error(sw):
    return sw != b"\x90\x00" and sw[0] not in (0x61, 0x62, 0x63)


class Scp03:
    def __init__(self, enc, mac, host, card):
        self.size = len(host)
        context = host + card
        self.s_enc = self.kdf(enc, 0x04, len(enc), context)
        self.s_mac = self.kdf(mac, 0x06, len(mac), context)
        self.s_rmac = self.kdf(mac, 0x07, len(mac), context)
        self.card_cryptogram = self.kdf(self.s_mac, 0x00, self.size, context)
        self.host_cryptogram = self.kdf(self.s_mac, 0x01, self.size, context)
        self.chaining = bytes(16)
        self.counter = 0
        self.level = 0

    @staticmethod
    def cmac(key, data):
        mac = CMAC(algorithms.AES(key))
        mac.update(data)
        return mac.finalize()

    @classmethod
    def kdf(cls, key, constant, size, context):
        """NIST SP 800-108 in counter mode: label of 12 bytes, separator, length in bits, counter, context."""
        fixed = bytes(11) + bytes([constant, 0]) + (size * 8).to_bytes(2, "big")
        blocks = (cls.cmac(key, fixed + bytes([i]) + context) for i in range(1, -(-size // 16) + 1))
        return b"".join(blocks)[:size]

    def keys(self):
        return {"enc": self.s_enc, "mac": self.s_mac, "rmac": self.s_rmac}

    def icv(self, response):
        block = self.counter.to_bytes(16, "big")
        if response:
            block = bytes([block[0] | 0x80]) + block[1:]
        return crypt(algorithms.AES(self.s_enc), modes.ECB(), block)

    def aes(self, data, response, decrypt=False):
        if len(data) % 16:
            raise Refused("not whole blocks")
        return crypt(algorithms.AES(self.s_enc), modes.CBC(self.icv(response)), data, decrypt)

    def command_mac(self, header, data, le=None, extended=False):
        """The next chaining value; its beginning is the MAC."""
        lc = len(data) + self.size
        return self.cmac(self.s_mac, self.chaining + mac_header(header, lc, needs_extended(lc, le, extended)) + data)

    def authenticate(self, level):
        self.level = level
        header = bytes([0x84, 0x82, level, 0x00])
        self.chaining = self.command_mac(header, self.host_cryptogram)
        return built(header, self.host_cryptogram + self.chaining[: self.size], None, False)

    def accept(self, apdu):
        header, data, le, _ = parsed(apdu)
        if header[:2] != b"\x84\x82" or header[3] or le is not None or len(data) != 2 * self.size:
            raise Refused("not EXTERNAL AUTHENTICATE")
        self.chaining = self.command_mac(header, data[: self.size])
        if data != self.host_cryptogram + self.chaining[: self.size]:
            raise Refused("cryptogram or MAC")
        self.level = header[2]

    def wrap(self, apdu):
        header, data, le, extended = parsed(apdu)
        self.counter += 1
        if self.level & C_DECRYPTION and data:
            data = self.aes(pad(data, 16), False)
        if self.level & C_MAC:
            self.chaining = self.command_mac(header, data, le, extended)
            data += self.chaining[: self.size]
            header = bytes([secured(header[0])]) + header[1:]
        return built(header, data, le, extended)

    def unwrap(self, apdu):
        header, data, le, extended = parsed(apdu)
        self.counter += 1
        if self.level & C_MAC:
            plain_header = bytes([unsecured(header[0])]) + header[1:]
            if len(data) < self.size:
                raise Refused("no MAC")
            data, mac = data[: -self.size], data[-self.size :]
            chaining = self.command_mac(header, data, le, extended)
            if chaining[: self.size] != mac:
                raise Refused("MAC")
            self.chaining, header = chaining, plain_header
        if self.level & C_DECRYPTION and data:
            data = unpad(self.aes(data, False, True))
        return built(header, data, le, extended)

    def response_mac(self, data, sw):
        return self.cmac(self.s_rmac, self.chaining + data + sw)[: self.size]

    def wrap_response(self, response):
        data, sw = response[:-2], response[-2:]
        if is_error(sw):
            return sw
        if self.level & R_ENCRYPTION and data:
            data = self.aes(pad(data, 16), True)
        if self.level & R_MAC:
            data += self.response_mac(data, sw)
        return data + sw

    def unwrap_response(self, response):
        data, sw = response[:-2], response[-2:]
        if is_error(sw):
            return sw
        if self.level & R_MAC:
            if len(data) < self.size:
                raise Refused("no R-MAC")
            data, mac = data[: -self.size], data[-self.size :]
            if self.response_mac(data, sw) != mac:
                raise Refused("R-MAC")
        if self.level & R_ENCRYPTION and data:
            data = unpad(self.aes(data, True, True))
        return data + sw

    @classmethod
    def challenge(cls, enc, sequence, aid, size):
        return cls.kdf(enc, 0x02, size, sequence + aid)


class Scp02:
    """i = 15 and 55: explicit initiation, C-MAC on the modified APDU, ICV encryption, three keys. No response protection."""

    def __init__(self, enc, mac, host, card, sequence):
        self.s_enc = self.derived(enc, 0x0182, sequence)
        self.s_mac = self.derived(mac, 0x0101, sequence)
        counted = sequence + card
        self.card_cryptogram = self.full_mac(host + counted)
        self.host_cryptogram = self.full_mac(counted + host)
        self.last = None
        self.level = 0

    @staticmethod
    def derived(key, constant, sequence):
        data = constant.to_bytes(2, "big") + sequence + bytes(12)
        return crypt(TripleDES(key + key[:8]), modes.CBC(bytes(8)), data)

    def keys(self):
        return {"enc": self.s_enc, "mac": self.s_mac}

    def full_mac(self, data):
        return crypt(TripleDES(self.s_enc + self.s_enc[:8]), modes.CBC(bytes(8)), pad(data, 8))[-8:]

    @staticmethod
    def retail_mac(key, data, icv):
        single = TripleDES(key[:8] * 3)
        data = pad(data, 8)
        if len(data) > 8:
            icv = crypt(single, modes.CBC(icv), data[:-8])[-8:]
        return crypt(TripleDES(key + key[:8]), modes.CBC(icv), data[-8:])

    def command_mac(self, header, data):
        icv = bytes(8) if self.last is None else crypt(TripleDES(self.s_mac[:8] * 3), modes.ECB(), self.last)
        return self.retail_mac(self.s_mac, mac_header(header, len(data) + 8, False) + data, icv)

    def authenticate(self, level):
        self.level = level
        header = bytes([0x84, 0x82, level, 0x00])
        self.last = self.command_mac(header, self.host_cryptogram)
        return built(header, self.host_cryptogram + self.last, None, False)

    def accept(self, apdu):
        header, data, le, _ = parsed(apdu)
        if header[:2] != b"\x84\x82" or header[3] or le is not None or len(data) != 16:
            raise Refused("not EXTERNAL AUTHENTICATE")
        self.last = self.command_mac(header, data[:8])
        if data != self.host_cryptogram + self.last:
            raise Refused("cryptogram or MAC")
        self.level = header[2]

    def des(self, data, decrypt=False):
        if len(data) % 8:
            raise Refused("not whole blocks")
        return crypt(TripleDES(self.s_enc + self.s_enc[:8]), modes.CBC(bytes(8)), data, decrypt)

    def wrap(self, apdu):
        header, data, le, extended = parsed(apdu)
        if not self.level & C_MAC:
            return apdu
        self.last = self.command_mac(header, data)
        if self.level & C_DECRYPTION and data:
            data = self.des(pad(data, 8))
        return built(bytes([secured(header[0])]) + header[1:], data + self.last, le, extended)

    def unwrap(self, apdu):
        header, data, le, extended = parsed(apdu)
        if not self.level & C_MAC:
            return apdu
        plain_header = bytes([unsecured(header[0])]) + header[1:]
        if len(data) < 8:
            raise Refused("no MAC")
        data, mac = data[:-8], data[-8:]
        if self.level & C_DECRYPTION and data:
            data = unpad(self.des(data, True))
        self.last = self.command_mac(header, data)
        if self.last != mac:
            raise Refused("MAC")
        return built(plain_header, data, le, extended)

    def wrap_response(self, response):
        return response

    def unwrap_response(self, response):
        return response

    @classmethod
    def challenge(cls, mac, sequence, aid):
        """i = 55: the first six bytes of a C-MAC over the security domain's AID."""
        return cls.retail_mac(cls.derived(mac, 0x0101, sequence), aid, bytes(8))[:6]


CHANNELS = {2: Scp02, 3: Scp03}


def opened(session):
    given = {name: bytes.fromhex(value) for name, value in session.items() if name != "scp"}
    return CHANNELS[session["scp"]](**given)


def or_refused(step, *given):
    try:
        return step(*given)
    except Refused:
        return None


def host(ask):
    end = opened(ask["session"])
    authenticate = end.authenticate(ask["level"])
    steps = []
    for command, response in ask["steps"]:
        sent = end.wrap(bytes.fromhex(command))
        got = None if response is None else or_refused(end.unwrap_response, bytes.fromhex(response))
        steps.append([sent, got])
    return {"authenticate": authenticate, "steps": steps}


def card(ask):
    end = opened(ask["session"])
    try:
        end.accept(bytes.fromhex(ask["authenticate"]))
    except Refused:
        return {"accepted": False, "steps": []}
    steps = []
    for command, response in ask["steps"]:
        plain = or_refused(end.unwrap, bytes.fromhex(command))
        if plain is None:
            steps.append([None, None])
            break
        steps.append([plain, end.wrap_response(bytes.fromhex(response))])
    return {"accepted": True, "steps": steps}


def challenge(ask):
    given = {name: bytes.fromhex(ask[name]) for name in ("enc", "mac", "sequence", "aid") if name in ask}
    if "size" in ask:
        given["size"] = ask["size"]
    return CHANNELS[ask["scp"]].challenge(**given)


def keys(ask):
    end = opened(ask["session"])
    return {**end.keys(), "card": end.card_cryptogram, "host": end.host_cryptogram}


QUESTIONS = {"host": host, "card": card, "challenge": challenge, "keys": keys}


def shown(value):
    return value.hex().upper()


if __name__ == "__main__":
    print(json.dumps([QUESTIONS[ask["do"]](ask) for ask in json.load(sys.stdin)], default=shown))
