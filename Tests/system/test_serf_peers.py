"""Our Serf membership among Debian's Serf agents, each in a network namespace of its own."""

import json
import re
import time

import pytest

from network import LossySwitch
from peers import Driver, SerfAgent, SerfMember, text_of_key

pytestmark = pytest.mark.machines("local")


class Cluster:
    """Hosts on one switch, with a member on each."""

    def __init__(self, network, microcloud_driver, switch=None):
        self.network = network
        self.switch = switch or network.switch()
        self._driver = microcloud_driver
        self._hosts = 0

    def host(self):
        """A new host and its address."""
        self._hosts += 1
        address = f"10.77.0.{self._hosts}"
        return self.network.host(self.switch).address(f"{address}/24"), address

    def ours(self, name, *words, **options):
        host, address = self.host()
        return SerfMember(host, self._driver, name, address, *words, **options)

    def theirs(self, name, *options, **keywords):
        host, address = self.host()
        return SerfAgent(host, name, address, *options, **keywords)

    def discovering(self, name, cluster):
        """An agent that joins what it finds by multicast DNS. It does not start where multicast has no route."""
        host, address = self.host()
        host.ip("route", "add", "default", "dev", "eth0")
        return SerfAgent(host, name, address, f"-discover={cluster}", "-iface=eth0")

    def again(self, member):
        """Starts a member that has ended once more, with its name and address."""
        address = member.at.rpartition(":")[0]
        if isinstance(member, SerfAgent):
            return SerfAgent(member.host, member.name, address)
        return SerfMember(member.host, self._driver, member.name, address)

    def pair(self, **options):
        """One of ours and one of theirs, who know one another."""
        ours, theirs = self.ours("ours", **options), self.theirs("theirs", **options)
        ours.join(theirs)
        agree([ours, theirs], {"ours": "alive", "theirs": "alive"})
        return ours, theirs


@pytest.fixture
def cluster(network, microcloud_driver):
    return Cluster(network, microcloud_driver)


def agree(members, expected, timeout=30):
    """Waits until all of these members see exactly this."""
    views = {}

    def all_do():
        for member in members:
            views[member.name] = member.members()
            if views[member.name] != expected:
                return False
        return True

    try:
        members[0].machine.wait_until(all_do, timeout)
    except Exception as error:
        logs = "".join(f"\n{member.name}:\n{member.log()}" for member in members)
        raise AssertionError(f"after {timeout} s not {expected}, but {views}{logs}") from error


BOTH_ALIVE = {"ours": "alive", "theirs": "alive"}


@pytest.mark.parametrize("profile", ["lan", "wan"])
@pytest.mark.parametrize("who", ["we join them", "they join us"])
def test_joins(cluster, who, profile):
    ours, theirs = cluster.ours("ours", profile=profile), cluster.theirs("theirs", "-tag", "role=web", profile=profile)
    ours.tell("tags", "services=QlpoOTFBWSZTWQ==")
    if who == "we join them":
        ours.join(theirs)
    else:
        theirs.join(ours)
    agree([ours, theirs], BOTH_ALIVE)
    ours.machine.wait_until(lambda: theirs.tags("ours") == {"services": "QlpoOTFBWSZTWQ=="})
    ours.machine.wait_until(lambda: ours.tags("theirs") == {"role": "web"})
    assert theirs.complaints() == []
    assert ours.news("refused") == []


@pytest.mark.parametrize("protocol", [3, 4])
def test_joins_agents_of_older_protocols(cluster, protocol):
    """Cloudy's agents speak version 4."""
    ours, theirs = cluster.ours("ours"), cluster.theirs("theirs", f"-protocol={protocol}")
    ours.join(theirs)
    agree([ours, theirs], BOTH_ALIVE)
    assert theirs.complaints() == []


def test_joins_over_ipv6(network, microcloud_driver):
    switch = network.switch()
    hosts = [network.host(switch).address(f"fd00:77::{number}/64") for number in (1, 2)]
    ours = SerfMember(hosts[0], microcloud_driver, "ours", "fd00:77::1")
    theirs = SerfAgent(hosts[1], "theirs", "fd00:77::2")
    theirs.join(ours)
    agree([ours, theirs], BOTH_ALIVE)
    assert theirs.complaints() == []


def test_leaves(cluster):
    ours, theirs = cluster.pair()
    ours.tell("leave")
    ours.wait_for("left")
    ours.kill()
    agree([theirs], {"ours": "left", "theirs": "alive"})
    again = cluster.again(ours)
    again.join(theirs)
    agree([again, theirs], BOTH_ALIVE)
    theirs.serf("leave")
    again.wait_for("member", name="theirs", change="left")
    assert again.members() == {"ours": "alive", "theirs": "left"}


def test_fails_and_comes_back(cluster):
    """Each side kills one of its own; both see it fail, and alive again when it is back under its name."""
    members = [cluster.ours("ours"), cluster.theirs("theirs"), cluster.ours("ours2"), cluster.theirs("theirs2")]
    for member in members[1:]:
        member.join(members[0])
    alive = {member.name: "alive" for member in members}
    agree(members, alive)
    for number in (2, 3):
        members[number].kill()
    agree(members[:2], {**alive, "ours2": "failed", "theirs2": "failed"})
    for number in (2, 3):
        members[number] = cluster.again(members[number])
        members[number].join(members[number - 2])
    agree(members, alive)


def test_tags_change(cluster):
    ours, theirs = cluster.pair()
    ours.tell("tags", "a=1", "b=2")
    ours.machine.wait_until(lambda: theirs.tags("ours") == {"a": "1", "b": "2"})
    theirs.serf("tags", "-set", "c=3")
    ours.wait_for("member", name="theirs", change="updated")
    assert ours.tags("theirs") == {"c": "3"}
    ours.tell("tags")
    ours.machine.wait_until(lambda: theirs.tags("ours") == {})


def test_user_events(cluster):
    ours, theirs = cluster.pair()
    theirs.serf("event", "deploy", "abc123")
    ours.wait_for("event", name="deploy", payload="abc123")
    ours.tell("event", "restart", "now")
    theirs.process.wait_for("user-event: restart")
    assert len([event for event in ours.news("event") if event["name"] == "deploy"]) == 1


def test_queries(cluster):
    ours, theirs = cluster.pair()
    ours.tell("answer", "0.25")
    said = json.loads(theirs.serf("query", "-format=json", "-timeout=2s", "load", "which"))
    assert sorted(said["Acks"]) == ["ours", "theirs"]
    assert said["Responses"] == {"ours": "0.25"}
    ours.wait_for("query", name="load", payload="which")
    number = ours.ask("query uptime", "asked")["id"]
    for name in ("ours", "theirs"):
        ours.wait_for("acknowledged", id=number, **{"from": name})
    ours.wait_for("ended", id=number)
    filtered = json.loads(theirs.serf("query", "-format=json", "-timeout=1s", "-node=theirs", "load"))
    assert filtered["Acks"] == ["theirs"]


def test_is_reachable(cluster):
    _, theirs = cluster.pair()
    text = theirs.serf("reachability")
    assert "Successfully contacted all live nodes" in text, text


def test_conflicts_of_names_are_told(cluster):
    """A second member of the same name is not believed by anybody."""
    ours, theirs = cluster.pair()
    impostor = cluster.ours("theirs")
    impostor.tell("join", ours.at)
    ours.wait_for("conflict", name="theirs")
    assert ours.members() == BOTH_ALIVE


#: AES-256, and AES-128.
KEYS = [bytes(range(32)), bytes(range(16))]


@pytest.mark.parametrize("key", KEYS, ids=["AES-256", "AES-128"])
def test_encrypted(cluster, key):
    ours, theirs = cluster.pair(key=key)
    theirs.serf("event", "deploy", "abc123")
    ours.wait_for("event", name="deploy", payload="abc123")
    ours.tell("answer", "0.25")
    said = json.loads(theirs.serf("query", "-format=json", "-timeout=1s", "load"))
    assert said["Responses"] == {"ours": "0.25"}
    other = cluster.theirs("other", key=key)
    other.join(ours)
    agree([ours, theirs, other], {**BOTH_ALIVE, "other": "alive"})
    assert theirs.complaints() == other.complaints() == []
    assert ours.news("refused") == []


@pytest.mark.parametrize("other_key", [None, bytes(32)], ids=["no key", "another key"])
def test_without_the_key_nobody_gets_in(cluster, other_key):
    ours, theirs = cluster.pair(key=KEYS[0])
    stranger, their_stranger = cluster.ours("stranger", key=other_key), cluster.theirs("theirs2", key=other_key)
    stranger.tell("join", theirs.at)
    stranger.wait_for("joined", address=theirs.at, success=False)
    assert "Error joining" in their_stranger.serf("join", ours.at, check=False) + their_stranger.host.run(
        ["serf", "join", ours.at]).error_text
    ours.wait_for("refused")
    agree([ours, theirs], BOTH_ALIVE)


def test_keys_are_rotated(cluster):
    """By `serf keys`, and then by us; nobody is lost on the way."""
    first, second, third = bytes(32), KEYS[0], KEYS[1]
    ours, theirs = cluster.pair(key=first)
    for verb, key in [("-install", second), ("-use", second), ("-remove", first)]:
        theirs.serf("keys", f"{verb}={text_of_key(key)}")
    assert text_of_key(second) in theirs.serf("keys", "-list")
    late = cluster.ours("late", key=second)
    late.join(theirs)
    agree([ours, theirs, late], {**BOTH_ALIVE, "late": "alive"})
    for verb, key in [("install", third), ("use", third), ("remove", second)]:
        said = ours.ask(f"keys {verb} {key.hex()}")
        assert (said["members"], said["responses"], said["refusals"]) == (3, 3, 0)
    assert ours.ask("keys list")["keys"] == [text_of_key(third)]
    theirs.serf("event", "deploy", "abc123")
    for member in (ours, late):
        member.wait_for("event", name="deploy", payload="abc123")
    agree([ours, theirs, late], {**BOTH_ALIVE, "late": "alive"})


def test_round_trips_are_estimated(network, microcloud_driver):
    """By coordinates, on both sides alike."""
    switch = LossySwitch(network, 0.025, 0)
    cluster = Cluster(network, microcloud_driver, switch)
    hosts = [cluster.host() for _ in range(3)]
    switch.start()
    ours = SerfMember(hosts[0][0], microcloud_driver, "ours", hosts[0][1])
    theirs = SerfAgent(hosts[1][0], "theirs", hosts[1][1])
    other = SerfAgent(hosts[2][0], "other", hosts[2][1])
    ours.join(theirs)
    other.join(ours)

    def estimates():
        """Milliseconds: theirs of ours, theirs of one another, ours of theirs."""
        texts = [theirs.serf("rtt", name, check=False) for name in ("ours", "other")]
        found = [re.search(r"([0-9.]+) ms", text) for text in texts]
        our_own = ours.ask("rtt theirs")["microseconds"]
        if not all(found) or our_own is None:
            return None
        return [float(match[1]) for match in found] + [our_own / 1000]

    ours.machine.wait_until(lambda: (seen := estimates()) and all(40 < each < 65 for each in seen), timeout=60)


def test_discovers_by_multicast_dns(cluster, microcloud_driver):
    """With `-discover` agents find us, and we find them."""
    ours = cluster.ours("ours", "mdns")
    ours.tell("host", "1", "ours.local")
    ours.tell("service", "2", "1", "_serf_lab._tcp.local", "7946", "ours")
    ours.tell("browse", "_serf_lab._tcp.local")
    # An agent looks once, and then only after a minute again: we have to be announced before.
    onlooker = Driver(cluster.host()[0], microcloud_driver, "mdns")
    onlooker.tell("browse", "_serf_lab._tcp.local")
    onlooker.wait_for("found")
    theirs = cluster.discovering("theirs", "lab")
    agree([ours, theirs], BOTH_ALIVE)
    ours.machine.wait_until(lambda: ours.news("found"))
    assert ours.news("found")[0]["service"]["addresses"] == [theirs.at]
    other = cluster.discovering("other", "lab")
    agree([ours, theirs, other], {**BOTH_ALIVE, "other": "alive"})


#: One way; a probe over two such links takes a fifth of a second there and back.
DELAY_SECONDS = 0.1
LOSS = 0.02


def test_twenty_members_over_bad_links(network, microcloud_driver):
    """Half ours and half theirs: all see all, one killed on each side is seen to fail by all others, and nobody else stays
    failed."""
    switch = LossySwitch(network, DELAY_SECONDS, LOSS)
    cluster = Cluster(network, microcloud_driver, switch)
    hosts = [cluster.host() for _ in range(20)]
    switch.start()
    members = [
        SerfMember(host, microcloud_driver, f"ours{number}", address) if number % 2 == 0 else SerfAgent(
            host, f"theirs{number}", address) for number, (host, address) in enumerate(hosts)]
    first = members[0]
    for member in members[1:]:
        join_for_sure(member, first)
    alive = {member.name: "alive" for member in members}
    agree(members, alive, timeout=60)
    killed = [members.pop(10), members.pop(10)]
    assert sorted(type(member).__name__ for member in killed) == ["SerfAgent", "SerfMember"]
    started = time.monotonic()
    for member in killed:
        member.kill()
    gone = {member.name: "failed" for member in killed}
    agree(members, {**alive, **gone}, timeout=60)
    print(f"failures seen by all after {time.monotonic() - started:.1f} s; frames passed {switch.passed}, "
          f"lost {switch.lost}")
    assert switch.lost > 0.5 * LOSS * switch.passed


def join_for_sure(member, other):
    """A connection that meets too much loss is tried again, as an agent would."""
    if isinstance(member, SerfAgent):
        member.machine.wait_until(lambda: "Successfully joined" in member.serf("join", other.at, check=False))
    else:
        member.join(other)
