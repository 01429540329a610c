"""The power fails at any moment: what the agent has acknowledged is on the disk, and what it has not is whole or absent.

A board of the test's own keeps everything on a second disk, which forgets what was not flushed when the power is cut, torn
at random (disk/volatile.py). Each cut ends qemu as by `kill -9`, and the board starts again from what the disk then holds.
"""

import json
import random
import tempfile
import threading
from pathlib import Path

import pytest

from agent import Agent
from conftest import PROGRAMS, TARGETS
from disk import NBDServer, VolatileDisk, make_ext4
from machine import CommandTimeout, MachineError, VirtualMachine
from rootfs import make_rootfs

pytestmark = pytest.mark.machines("vm")

SEED = 20261122
CUTS = 10
CLIENTS = 3
FLUSH_SECONDS = 0.3
LONGEST_LIFE_SECONDS = 8
HOME = "/mnt"
ROOTFS = f"{HOME}/rootfs"
ABSENT, STOPPED, WANTED = "absent", "stopped", "wanted"
#: From what state to which a command leads.
VERBS = {
    "run": (ABSENT, WANTED),
    "stop": (WANTED, STOPPED),
    "start": (STOPPED, WANTED),
    "rm": ((WANTED, STOPPED), ABSENT),
}


class Board:
    """A virtual board whose agent's disk survives power cuts as a disk does."""

    def __init__(self, target):
        self._folder = tempfile.TemporaryDirectory(dir="/var/tmp", prefix="microagent-power-")
        self._target = target
        self._boots = 0
        self.machine = None
        self.lost = []
        self.disk = VolatileDisk(make_ext4())
        self._boot()
        for name in PROGRAMS:
            self.machine.put(TARGETS[target] / name, f"{HOME}/{name}")
        make_rootfs(self.machine, ROOTFS)
        self.machine.sh("sync")

    def _boot(self):
        self._boots += 1
        self._server = NBDServer(self.disk, Path(self._folder.name) / f"disk-{self._boots}")
        self.machine = VirtualMachine(drives=[self._server.drive])
        self.machine.sh(f"mount -t ext4 /dev/vdb {HOME}")
        programs = {name: f"{HOME}/{name}" for name in PROGRAMS}
        self.agent = Agent(self.machine, programs, "power", HOME)
        self.agent.runtime_directory = "/run/microagent"
        self.agent.socket = "/run/microagent/control.sock"

    def start_agent(self):
        self.agent.configure()
        self.machine.sh("sync")
        self.agent.start()

    def cut_power(self, random):
        """Ends the board at once, and starts it again with what its disk then holds."""
        self.machine.close()
        image, lost = self.disk.cut_power(random)
        self.lost.append(lost)
        self._server.close()
        self.disk = VolatileDisk(image, lies=self.disk.lies)
        self._boot()

    def tell(self, name):
        """All that the agent knows of a container."""
        return self.agent.ctl("--json", "inspect", name).text or ABSENT

    def states(self):
        """What the agent says of each container."""
        answer = json.loads(self.agent.ctl("--json", "ps", "-a").check().text)
        return {one["name"]: STOPPED if one["phase"] == "ended" else WANTED for one in answer}

    def close(self):
        self.machine.close()
        self._server.close()
        self._folder.cleanup()


class Client(threading.Thread):
    """Gives commands for one container, one after the other, until the power fails or it is told to end."""

    def __init__(self, board, name, state, random):
        super().__init__(daemon=True)
        self._board, self._name, self._random = board, name, random
        self.ends = threading.Event()
        #: The states that the container may be found in.
        self.possible = {state}
        self.verb = None
        self.acknowledged = 0
        self.refusal = None

    def run(self):
        state = next(iter(self.possible))
        while not self.ends.is_set():
            verb = self.verb = self._random.choice([verb for verb, (before, _) in VERBS.items() if state in before])
            after = VERBS[verb][1]
            # From here until it is acknowledged either may be found. Removal by force ends the container first.
            self.possible = {state, after, STOPPED} if verb == "rm" else {state, after}
            try:
                result = self._board.agent.ctl(*self._argv(verb))
            except (MachineError, CommandTimeout):
                return
            if result.code != 0:
                # With the power goes the command; on a living board a refusal is a failure.
                self.refusal = f"{verb}: code {result.code}: {result.error_text}"
                return
            self.acknowledged += 1
            state = after
            self.possible = {state}

    def _argv(self, verb):
        if verb == "run":
            return ["run", "-d", "--name", self._name, "--restart", "always", ROOTFS, "sleep", "1000"]
        options = {"stop": ["-t", "0"], "start": [], "rm": ["-f"]}[verb]
        return [verb, *options, self._name]


@pytest.fixture
def board(machine, target):
    """A board of the test's own, with programs and a root file system on its disk."""
    board = Board(target)
    yield board
    board.close()


def live_and_die(board, states, source):
    """Clients give commands until the power is cut at a random moment; returns them after the board's restart."""
    clients = [Client(board, name, state, random.Random(source.random())) for name, state in states.items()]
    for client in clients:
        client.start()
    moment = source.uniform(1, LONGEST_LIFE_SECONDS)
    clients[0].join(moment)
    refusals = [client.refusal for client in clients if client.refusal]
    for client in clients:
        client.ends.set()
    board.cut_power(source)
    for client in clients:
        client.join()
    assert refusals == []
    return clients


def test_acknowledged_work_survives_power_cuts(board, record_property):
    source = random.Random(SEED)
    states = {f"c{number}": ABSENT for number in range(CLIENTS)}
    acknowledged = uncertain = 0
    for cut in range(CUTS):
        board.start_agent()
        board.disk.flush_seconds = FLUSH_SECONDS
        clients = live_and_die(board, states, source)
        board.disk.flush_seconds = 0
        board.start_agent()
        info = board.agent.info()
        assert not any("damaged" in notice for notice in info["notices"]), info["notices"]
        found = board.states()
        for client, name in zip(clients, states):
            acknowledged += client.acknowledged
            uncertain += len(client.possible) > 1
            states[name] = found.get(name, ABSENT)
            assert states[name] in client.possible, (
                f"cut {cut}, {name}: {client.verb} was under way, may be {client.possible}, is {board.tell(name)}")
        assert set(found) <= set(states)
        board.agent.stop()
    line = (f"{CUTS} power cuts (seed {SEED}): {acknowledged} acknowledged commands all kept, {uncertain} under way at a "
            f"cut found whole or absent, {sum(board.lost)} unflushed pages lost")
    print(line)
    record_property("power cuts", line)
    assert acknowledged >= CUTS and uncertain > 0 and sum(board.lost) > 0, "the cuts showed nothing"


def test_these_cuts_do_lose_what_was_not_flushed(board):
    """A disk that says it has flushed and has not: the test above would tell."""
    board.disk.lies = True
    board.start_agent()
    for number in range(3):
        board.agent.ctl("run", "-d", "--name", f"c{number}", "--restart", "always", ROOTFS, "sleep", "1000").check()
    board.machine.close()
    image, lost = board.disk.cut_power(Nothing())
    assert lost > 0 and b"microagent.db" not in image


class Nothing(random.Random):
    """Chance that keeps nothing of a write cache."""

    def random(self):
        return 1.0
