"""Our multicast DNS beside Avahi's: each finds what the other publishes, and gives way where a name is taken."""

import pytest

from peers import Avahi, Driver, SerfAgent

pytestmark = pytest.mark.machines("local")

TYPE = "_microagent._udp"


@pytest.fixture
def link(network):
    return network.switch()


def found(avahi, kind=TYPE):
    """What avahi-browse resolves: (family, name) to (host, address, port, text)."""
    return {(fields[2], fields[3]): tuple(fields[6:10]) for fields in avahi.browse(kind)}


class Ours(Driver):
    """Our multicast DNS on a host."""

    def __init__(self, host, program, *words):
        super().__init__(host, program, *words, "mdns")

    def publish(self, host="node.local", label="eins", port=5683, *text):
        self.tell("host", "1", host)
        self.tell("service", "2", "1", TYPE + ".local", str(port), label, *text)

    def name(self, publication):
        return self.ask(f"name {publication}")["name"]

    def services(self):
        """Name to the addresses where it answers."""
        return {service["name"]: service["addresses"] for service in self.ask("services")["services"]}


def pair(network, link, microcloud_driver, *settings):
    ours = Ours(network.host(link).address("10.77.0.1/24"), microcloud_driver)
    avahi = Avahi(network.host(link).address("10.77.0.2/24"), "theirs", *settings)
    return ours, avahi


def test_avahi_finds_what_we_publish(network, link, microcloud_driver):
    ours, avahi = pair(network, link, microcloud_driver)
    ours.publish("node.local", "eins", 5683, "isa=586", "v=1")
    expected = ("node.local", "10.77.0.1", "5683", '"v=1" "isa=586"')
    ours.machine.wait_until(lambda: found(avahi).get(("IPv4", "eins")) == expected)
    ours.machine.wait_until(lambda: ("IPv6", "eins") in found(avahi))
    assert TYPE in avahi.types()
    assert avahi.resolve("node.local") == "10.77.0.1"


def test_we_find_what_avahi_publishes(network, link, microcloud_driver):
    ours, avahi = pair(network, link, microcloud_driver)
    ours.tell("browse", TYPE + ".local")
    publisher = avahi.publish("-s", "zwei drei", TYPE, "1234", "a=b")
    ours.machine.wait_until(lambda: ours.news("found"))
    name = f"zwei drei.{TYPE}.local"
    assert ours.news("found")[0]["service"]["name"] == name
    assert ours.news("found")[0]["service"]["host"] == "theirs.local"
    ours.machine.wait_until(lambda: "10.77.0.2:1234" in ours.services().get(name, []))
    assert ours.news("found")[0]["service"]["text"] == ["a=b"]
    publisher.signal(15)
    ours.wait_for("lost", name=name, timeout=5)


def test_a_goodbye_removes_at_once(network, link, microcloud_driver):
    """The records would be good for minutes."""
    ours, avahi = pair(network, link, microcloud_driver)
    ours.publish()
    ours.machine.wait_until(lambda: ("IPv4", "eins") in found(avahi))
    ours.tell("goodbye")
    ours.machine.wait_until(lambda: found(avahi) == {}, timeout=5)


def test_our_changes_are_seen(network, link, microcloud_driver):
    ours, avahi = pair(network, link, microcloud_driver)
    ours.publish("node.local", "eins", 5683, "v=1")
    ours.machine.wait_until(lambda: ("IPv4", "eins") in found(avahi))
    ours.publish("node.local", "eins", 5684, "v=2")
    ours.machine.wait_until(lambda: found(avahi).get(("IPv4", "eins"), ())[2:] == ("5684", '"v=2"'))


def test_we_give_way_to_avahis_names(network, link, microcloud_driver):
    """A host's name and a service's."""
    ours, avahi = pair(network, link, microcloud_driver)
    avahi.publish("-s", "eins", TYPE, "1234")
    ours.publish("theirs.local", "eins")
    ours.wait_for("renamed", id=1, name="theirs-2.local")
    ours.wait_for("renamed", id=2, name=f"eins-2.{TYPE}.local")
    ours.machine.wait_until(lambda: len({name for _, name in found(avahi)}) == 2)
    assert avahi.resolve("theirs.local") == "10.77.0.2"
    ours.machine.wait_until(lambda: avahi.resolve("theirs-2.local") == "10.77.0.1")


def test_avahi_gives_way_to_our_names(network, link, microcloud_driver):
    ours = Ours(network.host(link).address("10.77.0.1/24"), microcloud_driver)
    ours.publish("theirs.local", "eins")
    onlooker = Ours(network.host(link).address("10.77.0.3/24"), microcloud_driver)
    onlooker.tell("browse", TYPE + ".local")
    onlooker.wait_for("found")
    avahi = Avahi(network.host(link).address("10.77.0.2/24"), "theirs")
    avahi.daemon.wait_for("theirs-2.local")
    publisher = avahi.publish("-s", "eins", TYPE, "1234")
    assert b"collision" in publisher.stderr + publisher.stdout
    onlooker.machine.wait_until(lambda: len(onlooker.services()) == 2)
    assert ours.news("renamed") == []


def test_shares_a_host_with_avahi(network, link, microcloud_driver):
    """On one machine both have port 5353: each still finds what is on the link, answers, and defends its names."""
    ours, avahi = pair(network, link, microcloud_driver)
    shared = Ours(avahi.host, microcloud_driver)
    shared.publish("shared.local", "drei", 5683)
    avahi.publish("-s", "vier", TYPE, "1234")
    ours.tell("browse", TYPE + ".local")
    ours.machine.wait_until(lambda: set(ours.services()) == {f"drei.{TYPE}.local", f"vier.{TYPE}.local"})
    shared.tell("browse", TYPE + ".local")
    ours.publish("shared.local", "fuenf")
    ours.wait_for("renamed", id=1, name="shared-2.local")
    for who in (shared, ours):
        who.machine.wait_until(lambda who=who: f"vier.{TYPE}.local" in who.services())
    shared.machine.wait_until(lambda: f"fuenf.{TYPE}.local" in shared.services())
    ours.machine.wait_until(lambda: ("IPv4", "fuenf") in found(avahi))


@pytest.mark.parametrize("first", ["ours", "avahi"])
def test_hears_unicast_answers_beside_avahi(network, link, microcloud_driver, first):
    """Serf agents answer by unicast only, and on one machine only one socket of a port gets that."""
    host = network.host(link).address("10.77.0.1/24")
    if first == "avahi":
        Avahi(host, "theirs")
    ours = Ours(host, microcloud_driver)
    ours.wait_for("interfaces")
    if first == "ours":
        Avahi(host, "theirs")
    other = network.host(link).address("10.77.0.2/24")
    other.ip("route", "add", "default", "dev", "eth0")
    SerfAgent(other, "agent", "10.77.0.2", "-discover=lab", "-iface=eth0")
    ours.tell("browse", "_serf_lab._tcp.local")
    ours.wait_for("found")
    assert ours.services() == {"agent._serf_lab._tcp.local": ["10.77.0.2:7946"]}


def test_two_interfaces(network, microcloud_driver):
    """What is on either link is found, told apart, and not carried over to the other."""
    links = [network.switch(), network.switch()]
    host = network.host(*links).address("10.77.0.1/24").address("10.78.0.1/24", "eth1")
    ours = Ours(host, microcloud_driver)
    ours.tell("browse", TYPE + ".local")
    ours.publish()
    avahis = [Avahi(network.host(link).address(f"10.7{7 + number}.0.2/24"), f"theirs{number}")
              for number, link in enumerate(links)]
    for number, avahi in enumerate(avahis):
        avahi.publish("-s", f"dienst{number}", TYPE, "1234")
        address = f"10.7{7 + number}.0.1"
        host.machine.wait_until(
            lambda avahi=avahi, address=address: found(avahi).get(("IPv4", "eins"), ("", ""))[1] == address)
    names = {f"dienst{number}.{TYPE}.local": f"10.7{7 + number}.0.2:1234" for number in range(2)}
    host.machine.wait_until(lambda: all(address in ours.services().get(name, []) for name, address in names.items()))
    interfaces = {service["name"]: service["interface"] for service in ours.ask("services")["services"]}
    assert len(set(interfaces.values())) == 2
    host.ip("link", "set", "eth1", "down")
    ours.wait_for("lost", name=f"dienst1.{TYPE}.local", timeout=5)
    host.ip("link", "set", "eth1", "up")
    host.machine.wait_until(lambda: f"dienst1.{TYPE}.local" in ours.services())
    assert f"dienst0.{TYPE}.local" in ours.services()


def test_follows_interfaces_and_addresses(network, link, microcloud_driver):
    """Links that come, go and change; those of containers, left out by their names, are as good as not there."""
    host = network.host(link).address("10.77.0.1/24")
    ours = Ours(host, microcloud_driver, "without", "veth")
    avahi = Avahi(network.host(link).address("10.77.0.2/24"), "theirs")
    ours.publish()
    host.machine.wait_until(lambda: avahi.resolve("node.local") == "10.77.0.1")
    host.ip("address", "delete", "10.77.0.1/24", "dev", "eth0")
    host.address("10.77.0.9/24")
    host.machine.wait_until(lambda: avahi.resolve("node.local") == "10.77.0.9")
    before = len(ours.news("interfaces"))
    host.ip("link", "add", "name", "veth7", "type", "veth", "peer", "name", "other7")
    host.ip("link", "set", "other7", "up")
    ours.machine.wait_until(lambda: len(ours.news("interfaces")) > before)
    seen = [line.split()[0] for line in ours.news("interfaces")[-1]["interfaces"]]
    assert "veth7" not in seen and "eth0" in seen
    host.ip("link", "delete", "veth7")
    ours.machine.wait_until(
        lambda: [line.split()[0] for line in ours.news("interfaces")[-1]["interfaces"]] == ["eth0"])
