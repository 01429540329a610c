"""What boards tell whoever asks them by CoAP: each other, by `microctl search --of`, and others' clients."""

import asyncio
import hashlib
import random
import socket
import struct

import aiocoap
import cbor2
import pytest
from aiocoap.util import linkformat

from boards import OWNER, together
from node import refused
from peers import SerfAgent

pytestmark = pytest.mark.machines("local")

PORT = 5683
PATIENCE_SECONDS = 20
TYPE, DESCRIPTION, SERVICE_PORT = 115, 116, 119
#: A confirmable GET of /publications, but for its message id.
GET_PUBLICATIONS = bytes([0x40, 1]), bytes([0xBC]) + b"publications"
UNAUTHORIZED = 0x81
EMPTY_CONFIRMABLE, RESET = 0x40, 0x70


def service(number):
    """As `microctl publish` takes it, with words that cannot be packed away."""
    return f"type{number}:{3000 + 37 * number}:{hashlib.sha256(bytes([number])).hexdigest()[:50]}"


def port(name):
    return int(name.split(":")[1])


def ports(answer):
    return sorted(one["port"] for one in answer["services"])


def offers(board, other):
    """Which ports a board is found to offer by another one's search, itself not counted."""
    return sorted(one["port"] for one in other.json("search")["services"]
                  if one["node"] == board.node_name and one["type"] != "microagent")


def get(host, address, path, **options):
    """What a GET by aiocoap from a host is answered with; where it is challenged, it asks again."""

    async def ask(context):
        message = aiocoap.Message(code=aiocoap.GET, uri=f"coap://{address}/{path}", **options)
        return await asyncio.wait_for(context.request(message).response, PATIENCE_SECONDS)

    async def run():
        context = await aiocoap.Context.create_client_context()
        try:
            response = await ask(context)
            if response.code == aiocoap.UNAUTHORIZED and response.opt.echo:
                # aiocoap leaves it to its user; having answered once, it is known.
                options["echo"] = response.opt.echo
                response = await ask(context)
            return response
        finally:
            await context.shutdown()

    return host.call(lambda: asyncio.run(run()))


def neighbour(boards, number=100):
    """A host on the boards' switch that is no board."""
    return boards.network.host(boards.switch).address(f"10.77.0.{number}/24").address(f"2001:db8::{number}/64")


def udp_socket(host, address="0.0.0.0", at_port=0):
    """A socket of a host's."""

    def make():
        made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((address, at_port))
        made.settimeout(1)
        return made

    return host.call(make)


def send_from(host, source, target, datagram):
    """Sends a datagram from one CoAP port to another, whoever has the source address."""
    # The kernel fills in length, id and checksum; UDP over IPv4 needs none.
    packet = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0, socket.inet_aton(source),
                         socket.inet_aton(target))
    packet += struct.pack("!HHHH", PORT, PORT, 8 + len(datagram), 0) + datagram
    with host.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)) as raw:
        raw.sendto(packet, (target, 0))


def answers_ping(sender, number):
    """Whether a CoAP ping is answered, among whatever else comes."""
    ping, pong = (struct.pack("!BBH", kind, 0, number) for kind in (EMPTY_CONFIRMABLE, RESET))
    sender.send(ping)
    try:
        while sender.recv(2048) != pong:
            pass
        return True
    except TimeoutError:
        return False


def link_local(host):
    """The link-local address that a host has by itself, as a socket takes it."""
    lines = host.ip("-6", "-o", "address", "show", "dev", "eth0", "scope", "link").text.split()
    return lines[lines.index("inet6") + 1].partition("/")[0]


def test_what_has_no_room_in_the_tag_is_found_by_asking_the_node(boards, rootfs):
    here, there = boards.on(owner=OWNER), boards.on(owner=OWNER)
    together(here, there)
    names = [service(number) for number in range(20)]
    for name in names[:16]:
        here.ctl("publish", name).check()
    options = [word for name in names[16:] for word in ("--publish", name)]
    here.ctl("run", "-d", "--name", "web", "--network", "host", *options, rootfs, "sleep", "1000").check()
    # What came last is dropped first, and that is told.
    told = here.json("publish")
    assert [one["port"] for one in told] == [port(name) for name in names]
    lines = [one["announced"] for one in told]
    fitting = lines.count("by gossip and mDNS")
    assert 4 <= fitting < 16, lines
    assert lines[fitting:] == ["by mDNS; not in the tag: no room, found by asking this node"] * (20 - fitting)
    there.machine.wait_until(
        lambda: offers(here, there) == sorted(port(name) for name in names[:fitting]), timeout=90)
    # Asked itself, it tells them all; more than one block holds.
    answer = there.json("search", "--of", here.node_name)
    assert ports(answer) == sorted(port(name) for name in names)
    assert not answer["isCut"] and answer["brokenTags"] == 0
    by_port = {one["port"]: one for one in answer["services"]}
    last = by_port[port(names[19])]
    assert last == {"type": "type19", "port": port(names[19]), "description": names[19].split(":")[2],
                    "address": here.address, "node": here.node_name, "host": f"{here.node_name}.guifi.local",
                    "microcloud": "microcloud", "sources": ["microcloud"], "quality": last["quality"]}
    assert ports(there.json("search", "--of", here.node_name, "TYPE19")) == [port(names[19])]
    # A node asks itself nothing.
    assert ports(here.json("search", "--of", here.node_name)) == ports(answer)
    here.ctl("rm", "-f", "web").check()
    there.machine.wait_until(
        lambda: ports(there.json("search", "--of", here.node_name)) == sorted(port(name) for name in names[:16]))


def test_a_neighbour_is_asked_over_ipv6(boards):
    here, there = (boards.board(owner=OWNER, microcloud="gracia", microcloud_family="ipv6") for _ in range(2))
    for number, board in enumerate((here, there)):
        board.host.address(f"2001:db8::{number + 1}/64").address(f"2001:db8::{number + 201}/64")
        board.start()
    together(here, there)
    names = [service(number) for number in range(16)]
    for name in names:
        here.ctl("publish", name).check()
    answer = there.json("search", "--of", here.node_name)
    assert ports(answer) == sorted(map(port, names))
    assert answer["services"][0]["address"] in ("2001:db8::1", "2001:db8::201")


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_aiocoap_reads_what_there_is(boards, family):
    board = boards.on(owner=OWNER)
    board.host.address("2001:db8::1/64")
    host = neighbour(boards)
    address = board.address if family == "ipv4" else "[2001:db8::1]"
    core = get(host, address, ".well-known/core")
    assert (core.code, core.opt.content_format) == (aiocoap.CONTENT, aiocoap.ContentFormat.LINKFORMAT)
    assert [(link.href, link.rt) for link in linkformat.parse(core.payload.decode()).links] == [
        ("/offer", ["microagent.offer"]), ("/publications", ["microagent.publications"]),
        ("/source", ["microagent.source"])]
    # What anybody reads of the offer is what the owner reads, with keys for names.
    left = cbor2.loads(get(host, address, "offer").payload)[141]
    assert left[16] == board.json("offer")["left"]["memoryBytes"] > 0
    assert get(host, address, ".well-known/core?rt=wombat").payload == b""
    assert cbor2.loads(get(host, address, "publications").payload) == []
    names = [service(number) for number in range(16)]
    for name in names:
        board.ctl("publish", name).check()
    response = get(host, address, "publications")
    assert (response.code, response.opt.content_format) == (aiocoap.CONTENT, aiocoap.ContentFormat.CBOR)
    assert len(response.payload) > 1024, "more than one block"
    assert cbor2.loads(response.payload) == [
        {TYPE: kind, SERVICE_PORT: int(number), DESCRIPTION: text} for kind, number, text in
        (name.split(":") for name in names)]
    assert get(host, address, "publications", accept=aiocoap.ContentFormat.LINKFORMAT).code == aiocoap.NOT_ACCEPTABLE
    assert get(host, address, "containers").code == aiocoap.NOT_FOUND
    assert get(host, address, "").code == aiocoap.NOT_FOUND


def test_libcoap_reads_in_blocks(boards):
    board = boards.on(owner=OWNER)
    names = [service(number) for number in range(8)]
    for name in names:
        board.ctl("publish", name).check()
    for block in ("16", "32"):
        said = neighbour(boards, 100 + int(block)).run(
            ["coap-client-notls", "-B", "20", "-b", block, "-m", "get", "-o", "-", f"coap://{board.address}/publications"])
        answer = said.check().stdout
        assert sorted(one[SERVICE_PORT] for one in cbor2.loads(answer)) == sorted(map(port, names))


def test_nobodys_board_tells_nothing(boards):
    here, there = boards.on(), boards.on()
    together(here, there)
    here.ctl("publish", "http:80").check()
    assert cbor2.loads(get(there.host, here.address, "publications").payload) == []
    assert there.json("search", "--of", here.node_name)["services"] == []
    assert here.json("search", "--of", here.node_name)["services"] == []


def test_who_cannot_be_asked_is_told_in_a_line(boards):
    board = boards.on(owner=OWNER)
    host = neighbour(boards)
    serf = SerfAgent(host, "cloudy", "10.77.0.100")

    def is_joined():
        # A board that has just started looks around before it lets anybody in.
        serf.serf("join", f"{board.address}:7946", check=False)
        return "cloudy" in board.names()

    board.machine.wait_until(is_joined)
    assert refused(board.ctl("search", "--of", "cloudy")) == "node cloudy: it is no agent, and cannot be asked"
    assert refused(board.ctl("search", "--of", "nobody")) == (
        "node nobody: none of that name is there: `microctl nodes` lists them")


def test_a_port_that_is_taken_is_told_and_tried_again(boards):
    here, there = boards.board(owner=OWNER).plug(), boards.on(owner=OWNER)
    squatter = udp_socket(here.host, at_port=PORT)
    here.start()
    together(here, there)
    here.ctl("publish", "http:80").check()
    (notice,) = here.info()["notices"]
    assert notice.startswith(f"CoAP: bind UDP to 0.0.0.0:{PORT}: Address ") and notice.endswith(" in use: trying again")
    # By IPv6, where the port is free, it answers; by IPv4 it can neither be asked nor ask.
    here.host.address("2001:db8::1/64")
    assert cbor2.loads(get(neighbour(boards), "[2001:db8::1]", "publications").payload) == [{TYPE: "http", SERVICE_PORT: 80}]
    assert refused(here.ctl("search", "--of", there.node_name)) == f"node {there.node_name}: {notice}"
    # The squatter swallows what it is asked; more questions than a node asks at once are refused.
    questions = [there.spawn_ctl("search", "--of", here.node_name) for _ in range(9)]
    complaints = sorted(question.wait(PATIENCE_SECONDS).error_text for question in questions)
    assert complaints == [f"microctl: node {here.node_name}: 8 others are being asked: try again\n"] + [
        f"microctl: node {here.node_name}: it did not answer in 10 s\n"] * 8
    squatter.close()
    there.machine.wait_until(lambda: here.info()["notices"] == [])
    assert ports(there.json("search", "--of", here.node_name)) == [80]


def test_a_forged_request_is_not_worth_its_sender_while(boards):
    board = boards.on(owner=OWNER)
    for number in range(16):
        board.ctl("publish", service(number)).check()
    attacker, victim = neighbour(boards, 100), neighbour(boards, 101)
    hearing = udp_socket(victim, at_port=PORT)
    sent = 0
    for number in range(50):
        head, path = GET_PUBLICATIONS
        datagram = head + struct.pack("!H", number) + path
        send_from(attacker, "10.77.0.101", board.address, datagram)
        sent += len(datagram)
    received = []
    try:
        while True:
            received.append(hearing.recv(2048))
    except TimeoutError:
        pass
    assert received and received[0][1] == UNAUTHORIZED
    assert sum(map(len, received)) <= 3 * sent
    # Whoever hears the challenge and answers it gets the list.
    assert len(cbor2.loads(get(victim, board.address, "publications").payload)) == 16


def test_garbage_does_no_harm(boards):
    board = boards.on(owner=OWNER)
    board.ctl("publish", "http:80").check()
    before = board.info()
    host = neighbour(boards)
    chance = random.Random(1)
    sender = udp_socket(host)
    sender.connect((board.address, PORT))
    head, path = GET_PUBLICATIONS
    for number in range(5000):
        if number % 2:
            datagram = bytearray(chance.randbytes(chance.randrange(1, 1400)))
        else:
            datagram = bytearray(head + struct.pack("!H", number) + path + chance.randbytes(chance.randrange(8)))
            for _ in range(chance.randrange(1, 4)):
                datagram[chance.randrange(len(datagram))] = chance.randrange(256)
        sender.send(datagram)
        if number % 250 == 0:
            # It reads no more of strangers in a second than some hundreds: what is beyond would try nothing.
            board.machine.wait_until(lambda: answers_ping(sender, 60_000 + number // 250))
    assert cbor2.loads(get(host, board.address, "publications").payload) == [{TYPE: "http", SERVICE_PORT: 80}]
    after = board.info()
    assert (after["agentProcess"], after["agentStarts"]) == (before["agentProcess"], before["agentStarts"])


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_who_is_asked_at_one_of_its_addresses_answers_from_there(boards, family):
    board, host = boards.on(owner=OWNER), neighbour(boards)
    if family == "ipv4":
        board.host.address("10.77.0.201/24")
        places = [(address, PORT) for address in ("10.77.0.1", "10.77.0.201", "10.77.0.1")]
    else:
        board.host.address("2001:db8::1/64").address("2001:db8::201/64")
        interface = int(host.run(["cat", "/sys/class/net/eth0/ifindex"]).check().text)
        places = [(address, PORT) for address in ("2001:db8::1", "2001:db8::201", "2001:db8::1")]
        places.append((link_local(board.host), PORT, 0, interface))
    for number, place in enumerate(places):
        # What comes from another address than was asked does not reach a connected socket.
        asker = udp_socket(host, "0.0.0.0" if family == "ipv4" else "::")
        asker.connect(place)
        assert answers_ping(asker, number), place


def test_a_neighbour_is_asked_also_after_an_address_of_ours_is_gone(boards):
    here, there = boards.on(owner=OWNER), boards.on(owner=OWNER)
    together(here, there)
    here.host.address("10.77.0.201/24")
    # The neighbour speaks to an address that is then taken away; until then it is answered from there.
    send_from(there.host, there.address, "10.77.0.201", GET_PUBLICATIONS[0] + bytes(2) + GET_PUBLICATIONS[1])
    there.ctl("publish", "http:80").check()
    assert ports(here.json("search", "--of", there.node_name)) == [80]
    here.host.ip("address", "delete", "10.77.0.201/24", "dev", "eth0")
    assert ports(here.json("search", "--of", there.node_name)) == [80]
