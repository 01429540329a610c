"""A board as its owner's home gateway: neighbours outside, a home inside, and containers that do not get there."""

import re
import socket
import struct
import subprocess
from pathlib import Path

import pytest

from boards import Board, together

pytestmark = pytest.mark.machines("local")

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "cross" / "image" / "system" / "etc" / "board" / "gateway"
HOME = "192.168.77.1"
NAME, ADDRESS_OF_NAME = "library.example", "192.0.2.80"
#: So long a packet that is dropped is waited for.
PATIENCE_SECONDS = 1

#: What the kernel has, as nft(8) reads it.
RULES = """\
table inet microagent {
	set home {
		type ifname
		elements = { "br-home", "eth1" }
	}

	set agent {
		type inet_service
		elements = { 5683, 7946 }
	}

	set published {
		type inet_service
	}

	set home-services {
		type inet_service
		elements = { 53, 547, 67 }
	}

	chain input {
		type filter hook input priority 0; policy drop;
		ct state 0x2,0x4 accept comment "answers to what was begun from here"
		ct state 0x1 counter drop comment "of no connection"
		iifname "lo" accept comment "the board itself"
		iifname @home accept comment "home"
		meta l4proto 1 accept comment "ping and errors"
		meta l4proto 58 accept comment "neighbours, routers, errors of IPv6"
		meta l4proto 2 accept comment "who is in which group"
		udp dport @agent accept comment "gossip and control"
		tcp dport @agent accept comment "gossip and control"
		udp dport 5353 accept comment "multicast DNS"
		meta nfproto 2 udp dport 68 accept comment "the board's own address"
		meta nfproto 10 udp dport 546 accept comment "home's IPv6 prefix"
		tcp dport @published accept comment "published services"
	}

	chain forward {
		type filter hook forward priority 0; policy drop;
		ct state 0x2,0x4 accept comment "answers"
		ct state 0x1 counter drop comment "of no connection"
		iifname @home oifname "eth0" accept comment "from home"
		iifname "microagent" accept comment "from containers"
		oifname "microagent" accept comment "to containers"
	}

	chain translation {
		type nat hook postrouting priority 100; policy accept;
		meta nfproto 2 iifname @home oifname "eth0" masquerade comment "home behind one address"
	}

	chain containers {
		ct state 0x2,0x4 accept comment "answers"
		oifname @home counter reject with icmpx 3 comment "not to home"
		ip daddr 192.168.77.0/24 counter reject with icmpx 3 comment "not to home's addresses"
		ip6 daddr != ::1 oifname "lo" udp dport @home-services counter reject with icmpx 3 comment "not to home's services"
		ip6 daddr != ::1 oifname "lo" tcp dport @home-services counter reject with icmpx 3 comment "not to home's services"
	}

	chain output {
		type filter hook output priority 0; policy accept;
		meta skuid 100000-165535 jump containers comment "containers"
	}
}
"""


class Gateway(Board):
    """A board with an interface to each side, and what its image does for the home side."""

    def __init__(self, boards, outside, inside, **settings):
        boards._count += 1
        super().__init__(boards, boards._count, outside, **settings)
        boards.all.append(self)
        inside.plug(self.host, "eth1")
        self.plug()

    def without_network_administration(self):
        """The packet filter refuses this agent everything, as one that the kernel does not have."""
        self._prefix += ["setpriv", "--bounding-set=-net_admin"]

    def rules(self):
        """What the kernel has, without counts; a set's elements, which have no order, sorted."""
        text = self.host.run(["nft", "-nn", "list", "ruleset"]).check().text
        text = re.sub(r"(?<=elements = { )[^}]*(?= })", lambda found: ", ".join(sorted(re.split(r",\s*", found[0]))), text)
        return re.sub(r" packets \d+ bytes \d+", "", text)

    def forwards(self):
        return self.host.run(["cat", "/proc/sys/net/ipv4/ip_forward"]).text.strip() == "1"

    def serve_home(self, tools, name_server):
        """Starts the image's script as the board's init does."""
        files = f"{self.directory}/gateway"
        self.machine.run(["mkdir", "-p", files]).check()
        self.machine.write(f"{files}/resolv.conf", f"nameserver {name_server}\n")
        return self.host.spawn([
            "env", "-i", f"PATH={tools}", f"RUN={files}", f"LEASES={files}/leases", f"RESOLV={files}/resolv.conf",
            "uplink=eth0", "home=eth1", f"home_address={HOME}/24", f"{tools}/sh", f"{tools}/gateway"])


@pytest.fixture(scope="module")
def tools(machine, workspace):
    """What the image has: its busybox under all its names, its dnsmasq, and its script for the home side."""
    folder = f"{workspace}/gateway-tools"
    for part in ("busybox", "dnsmasq"):
        made = subprocess.run([REPOSITORY / "cross" / "make-part", part], stdout=subprocess.PIPE, text=True, check=True)
        machine.put(f"{made.stdout.splitlines()[-1]}/{part}", f"{folder}/{part}")
    machine.put(SCRIPT, f"{folder}/gateway")
    machine.sh(f"cd {folder} && for applet in $(./busybox --list); do [ -e $applet ] || ln -s busybox $applet; done")
    return folder


class Site:
    """A gateway between a neighbour outside, who knows names, and a PC at home."""

    def __init__(self, boards, tools):
        self.boards = boards
        self.tools = tools
        self.outside, self.inside = boards.switch, boards.network.switch()
        self.neighbour = boards.network.host(self.outside).address("10.77.0.100/24")
        self.pc = boards.network.host(self.inside)
        self.sockets = []

    def gateway(self, **settings):
        gateway = Gateway(self.boards, self.outside, self.inside, uplink="eth0", home="eth1", **settings)
        # Somebody outside who tries.
        self.neighbour.ip("route", "add", "192.168.77.0/24", "via", gateway.address)
        return gateway

    def listen(self, host, port, family=socket.AF_INET):
        """A TCP server on all addresses of a host."""
        server = host.call(lambda: socket.create_server(("", port), family=family))
        self.sockets.append(server)
        return server

    def close(self):
        for one in self.sockets:
            one.close()


@pytest.fixture
def site(boards, tools):
    site = Site(boards, tools)
    yield site
    site.close()


def connect(host, address, port):
    """Whether a TCP connection comes to be."""
    try:
        host.call(lambda: socket.create_connection((address, port), PATIENCE_SECONDS)).close()
        return True
    except OSError:
        return False


def udp(port):
    """A UDP socket on all addresses."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(10)
    made.bind(("", port))
    return made


def container_reaches(board, rootfs, address, port):
    """Whether a container on the board's own network gets a TCP connection."""
    result = board.ctl("run", "--rm", "--network", "host", rootfs, "nc", "-w", "2", address, port, "-e", "true")
    assert result.code in (0, 1), result
    return result.code == 0


def get_address(site):
    """Lets the PC ask for an address as any PC does; returns what it was told."""
    told = f"{site.boards.network.directory}/udhcpc"
    site.pc.machine.write(told, '#!/bin/sh\n[ "$1" != bound ] || echo "$ip/$mask $router $dns"\n', mode=0o755)
    result = site.pc.run([f"{site.tools}/udhcpc", "-f", "-q", "-n", "-i", "eth0", "-s", told]).check()
    address, router, dns = result.text.split()[-3:]
    site.pc.address(address)
    site.pc.ip("route", "add", "default", "via", router)
    return address, router, dns


def test_home_gets_addresses_names_and_a_way_out(site):
    gateway = site.gateway()
    gateway.start()
    script = gateway.serve_home(site.tools, "10.77.0.100")
    site.neighbour.spawn([f"{site.tools}/dnsmasq", "-k", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
                          f"--address=/{NAME}/{ADDRESS_OF_NAME}"])
    script.wait_for("started")
    address, router, dns = get_address(site)
    assert address.startswith("192.168.77.") and address.endswith("/24") and router == dns == HOME
    looked_up = site.pc.run([f"{site.tools}/nslookup", "-type=a", NAME, dns]).check().text
    assert ADDRESS_OF_NAME in looked_up, looked_up
    # Outside it is the board that speaks.
    server = site.listen(site.neighbour, 8000)
    with site.pc.call(lambda: socket.create_connection(("10.77.0.100", 8000))):
        connection, source = server.accept()
        connection.close()
    assert source[0] == gateway.address
    listener = site.neighbour.call(lambda: udp(8001))
    site.sockets.append(listener)
    with site.pc.call(lambda: udp(0)) as sender:
        sender.sendto(b"hello", ("10.77.0.100", 8001))
        assert listener.recvfrom(16)[1][0] == gateway.address
    # Nobody outside gets in, nor do the board's own names leave the home.
    site.listen(site.pc, 8000)
    assert connect(gateway.host, address.split("/")[0], 8000)
    assert not connect(site.neighbour, address.split("/")[0], 8000)
    assert not connect(site.neighbour, HOME, 53)


def test_containers_do_not_reach_the_home_side(site, rootfs):
    gateway = site.gateway()
    gateway.start()
    gateway.host.address(f"{HOME}/24", "eth1").address("fd77::1/64", "eth1")
    site.pc.address("192.168.77.7/24").address("fd77::7/64")
    for host in (site.pc, site.neighbour, gateway.host):
        site.listen(host, 8000)
    site.sockets += [site.pc.call(lambda: socket.create_server(("fd77::7", 8001), family=socket.AF_INET6)),
                     gateway.host.call(lambda: socket.create_server(("fd77::1", 53), family=socket.AF_INET6))]
    home = [("192.168.77.7", 8000), (HOME, 8000), ("fd77::7", 8001), ("fd77::1", 53)]
    assert gateway.rules() == RULES
    assert [one for one in home if container_reaches(gateway, rootfs, *one)] == []
    assert container_reaches(gateway, rootfs, "10.77.0.100", 8000)
    # It is the container that is refused: the board gets there.
    assert all(connect(gateway.host, *one) for one in home)
    # They stand when nobody is there to keep them.
    gateway.kill()
    assert gateway.rules() == RULES and gateway.forwards()
    # Another agent puts its own in their place.
    gateway.configure(cgroup=gateway.cgroup, microcloud=None, name="board1", uplink="eth0", home="eth1", home_open="on")
    gateway.start()
    assert "reject" not in gateway.rules() and 'iifname @home oifname "eth0" accept' in gateway.rules()
    assert all(container_reaches(gateway, rootfs, *one) for one in home)


def test_neighbours_reach_the_agent_and_what_is_published(site, rootfs):
    gateway, neighbour = site.gateway(), site.boards.on()
    gateway.start()
    together(gateway, neighbour)
    for port in (8080, 8081):
        gateway.ctl("run", "-d", "--name", f"web{port}", "--network", "host", *(
            ["--publish", "http:8080"] if port == 8080 else []), rootfs, "httpd", "-f", "-p", str(port)).check()
    gateway.machine.wait_until(
        lambda: connect(gateway.host, "127.0.0.1", 8081) and connect(neighbour.host, gateway.address, 8080))
    assert not connect(neighbour.host, gateway.address, 8081)
    gateway.ctl("rm", "--force", "web8080", "web8081").check()
    gateway.machine.wait_until(lambda: gateway.rules() == RULES)


def test_without_rules_nothing_passes(site):
    gateway = site.gateway()
    gateway.without_network_administration()
    gateway.start()
    (line,) = [line for line in gateway.info()["notices"] if line.startswith("gateway: ")]
    assert line == ("gateway: put table microagent into the packet filter: Operation not permitted: the home side is cut off; "
                    "a kernel with nf_tables is needed")
    assert not gateway.forwards()
    gateway.stop()
    assert line in gateway.process.stderr.decode()


def prefix_server(host):
    """A socket where a host is asked for prefixes (RFC 8415 section 7.1, 7.2)."""
    def make():
        made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        made.settimeout(20)
        made.bind(("::", 547))
        group = socket.inet_pton(socket.AF_INET6, "ff02::1:2")
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + struct.pack("=I", socket.if_nametoindex("eth0")))
        return made
    return host.call(make)


def give_prefix(server, prefix, bits):
    """Gives a prefix to whoever asks: Solicit is answered with Advertise, Request with Reply (RFC 8415 section 18.3)."""
    def option(code, value):
        return struct.pack("!HH", code, len(value)) + value

    for asked, answer in ((1, 2), (3, 7)):
        while True:
            message, source = server.recvfrom(2048)
            if message[0] == asked:
                break
        options, rest = {}, message[4:]
        while rest:
            code, length = struct.unpack("!HH", rest[:4])
            options[code], rest = rest[4:4 + length], rest[4 + length:]
        offered = option(26, struct.pack("!IIB", 1800, 3600, bits) + socket.inet_pton(socket.AF_INET6, prefix))
        server.sendto(
            bytes([answer]) + message[1:4] + option(1, options[1]) + option(2, b"\0\3\0\1server")
            + option(25, options[25][:4] + struct.pack("!II", 900, 1440) + offered), source)


def test_a_prefix_becomes_homes_addresses(site):
    server = prefix_server(site.neighbour)
    site.sockets.append(server)
    gateway = site.gateway()
    gateway.start()
    gateway.serve_home(site.tools, "10.77.0.100")
    give_prefix(server, "2001:db8:77:aa00::", 56)
    site.pc.machine.wait_until(lambda: " 2001:db8:77:aa00:" in site.pc.ip("-6", "address", "show", "dev", "eth0").text)
    site.pc.machine.wait_until(lambda: "default via fe80::" in site.pc.ip("-6", "route").text)
    # Home is reached under its own addresses, by answers alone.
    site.neighbour.address("2001:db8:1::1/64")
    gateway.host.address("2001:db8:1::2/64")
    site.neighbour.ip("-6", "route", "add", "2001:db8:77:aa00::/56", "via", "2001:db8:1::2")
    for host in (site.neighbour, site.pc):
        site.listen(host, 8000, socket.AF_INET6)
    text = site.pc.ip("-6", "address", "show", "dev", "eth0", "scope", "global").text
    address = re.search(r"inet6 ([0-9a-f:]+)/64", text)[1]
    assert connect(site.pc, "2001:db8:1::1", 8000)
    assert not connect(site.neighbour, address, 8000)
