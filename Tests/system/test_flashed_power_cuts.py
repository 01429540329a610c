"""The power of a flashed board fails, at its first boot and in the midst of its work: it comes back, and has what it said.

The medium forgets what was not flushed when its power is cut, torn at random (disk/volatile.py).
"""

import os
import random
import threading
import time

import pytest

from disk import NBDServer, VolatileDisk
from flashed import BOOT_SECONDS, JOIN_SECONDS
from machine import CommandTimeout
from people import Person
from test_base_image import ARCHIVE
from test_flashed import street  # noqa: F401 -- the fixture

pytestmark = pytest.mark.machines("local")

SEED = 20261127
#: How often the power fails in each half; docs/TESTING.md says what a long run found.
CUTS = int(os.environ.get("MICROAGENT_POWER_CUTS", "3"))
#: From power to ready it takes about ten seconds here; a moment of them, or shortly after.
FIRST_BOOT_SECONDS = 12
WORK_SECONDS = 6


class VolatileMedium:
    """A medium with a write cache."""

    def __init__(self, medium, directory):
        self._directory, self._count, self._server = directory, 0, None
        with open(medium.path, "rb") as file:
            self._disk = VolatileDisk(file.read())

    @property
    def drive(self):
        """A server for the medium as it is now."""
        self._count += 1
        self._server = NBDServer(self._disk, f"{self._directory}/nbd-{self._count}")
        return self._server.drive.replace("if=virtio", "if=ide")

    def cut(self, dice):
        self._server.close()
        image, _ = self._disk.cut_power(dice)
        self._disk = VolatileDisk(image)


class Work:
    """What the owner asks of the board until it answers no more, and what of it the board has said is done."""

    def __init__(self, owner, node):
        self.owner, self.node = owner, node
        self.there, self.unknown = set(), set()
        self._count = 0

    def _is_done(self, *words):
        """Whether the board says so; when its power is gone nobody does."""
        try:
            return self.owner.ctl(*self.node, *words, timeout=60).code == 0
        except CommandTimeout:
            return False

    def go_on(self):
        """One after the other, each as soon as the last is answered."""
        while True:
            self._count += 1
            name = f"c{self._count}"
            self.unknown.add(name)
            if not self._is_done("run", "-d", "--name", name, "--restart", "always", "-m", "1M", "base", "sleep", "9999"):
                return
            self.unknown.discard(name)
            self.there.add(name)
            if len(self.there) > 3:
                gone = sorted(self.there)[0]
                self.there.discard(gone)
                self.unknown.add(gone)
                if not self._is_done("rm", "--force", gone):
                    return
                self.unknown.discard(gone)

    def check(self):
        """All that was acknowledged is there, and nothing that nobody asked for."""
        found = {one["name"] for one in self.owner.json(*self.node, "ps", "--all")}
        assert self.there <= found <= self.there | self.unknown, (found, self.there, self.unknown)
        self.there, self.unknown = found, set()


def test_the_board_comes_back_with_what_it_acknowledged(street, directory):  # noqa: F811
    dice = random.Random(SEED)
    owner = Person(street.boards, "owner")
    medium = VolatileMedium(street.medium("alix", owner=owner.key), directory)
    board = street.plug(medium)
    for _ in range(CUTS):
        board.on()
        time.sleep(dice.uniform(1, FIRST_BOOT_SECONDS))
        board.cut()
        medium.cut(dice)
    board.on()
    node = ["--node", board.address()]
    works = lambda: owner.ctl(*node, "info", timeout=60).code == 0  # noqa: E731
    street.machine.wait_until(works, BOOT_SECONDS + JOIN_SECONDS)
    owner.ctl(*node, "push", ARCHIVE, "base", timeout=120).check()
    work = Work(owner, node)
    for _ in range(CUTS):
        worker = threading.Thread(target=work.go_on)
        worker.start()
        time.sleep(dice.uniform(0, WORK_SECONDS))
        board.cut()
        medium.cut(dice)
        worker.join(150)
        board.on()
        street.machine.wait_until(works, BOOT_SECONDS + JOIN_SECONDS)
        work.check()
    assert work.there
