"""Where a flashed board stands in the network: between a home and its neighbours, or on a cable where nobody gives addresses."""

import copy
import re
import socket
import threading

import pytest

from flashed import BOOT_SECONDS, JOIN_SECONDS
from people import Person, Visitor
from peers import SerfAgent
from test_base_image import ARCHIVE
from test_flashed import street  # noqa: F401 -- the fixture
from test_gateway import (  # noqa: F401 -- two are fixtures
    ADDRESS_OF_NAME, HOME, NAME, connect, get_address, give_prefix, prefix_server, site, tools)

pytestmark = pytest.mark.machines("local")

NEIGHBOUR = "10.77.0.100"
OF_THE_LINK = r"eth0 has (169\.254\.\d+\.\d+), of the link"


class FlashedGateway:
    """An image with two ports, which three lines of microagent.conf make a gateway, and its owner among the neighbours."""

    def __init__(self, street, site, **settings):  # noqa: F811
        self.site = site
        self.owner = Person(street.boards, "owner")
        medium = street.medium("alix", owner=self.owner.key, dns=NEIGHBOUR, uplink="eth0", home="eth1",
                               home_address=f"{HOME}/24", **settings)
        self.board = street.plug(medium, site.outside, site.inside).on()
        self.address = self.board.address()
        # Somebody outside who tries, and who tells names to who asks.
        site.neighbour.ip("route", "add", "192.168.77.0/24", "via", self.address)
        site.neighbour.address("2001:db8:1::1/64")
        site.neighbour.spawn([f"{site.tools}/dnsmasq", "-k", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
                              f"--address=/{NAME}/{ADDRESS_OF_NAME}", "--enable-ra", "--dhcp-range=2001:db8:1::,ra-only,64"])

    def ctl(self, *words, **options):
        return self.owner.ctl("--node", self.address, *words, timeout=300, **options)


def test_an_image_with_two_ports_is_a_gateway(street, site):  # noqa: F811
    inhabitant = Visitor(street, "inhabitant", host=site.pc)
    outside = copy.copy(inhabitant)
    outside.host = site.neighbour
    gateway = FlashedGateway(street, site, ssh_key=inhabitant.line)
    # Home: addresses, names, a way out behind the board's address.
    gateway.board.wait_for("started, version")
    address, router, dns = get_address(site)
    assert address.startswith("192.168.77.") and router == dns == HOME
    assert ADDRESS_OF_NAME in site.pc.run([f"{site.tools}/nslookup", "-type=a", NAME, dns]).check().text
    gateway.board.wait_for("microagentd: ready")
    server = site.listen(site.neighbour, 8000)
    gateway.board.wait_until(lambda: connect(site.pc, NEIGHBOUR, 8000), JOIN_SECONDS)
    connection, source = server.accept()
    connection.close()
    assert source[0] == gateway.address
    # Nobody outside gets in, not even with the key; at home it opens.
    pc = address.split("/")[0]
    site.listen(site.pc, 8000)
    assert not connect(site.neighbour, pc, 8000) and not connect(site.neighbour, HOME, 53)
    gateway.board.wait_until(lambda: inhabitant.run(HOME, "true").code == 0, JOIN_SECONDS)
    told = outside.run(gateway.address, "true", options=["-o", "ConnectTimeout=5"])
    assert told.code == 255 and "timed out" in told.error_text
    # Nor does a container, which gets out.
    gateway.board.wait_until(lambda: gateway.ctl("info").code == 0, JOIN_SECONDS)
    gateway.ctl("push", ARCHIVE, "base").check()

    def container_reaches(*place):
        told = gateway.ctl("run", "--rm", "-m", "2M", "--network", "host", "base", "nc", "-w", "5", *place, "-e", "true")
        assert told.code in (0, 1), told
        return told.code == 0

    assert container_reaches(NEIGHBOUR, 8000)
    assert not container_reaches(pc, 8000)
    assert "connects" in gateway.board.sh(f"nc -w 5 {pc} 8000 -e true && echo conn\"\"ects")


def test_an_images_home_gets_a_prefix(street, site):  # noqa: F811
    server = prefix_server(site.neighbour)
    site.sockets.append(server)
    server.settimeout(BOOT_SECONDS)
    # It is there before it is asked: who gets no answer asks again ten minutes later.
    giver = threading.Thread(target=give_prefix, args=(server, "2001:db8:77:aa00::", 56))
    giver.start()
    gateway = FlashedGateway(street, site)
    giver.join()
    gateway.board.wait_until(lambda: " 2001:db8:77:aa00:" in site.pc.ip("-6", "address", "show", "dev", "eth0").text, JOIN_SECONDS)
    gateway.board.wait_for("microagentd: ready")
    own = gateway.board.wait_until(
        lambda: re.search(r"inet6 (2001:db8:1:[0-9a-f:]+)/64", gateway.board.sh("ip -6 addr show dev eth0")), JOIN_SECONDS)[1]
    site.neighbour.ip("-6", "route", "add", "2001:db8:77:aa00::/56", "via", own)
    for host in (site.neighbour, site.pc):
        site.listen(host, 8000, socket.AF_INET6)
    gateway.board.wait_until(lambda: connect(site.pc, "2001:db8:1::1", 8000), JOIN_SECONDS)
    pc = re.search(r"inet6 (2001:db8:77:aa00:[0-9a-f:]+)/64", site.pc.ip("-6", "address", "show", "dev", "eth0").text)[1]
    assert not connect(site.neighbour, pc, 8000)


def test_without_a_dhcp_server_a_board_has_an_address_of_the_link(street, directory):  # noqa: F811
    cable = street.network.switch()
    owner = Person(street.boards, "owner")
    owner.host = street.network.host(cable).address("169.254.77.1/16")
    board = street.plug(street.medium("alix", owner=owner.key), cable).on()
    board.wait_until(lambda: re.search(OF_THE_LINK, board.console()), BOOT_SECONDS)
    of_the_link = re.search(OF_THE_LINK, board.console())[1]
    board.wait_until(lambda: owner.ctl("--node", of_the_link, "info").code == 0, JOIN_SECONDS)
    # Serf asks nobody by multicast without a default route.
    neighbour = street.network.host(cable).address("169.254.77.2/16")
    neighbour.ip("route", "add", "default", "dev", "eth0")
    serf = SerfAgent(neighbour, "cloudy", "169.254.77.2", "-discover=microcloud", "-iface=eth0")
    board.wait_until(lambda: list(serf.members().values()).count("alive") == 2, JOIN_SECONDS)
    # A server that comes later is found, and the other address is given back (RFC 3927 section 1.9).
    street.lessor(cable)
    board.address()
    board.wait_until(lambda: of_the_link not in board.sh("ip addr show dev eth0"), JOIN_SECONDS)
