#!/usr/bin/env python3
"""What of a link's rate `microctl push` gets, beside plain TCP on the same link. How to read it: bench/README.md.

    bench/push.py [--rate MBIT ...] [--bytes MIB]

The link is one in user space (Tests/system/network/lossy.py): 100 ms there and back, 2 % of the frames lost in each direction.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid

sys.dont_write_bytecode = True
BENCH = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{BENCH}/../Tests/system")

from boards import Boards
from machine import LocalMachine
from network import LossySwitch, Network
from people import Person

DELAY_SECONDS = 0.05
LOSS = 0.02
TARGET = "i586"
PORT = 9999


class Place:
    """A board and somebody far away."""

    def __init__(self, home, mbit):
        programs = {name: f"{BENCH}/../.build-cross/{TARGET}/{name}" for name in ("microagentd", "microctl")}
        self.network = Network(LocalMachine(), os.path.basename(home), home)
        self.boards = Boards(self.network, programs)
        self.boards.switch = LossySwitch(self.network, DELAY_SECONDS, LOSS, rate_bits=mbit * 1e6 if mbit else None)
        self.person = Person(self.boards, "owner")
        owner = self.person.ctl("key").check().text.strip()
        self.board = self.boards.board(owner=owner).plug()
        self.boards.switch.start()
        self.board.start()
        self.person.ctl("--node", self.board.address, "info").check()

    def close(self):
        self.boards.close()
        self.network.close()


def pushed(place, path, congestion):
    """Seconds that a push takes, and what it says."""
    began = time.monotonic()
    argv = ["env", f"MICROAGENT_TCP_CONGESTION={congestion}",
            *place.person.argv("--node", place.board.address, "push", path, f"bench:{uuid.uuid4().hex[:8]}")]
    result = place.person.host.run(argv, timeout=900).check()
    return time.monotonic() - began, result.text.strip()


def plain(place, size, congestion):
    """Seconds that plain TCP takes for as many bytes."""
    listener = place.board.host.call(lambda: socket.create_server((place.board.address, PORT)))

    def receive():
        connection, _ = listener.accept()
        left = size
        while left > 0 and (data := connection.recv(65536)):
            left -= len(data)
        connection.sendall(b"!")
        connection.close()

    receiver = threading.Thread(target=receive)
    receiver.start()

    def send():
        with socket.socket() as sender:
            sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
            began = time.monotonic()
            sender.connect((place.board.address, PORT))
            sender.sendall(bytes(size))
            assert sender.recv(1) == b"!"
            return time.monotonic() - began

    seconds = place.person.host.call(send)
    receiver.join()
    listener.close()
    return seconds


def image(home, size):
    """An archive that cannot be compressed."""
    os.makedirs(f"{home}/root/bin")
    with open(f"{home}/root/data", "wb") as file:
        file.write(os.urandom(size))
    subprocess.run(["tar", "-C", f"{home}/root", "-cf", f"{home}/root.tar", "."], check=True)
    return f"{home}/root.tar"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, nargs="*", default=[4, 10])
    parser.add_argument("--bytes", type=float, default=8, metavar="MIB")
    options = parser.parse_args()
    size = int(options.bytes * (1 << 20))
    print("| link (Mbit/s) | congestion control | plain TCP | push | |\n|--|--|--|--|--|")
    for mbit in options.rate:
        for congestion in ("bbr", "cubic", "reno"):
            home = tempfile.mkdtemp(prefix="microagent-bench-")
            place = Place(home, mbit)
            try:
                archive = image(home, size)
                share = lambda seconds: f"{100 * 8 * size / seconds / (mbit * 1e6):.0f} %"
                floor = plain(place, size, congestion)
                seconds, said = pushed(place, archive, congestion)
                print(f"| {mbit:g} | {congestion} | {share(floor)} | {share(seconds)} | {said} |", flush=True)
            finally:
                place.close()
                shutil.rmtree(home)


if __name__ == "__main__":
    main()
