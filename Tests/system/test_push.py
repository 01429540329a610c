"""Blobs that are brought to a node: whole, in pieces, over bad links, across deaths, and those that are not what they say."""

import hashlib
import json
import os
import subprocess

import pytest

from images import make_blob, root_archive
from network import LossySwitch
from node import refused
from people import Person

pytestmark = pytest.mark.machines("local")


def blobs(agent):
    """The files of blobs on an agent's disk."""
    return sorted(os.listdir(f"{agent.state_directory}/images/blobs"))


def push(agent, path, *name):
    return json.loads(agent.ctl("--json", "push", path, *name).check().text)


def test_what_is_no_image_is_refused_in_a_line(agent, directory):
    text = make_blob(f"{directory}/text", b"no archive at all" * 100)
    assert "it is no archive" in refused(agent.ctl("push", text))
    assert "no OCI image layout" in refused(agent.ctl("push", directory))
    assert "No such file" in refused(agent.ctl("push", f"{directory}/nothing"))
    archive = root_archive(f"{directory}/root.tar", {"a": b"a"})
    assert "cannot name an image" in refused(agent.ctl("push", archive, "No Name"), code=2)


def test_a_push_over_a_bad_link_brings_all(network, boards, directory):
    """Packets are lost, and the streams carry on; what was sent twice is little."""
    boards.switch = LossySwitch(network, delay_seconds=0.02, loss=0.02)
    owner = Person(boards, "owner")
    board = boards.board(owner=owner.key).plug()
    boards.switch.start()
    board.start()
    content = os.urandom(3 << 20)
    archive = root_archive(f"{directory}/root.tar", {"data": content})
    told = json.loads(owner.ctl("--node", board.address, "--json", "push", archive, "data:1", timeout=120).check().text)
    assert told["sentBytes"] >= len(content)
    assert told["repeatedBytes"] < len(content) // 4
    layers = f"{board.state_directory}/images/layers"
    (layer,) = os.listdir(layers)
    assert hashlib.sha256(open(f"{layers}/{layer}/data", "rb").read()).digest() == hashlib.sha256(content).digest()
    board.ctl("rmi", "data:1").check()


def test_a_push_goes_on_after_the_agent_died(network, boards, directory):
    boards.switch = LossySwitch(network, delay_seconds=0.02, loss=0, rate_bits=4e6)
    owner = Person(boards, "owner")
    board = boards.board(owner=owner.key).plug()
    boards.switch.start()
    board.start()
    archive = root_archive(f"{directory}/root.tar", {"data": os.urandom(2 << 20)})
    pushing = owner.spawn("--node", board.address, "--json", "push", archive, "data:1")
    part = lambda: [name for name in blobs(board) if name.endswith(".part")]
    board.machine.wait_until(part)
    board.machine.kill(board.info()["agentProcess"], 9)
    result = pushing.wait(120).check()
    told = json.loads(result.text)
    # What the first agent's writer had is not sent again, but for what was on its way.
    assert told["sentBytes"] < (2 << 20) + (1 << 20), told
    assert [image["name"] for image in board.json("images")] == ["data:1"]
    board.ctl("rmi", "data:1").check()


def test_a_push_that_was_broken_off_is_resumed(network, boards, directory):
    boards.switch = LossySwitch(network, delay_seconds=0.02, loss=0, rate_bits=8e6)
    owner = Person(boards, "owner")
    board = boards.board(owner=owner.key).plug()
    boards.switch.start()
    board.start()
    archive = root_archive(f"{directory}/root.tar", {"data": os.urandom(2 << 20)})
    pushing = owner.spawn("--node", board.address, "--json", "push", archive, "data:1")
    board.machine.wait_until(lambda: any(name.endswith(".map") for name in blobs(board)) or pushing.code is not None
                             or any(os.path.getsize(f"{board.state_directory}/images/blobs/{name}") for name in blobs(board)))
    board.machine.sh("sleep 0.5")
    pushing.signal(9)
    pushing.wait()
    told = json.loads(owner.ctl("--node", board.address, "--json", "push", archive, "data:1", timeout=120).check().text)
    assert told["foundBytes"] > 0, told
    assert told["sentBytes"] < 2 << 20, told
    assert [image["name"] for image in board.json("images")] == ["data:1"]
    board.ctl("rmi", "data:1").check()


def test_strangers_push_nothing(boards, directory):
    board = boards.on(owner=Person(boards, "owner").key)
    thief = Person(boards, "thief")
    archive = root_archive(f"{directory}/root.tar", {"a": b"a"})
    assert "does not know this key" in thief.ctl("--node", board.address, "push", archive).error_text
    assert blobs(board) == []
