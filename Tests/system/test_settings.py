"""How a board is set up, changed by its owner from another machine."""

import asyncio
import re

import aiocoap
import cbor2
import pytest

from boards import OWNER
from people import Person
from secure_coap import Key, client
from test_members import refusal

pytestmark = pytest.mark.machines("local")

SETTINGS, GIVEN, PENDING = 204, 225, 226
KEY = "AAECAwQFBgcICQoLDA0ODw=="


def restarted(board, **settings):
    """The board after a power cut, with these settings in its file."""
    board.kill()
    board.configure(cgroup=board.cgroup, microcloud=None, **settings)
    board.start()


def test_an_owner_sets_a_board_from_elsewhere(boards):
    ana = Person(boards, "ana")
    file = {"name": "alix", "owner": ana.key, "zone": "Clot"}
    board = boards.on(**file)
    node = ["--node", board.address]

    # What others are given changes at once, and the answer says what does not.
    offered = ana.json(*node, "offer")["offered"]["processes"]
    text = ana.ctl(*node, "set", "zone", "Old town", "offer-processes", "100", "public-port", "5001").check().text
    assert text == "public-port: from the next start of the agent on\n"
    offer = ana.json(*node, "offer")
    assert (offer["zone"], offered, offer["offered"]["processes"]) == ("Old town", 1024, 100)
    rows = ana.ctl(*node, "settings").check().text.splitlines()
    row = {line.split()[0]: re.split("  +", line)[1:] for line in rows[1:-1]}
    assert row["zone"] == ["Old town", "microctl set", "now"] and row["name"] == ["alix", "file", "now"]
    assert row["public-port"] == ["5001", "microctl set", "from the next start on"]
    assert [(one["role"], "zone = Old town" in one["deed"]) for one in board.json("audit")] == [("owner", True)]

    state = rows[-1].removeprefix("state ")
    ana.ctl(*node, "set", "--if-state", state, "contact", "ana@example.net").check()
    line = refusal(ana.ctl(*node, "set", "--if-state", state, "contact", "bruna@example.net"))
    assert "somebody has changed them meanwhile" in line and board.json("offer")["contact"] == "ana@example.net"

    # It outlives the power; only a change of the line in the file ends it.
    restarted(board, **file)
    assert board.json("settings")["pending"] == [] and board.json("offer")["zone"] == "Old town"
    restarted(board, **{**file, "zone": "Sants"})
    assert board.json("offer")["zone"] == "Sants" and board.json("offer")["offered"]["processes"] == 100
    ana.ctl(*node, "unset", "offer-processes").check()
    assert board.json("offer")["offered"]["processes"] == 1024

    # What would be lost, or would give the board away, is for who has it in hand.
    for name, value, reason in (("cgroup", "other", "would be lost"), ("owner", OWNER, "microctl owner KEY"),
                                ("microcloud-key", OWNER, "only the file"), ("offer-cpu", "200%", "as 50%")):
        assert reason in refusal(ana.ctl(*node, "set", name, value))
    assert "not given over the network" in refusal(ana.ctl(*node, "unset", "zone"))
    assert "does not know this key" in refusal(Person(boards, "bruna").ctl(*node, "set", "zone", "Mine"))


def test_two_owners_and_a_secret_by_datagrams(boards):
    key = Key()
    board = boards.on(owner=key.public, microcloud="gracia")

    async def talk():
        async with client(board.address, key) as owner:
            def change(values, state):
                return owner.ask(aiocoap.iPATCH, "settings", {SETTINGS: values}, if_match=[state])

            seen = await owner.ask(aiocoap.GET, "settings")
            first = await change({"gossip-key": KEY}, seen.opt.etag)
            late = await change({"zone": "Clot"}, seen.opt.etag)
            again = await change({"zone": "Clot"}, first.opt.etag)
            now = await owner.ask(aiocoap.GET, "settings")
            return first, late, again, now

    host = boards.network.host(boards.switch).address("10.77.0.100/24")
    first, late, again, now = host.call(lambda: asyncio.run(talk()))
    assert (first.code, late.code, again.code) == (aiocoap.CHANGED, aiocoap.PRECONDITION_FAILED, aiocoap.CHANGED)
    assert cbor2.loads(first.payload) == {PENDING: ["gossip-key"]}
    assert now.opt.etag == again.opt.etag
    told = cbor2.loads(now.payload)
    assert told[GIVEN] == ["gossip-key", "zone"] and "gossip-key" not in told[SETTINGS]
    assert KEY[:6] not in board.ctl("settings").check().text + board.ctl("audit").check().text
