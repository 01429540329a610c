"""Asks an agent for its state every 5 ms and tells how long each answer took: how long its loop was busy or waiting.

    python3 pings.py SOCKET PROCESS

It ends when standard input ends, and then prints one line of JSON: the milliseconds of all answers, and where in the kernel
PROCESS stood whenever an answer was late. CoAP over a stream (RFC 8323), written from the RFC: a capabilities message, then
GET /info, one at a time.
"""

import json
import select
import socket
import sys
import time

PERIOD_SECONDS = 0.005
LATE_SECONDS = 0.05
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


def place(process):
    """The system call in which a process stands, and its way through the kernel."""
    return "\n".join(open(f"/proc/{process}/{name}").read() for name in ("syscall", "stack"))


def main():
    process = int(sys.argv[2])
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE_SECONDS)
    connection.connect(sys.argv[1])
    stream = connection.makefile("rb")
    connection.sendall(CAPABILITIES)
    times, places = [], []
    while not select.select([sys.stdin], [], [], PERIOD_SECONDS)[0]:
        asked = time.monotonic()
        connection.sendall(GET_INFO)
        if not select.select([connection], [], [], LATE_SECONDS)[0]:
            places.append(place(process))
        while message(stream) != bytes([TOKEN]):
            pass
        times.append((time.monotonic() - asked) * 1000)
    print(json.dumps({"times": times, "places": places}))


if __name__ == "__main__":
    main()
