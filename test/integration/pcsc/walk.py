# Walks a payment card in a PC/SC reader as a terminal would: PPSE, SELECT, GET PROCESSING OPTIONS, every record of the AFL.
# Prints each command and its answer. Knows nothing of tapbench: pyscard, and the little TLV that is needed.
import sys

from smartcard.CardConnection import CardConnection
from smartcard.System import readers
from smartcard.util import toBytes, toHexString


def tlvs(data):
    """Top level of BER-TLV: a list of tag, value."""
    found, at = [], 0
    while at < len(data):
        tag = data[at]
        at += 1
        if tag & 0x1F == 0x1F:
            tag = tag << 8 | data[at]
            at += 1
        length = data[at]
        at += 1
        if length > 0x80:
            count = length & 0x7F
            length = int.from_bytes(bytes(data[at : at + count]), "big")
            at += count
        found.append((tag, data[at : at + length]))
        at += length
    return found


def find(data, wanted):
    """The first object with that tag, at any depth."""
    for tag, value in tlvs(data):
        if tag == wanted:
            return value
        constructed = (tag >> 8 if tag > 0xFF else tag) & 0x20
        if constructed:
            inner = find(value, wanted)
            if inner is not None:
                return inner
    return None


def send(connection, apdu):
    data, sw1, sw2 = connection.transmit(apdu)
    print("%s -> %s%02X%02X" % (toHexString(apdu, 1), toHexString(data, 1), sw1, sw2))
    if (sw1, sw2) != (0x90, 0x00):
        sys.exit("refused")
    return data


reader = next(each for each in readers() if str(each) == sys.argv[1])
connection = reader.createConnection()
connection.connect(CardConnection.T1_protocol)
print("ATR %s" % toHexString(connection.getATR(), 1))

ppse = send(connection, toBytes("00A404000E325041592E5359532E444446303100"))
aid = find(ppse, 0x4F)
print("AID %s" % toHexString(aid, 1))
fci = send(connection, [0x00, 0xA4, 0x04, 0x00, len(aid)] + aid + [0x00])
pdol = find(fci, 0x9F38) or []
length = 0
at = 0
while at < len(pdol):
    at += 2 if pdol[at] & 0x1F == 0x1F else 1
    length += pdol[at]
    at += 1
options = send(connection, [0x80, 0xA8, 0x00, 0x00, length + 2, 0x83, length] + [0] * length + [0x00])
afl = find(options, 0x94)
for i in range(0, len(afl), 4):
    sfi, first, last, _ = afl[i : i + 4]
    for record in range(first, last + 1):
        data = send(connection, [0x00, 0xB2, record, sfi | 0x04, 0x00])
        print("record %d.%d tag %02X" % (sfi >> 3, record, data[0]))
connection.disconnect()
