"""Agents that are controlled from other machines: by who has the owner's key, and nobody else."""

import json
import socket
import time

import pytest

from boards import together
from people import Person

pytestmark = pytest.mark.machines("local")


def test_the_owner_does_from_elsewhere_what_is_done_on_the_board(boards, rootfs):
    owner = Person(boards, "owner")
    board = boards.on(owner=owner.key)
    node = ["--node", board.address]
    first = owner.ctl(*node, "ps").check()
    assert "seen for the first time" in first.error_text
    assert owner.ctl(*node, "run", "--rm", rootfs, "sh", "-c", "echo $((6 * 7)); exit 3").code == 3
    owner.ctl(*node, "run", "-d", "--name", "web", rootfs, "sh", "-c", "seq 20000; exec sleep 1000").check()
    everything = "".join(f"{number}\n" for number in range(1, 20001))
    board.machine.wait_until(lambda: owner.ctl(*node, "logs", "-n", "1", "web").check().text == "20000\n")
    log = owner.ctl(*node, "logs", "web").check().text
    assert everything.endswith(log) and len(log) > 60 * 1024
    assert json.loads(owner.ctl(*node, "--json", "ps").check().text)[0]["name"] == "web"
    (usage,) = json.loads(owner.ctl(*node, "--json", "stats").check().text)
    assert usage["name"] == "web" and usage["memoryUsedBytes"] > 0
    owner.ctl(*node, "stop", "-t", "0", "web").check()
    owner.ctl(*node, "rm", "web").check()
    assert board.json("ps", "--all") == []
    # What it said about the node's key it says once.
    assert owner.ctl(*node, "ps").check().error_text == ""


def test_a_node_is_found_by_its_name(boards):
    here = boards.on()
    owner = Person(boards, "owner", beside=here)
    there = boards.on(owner=owner.key)
    together(here, there)
    info = json.loads(owner.ctl("--node", there.node_name, "--json", "info").check().text)
    assert info["agentProcess"] == there.info()["agentProcess"]
    missing = owner.ctl("--node", "nobody", "info")
    assert missing.code != 0 and "node nobody: none of that name" in missing.error_text


def test_strangers_are_refused_before_anything(boards, rootfs):
    owner, thief = Person(boards, "owner"), Person(boards, "thieves")
    board = boards.on(owner=owner.key)
    for command in (["ps"], ["run", rootfs, "true"], ["info"]):
        refused = thief.ctl("--node", board.address, *command)
        assert refused.code != 0 and "does not know this key" in refused.error_text, refused
    unclaimed = boards.on()
    assert "does not know this key" in owner.ctl("--node", unclaimed.address, "ps").error_text
    assert board.json("ps", "--all") == []


def test_another_key_is_another_node(boards):
    owner = Person(boards, "owner")
    board = boards.on(owner=owner.key)
    owner.ctl("--node", board.address, "ps").check()
    board.stop()
    board.machine.sh(f"rm {board.state_directory}/node.key")
    board.start()
    refused = owner.ctl("--node", board.address, "ps")
    assert refused.code != 0
    assert refused.error_text.strip().endswith(f"if it was flashed anew, remove its line from {owner.known_nodes}"), refused
    board.machine.sh(f"rm {owner.known_nodes}")
    owner.ctl("--node", board.address, "ps").check()


def test_a_log_is_followed_across_the_agents_death(boards, rootfs):
    owner = Person(boards, "owner")
    board = boards.on(owner=owner.key)
    owner.ctl("--node", board.address, "run", "-d", "--name", "counter", rootfs,
              "sh", "-c", "for n in $(seq 60); do echo $n; sleep 0.1; done").check()
    follower = owner.spawn("--node", board.address, "logs", "-f", "counter")
    follower.wait_for("10")
    board.machine.kill(board.info()["agentProcess"], 9)
    result = follower.wait(60)
    assert result.text == "".join(f"{number}\n" for number in range(1, 61)), result
    board.ctl("rm", "counter").check()


def is_open(connection):
    """Whether the other end has not closed it, whatever it said before."""
    connection.setblocking(False)
    try:
        while connection.recv(4096):
            pass
        return False
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


def test_those_who_only_connect_keep_nobody_out(boards):
    owner = Person(boards, "owner")
    board = boards.on(owner=owner.key)

    def crowd():
        return [socket.create_connection((board.address, 5683)) for _ in range(40)]

    stranger = boards.network.host(boards.switch).address("10.77.0.150/24")
    held = stranger.call(crowd)
    time.sleep(0.5)
    owner.ctl("--node", board.address, "ps").check()
    # Of those who prove nothing eight stay, and one of these has made room for the owner.
    assert sum(is_open(one) for one in held) == 7
    for one in held:
        one.close()
    assert board.info()["agentStarts"] == 1
