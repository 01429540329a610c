"""The power of a flashed board fails, at its first boot and in the midst of its work: it comes back, and has what it said.

The medium forgets what was not flushed when its power is cut, torn at random (disk/volatile.py). When that is, is counted in
pages written: the same moments on a machine that is slow.
"""

import os
import random
import signal as signals
import threading

import pytest

from disk import NBDServer, VolatileDisk
from flashed import BOOT_SECONDS, JOIN_SECONDS
from peers import SerfAgent
from people import Person
from test_base_image import ARCHIVE
from test_flashed import street  # noqa: F401 -- the fixture

pytestmark = pytest.mark.machines("local")

SEED = 20261127
#: How often the power fails in each test; docs/TESTING.md says what a long run found.
CUTS = int(os.environ.get("MICROAGENT_POWER_CUTS", "3"))
READY = "microagentd: ready"
#: So many pages a first boot writes, nearly all of them for the data partition's file system; a container 13, its removal 30.
FIRST_BOOT_PAGES = 3400
WORK_PAGES = 200


class VolatileMedium:
    """A medium with a write cache."""

    def __init__(self, medium, directory):
        self._path, self._directory, self._count, self._server = medium.path, directory, 0, None
        self.renew()

    def renew(self):
        """It is as it was when the image had just been written to it."""
        with open(self._path, "rb") as file:
            self.disk = VolatileDisk(file.read())

    @property
    def drive(self):
        """A server for the medium as it is now."""
        self._count += 1
        self._server = NBDServer(self.disk, f"{self._directory}/nbd-{self._count}")
        return self._server.drive.replace("if=virtio", "if=ide")

    def cut(self, dice):
        self._server.close()
        image, _ = self.disk.cut_power(dice)
        self.disk = VolatileDisk(image)


class Work:
    """What the owner asks of the board until it answers no more, and what of it the board has said is done."""

    def __init__(self, owner, node):
        self.owner, self.node = owner, node
        self.there, self.unknown = set(), set()
        self._count, self._process, self._is_over = 0, None, False

    def _is_done(self, *words):
        """Whether the board says so; when its power is gone nobody does."""
        self._process = self.owner.spawn(*self.node, *words)
        if self._is_over:
            self._process.signal(signals.SIGKILL, group=True)
        return self._process.wait(JOIN_SECONDS).code == 0

    def end(self):
        """Nobody waits for the board any more."""
        self._is_over = True
        try:
            self._process.signal(signals.SIGKILL, group=True)
        except (AttributeError, ProcessLookupError):
            pass  # none was begun, or it has just ended

    def go_on(self):
        """One after the other, each as soon as the last is answered."""
        self._is_over = False
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


class OwnedBoard:
    """A board whose medium forgets, its owner, and a neighbour whose microcloud it joins."""

    def __init__(self, street, directory):  # noqa: F811
        self.dice = random.Random(SEED)
        self.owner = Person(street.boards, "owner")
        self.medium = VolatileMedium(street.medium("alix", owner=self.owner.key), directory)
        self.board = street.plug(self.medium)
        host = street.network.host(street.boards.switch).address("10.77.0.100/24")
        # Serf asks nobody by multicast without a default route.
        host.ip("route", "add", "default", "dev", "eth0")
        self._neighbour = SerfAgent(host, "cloudy", "10.77.0.100", "-discover=microcloud", "-iface=eth0")
        self.node = []

    def start(self):
        """Until its owner finds it a member, with a medium that keeps what it is given."""
        self.board.on()
        self.board.wait_for(READY)
        self.node = ["--node", self.board.address()]
        self.board.wait_until(lambda: "in: " in self.owner.ctl(*self.node, "--json", "info", timeout=120).text, JOIN_SECONDS)
        assert "no data partition" not in self.board.console()

    def cut(self):
        self.board.cut()
        self.medium.cut(self.dice)


@pytest.fixture
def owned(street, directory):  # noqa: F811
    return OwnedBoard(street, directory)


def test_a_board_whose_first_boot_is_cut_short_makes_up_for_it(owned):
    """A cut in the first boot, another one in the next, and so on, until one boot gets through; then a new medium."""
    for _ in range(CUTS):
        # As often in the first few as in the many of the file system.
        owned.medium.disk.fail_after(int(FIRST_BOOT_PAGES ** owned.dice.random()))
        owned.board.on()
        failed, console = owned.medium.disk.failed, owned.board.console
        owned.board.wait_until(lambda: failed.is_set() or READY in console(), BOOT_SECONDS)
        is_new = READY in console()
        assert "no data partition" not in console()
        owned.cut()
        if is_new:
            owned.medium.renew()
    owned.start()


def test_a_board_comes_back_with_what_it_acknowledged(owned):
    owned.start()
    owned.owner.ctl(*owned.node, "push", ARCHIVE, "base", timeout=300).check()
    work = Work(owned.owner, owned.node)
    for _ in range(CUTS):
        owned.medium.disk.fail_after(owned.dice.randrange(WORK_PAGES))
        worker = threading.Thread(target=work.go_on)
        worker.start()
        owned.board.wait_until(owned.medium.disk.failed.is_set)
        owned.cut()
        work.end()
        worker.join()
        owned.start()
        work.check()
    assert work.there
