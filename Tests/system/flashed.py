"""Boards as a person gets them: qemu boots a disk image through the image's own loader, on a host of a test's network."""

import itertools
import os
import re
import shutil
import signal as signals
import struct
import subprocess
from pathlib import Path

import pytest

from machine import CommandTimeout
from people import Person

IMAGES = Path(__file__).resolve().parents[2] / ".build-cross" / "images"
#: A medium of this size is what the image is written to: slots and boot partition take 57 MiB of it.
MEDIUM_BYTES = 192 << 20
BOOT_OFFSET = 1 << 20
SECTOR = 512
#: Where the data partition's entry in the partition table begins.
DATA_ENTRY = 0x1BE + 3 * 16
#: Where ext4 has the mark by which it is known, and the mark.
EXT4_MARK_OFFSET, EXT4_MARK = 1080, b"\x53\xef"
#: On a machine that others use, too, an emulated boot takes minutes.
BOOT_SECONDS = 900
JOIN_SECONDS = 300

#: Processors that have no 64 bits, as qemu names them.
SMALL_PROCESSORS = ("pentium", "n270")
#: The nearest in qemu to a 64-bit Atom (D525, N2600), which it does not have.
ATOM = "core2duo,+movbe"

#: Each board's network cards have addresses of their own.
NUMBERS = itertools.count(1)


def with_image(board):
    """For tests of an image that `make test` makes only when it is asked to, as its second kernel takes long."""
    reason = f"there is no image for {board}: make test BOARDS='alix galileo {board}'"
    return pytest.mark.skipif(not (IMAGES / f"microagent-{board}.img").is_file(), reason=reason)


class Medium:
    """A disk that an image has been written to."""

    def __init__(self, path, image, size=MEDIUM_BYTES, bus="ide"):
        self.path, self.bus = path, bus
        if not image.is_file():
            raise AssertionError(f"{image.name}: no such image; make it with `make image`")
        shutil.copyfile(image, path)
        os.truncate(path, size)

    @property
    def drive(self):
        """The value for qemu's -drive."""
        return f"file={self.path},format=raw,if={self.bus},cache=writeback"

    def _mtools(self, *argv, **options):
        return subprocess.run([argv[0], "-i", f"{self.path}@@{BOOT_OFFSET}", *argv[1:]], check=True,
                              env={**os.environ, "MTOOLS_SKIP_CHECK": "1"}, capture_output=True, **options)

    def settings(self, **settings):
        """Adds lines to microagent.conf, as an editor on another machine would."""
        text = self._mtools("mtype", "::/microagent.conf").stdout.decode()
        text += "".join(f"{name.replace('_', '-')} = {value}\n" for name, value in settings.items())
        self.write("microagent.conf", text)

    def write(self, name, text):
        self._mtools("mcopy", "-o", "-", f"::/{name}", input=text.encode())

    def spoil_data(self):
        """Makes the data partition as long as it will be, with a file system of which no more than its mark is left."""
        with open(self.path, "r+b") as file:
            file.seek(DATA_ENTRY + 8)
            start = struct.unpack("<I", file.read(4))[0]
            file.write(struct.pack("<I", os.path.getsize(self.path) // SECTOR - start))
            file.seek(start * SECTOR + EXT4_MARK_OFFSET)
            file.write(EXT4_MARK)

    def names(self):
        """The files beside microagent.conf."""
        return self._mtools("mdir", "-b", "::/").stdout.decode().split()


class FlashedBoard:
    """A board with a medium, switched on and off."""

    def __init__(self, host, medium, cpu="pentium", memory=256, ports=1, card="e1000", options=(), serial=0):
        self.host, self.medium = host, medium
        self.machine = host.machine
        self._argv = ["qemu-system-i386" if cpu in SMALL_PROCESSORS else "qemu-system-x86_64", "-accel", "tcg", "-cpu", cpu,
                      "-m", str(memory), "-nodefaults", "-no-user-config", "-display", "none",
                      *["-serial", "null"] * serial, "-serial", "stdio", *options]
        own = next(NUMBERS)
        for number in range(ports):
            self._bridge(number)
            self._argv += ["-netdev", f"tap,id=net{number},ifname=tap{number},script=no,downscript=no",
                           "-device", f"{card},netdev=net{number},mac=52:54:00:00:{own:02x}:{number:02x}"]
        self.process = None

    def _bridge(self, number):
        """What comes by the host's interface is the board's."""
        for command in (f"tuntap add tap{number} mode tap", f"link add name bridge{number} type bridge mcast_snooping 0",
                        f"link set eth{number} master bridge{number}", f"link set tap{number} master bridge{number}",
                        f"link set tap{number} up", f"link set bridge{number} up"):
            self.host.ip(*command.split())

    def on(self):
        drive = ["-drive", self.medium.drive]
        self.process = self.host.spawn(["setpriv", "--pdeathsig", "KILL", *self._argv, *drive])
        return self

    def console(self):
        return self.process.stdout.decode(errors="replace")

    def cut(self):
        """The power goes."""
        self.process.signal(signals.SIGKILL, group=True)
        self.process.wait()

    def address(self):
        """The address that it has got, as its console tells."""
        self.wait_for("/24 by DHCP")
        return re.search(r"has (10\.77\.0\.\d+)/24 by DHCP", self.console()).group(1)

    def wait_for(self, text, timeout=BOOT_SECONDS):
        self.process.wait_for(text, timeout)

    def wait_until(self, condition, timeout=BOOT_SECONDS):
        """Waits for what the board is to bring about; what it has told meanwhile says why it has not."""
        try:
            return self.machine.wait_until(condition, timeout)
        except CommandTimeout as error:
            raise AssertionError(f"{error}; the console:\n{self.console()[-3000:]}") from None

    def sh(self, command, timeout=60):
        """What a command writes that somebody gives at the board's console."""
        before = len(self.console())
        self.process.write(f"\n{command}; echo do\"\"ne:$?\n".encode())

        def answer():
            return re.search(r"done:(\d+)\r?\n", self.console()[before:])

        answer.__name__ = f"an answer to `{command}`"
        self.wait_until(answer, timeout)
        text = self.console()[before:]
        return text[:answer().start()].split("ne:$?\r\n", 1)[-1].replace("\r", "")


class Street:
    """A switch with a DHCP server on it, where boards are plugged in."""

    def __init__(self, boards, directory):
        self.boards, self.network, self.directory = boards, boards.network, directory
        self.machine = boards.network.machine
        self.all = []
        self.lessor(boards.switch)

    def lessor(self, switch):
        """A DHCP server."""
        host = self.network.host(switch).address("10.77.0.1/24")
        files = f"{self.directory}/udhcpd-{switch.namespace}"
        self.machine.write(f"{files}/conf", "\n".join([
            "start 10.77.0.20", "end 10.77.0.60", "interface eth0", f"lease_file {files}/leases", f"pidfile {files}/pid",
            "option subnet 255.255.255.0", "option router 10.77.0.1", "option lease 3600"]) + "\n")
        self.machine.write(f"{files}/leases", "")
        host.spawn(["busybox", "udhcpd", "-f", f"{files}/conf"])

    def medium(self, board, bus="ide", **settings):
        medium = Medium(f"{self.directory}/medium{len(self.all)}", IMAGES / f"microagent-{board}.img", bus=bus)
        if settings:
            medium.settings(**settings)
        return medium

    def plug(self, medium, *switches, **kind):
        """A board with a port on each of the switches: on the street's if none is named."""
        switches = switches or [self.boards.switch]
        board = FlashedBoard(self.network.host(*switches), medium, ports=len(switches), **kind)
        self.all.append(board)
        return board

    def owned(self, image="alix", bus="ide", **kind):
        """A board that has booted, its owner, and how microctl is told of it."""
        owner = Person(self.boards, f"owner{len(self.all)}")
        board = self.plug(self.medium(image, bus=bus, owner=owner.key), **kind).on()
        node = ["--node", board.address()]
        self.machine.wait_until(lambda: owner.ctl(*node, "info").code == 0, JOIN_SECONDS)
        return board, owner, node

    def close(self):
        for board in self.all:
            if board.process and board.process.code is None:
                board.cut()
