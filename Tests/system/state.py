"""What an agent says, what its store holds and what the kernel has, looked at together."""

import base64
import json
import re
import shlex
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path

from leaks import MARKER

LIVE_PHASES = {"starting", "running", "stopping"}
#: Phases in which nothing is under way, unless the program ends by itself; `waiting` does.
RESTING_PHASES = frozenset({"running", "ended"})
#: Raw values of Container.Phase, as they stand in the store.
STORED_PHASES = ["created", "starting", "running", "stopping", "ended", "waiting", "removing"]

# What coreutils and busybox have in common; one command for everything, because forks are dear on a slow board.
SURVEY = r"""
cd /sys/fs/cgroup
groups=
for directory in NAME/*/ */NAME/*/; do [ -d "$directory" ] && groups="$groups $directory"; done
echo "@@ groups"; for group in $groups; do echo $group; done
echo "@@ members"; for group in $groups; do cat $group/cgroup.procs 2>/dev/null; done
echo "@@ marked"; grep -l MARKER=NAME /proc/[0-9]*/environ 2>/dev/null
echo "@@ zombies"; grep -l "^PPid:.KEEPER$" /proc/[0-9]*/status 2>/dev/null | xargs grep -l "^State:.Z" 2>/dev/null
echo "@@ folders"; ls -A STATE/containers
echo "@@ held"; ls -l /proc/KEEPER/fd | grep -c microagent-log
echo "@@ database"; base64 STATE/microagent.db
echo "@@ log"; base64 STATE/microagent.db-wal
echo "@@ answer"; CTL ps -a --json
true
"""


@dataclass
class Record:
    """A container as the agent, or its store, has it."""

    id: int
    name: str
    phase: str
    exit_code: int | None = None
    reason: str = ""


@dataclass
class NodeState:
    """One look at an agent and its node. `problem` is why the agent could not be asked, if so."""

    containers: list
    stored: list
    groups: set
    members: set
    marked: set
    zombies: set
    folders: set
    held: int
    is_first_keeper: bool
    problem: str = ""

    def find(self, name):
        """The container of that name, or None."""
        return next((container for container in self.containers if container.name == name), None)

    def disagreements(self, resting=RESTING_PHASES):
        """What keeps store, agent and kernel from being one; empty when all is at rest and agrees."""
        if self.problem:
            return [self.problem]
        wrong = []
        ids = {str(container.id) for container in self.containers}
        live = {container.name for container in self.containers if container.phase in LIVE_PHASES}
        said = {(c.id, c.name, c.phase) for c in self.containers}
        stored = {(c.id, c.name, c.phase) for c in self.stored}
        if moving := [f"{c.name} is {c.phase}" for c in self.containers if c.phase not in resting]:
            wrong.append(f"not at rest: {moving}")
        if said != stored:
            wrong.append(f"the agent knows {said}, its store {stored}")
        if self.groups != live:
            wrong.append(f"control groups of {self.groups}, live are {live}")
        if bool(self.members) != bool(live):
            wrong.append(f"processes {self.members} in control groups, live are {live}")
        if len(self.marked) != 3:
            wrong.append(f"not keeper, agent and store's writer, but processes {self.marked}")
        if self.zombies:
            wrong.append(f"not collected by the keeper: {self.zombies}")
        if unknown := self.folders - ids:
            wrong.append(f"folders {unknown} of no container, containers are {ids}")
        # A new keeper holds logs only of those containers that wrote since.
        if self.held > len(ids) or self.held < len(ids) and self.is_first_keeper:
            wrong.append(f"the keeper holds {self.held} logs of {len(ids)} containers")
        return wrong


def marked(agent):
    """The processes that are the agent's: keeper, agent, store's writer, and children that run no other program yet."""
    text = agent.machine.sh(f"grep -l {MARKER}={agent.name} /proc/[0-9]*/environ 2>/dev/null; true").text
    return set(re.findall(r"/proc/(\d+)/", text))


def survey(agent):
    """Looks at everything once."""
    ctl = shlex.join(agent.argv_of_ctl())
    script = SURVEY.replace("MARKER", MARKER).replace("NAME", agent.name).replace("STATE", agent.state_directory)
    script = script.replace("KEEPER", str(agent.process.pid)).replace("CTL", ctl)
    result = agent.machine.sh(script)
    parts = dict(part.split("\n", 1) for part in re.split(r"(?m)^@@ ", result.text)[1:])
    problem, containers = "", []
    try:
        containers = [_answered(value) for value in json.loads(parts["answer"])]
    except ValueError:
        problem = f"the agent does not answer: {result.error_text.strip()}"
    return NodeState(
        containers=containers,
        stored=[] if problem else _stored(parts["database"], parts["log"]),
        groups={line.rstrip("/").split("/")[-1] for line in parts["groups"].splitlines()},
        members=set(parts["members"].split()),
        marked=set(re.findall(r"/proc/(\d+)/", parts["marked"])),
        zombies=set(re.findall(r"/proc/(\d+)/", parts["zombies"])),
        folders=set(parts["folders"].split()),
        held=int(parts["held"]),
        is_first_keeper=agent.starts == 1,
        problem=problem,
    )


def wait_for_rest(agent, resting=RESTING_PHASES, timeout=20):
    """Waits until agent, store and kernel agree and all containers are in one of these phases; returns that state."""
    last = None

    def rests():
        nonlocal last
        last = survey(agent)
        return not last.disagreements(resting)

    try:
        agent.machine.wait_until(rests, timeout)
    except Exception as error:
        raise AssertionError("store and kernel do not agree:\n  " + "\n  ".join(last.disagreements(resting))) from error
    return last


def _answered(value):
    end = value.get("end") or {}
    return Record(value["id"], value["name"], value["phase"], end.get("exitCode"), end.get("reason", ""))


def _stored(database, log):
    """Reads a copy of the database and its write-ahead log."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "copy.db").write_bytes(base64.b64decode(database))
        Path(folder, "copy.db-wal").write_bytes(base64.b64decode(log))
        connection = sqlite3.connect(Path(folder, "copy.db"))
        try:
            rows = connection.execute("SELECT id, name, phase FROM container").fetchall()
        except sqlite3.DatabaseError:
            return []  # copied while it was written: the agent's answer will differ, and it is looked at again
        finally:
            connection.close()
    return [Record(number, name, STORED_PHASES[phase]) for number, name, phase in rows]
