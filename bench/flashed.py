#!/usr/bin/env python3
"""What a flashed board takes: `make bench`. How to read it: bench/README.md.

    bench/flashed.py [--idle SECONDS] [--starts N] [--smallest]

The image for an ALIX boots in qemu through its own loader; beside it are the figures that others publish.
"""

import argparse
import os
import re
import sys

sys.dont_write_bytecode = True
BENCH = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{BENCH}/../Tests/system")

from board_place import board_place
from flashed import BOOT_SECONDS, IMAGES, JOIN_SECONDS, Street
from machine import CommandFailed, CommandTimeout
from peers import SerfAgent
from test_base_image import ARCHIVE

SECTOR = 512
DAY_SECONDS = 86_400
#: With `-icount shift=N` the guest's clock goes on by 2^N ns with each instruction, and as the host's while it waits.
ICOUNT_SHIFT = 2
#: The kernel counts its processor's time in these (proc(5), USER_HZ).
TICKS_A_SECOND = 100
LEASES = 10
#: Where the search for the smallest memory begins, in MiB, and its step.
SMALLEST, STEP, LARGEST = 24, 4, 96

#: What others say of themselves, and where.
OTHERS = [
    ("OpenWrt 21.02, recommended (openwrt.org/supported_devices/432_warning)", "16 MB of flash, 128 MB of memory"),
    ("OpenWrt 21.02, the least for what it ships (the same)", "8 MB of flash, 64 MB of memory"),
    ("Cloudy, the smallest boards that it was tried on (cloudy.community/hardware)",
     "4 GB of flash (BeagleBone), 256 MB of memory (Galileo, Raspberry Pi A+)"),
]


def row(what, figure):
    print(f"| {what} | {figure} |", flush=True)


def memory(board):
    text = board.sh("cat /proc/meminfo")
    return {name: int(kib) for name, kib in re.findall(r"(\w+):\s+(\d+) kB", text)}


def written(board):
    """Bytes that were written to the medium since the start (Documentation/block/stat.rst: the seventh word is sectors)."""
    words = re.search(r"(?:\d+\s+){10,}\d+", board.sh("cat /sys/block/sda/stat")).group(0).split()
    return int(words[6]) * SECTOR


def sizes():
    for image in sorted(IMAGES.glob("*.img.gz")):
        row(f"{image.name}, compressed", f"{image.stat().st_size / 1e6:.2f} MB")


def at_rest(street, serf, megabytes):
    board, owner, node = street.owned(memory=megabytes)
    board.wait_until(lambda: is_member(board, serf), JOIN_SECONDS)
    found, all_kib = memory(board), megabytes * 1024
    # What `free` calls used, but of all memory: the kernel's program and tables included.
    used = all_kib - found["MemFree"] - found["Buffers"] - found["Cached"]
    row(f"memory in use as a member, of {megabytes} MB, the kernel's own included", f"{used / 1024:.1f} MB")
    row("and with the page cache that stays and what the kernel keeps free",
        f"{(all_kib - found['MemAvailable']) / 1024:.1f} MB")
    return board, owner, node


def wear(street, board, owner, node, idle, starts):
    for _ in range(LEASES):
        owner.ctl(*node, "lease", "--memory", "1M", "--cpu", "1%", "--processes", "16", "--for", "24h").check()
    owner.ctl(*node, "push", ARCHIVE, "base", timeout=300).check()
    board.sh("sync")
    before = written(board)
    board.sh(f"sleep {idle}; sync", timeout=idle + 60)
    row(f"written to the medium in a day, at rest with {LEASES} leases (seen for {idle} s)",
        f"{(written(board) - before) * DAY_SECONDS / idle / 1e6:.2f} MB")
    before = written(board)
    board.sh(f"for n in $(seq {starts}); do microctl run --rm -m 2M base true; done; sync", timeout=60 + 5 * starts)
    row("written to the medium for 100 containers' starts and ends", f"{(written(board) - before) * 100 / starts / 1e6:.2f} MB")


def start(street, serf):
    # The second start is the usual one: the first makes the data partition.
    medium = street.medium("alix")
    first = street.plug(medium).on()
    first.wait_for("microagentd: ready")
    first.cut()
    board = street.plug(medium, options=["-icount", f"shift={ICOUNT_SHIFT}"]).on()
    board.wait_until(lambda: is_member(board, serf))
    ticks = list(map(int, re.search(r"cpu +([\d ]+)", board.sh("cat /proc/stat")).group(1).split()))
    waited = sum(ticks[3:5])
    busy = (sum(ticks) - waited) / TICKS_A_SECOND
    row("instructions from the kernel's start to a member", f"{busy * 1e9 / 2**ICOUNT_SHIFT / 1e6:.0f} million")
    row("time that it waits meanwhile, for devices and for the network", f"{waited / TICKS_A_SECOND:.1f} s")
    board.cut()


def is_member(board, serf):
    """Whether the neighbour sees a member with the board's address."""
    own = re.search(r"has (10\.77\.0\.\d+)/24 by DHCP", board.console())
    return own is not None and serf.sees(own[1])


def smallest(street, serf):
    """The least memory with which the image boots, joins and runs a container of 8 MiB."""
    for megabytes in range(SMALLEST, LARGEST + 1, STEP):
        try:
            board, owner, node = street.owned(memory=megabytes)
            board.wait_until(lambda: is_member(board, serf), JOIN_SECONDS)
            owner.ctl(*node, "push", ARCHIVE, "base", timeout=300).check()
            owner.ctl(*node, "run", "-d", "-m", "8M", "base", "sleep", "1000", timeout=120).check()
            row("the least memory in which it boots, joins and runs a container of 8 MiB", f"{megabytes} MB")
            return
        except (AssertionError, CommandFailed, CommandTimeout) as error:
            print(f"  {megabytes} MB: {str(error).splitlines()[0][:150]}", file=sys.stderr, flush=True)
        finally:
            street.close()
    row("the least memory in which it boots, joins and runs a container of 8 MiB", f"more than {LARGEST} MB")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--idle", type=int, default=600)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--smallest", action="store_true", help="only the search for the least memory")
    options = parser.parse_args()
    print("| | |\n|--|--|")
    with board_place("/var/tmp", "i586") as (boards, home):
        street = Street(boards, home)
        host = street.network.host(boards.switch).address("10.77.0.100/24")
        # Serf asks nobody by multicast without a default route.
        host.ip("route", "add", "default", "dev", "eth0")
        serf = SerfAgent(host, "cloudy", "10.77.0.100", "-discover=microcloud", "-iface=eth0")
        try:
            if not options.smallest:
                sizes()
                start(street, serf)
                at_rest(street, serf, 40)
                street.close()
                wear(street, *at_rest(street, serf, 256), options.idle, options.starts)
                street.close()
            smallest(street, serf)
        finally:
            street.close()
    for what, figure in OTHERS:
        row(what, figure)


main()
