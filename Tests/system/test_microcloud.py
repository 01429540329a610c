"""Boards that find each other: whole agents, each in a network namespace of its own, among Debian's Serf agents."""

import base64
import bz2
import json
import signal as signals
import time

import pytest

from boards import OWNER, together
from peers import SerfAgent, text_of_key

pytestmark = pytest.mark.machines("local")


def services_in(tags):
    """What Cloudy's search reads in a member's tag."""
    return json.loads(bz2.decompress(base64.b64decode(tags["services"])))


def sees(board, node, is_alive=True):
    """Whether a board sees a node so."""
    return any(one["name"] == node and one["isAlive"] == is_alive for one in board.json("nodes")["nodes"])


def test_boards_find_each_other_from_nothing(boards):
    first, second, third = (boards.on() for _ in range(3))
    together(first, second, third)
    status = first.membership()["status"]
    assert status[0].startswith("microcloud: "), status
    assert {node["standing"] for node in first.json("nodes")["nodes"]} == {"unclaimed"}


def test_cloudys_nodes_find_a_board_and_read_what_it_says(boards):
    board = boards.on(owner=OWNER)
    host = boards.network.host(boards.switch).address("10.77.0.100/24")
    host.ip("route", "add", "default", "dev", "eth0")
    serf = SerfAgent(host, "cloudy", "10.77.0.100", "-discover=microcloud", "-iface=eth0")
    board.machine.wait_until(lambda: "cloudy" in board.names() and board.node_name in serf.members(), timeout=60)
    (own,) = services_in(serf.tags(board.node_name))
    assert own["s"] == "microagent" and own["i"] == board.address and own["e"] == "microcloud", own
    fingerprint = board.info()["fingerprint"]
    words = own["t"].split(",")
    assert words[0] == "coap=5683" and f"key={fingerprint}" in words and "unclaimed" not in words, own
    # Debian's Serf asks whatever it hears of by multicast DNS, our CoAP port too, where nobody speaks its language: only that
    # may have failed.
    assert all("Failed to join" in line or "error joining" in line for line in serf.complaints()), serf.log()
    failures = [line for line in serf.log().splitlines() if "* Failed to join" in line]
    assert all("received invalid msgType" in line and line.endswith(f" from={board.address}:5683") for line in failures), failures


def test_what_a_container_publishes_is_found_and_answers(boards, rootfs):
    here, there = boards.on(owner=OWNER), boards.on(owner=OWNER)
    together(here, there)
    here.ctl("run", "-d", "--name", "web", "--network", "host", "--publish", "http:8080:Our library", rootfs,
             "sh", "-c", "echo hello >/tmp/index.html; exec httpd -f -p 8080 -h /tmp").check()

    def found():
        return [one for one in there.json("search", "http")["services"] if one["node"] == here.node_name]

    there.machine.wait_until(lambda: found() != [])
    (service,) = found()
    assert (service["type"], service["description"]) == ("Docker", "Our_library")
    assert (service["address"], service["port"]) == (here.address, 8080)
    answer = there.host.run(["busybox", "wget", "-q", "-O", "-", f"http://{service['address']}:{service['port']}/"])
    assert answer.check().text == "hello\n"
    assert [one["announced"] for one in here.json("publish")] == ["by gossip and mDNS"]
    here.ctl("stop", "-t", "0", "web").check()
    there.machine.wait_until(lambda: found() == [], timeout=90)
    here.ctl("rm", "web").check()


def test_what_runs_beside_is_published_until_it_is_taken_back(boards):
    here, there = boards.on(owner=OWNER), boards.on(owner=OWNER)
    together(here, there)
    here.ctl("publish", "dnsservice:53:Names for all").check()

    def found():
        return [one["port"] for one in there.json("search", "dnsservice")["services"]]

    there.machine.wait_until(lambda: found() == [53])
    # It is remembered over a power cut.
    here.kill()
    here.start()
    together(here, there)
    there.machine.wait_until(lambda: found() == [53])
    here.ctl("unpublish", "dnsservice:53").check()
    there.machine.wait_until(lambda: found() == [], timeout=90)


def test_nobodys_board_offers_nothing(boards):
    here, there = boards.on(), boards.on()
    together(here, there)
    here.ctl("publish", "http:80").check()
    (own,) = here.json("publish")
    assert own["announced"] == "not announced: nobody has claimed this board"
    assert there.json("search", "http")["services"] == []
    assert {one["type"] for one in there.json("search")["services"]} == {"microagent"}


def test_a_power_cut_leaves_no_second_self(boards):
    first, second = boards.on(), boards.on()
    together(first, second)
    name = first.node_name
    first.kill()
    second.machine.wait_until(lambda: sees(second, name, is_alive=False))
    first.start()
    together(first, second)
    assert first.node_name == name
    assert first.membership()["status"][0] == "microcloud: chosen before"


def test_a_power_cut_and_another_address_make_another_name(boards):
    """Others do not believe that a name they know, which took no leave, is at another address now."""
    first, second, third = (boards.on() for _ in range(3))
    together(first, second, third)
    name = first.node_name
    first.kill()
    first.host.ip("address", "delete", f"{first.address}/24", "dev", "eth0")
    first.address = "10.77.0.77"
    first.plug().start()
    first.machine.wait_until(lambda: first.is_in() and sees(second, first.node_name), timeout=90)
    assert first.node_name == f"{name}-2"
    second.machine.wait_until(lambda: sees(second, name, is_alive=False))
    # It keeps that name, also over another power cut.
    first.kill()
    first.start()
    first.machine.wait_until(lambda: first.is_in(), timeout=60)
    assert first.node_name == f"{name}-2"


def test_an_agent_that_dies_is_back_before_anybody_misses_it(boards):
    first, second = boards.on(), boards.on()
    together(first, second)
    first.machine.kill(first.info()["agentProcess"], signals.SIGKILL)
    first.machine.wait_until(lambda: first.ctl("info").code == 0 and first.info()["agentStarts"] == 2)
    together(first, second)


def test_members_are_remembered_where_multicast_does_not_reach(boards):
    """In the open cluster only contacts lead to the others: once in, a board knows more of them than the one it was told."""
    def cloudy(number):
        host = boards.network.host(boards.switch).address(f"10.77.0.{number}/24")
        return SerfAgent(host, f"cloudy{number}", f"10.77.0.{number}", port=5000, profile="wan")

    first, second = cloudy(100), cloudy(101)
    second.serf("join", first.at)
    board = boards.on(microcloud="off", public="on", public_contacts="10.77.0.100")
    board.machine.wait_until(lambda: board.is_in("public") and len(board.names()) == 3, timeout=60)
    # What happens together is recorded together, ten seconds later.
    time.sleep(15)
    first.kill()
    board.kill()
    board.start()
    board.machine.wait_until(lambda: "cloudy101" in board.names(), timeout=60)
    assert second.members()[board.membership("public")["node"]] == "alive"


def test_a_microcloud_of_ipv6(boards):
    settings = {"microcloud": "gracia", "microcloud_family": "ipv6"}
    first, second = (boards.board(**settings) for _ in range(2))
    for number, board in enumerate((first, second)):
        board.host.address(f"2001:db8::{number + 1}/64")
        board.start()
    together(first, second)
    addresses = {node["name"]: node["address"] for node in first.json("nodes")["nodes"]}
    assert addresses == {first.node_name: "2001:db8::1", second.node_name: "2001:db8::2"}


def test_whom_nobody_reaches_says_so(boards):
    """As behind a router that forwards nothing: it can join, and is seen by nobody at the address that it tells."""
    first, second = boards.on(), boards.on()
    together(first, second)
    hidden = boards.on(microcloud_advertise="10.77.0.200")
    hidden.machine.wait_until(
        lambda: any(line.startswith("unreachable: ") for line in hidden.membership()["status"]), timeout=120)
    assert "10.77.0.200" in hidden.membership()["status"][1]
    together(first, second)


def test_who_is_behind_nat_says_so(boards):
    first, second = (boards.on(microcloud="gracia") for _ in range(2))
    together(first, second)
    inside = boards.network.switch()
    router = boards.network.host(boards.switch, inside).address("10.77.0.50/24").address("10.99.0.1/24", "eth1")
    router.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"]).check()
    router.run(["nft", "add table ip nat; add chain ip nat out { type nat hook postrouting priority 100; }; "
                "add rule ip nat out oifname eth0 masquerade"]).check()
    hidden = boards.board(switch=inside, microcloud="gracia", microcloud_contacts=first.address)
    hidden.host.address("10.99.0.7/24").ip("route", "add", "default", "via", "10.99.0.1")
    hidden.start()
    line = "unreachable: others see 10.77.0.50, not 10.99.0.7:7946: behind NAT"
    hidden.machine.wait_until(
        lambda: any(said.startswith(line) for said in hidden.membership()["status"]), timeout=120)
    together(first, second)


def test_who_ends_takes_leave(boards):
    first, second, third = (boards.on() for _ in range(3))
    together(first, second, third)
    began = time.monotonic()
    assert first.stop().code == 0
    assert time.monotonic() - began < 10
    together(second, third)


def test_another_address_is_no_other_node(boards):
    first, second, third = (boards.on() for _ in range(3))
    together(first, second, third)
    first.host.ip("address", "delete", f"{first.address}/24", "dev", "eth0")
    first.address = "10.77.0.77"
    first.plug()
    together(first, second, third, timeout=90)
    addresses = {node["name"]: node["address"] for node in second.json("nodes")["nodes"] if node["isAlive"]}
    assert addresses[first.node_name] == first.address


def test_the_network_goes_and_returns(boards):
    first, second, third = (boards.on() for _ in range(3))
    together(first, second, third)
    first.host.ip("link", "set", "eth0", "down")
    first.machine.wait_until(lambda: sees(second, first.node_name, is_alive=False), timeout=60)
    assert any(line.startswith("no network: ") for line in first.membership()["status"])
    first.host.ip("link", "set", "eth0", "up")
    together(first, second, third, timeout=60)


def test_a_copied_card_takes_another_name(boards):
    first, second = boards.on(), boards.board(name="board1").plug()
    first.machine.sh(f"mkdir -m 711 {second.state_directory} && cp -a {first.state_directory}/node.key {second.state_directory}/")
    second.start()
    first.machine.wait_until(lambda: first.is_in() and second.is_in(), timeout=60)
    together(first, second, timeout=60)
    assert first.info()["fingerprint"] == second.info()["fingerprint"]
    assert len({first.node_name, second.node_name}) == 2


KEY, NEXT_KEY = bytes(range(16)), bytes(range(100, 132))


def test_a_key_keeps_others_out_and_can_be_changed(boards):
    key = text_of_key(KEY)
    first, second = (boards.on(microcloud="gracia", gossip_key=key) for _ in range(2))
    outsider = boards.on(microcloud="gracia")
    host = boards.network.host(boards.switch).address("10.77.0.100/24")
    serf = SerfAgent(host, "cloudy", "10.77.0.100", key=KEY)
    serf.serf("join", f"{first.address}:7946")
    names = sorted([first.node_name, second.node_name, "cloudy"])
    first.machine.wait_until(lambda: first.names() == second.names() == sorted(serf.members()) == names, timeout=60)
    for command in ("-install", "-use"):
        serf.serf("keys", f"{command}={text_of_key(NEXT_KEY)}")
    serf.serf("keys", f"-remove={key}")
    # A board that was not there for it comes back with the key that it was told.
    first.kill()
    first.start()
    first.machine.wait_until(lambda: first.is_in() and first.names() == second.names() == names, timeout=60)
    assert outsider.names() == [outsider.node_name]
    assert not outsider.is_in()


def test_the_configured_microcloud_comes_first_then_an_open_one(boards):
    sealed = [boards.on(microcloud="gracia", gossip_key=text_of_key(KEY)) for _ in range(2)]
    together(*sealed)
    open_ones = [boards.on(microcloud="poblenou") for _ in range(2)]
    together(*open_ones)
    undecided = boards.on()
    together(undecided, *open_ones)
    status = undecided.membership()["status"][0]
    assert status == "poblenou: chosen before", status
    # It stays with it, also where the other one lets everybody in.
    undecided.stop()
    for board in open_ones:
        board.stop()
    newcomer = boards.on(microcloud="raval")
    undecided.start()
    undecided.machine.wait_until(lambda: undecided.info()["uptimeSeconds"] >= 5)
    assert undecided.membership()["status"][0].startswith("poblenou: chosen before")
    assert undecided.names() == [undecided.node_name] and newcomer.names() == [newcomer.node_name]


def test_in_cloudys_cluster_and_the_microcloud_at_once(boards):
    host = boards.network.host(boards.switch).address("10.77.0.100/24")
    cloudy = SerfAgent(host, "cloudy", "10.77.0.100", port=5000, profile="wan")
    first, second = (boards.on(owner=OWNER, public="on", public_contacts="10.77.0.100") for _ in range(2))
    together_in_microcloud = sorted([first.node_name, second.node_name])
    first.machine.wait_until(lambda: len(cloudy.members()) == 3, timeout=60)
    first.machine.wait_until(lambda: first.is_in() and first.is_in("public"), timeout=60)
    first.machine.wait_until(lambda: len(first.names()) == 3, timeout=60)
    nodes = {node["name"]: node for node in first.json("nodes")["nodes"]}
    assert nodes["cloudy"]["sources"] == ["public"]
    assert set(nodes[second.node_name]["sources"]) == {"public", "microcloud"}
    assert sorted(name for name in nodes if name != "cloudy") == together_in_microcloud
    (own,) = services_in(cloudy.tags(first.node_name))
    assert own["s"] == "microagent" and own["i"] == first.address


def test_a_port_that_is_taken_is_told_and_tried_again(boards):
    board, other = boards.board().plug(), boards.on()
    squatter = SerfAgent(board.host, "squatter", board.address)
    board.start()
    board.machine.wait_until(lambda: any("7946" in line for line in board.membership()["status"]))
    (line,) = [line for line in board.membership()["status"] if "address" in line.lower() and "use" in line]
    assert "trying again" in line
    squatter.kill()
    together(board, other, timeout=60)
