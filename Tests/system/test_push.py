"""Blobs that are brought to a node: whole, in pieces, over bad links, across deaths, and those that are not what they say."""

import hashlib
import json
import os
import socket

import pytest

from fake_agent import CONTENT, CREATED, GET, URI_PATH, Conversation
from images import make_blob, root_archive
from network import LossySwitch
from node import refused
from people import Person

HAVE, IS_COMPLETE = 166, 167
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
    assert "one name of the image and one node" in refused(agent.ctl("push", archive, "a:1", "b:1"), code=2)
    line = refused(agent.ctl("--node", "10.0.0.2", "push", archive, "10.0.0.3"), code=2)
    assert "one name of the image and one node" in line


def test_a_push_over_a_bad_link_brings_all(network, boards, directory):
    """Packets are lost, and the streams carry on; what was sent twice is little."""
    boards.switch = LossySwitch(network, delay_seconds=0.02, loss=0.02)
    owner = Person(boards, "owner")
    board = boards.board(owner=owner.key).plug()
    boards.switch.start()
    board.start()
    content = os.urandom(3 << 20)
    archive = root_archive(f"{directory}/root.tar", {"data": content})
    told = json.loads(owner.ctl("--json", "push", archive, board.address, "data:1", timeout=120).check().text)
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


class Parts:
    """A client that brings a blob in parts as a test says."""

    PUT, CONTINUE = 0x03, 0x5F
    BLOCK1, SIZE1 = 27, 60
    BLOCK_BYTES = 1024

    def __init__(self, agent, content):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(agent.socket)
        self._stream = Conversation(connection)
        self._stream.greet()
        self._content = content
        self._path = [(URI_PATH, b"blobs"), (URI_PATH, hashlib.sha256(content).hexdigest().encode())]

    def put(self, number, count=1):
        """Brings some blocks, from this one on; returns the answer."""
        start, end = number * self.BLOCK_BYTES, (number + count) * self.BLOCK_BYTES
        block = number << 4 | (8 if end < len(self._content) else 0) | 7
        options = [(self.BLOCK1, block.to_bytes(3, "big")), (self.SIZE1, len(self._content).to_bytes(4, "big"))]
        self._stream.send(self.PUT, b"p", self._path + options, self._content[start:end])
        return self._stream.receive()

    def have(self):
        """Which bytes the agent says that it has."""
        self._stream.send(GET, b"g", self._path)
        answer = self._stream.receive()
        assert answer.code == CONTENT
        return answer.value


def test_parts_come_in_any_order_and_on_several_streams(agent):
    """So that a lost packet holds up one stream alone; the gaps are bounded, and what is too much is refused and not written."""
    content = os.urandom(600 * 1024 - 7)
    streams = [Parts(agent, content), Parts(agent, content)]
    for index in range(256):
        assert streams[index % 2].put(598 - 2 * index).code == Parts.CONTINUE
    refusal = streams[0].put(0)
    assert refusal.code >= 0x80 and "too many pieces" in str(refusal.value)
    have = streams[1].have()
    # Where each run begins and ends.
    assert not have[IS_COMPLETE] and len(have[HAVE]) == 2 * 256
    assert blobs(agent) == [f"{hashlib.sha256(content).hexdigest()}.part"]
    # The gaps are filled, one of the streams from the end and the other one from the beginning.
    for number in range(599, 300, -2):
        assert streams[0].put(number).code == Parts.CONTINUE
    for number in range(88, 298, 2):
        assert streams[1].put(number - 1, 2).code == Parts.CONTINUE
    assert [streams[1].put(number, count).code for number, count in ((44, 43), (0, 44))] == [Parts.CONTINUE] * 2
    assert streams[0].put(297, 3).code == CREATED
    (name,) = blobs(agent)
    with open(f"{agent.state_directory}/images/blobs/{name}", "rb") as file:
        assert file.read() == content


def test_strangers_push_nothing(boards, directory):
    board = boards.on(owner=Person(boards, "owner").key)
    thief = Person(boards, "thief")
    archive = root_archive(f"{directory}/root.tar", {"a": b"a"})
    assert "does not know this key" in thief.ctl("--node", board.address, "push", archive).error_text
    assert blobs(board) == []
