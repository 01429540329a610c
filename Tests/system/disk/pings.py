"""Asks an agent for its state every 5 ms and tells how long each answer took: how long its loop was busy or waiting.

    python3 pings.py SOCKET

It ends when standard input ends, and then prints one line of JSON: the milliseconds of all answers. CoAP over a stream
(RFC 8323), written from the RFC: a capabilities message, then GET /info, one at a time.
"""

import json
import select
import socket
import sys
import time

PERIOD_SECONDS = 0.005
PATIENCE_SECONDS = 30
CAPABILITIES = b"\x00\xe1"
GET_INFO = b"\x51\x01\x07\xb4info"
TOKEN = 0x07


def message(stream):
    """Reads one message; returns its token."""
    first = stream.read(1)[0]
    length, token_length = first >> 4, first & 15
    extra = {13: (1, 13), 14: (2, 269), 15: (4, 65805)}.get(length)
    if extra:
        length = int.from_bytes(stream.read(extra[0]), "big") + extra[1]
    stream.read(1)
    token = stream.read(token_length)
    stream.read(length)
    return token


def main():
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE_SECONDS)
    connection.connect(sys.argv[1])
    stream = connection.makefile("rb")
    connection.sendall(CAPABILITIES)
    times = []
    while not select.select([sys.stdin], [], [], PERIOD_SECONDS)[0]:
        asked = time.monotonic()
        connection.sendall(GET_INFO)
        while message(stream) != bytes([TOKEN]):
            pass
        times.append((time.monotonic() - asked) * 1000)
    print(json.dumps(times))


if __name__ == "__main__":
    main()
