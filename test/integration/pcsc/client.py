# A PC/SC client that does what it is told on standard input, one JSON document a line, and answers with one each.
#   {"do": "connect", "reader": NAME, "exclusive": bool}   {"atr": HEX}
#   {"do": "transmit", "apdu": HEX}                        {"response": HEX}
#   {"do": "length", "apdu": HEX}                          {"length": N, "counts": bool, "end": HEX}: of a long response
#   {"do": "echo", "length": N}                            {"same": bool}: N bytes of data there and back
#   {"do": "begin"} {"do": "end"} {"do": "reset"} {"do": "disconnect"}   {}
#   {"do": "wait", "reader": NAME, "present": bool, "events": N, "within": MS}   {"events": N}: presence as it becomes
#   {"do": "reestablish"}                                  {}: a new context, after the daemon went
# What PC/SC refuses is {"error": TEXT}.
import json
import sys

from smartcard.scard import *

context = None
card = None
protocol = None


class Refused(Exception):
    pass


def checked(result):
    code = result[0] if isinstance(result, (list, tuple)) else result
    if code != SCARD_S_SUCCESS:
        raise Refused(SCardGetErrorMessage(code))
    return result


def establish():
    global context
    context = checked(SCardEstablishContext(SCARD_SCOPE_USER))[1]


def transmit(apdu):
    pci = SCARD_PCI_T0 if protocol == SCARD_PROTOCOL_T0 else SCARD_PCI_T1
    response = checked(SCardTransmit(card, pci, list(apdu)))[1]
    # What pcscd 1.9.9 hands on when its virtual reader's card went away in the middle of a command.
    if len(response) < 2:
        raise Refused("a response without a status word")
    return response


def connect(ask):
    global card, protocol
    share = SCARD_SHARE_EXCLUSIVE if ask.get("exclusive") else SCARD_SHARE_SHARED
    _, card, protocol = checked(SCardConnect(context, ask["reader"], share, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1))
    status = checked(SCardStatus(card))
    return {"atr": bytes(status[4]).hex().upper()}


def length(ask):
    response = transmit(bytes.fromhex(ask["apdu"]))
    data = response[:-2]
    counts = all(byte == i & 0xFF for i, byte in enumerate(data))
    return {"length": len(response), "counts": counts, "end": bytes(response[-2:]).hex().upper()}


def echo(ask):
    data = bytes((i * 7) & 0xFF for i in range(ask["length"]))
    header = bytes([0x80, 0x12, 0, 0, 0]) + len(data).to_bytes(2, "big")
    response = transmit(header + data + b"\0\0")
    return {"same": bytes(response) == data + b"\x90\x00"}


def reset(ask):
    global protocol
    protocol = checked(
        SCardReconnect(card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, SCARD_RESET_CARD)
    )[1]
    return {}


def wait(ask):
    known = SCARD_STATE_UNAWARE
    wanted = SCARD_STATE_PRESENT if ask["present"] else SCARD_STATE_EMPTY
    while True:
        result, states = SCardGetStatusChange(context, ask["within"], [(ask["reader"], known)])
        if result == SCARD_E_UNKNOWN_READER:
            continue
        checked(result)
        known = states[0][1]
        if known & wanted and not known & SCARD_STATE_MUTE:
            return {"events": known >> 16}


def told(ask):
    do = ask["do"]
    if do == "connect":
        return connect(ask)
    if do == "transmit":
        return {"response": bytes(transmit(bytes.fromhex(ask["apdu"]))).hex().upper()}
    if do == "length":
        return length(ask)
    if do == "echo":
        return echo(ask)
    if do == "reset":
        return reset(ask)
    if do == "wait":
        return wait(ask)
    if do == "begin":
        checked(SCardBeginTransaction(card))
    elif do == "end":
        checked(SCardEndTransaction(card, SCARD_LEAVE_CARD))
    elif do == "disconnect":
        checked(SCardDisconnect(card, SCARD_LEAVE_CARD))
    elif do == "reestablish":
        SCardReleaseContext(context)
        establish()
    return {}


establish()
for line in sys.stdin:
    try:
        answer = told(json.loads(line))
    except Refused as refused:
        answer = {"error": str(refused)}
    print(json.dumps(answer), flush=True)
