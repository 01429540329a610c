"""Flashed boards: images that boot by themselves, as whole machines on one virtual network, and what people see of them."""

import re

import pytest

from boards import Boards
from flashed import IMAGES, FlashedBoard, Medium
from peers import SerfAgent
from people import Person

pytestmark = pytest.mark.machines("local")

BOOT_SECONDS = 120
JOIN_SECONDS = 90
OVMF = "/usr/share/OVMF/OVMF32_CODE_4M.secboot.fd"


class Street:
    """A switch with a DHCP server on it, where boards are plugged in."""

    def __init__(self, boards, directory):
        self.boards, self.network, self.directory = boards, boards.network, directory
        self.machine = boards.network.machine
        self.all = []
        self._lessor = self.network.host(boards.switch).address("10.77.0.1/24")
        self.machine.write(f"{directory}/udhcpd.conf", "\n".join([
            "start 10.77.0.20", "end 10.77.0.60", "interface eth0", f"lease_file {directory}/leases",
            f"pidfile {directory}/udhcpd.pid", "option subnet 255.255.255.0", "option router 10.77.0.1",
            "option lease 3600"]) + "\n")
        self.machine.write(f"{directory}/leases", "")
        self._lessor.spawn(["busybox", "udhcpd", "-f", f"{directory}/udhcpd.conf"])

    def medium(self, board, **settings):
        medium = Medium(f"{self.directory}/medium{len(self.all)}", IMAGES / f"microagent-{board}.img")
        if settings:
            medium.settings(**settings)
        return medium

    def plug(self, medium, **kind):
        board = FlashedBoard(self.network.host(self.boards.switch), medium, **kind)
        self.all.append(board)
        return board

    def close(self):
        for board in self.all:
            if board.process and board.process.code is None:
                board.cut()


@pytest.fixture
def street(boards, directory):
    street = Street(boards, directory)
    yield street
    street.close()


def address(board):
    """The address that the board has got, as its console tells."""
    board.wait_for("by DHCP", BOOT_SECONDS)
    return re.search(r"has (10\.77\.0\.\d+)/24 by DHCP", board.console()).group(1)


def test_two_boards_and_a_serf_agent_become_one_microcloud(street):
    """With no key pressed, and nothing in microagent.conf."""
    first = street.plug(street.medium("alix")).on()
    second = street.plug(street.medium("vm"), cpu="n270").on()
    host = street.network.host(street.boards.switch).address("10.77.0.100/24")
    serf = SerfAgent(host, "cloudy", "10.77.0.100", "-discover=microcloud", "-iface=eth0")
    street.machine.wait_until(lambda: list(serf.members().values()).count("alive") == 3, BOOT_SECONDS + JOIN_SECONDS)
    names = sorted(serf.members())
    for board in (first, second):
        seen = board.sh("microctl nodes")
        assert all(name in seen for name in names), seen
    # Nobody has claimed them: they do nothing for anybody.
    stranger = Person(street.boards, "stranger")
    refused = stranger.ctl("--node", address(first), "ps")
    assert refused.code != 0 and "does not know this key" in refused.error_text


def test_its_owner_places_a_container_from_elsewhere(street, base_image):
    owner = Person(street.boards, "owner")
    board = street.plug(street.medium("alix", owner=owner.key)).on()
    node = ["--node", address(board)]
    street.machine.wait_until(lambda: owner.ctl(*node, "info").code == 0, JOIN_SECONDS)
    owner.ctl(*node, "push", base_image, "base", timeout=120).check()
    owner.ctl(*node, "run", "-d", "--name", "web", "--restart", "always", "-m", "4M", "base", "sleep", "100000", timeout=120).check()
    assert "4194304" in board.sh("cat /sys/fs/cgroup/microagent/web/memory.max")
    # More than its budget ends it, and nothing else.
    hog = owner.ctl(*node, "run", "--rm", "-m", "4M", "base", "sh", "-c", "x=$(head -c 8M /dev/zero | tr '\\0' x)", timeout=120)
    assert hog.code == 137, hog
    board.cut()
    board.on()
    street.machine.wait_until(lambda: "web" in owner.ctl(*node, "ps", timeout=120).text, BOOT_SECONDS + JOIN_SECONDS)
