"""The network `bridge` of containers: what they reach, what reaches them, and that nothing of it is left behind."""

import json
import re
import socket
import subprocess

import pytest

from boards import Board
from node import Node, refused

pytestmark = pytest.mark.machines("local")

#: Whatever is dropped or refused is waited for so long.
PATIENCE_SECONDS = 1
FIRST, SECOND = "172.29.77.2", "172.29.77.3"
OUTSIDE = "198.51.100.7"
#: Answers on a port with what it is given.
ECHO = "while :; do nc -l -p 80 -e cat; done"


class Site:
    """A board in somebody's home, behind whose router there is an outside."""

    def __init__(self, boards, rootfs):
        self.boards = boards
        self.rootfs = rootfs
        network = boards.network
        self.home = boards.switch
        self.beyond = network.switch()
        self.router = network.host(self.home, self.beyond).address("10.77.0.254/24").address("198.51.100.1/24", "eth1")
        self.router.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"]).check()
        self.outside = network.host(self.beyond).address(f"{OUTSIDE}/24")
        self.outside.ip("route", "add", "default", "via", "198.51.100.1")
        self.pc = network.host(self.home).address("10.77.0.100/24")
        self.sockets = []

    def board(self, **settings):
        board = self.boards.board(**settings).plug()
        board.host.ip("route", "add", "default", "via", "10.77.0.254")
        board.start()
        self.node = Node(board, self.rootfs)
        return board

    def listen(self, host, port, address=""):
        """A TCP server on a host, which takes connections and no more."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server = host.call(lambda: socket.create_server((address, port), family=family))
        self.sockets.append(server)
        return server

    def close(self):
        for one in self.sockets:
            one.close()
        self.node.remove_all()


@pytest.fixture
def site(boards, rootfs):
    site = Site(boards, rootfs)
    yield site
    site.close()


def connects(host, address, port):
    try:
        host.call(lambda: socket.create_connection((address, port), PATIENCE_SECONDS)).close()
        return True
    except OSError:
        return False


def start(node, name, script="sleep 1000", *options):
    return node.start_sh(script, "--name", name, "--network", "bridge", *options)


def reaches(node, name, address, port):
    """Whether a container gets a TCP connection."""
    result = node.ctl("exec", name, "nc", "-w", str(PATIENCE_SECONDS), address, str(port), "-e", "true")
    assert result.code in (0, 1), result
    return result.code == 0


def left_on(board):
    """What of the network is on a board."""
    links = board.host.run(["ip", "-br", "link"]).check().text
    rules = board.host.run(["nft", "list", "tables"]).check().text
    names = [line.split()[0].split("@")[0] for line in links.splitlines()]
    return [name for name in names if name.startswith(("veth", "microagent"))] + re.findall(r"microagent-bridge", rules)


def forwards(board):
    return board.host.run(["cat", "/proc/sys/net/ipv4/ip_forward"]).text.strip() == "1"


def assert_nothing_left(board):
    """The kernel removes a link with its namespace, a moment after its last process."""
    board.machine.wait_until(lambda: not any(one.startswith("veth") for one in left_on(board)))
    board.stop()
    assert left_on(board) == [] and not forwards(board)


def test_a_container_has_an_address_and_a_way_out(site):
    board = site.board()
    node = site.node
    server = site.listen(site.outside, 8000)
    assert left_on(board) == [] and not forwards(board)
    name = start(node, "one")
    assert node.state(name)["addresses"] == ["172.29.77.1"] or node.state(name)["addresses"] == [FIRST]
    text = node.ctl("exec", name, "sh", "-c", "ip -4 address show dev eth0; ip route; cat /etc/hosts").check().text
    assert f"inet {FIRST}/32" in text and "default via 172.29.77.1 dev eth0" in text and f"{FIRST}\tone" in text
    assert reaches(node, name, OUTSIDE, 8000)
    assert server.accept()[1][0] == board.address
    board.ctl("rm", "--force", name).check()
    assert_nothing_left(board)
