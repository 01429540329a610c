"""Containers that find their place themselves: `microctl run --any` on boards of one owner."""

import json
import signal as signals

import pytest

from boards import Boards, together
from images import busybox_files, root_archive
from network import LossySwitch
from test_remote_control import Person

pytestmark = pytest.mark.machines("local")

SMALL = ["-m", "2M", "--cpus", "0.1", "--processes", "16"]
#: Beside the budget: the kernel's share and the log.
COST = (240 << 10) + (64 << 10)
TENTATIVE_SECONDS = 30


class Village:
    """Boards of one owner, who sits at the first of them."""

    def __init__(self, boards, *offers):
        self.here = boards.on()
        self.owner = Person(boards, "owner", beside=self.here)
        self.boards = [boards.on(owner=self.owner.key, offer_memory=offer) for offer in offers]
        self.all = [self.here, *self.boards]
        if offers:
            together(*self.all)
        self.machine = self.here.machine

    def run(self, *arguments):
        return self.owner.ctl("run", "--any", *SMALL, *arguments)

    def place(self, *arguments):
        """Runs a container in the background; its name, and the board that has it."""
        name, node = self.run("-d", *arguments).check().text.split()
        return name, next(board for board in self.all if board.node_name == node)

    def containers(self):
        """Where there are containers, by name."""
        return {one["name"]: board for board in self.all for one in board.json("ps", "--all")}

    def leases(self):
        return [(board.node_name, one) for board in self.all for one in board.json("leases")]

    def clear(self):
        for name, board in self.containers().items():
            board.ctl("rm", "--force", name).check()
        for board in self.all:
            for lease in board.json("leases"):
                board.ctl("release", lease["id"]).check()


@pytest.fixture
def village(boards):
    """Makes a village; what is in it is removed at the end."""
    made = []

    def make(*offers):
        made.append(Village(boards, *offers))
        return made[0]

    yield make
    for one in made:
        one.clear()


def reasons(result):
    """The lines below the first one, by node."""
    lines = [line.removeprefix("microctl: ") for line in result.error_text.splitlines()]
    start = next(index for index, line in enumerate(lines) if line.endswith("no node takes it:"))
    return dict(line.strip().split(": ", 1) for line in lines[start + 1:])


def test_the_best_has_it_then_the_next_and_then_nobody(village, rootfs):
    village = village("24M", "12M")
    large, small = village.boards
    sleep = [rootfs, "sleep", "1000"]
    # The least loaded of the near ones; a lease of 16 MiB and something does not fit a second time.
    name, board = village.place("--elsewhere", "-m", "10M", *sleep)
    assert board is large
    [lease] = large.json("leases")
    assert (lease["phase"], lease["memoryBytes"]) == ("active", (10 << 20) + COST)
    assert large.json("ps")[0]["request"]["lease"] == lease["id"]
    _, second = village.place("--elsewhere", "-m", "10M", *sleep)
    assert second is large, "there is room for two"
    third, board = village.place("--elsewhere", "-m", "10M", *sleep)
    assert board is small, "the first one is full"
    refused = village.run("-d", "--elsewhere", "-m", "10M", *sleep)
    assert refused.code == 125 and refused.text == ""
    told = reasons(refused)
    assert set(told) == {large.node_name, small.node_name}
    assert all("memory: 10544 KiB asked for" in line for line in told.values()), told
    # All of them are listed, each with its node.
    rows = json.loads(village.owner.ctl("--json", "ps", "--all-nodes").check().text)
    assert {row["name"]: row["node"] for row in rows} == {
        name: board.node_name for name, board in village.containers().items()}
    assert len(rows) == 3 and {name, third} < {row["name"] for row in rows}
    text = village.owner.ctl("ps", "--all-nodes").check().text
    assert text.split()[0] == "NODE" and small.node_name in text
    # At this node itself there is room.
    _, board = village.place("-m", "10M", *sleep)
    assert board is village.here


def test_in_the_foreground_it_is_as_if_it_ran_here(village, rootfs):
    village = village("24M")
    result = village.run("--elsewhere", "--rm", rootfs, "sh", "-c", "seq 3; exit 7")
    assert (result.code, result.text) == (7, "1\n2\n3\n")
    assert f" runs on {village.boards[0].node_name}, in lease " in result.error_text
    assert village.containers() == {} and village.leases() == []
    result = village.run("--elsewhere", "--name", "kept", rootfs, "sh", "-c", "echo x").check()
    [(_, lease)] = village.leases()
    assert lease["phase"] == "over", "nobody needs its room"
    assert village.boards[0].ctl("logs", "kept").text == "x\n"


def test_who_lacks_the_root_file_system_passes_it_on(village, rootfs):
    village = village("24M")
    result = village.run("-d", f"{rootfs}-nowhere", "true")
    assert result.code == 125
    assert set(reasons(result)) == {board.node_name for board in village.all}
    assert village.leases() == [] and village.containers() == {}


def test_only_who_has_the_image_is_asked(village, directory):
    """The node of the person has none, nor has the best one; then it has another of that name."""
    village = village("24M", "12M")
    large, small = village.boards
    files, links = busybox_files()
    box = root_archive(f"{directory}/box.tar", files, links)
    small.ctl("push", box, "box:1").check()
    _, board = village.place("box:1", "sleep", "1000")
    assert board is small
    told = reasons(village.run("-d", "-m", "10M", "box:1", "sleep", "1000"))
    assert "there is none of that name here" in told[village.here.node_name]
    assert "there is none of that name here" in told[large.node_name]
    assert [node for node, _ in village.leases()] == [small.node_name]
    assert "no node that knows your key has one" in village.run("-d", "none:1", "true").error_text
    village.here.ctl("push", box, "box:1").check()
    large.ctl("push", root_archive(f"{directory}/other.tar", {"etc/other": b""}), "box:1").check()
    told = reasons(village.run("--elsewhere", "-d", "-m", "10M", "box:1", "sleep", "1000"))
    assert "another one has that name there" in told[large.node_name]


def test_who_is_alone_is_told_so_and_what_is_wrong_is_told(village, rootfs):
    village = village()
    refused = village.run("--elsewhere", rootfs, "true")
    assert refused.code == 125 and "no node takes it: `microctl nodes`" in refused.error_text
    wrong = village.run("--isa", "z80", rootfs, "true")
    assert wrong.code == 2 and "--isa z80: give i586-nolock" in wrong.error_text
    alone = village.owner.ctl("run", "--elsewhere", rootfs, "true")
    assert alone.code == 2 and "--elsewhere needs --any" in alone.error_text


@pytest.mark.parametrize("point", [1, 2, 3, 5, 8, 13, 21])
def test_a_node_dies_while_it_makes_the_container(village, boards, rootfs, point):
    """Its keeper starts it again. Then it has the container, or has not and another one has."""
    village = village("24M", "12M")
    first, other = village.boards
    assert first.stop().code == 0
    daemon = first.start(env={"MICROAGENT_CRASH_AT": f"run:{point}"})
    together(*village.all)
    name, board = village.place("--elsewhere", rootfs, "sleep", "1000")
    assert any(line.startswith("microagentd: crash point ") for line in daemon.stderr.decode().splitlines())
    village.machine.wait_until(lambda: first.ctl("info").code == 0)
    assert village.containers() == {name: board}
    village.machine.wait_until(
        lambda: [node for node, _ in village.leases()] == [board.node_name], TENTATIVE_SECONDS)


def test_a_node_that_is_gone_is_passed_by(village, rootfs):
    """Gossip does not know yet."""
    village = village("24M", "12M")
    first, other = village.boards
    name, next_best = first.node_name, other.node_name
    first.kill()
    result = village.run("--elsewhere", "-d", rootfs, "sleep", "1000")
    assert result.check().text.split()[1] == next_best
    listed = village.owner.ctl("ps", "--all-nodes").check()
    assert f"{name}: no agent at node {name}" in listed.error_text
    first.start()
    assert first.json("leases") == [] and first.json("ps", "--all") == []


def test_a_node_that_goes_for_good_while_it_makes_the_container_is_not_replaced(village, rootfs):
    """It may have it when it comes back: two would be one too many."""
    village = village("24M", "12M")
    first, other = village.boards
    info = first.info()
    owner = village.owner.spawn("run", "--any", "--elsewhere", "-d", "--name", "one", *SMALL, rootfs, "sleep", "1000")
    # Between lease and container there is no time to speak of: it is stopped as soon as there is a lease.
    village.machine.wait_until(lambda: first.json("leases") or first.json("ps"), interval=0.01)
    village.machine.kill(info["agentProcess"], signals.SIGSTOP)
    result = owner.wait(90)
    village.machine.kill(info["agentProcess"], signals.SIGCONT)
    village.machine.wait_until(lambda: first.ctl("info").code == 0)
    found = village.containers()
    assert len(found) <= 1
    if result.code == 0:
        assert found["one"].node_name == result.text.split()[1]
    else:
        assert other not in found.values() and "does not tell whether it runs there" in result.error_text, result


def test_an_interrupt_leaves_nothing_behind(village, rootfs):
    village = village("24M")
    [board] = village.boards
    info = board.info()
    village.machine.kill(info["agentProcess"], signals.SIGSTOP)
    owner = village.owner.spawn("run", "--any", "--elsewhere", "-d", *SMALL, rootfs, "sleep", "1000")
    # It watches for signals by now.
    status = f"/proc/{owner.pid}/status"
    village.machine.wait_until(lambda: b"SigBlk:\t0000000000000000" not in village.machine.read(status))
    owner.signal(signals.SIGINT)
    village.machine.kill(info["agentProcess"], signals.SIGCONT)
    result = owner.wait(60)
    assert result.code == 130 and "runs nowhere" in result.error_text, result
    assert village.containers() == {}
    village.machine.wait_until(lambda: village.leases() == [], TENTATIVE_SECONDS + 5)


def test_links_that_lose_a_tenth(network, programs, rootfs):
    switch = LossySwitch(network, 0.01, 0, seed=7)
    boards = Boards(network, programs)
    boards.switch = switch
    here = boards.board()
    there = [boards.board() for _ in range(2)]
    person_key = None
    switch.start()
    here.plug().start()
    owner = Person(boards, "owner", beside=here)
    person_key = owner.key
    for board in there:
        board.configure(**{"cgroup": board.cgroup, "microcloud": None, "name": f"board{board.address.split('.')[-1]}",
                           "owner": person_key})
        board.plug().start()
    together(here, *there)
    switch.loss = 0.1
    placed = {}
    try:
        for number in range(4):
            result = owner.ctl("run", "--any", "--elsewhere", "-d", "--name", f"c{number}x", *SMALL, rootfs, "sleep", "1000")
            if result.code == 0:
                placed[f"c{number}x"] = result.text.split()[1]
        switch.loss = 0
        found = [(one["name"], board.node_name) for board in there for one in board.json("ps", "--all")]
        assert switch.lost > 0 and len(placed) >= 3
        assert len(found) == len({name for name, _ in found}), "none is there twice"
        assert set(placed.items()) <= set(found)
    finally:
        switch.loss = 0
        for board in there:
            names = board.ctl("ps", "-aq").text.split()
            if names:
                board.ctl("rm", "--force", *names)
            board.stop()
        here.stop()
