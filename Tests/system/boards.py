"""Boards on a switch: whole agents, each in a network namespace of its own."""

import json
import signal as signals

from agent import Agent

#: Somebody's public key, whose boards are claimed.
OWNER = "02379749d0b7526e4714ddaf81654979a80931b1018eec5e3bf53d381c75306ba0"


class Board(Agent):
    """An agent on a host of its own."""

    def __init__(self, boards, number, switch, **settings):
        self.host = boards.network.host(switch)
        self.address = f"10.77.0.{number}"
        directory = f"{boards.network.directory}/board{number}"
        super().__init__(
            boards.network.machine, boards.programs, boards.network.name, directory, host=self.host)
        self.cgroup = f"{boards.network.name}-{number}"
        self.configure(**{"cgroup": self.cgroup, "microcloud": None, "name": f"board{number}", **settings})

    def plug(self):
        """Gives the board its address, as a DHCP server would."""
        self.host.address(f"{self.address}/24")
        return self

    def json(self, *arguments):
        return json.loads(self.ctl("--json", *arguments).check().text)

    def membership(self, kind="microcloud"):
        return next(one for one in self.info()["memberships"] if one["membership"] == kind)

    def is_in(self, kind="microcloud"):
        return any(line.startswith("in: ") for line in self.membership(kind)["status"])

    def kill(self):
        """Ends agent and keeper as a power cut does."""
        info = self.info()
        processes = (info["keeperProcess"], info["agentProcess"])
        for process in processes:
            self.machine.kill(process, signals.SIGKILL)
        self.machine.wait_until(lambda: not any(self.machine.exists(f"/proc/{process}") for process in processes))

    @property
    def node_name(self):
        return self.membership()["node"]

    def names(self):
        """The nodes that are there, as it sees them."""
        return sorted(node["name"] for node in self.json("nodes")["nodes"] if node["isAlive"])


class Boards:
    """A switch with boards and others on it."""

    def __init__(self, network, programs):
        self.network = network
        self.programs = programs
        self.switch = network.switch()
        self._count = 0
        self.people = 0
        self.all = []

    def board(self, switch=None, **settings):
        self._count += 1
        board = Board(self, self._count, switch or self.switch, **settings)
        self.all.append(board)
        return board

    def on(self, **settings):
        """A board that is switched on and has an address."""
        board = self.board(**settings).plug()
        board.start()
        return board

    def close(self):
        for board in self.all:
            board.stop()


def together(*members, timeout=30):
    """Waits until all of these boards see exactly each other, and know that they are in."""
    def all_do():
        names = sorted(board.node_name for board in members)
        return all(board.is_in() and board.names() == names for board in members)

    try:
        members[0].machine.wait_until(all_do, timeout)
    except Exception as error:
        views = [(board.node_name, board.names(), board.info()["memberships"]) for board in members]
        raise AssertionError(f"not together after {timeout} s: {json.dumps(views, indent=1)}") from error
