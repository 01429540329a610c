#!/usr/bin/env python3
"""What it takes to place a container on another node, beside a start on this one: `make bench`. How to read it: bench/README.md.

    bench/placing.py [--rounds N]
"""

import argparse
import os
import random
import re
import signal
import statistics
import sys
import time

sys.dont_write_bytecode = True
BENCH = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{BENCH}/../Tests/system")

from board_place import board_place
from boards import together
from people import Person
from rootfs import make_rootfs

BUDGET = ["-m", "2M", "--cpus", "0.1", "--processes", "16"]
HERE, ELSEWHERE = "run", "run --any --elsewhere"
#: A board takes two key exchanges a second; who comes quicker waits.
EXCHANGE_SECONDS = 0.6
#: Of a system call: is it something that goes, or that comes?
GOES, COMES = ("write", "writev", "sendto", "sendmsg"), ("read", "readv", "recvfrom", "recvmsg")


class Village:
    """Two boards of one owner, who sits at the first."""

    def __init__(self, boards, rootfs):
        self.here = boards.on()
        self.owner = Person(boards, "owner", beside=self.here)
        self.there = boards.on(owner=self.owner.key, offer_memory="50%")
        together(self.here, self.there)
        self._rootfs = rootfs

    def argv(self, verb):
        return self.owner.argv(*verb.split(), "-d", *BUDGET, self._rootfs, "sleep", "1000")

    def time(self, verb):
        """Milliseconds from the command's start to its end."""
        time.sleep(EXCHANGE_SECONDS)
        began = time.monotonic()
        self.owner.host.run(self.argv(verb)).check()
        taken = (time.monotonic() - began) * 1000
        self.clear()
        return taken

    def round_trips(self, argv, home):
        """How often microctl said something to the other board, and waited for what that says to it."""
        path = f"{home}/trace"
        time.sleep(EXCHANGE_SECONDS)
        self.owner.host.run(["strace", "-f", "-yy", "-o", path, *argv]).check()
        self.clear()
        talk = []
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                call = re.match(r"\d+ +(\w+)\(\d+<TCP:\[.*?\]>.* = (-?\d+)", line)
                if call and int(call[2]) > 0:
                    talk.append("goes" if call[1] in GOES else "comes" if call[1] in COMES else None)
        talk = [way for way in talk if way]
        return sum(1 for way, before in zip(talk[1:], talk) if (before, way) == ("goes", "comes"))

    def syncs(self, verb, home):
        """How often the other board's disk is waited for, until the command ends."""
        path = f"{home}/syncs"
        store = self.there.info()["storeProcess"]
        tracer = self.here.machine.spawn(["strace", "-p", str(store), "-e", "trace=fsync,fdatasync,sync_file_range", "-o", path])
        time.sleep(1)
        self.owner.host.run(self.argv(verb)).check()
        tracer.signal(signal.SIGINT)
        tracer.wait_closed()
        self.clear()
        with open(path, encoding="utf-8") as file:
            return sum("sync" in line for line in file)

    def clear(self):
        for board in (self.here, self.there):
            for one in board.json("ps", "--all"):
                board.ctl("rm", "--force", one["name"]).check()
            for lease in board.json("leases"):
                board.ctl("release", str(lease["id"])).check()


def run(village, home, rounds):
    times = {HERE: [], ELSEWHERE: []}
    for _ in range(rounds + 1):
        for verb in random.sample(sorted(times), len(times)):
            times[verb].append(village.time(verb))
    # A request is one; the others make the connection and secure it.
    securing = village.round_trips(village.owner.argv("--node", village.there.address, "offer"), home) - 1
    print("| | × | median (ms) | least (ms) | round trips | of them to secure it | syncs there |\n|--|--|--|--|--|--|--|")
    base = statistics.median(times[HERE][1:])
    for verb, taken in times.items():
        median = statistics.median(taken[1:])
        extra = [village.round_trips(village.argv(verb), home), securing, village.syncs(verb, home)] if verb == ELSEWHERE else [""] * 3
        print(f"| `microctl {verb} -d` | {median / base:.2f} | {median:.1f} | {min(taken[1:]):.1f} | "
              + " | ".join(map(str, extra)) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="i586", help="build of the agent to measure")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    # On a disk, as what is durable has to wait for one.
    with board_place("/var/tmp", options.target) as (boards, home):
        make_rootfs(boards.network.machine, f"{home}/rootfs")
        run(Village(boards, f"{home}/rootfs"), home, options.rounds)


if __name__ == "__main__":
    main()
