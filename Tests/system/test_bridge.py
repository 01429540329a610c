"""The network `bridge` of containers: what they reach, what reaches them, and that nothing of it is left behind."""

import json
import re
import signal as signals
import socket
import struct

import pytest

from boards import Board
from node import Node, refused

pytestmark = pytest.mark.machines("local")

#: Whatever is dropped or refused is waited for so long.
PATIENCE_SECONDS = 1
FIRST, SECOND = "172.29.77.2", "172.29.77.3"
OUTSIDE = "198.51.100.7"
#: Answers on a port with what it is given.
ECHO = "nc -ll -p 80 -e cat"


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
    assert node.state(name)["addresses"] == [FIRST]
    text = node.ctl("exec", name, "sh", "-c", "ip -4 address show dev eth0; ip route; cat /etc/hosts").check().text
    assert f"inet {FIRST}/32" in text and "default via 172.29.77.1 dev eth0" in text and f"{FIRST}\tone" in text
    assert reaches(node, name, OUTSIDE, 8000)
    assert server.accept()[1][0] == board.address
    board.ctl("rm", "--force", name).check()
    assert_nothing_left(board)


def test_containers_are_kept_from_each_other_and_from_home(site):
    board = site.board(coap_port=5683, microcloud=None)
    node = site.node
    for host in (site.pc, site.router, board.host, site.outside):
        site.listen(host, 8000)
    start(node, "one")
    start(node, "two", ECHO)
    board.machine.wait_until(lambda: connects(board.host, SECOND, 80))
    kept = [(SECOND, 80), ("10.77.0.100", 8000), ("10.77.0.254", 8000), (board.address, 8000), ("172.29.77.1", 8000),
            (board.address, 5683), ("172.29.77.1", 5683)]
    assert [one for one in kept if reaches(node, "one", *one)] == []
    assert reaches(node, "one", OUTSIDE, 8000)
    # It is the container that is refused: the board gets there.
    assert all(connects(board.host, *one) for one in kept)
    # Nobody at home or beyond gets into it, nor through the board to anybody else.
    for host in (site.pc, site.outside):
        host.ip("route", "add", "172.29.77.0/24", "via", board.address if host is site.pc else "198.51.100.1")
        assert not connects(host, SECOND, 80)
    site.pc.ip("route", "add", f"{OUTSIDE}/32", "via", board.address)
    assert not connects(site.pc, OUTSIDE, 8000)


def test_what_is_allowed_is_reached(site):
    board = site.board(container_reach="10.77.0.100", containers_together="on", container_address="10.9.0.1/16")
    node = site.node
    for host in (site.pc, site.router):
        site.listen(host, 8000)
    start(node, "one")
    start(node, "two", ECHO)
    (address,) = node.state("two")["addresses"]
    assert address == "10.9.0.3"
    board.machine.wait_until(lambda: connects(board.host, address, 80))
    assert reaches(node, "one", address, 80) and reaches(node, "one", "10.77.0.100", 8000)
    assert not reaches(node, "one", "10.77.0.254", 8000)


def test_a_published_port_leads_to_the_container(site):
    board = site.board()
    node = site.node
    start(node, "web", ECHO, "--publish", "8080:80")
    board.machine.wait_until(lambda: connects(board.host, FIRST, 80))
    for host in (site.pc, site.outside):
        if host is site.outside:
            host.ip("route", "add", f"{board.address}/32", "via", "198.51.100.1")
        with host.call(lambda: socket.create_connection((board.address, 8080), 10)) as connection:
            connection.sendall(b"hello")
            assert connection.recv(5) == b"hello"
    assert not connects(site.pc, board.address, 80)
    assert {"port": 8080, "targetPort": 80} in node.state("web")["request"]["ports"]
    assert "8080->80" in board.ctl("ps").check().text and FIRST in board.ctl("ps").text
    # Ports that are somebody's are not taken from them.
    line = refused(node.ctl("run", "-d", "--name", "other", "--publish", "8080:80", site.rootfs, "sleep", "9"), 125)
    assert line == "container other: port 8080/tcp of the board leads to another container: publish another one"
    site.listen(board.host, 8081)
    line = refused(node.ctl("run", "-d", "--publish", "8081:80", "--name", "third", site.rootfs, "sleep", "9"), 125)
    assert line == "container third: port 8081/tcp of the board is in use there: publish another one"
    # Nor is what only passes through the board led there.
    board.ctl("rm", "--force", "web").check()
    assert not connects(site.pc, board.address, 8080)


#: Answers each datagram on a port with itself.
UDP_ECHO = """
import socket
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.bind(("", 53))
while True:
    one.sendto(*one.recvfrom(2048))
"""


def test_udp_is_published(site):
    board = site.board()
    node = site.node
    start(node, "names", "sleep 1000", "--publish", "5300:53/udp")
    # busybox has no program that answers by UDP.
    board.host.spawn(["nsenter", "-t", str(node.process("names")), "-n", "python3", "-c", UDP_ECHO])

    def asks():
        with site.pc.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as one:
            one.settimeout(PATIENCE_SECONDS)
            one.sendto(b"hello", (board.address, 5300))
            try:
                return one.recv(16) == b"hello"
            except OSError:
                return False

    board.machine.wait_until(asks)
    assert "5300->53/udp" in board.ctl("ps").check().text


#: Sends a frame as somebody else, from inside.
THIEF = """
import socket, struct, sys
frame = bytes.fromhex(sys.argv[1])
one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
one.bind(("eth0", 0))
for _ in range(3):
    one.send(frame)
"""


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def hardware(address):
    return bytes([2, 0x4D, 0x41, 0, 0, int(address.rsplit(".", 1)[1])])


def udp_frame(source_hardware, source, target, port):
    """A UDP datagram to the board, as a frame to its bridge."""
    body = struct.pack("!4H", 1, port, 13, 0) + b"theft"
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, 64, 17, 0, socket.inet_aton(source),
                       socket.inet_aton(target))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return bytes.fromhex("024d41ff0000") + source_hardware + b"\x08\x00" + head + body


def test_nobody_speaks_as_somebody_else(site):
    board = site.board()
    node = site.node
    listener = site.outside.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    site.sockets.append(listener)
    listener.bind(("", 7000))
    listener.settimeout(PATIENCE_SECONDS)
    start(node, "thief")
    start(node, "victim", ECHO)

    def send(frame):
        """As the thief's own programs could: from its network namespace, with no more than raw sockets."""
        board.machine.run(["nsenter", "-t", str(node.process("thief")), "-n", "python3", "-c", THIEF, frame.hex()]).check()

    def heard():
        try:
            return listener.recv(16)
        except OSError:
            return None

    send(udp_frame(hardware(FIRST), FIRST, OUTSIDE, 7000))
    assert heard() == b"theft"
    while heard():
        pass
    send(udp_frame(hardware(FIRST), SECOND, OUTSIDE, 7000))
    send(udp_frame(hardware(SECOND), SECOND, OUTSIDE, 7000))
    send(udp_frame(hardware(FIRST), "172.29.77.9", OUTSIDE, 7000))
    assert heard() is None
    # Nor does it get its neighbour's packets by saying that it is there.
    arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 2, hardware(FIRST), socket.inet_aton(SECOND), bytes(6),
                      socket.inet_aton("172.29.77.1"))
    send(b"\xff" * 6 + hardware(FIRST) + b"\x08\x06" + arp)
    send(bytes.fromhex("024d41ff0000") + hardware(SECOND) + b"\x08\x06" + arp)
    neighbours = board.host.ip("neigh", "show", "dev", "microagent").text
    assert f"{SECOND} lladdr 02:4d:41:00:00:03 PERMANENT" in neighbours
    known = board.host.run(["bridge", "fdb", "show", "br", "microagent"]).text
    assert not re.search(r"02:4d:41:00:00:03 dev veth0002", known)
    board.machine.wait_until(lambda: connects(board.host, SECOND, 80))
    # Two containers have no way to each other past the board.
    ports = json.loads(board.host.run(["bridge", "-j", "-d", "link"]).check().text)
    assert [one["isolated"] for one in ports if one.get("master") == "microagent"] == [True, True]


def test_containers_go_on_when_the_agent_dies(site):
    board = site.board()
    node = site.node
    start(node, "web", ECHO, "--publish", "8080:80")
    start(node, "short", "sleep 1000")
    board.machine.wait_until(lambda: connects(site.pc, board.address, 8080))
    short = node.process("short")
    node.kill_agent()
    assert connects(site.pc, board.address, 8080) and node.state("web")["addresses"] == [FIRST]
    # What ends meanwhile is put away by the next one; what was left of nobody goes, too.
    with node.without_agent():
        assert connects(site.pc, board.address, 8080)
        board.machine.kill(short, signals.SIGKILL)
    board.machine.wait_until(lambda: node.state("short")["phase"] == "ended")
    # A power cut of both, and a switch that is off and on again.
    node.kill_all()
    board.host.ip("link", "add", "name", "vethffff-00aaaa", "type", "veth", "peer", "name", "stray")
    board.host.ip("link", "set", "vethffff-00aaaa", "master", "microagent")
    board.host.run(["nft", "flush", "ruleset"]).check()
    assert not connects(site.pc, board.address, 8080)
    board.start()
    assert connects(site.pc, board.address, 8080) and node.state("web")["addresses"] == [FIRST]
    assert "vethffff-00aaaa" not in left_on(board)
    # A clean end leaves what containers need.
    board.stop()
    assert connects(site.pc, board.address, 8080)
    board.start()
    # It keeps its address over its own restart.
    board.ctl("stop", "web").check()
    board.ctl("start", "web").check()
    assert node.state("web")["addresses"] == [FIRST]
    board.machine.wait_until(lambda: connects(site.pc, board.address, 8080))
    board.ctl("rm", "--force", "web", "short").check()
    assert_nothing_left(board)


def received(connection, seconds=0.5):
    """How many bytes come while they come: until there is a pause."""
    connection.settimeout(seconds)
    count = 0
    try:
        while data := connection.recv(65536):
            count += len(data)
    except TimeoutError:
        pass
    return count


def dropped(board, namespace_of, interface):
    """How the kernel says that it limits an interface: its rate, and packets that found no room."""
    command = ["tc", "-s", "-j", "qdisc", "show", "dev", interface]
    if namespace_of:
        command = ["nsenter", "-t", str(namespace_of), "-n", *command]
    (one,) = [one for one in json.loads(board.host.run(command).check().text) if one["kind"] == "tbf"]
    return one["options"]["rate"], one["drops"] + one["overlimits"]


def test_a_container_has_a_rate_each_way(site):
    board = site.board()
    node = site.node
    start(node, "web", ECHO, "--upload", "4M", "--download", "8M", "--publish", "8080:80")
    board.machine.wait_until(lambda: connects(board.host, FIRST, 80))
    with site.pc.call(lambda: socket.create_connection((board.address, 8080), 10)) as connection:
        connection.settimeout(20)
        sent = 256 * 1024
        connection.sendall(bytes(sent))
        assert received(connection, 10 if sent else 0) >= 0
        connection.close()
    # In bytes a second. That packets had to wait says that it counts.
    inside = dropped(board, node.process("web"), "eth0")
    (link,) = [one for one in left_on(board) if one.startswith("veth")]
    outside = dropped(board, None, link)
    assert inside[0] == 500_000 and outside[0] == 1_000_000
    assert inside[1] > 0 and outside[1] > 0


def test_a_container_has_ipv6_where_the_board_gives_it(site):
    board = site.board(container_address6="fd77::1/64")
    node = site.node
    board.host.address("2001:db8::1/64")
    board.host.ip("-6", "route", "add", "default", "via", "2001:db8::fe")
    site.router.address("2001:db8::fe/64").address("2001:db8:1::fe/64", "eth1")
    site.router.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"]).check()
    site.outside.address("2001:db8:1::7/64").ip("-6", "route", "add", "default", "via", "2001:db8:1::fe")
    site.pc.address("2001:db8::64/64")
    server = site.listen(site.outside, 8000, "2001:db8:1::7")
    for host, address in ((site.pc, "2001:db8::64"), (board.host, "2001:db8::1")):
        site.listen(host, 8000, address)
    start(node, "web", ECHO, "--publish", "8080:80")
    start(node, "two")
    assert node.state("web")["addresses"] == [FIRST, "fd77::2"]
    assert reaches(node, "two", "2001:db8:1::7", 8000)
    assert server.accept()[1][0] == "2001:db8::1"
    board.machine.wait_until(lambda: connects(board.host, "fd77::2", 80))
    kept = [("fd77::2", 80), ("2001:db8::64", 8000), ("2001:db8::1", 8000), ("fd77::1", 8000)]
    assert [one for one in kept if reaches(node, "two", *one)] == []
    with site.pc.call(lambda: socket.create_connection(("2001:db8::1", 8080), 10)) as connection:
        connection.sendall(b"hello")
        assert connection.recv(5) == b"hello"
    board.ctl("rm", "--force", "web", "two").check()
    assert_nothing_left(board)
    assert board.host.run(["cat", "/proc/sys/net/ipv6/conf/all/forwarding"]).text.strip() == "0"


def test_what_does_not_go_together_is_said_in_a_line(site):
    board = site.board(container_address="10.77.0.129/25")
    node = site.node
    line = refused(node.ctl("run", "-d", "--name", "one", "--network", "bridge", site.rootfs, "sleep", "9"), 125)
    assert line == ("container one: network bridge: container-address 10.77.0.129/25 overlaps the board's own "
                    "10.77.0.1/24: set another one")
    assert left_on(board) == [] and not forwards(board)
    # Others go on as ever.
    assert node.sh("echo hello") == "hello\n"


def test_the_usual_addresses_give_way(site):
    board = site.boards.board().plug()
    board.host.address("172.16.0.9/12")
    board.start()
    site.node = node = Node(board, site.rootfs)
    start(node, "one")
    assert node.state("one")["addresses"] == ["192.168.229.2"]
    assert ("containers have addresses of 192.168.229.1/24, for 172.29.77.1/24 overlaps one of the board's networks"
            in board.info()["notices"])


def test_an_interface_of_somebody_elses_is_left_alone(site):
    board = site.board()
    board.host.ip("link", "add", "name", "microagent", "type", "bridge")
    line = refused(site.node.ctl("run", "-d", "--name", "one", "--network", "bridge", site.rootfs, "sleep", "9"), 125)
    assert line == ("container one: network bridge: there is an interface microagent that this agent did not make: remove it")
    board.stop()
    assert left_on(board) == ["microagent"]
    board.start()


def test_without_rights_it_is_said_in_a_line(site):
    board = site.boards.board().plug()
    board._prefix += ["setpriv", "--bounding-set=-net_admin"]
    board.start()
    site.node = node = Node(board, site.rootfs)
    line = refused(node.ctl("run", "-d", "--name", "one", "--network", "bridge", site.rootfs, "sleep", "9"), 125)
    assert line == "container one: network bridge: make bridge microagent: Operation not permitted"
    assert node.sh("echo hello") == "hello\n"
