"""The agent is killed at each numbered step of start, stop and remove; afterwards nothing is lost or doubled.

The points are those of Sources/microagentd/CrashPoint.swift. Each scenario is run with the agent dying at point 1, 2,
and so on, until it completes without a death; each time the container's program has left one line in a file for each
time it ran. `agent` kills the agent alone: its keeper starts a new one, and nothing at all may be lost. `keeper`
kills both, and a new daemon is started: then an exit code and what was written before may be unknown, but nothing may
run twice.
"""

import json
from dataclasses import dataclass

import pytest

from machine import CommandFailed
from state import RESTING_PHASES, marked, survey, wait_for_rest

NAME = "box"
CRASH = "microagentd: crash point "
READY = "microagentd: ready"
MOST_POINTS = 200

EXITING = "echo run >>/v/runs; echo one; echo two; exit 7"
STOPPABLE = "echo run >>/v/runs; trap 'echo bye; exit 9' TERM; echo begin; while :; do sleep 0.05; done"


@dataclass
class Outcome:
    """What a scenario came to."""

    result: object  # of the microctl that was broken off, or was not
    state: object  # survey() at rest
    runs: int  # how many times the program ran
    log: str
    keeps: bool  # whether the keeper lived through it, so that nothing may be unknown

    @property
    def box(self):
        return self.state.find(NAME)

    def assert_log(self, whole):
        """The container's output is there once, or, without the keeper, the last part of it."""
        assert self.log == whole if self.keeps else whole.endswith(self.log)

    def assert_ended(self, code):
        assert self.box.phase == "ended"
        if self.keeps or not self.box.reason.startswith("unknown"):
            assert self.box.exit_code == code, self.box.reason


class Scenario:
    """An operation to break off, and what may be so afterwards."""

    operation: str
    least_points: int
    #: Points before this one are those of another scenario, too.
    first_point = 1
    #: The phases in which its container may stay.
    resting = frozenset({"ended"})

    def __init__(self, agent, rootfs, volume):
        self.agent, self.rootfs, self.volume = agent, rootfs, volume

    def run(self, program, *options):
        options = ["-d", "--name", NAME, "-v", f"{self.volume}:/v", *options]
        return self.agent.ctl("run", *options, self.rootfs, "sh", "-c", program)

    def prepare(self):
        """What must be so before; never broken off."""

    def act(self):
        """The request that is broken off; returns its Result."""

    def judge(self, outcome):
        """Asserts what may be so."""


class Run(Scenario):
    """From nothing to a container that has ended by itself."""

    operation, least_points = "run", 40

    def act(self):
        return self.run(EXITING)

    def judge(self, outcome):
        if outcome.box is None:
            assert outcome.result.code != 0 and outcome.runs == 0
            return
        if outcome.keeps or not outcome.box.reason.startswith("unknown"):
            assert outcome.runs == 1
        assert outcome.runs <= 1
        outcome.assert_ended(7)
        outcome.assert_log("one\ntwo\n" * outcome.runs)


class Start(Scenario):
    """A container that has ended runs once more."""

    operation, least_points = "start", 38

    def prepare(self):
        self.run(EXITING).check()
        wait_for_rest(self.agent, self.resting)

    def act(self):
        return self.agent.ctl("start", NAME)

    def judge(self, outcome):
        assert outcome.runs == 2 if outcome.result.code == 0 else outcome.runs in (1, 2)
        outcome.assert_ended(7)
        outcome.assert_log("one\ntwo\n" * outcome.runs)


class Restart(Scenario):
    """A container that fails and is started again by its policy."""

    operation, least_points = "run", 45
    first_point = 38

    def act(self):
        return self.run(EXITING, "--restart", "on-failure:1")

    def judge(self, outcome):
        if outcome.box is None:
            assert outcome.result.code != 0 and outcome.runs == 0
            return
        if outcome.keeps:
            assert outcome.runs == 2
        assert outcome.runs <= 2
        outcome.assert_ended(7)
        outcome.assert_log("one\ntwo\n" * outcome.runs)


class Stop(Scenario):
    """A running container is asked to end, and does."""

    operation, least_points = "stop", 16
    resting = RESTING_PHASES

    def prepare(self):
        self.run(STOPPABLE).check()
        self.agent.machine.wait_until(lambda: "begin" in self.agent.ctl("logs", NAME).text)

    def act(self):
        return self.agent.ctl("stop", NAME)

    def judge(self, outcome):
        assert outcome.box.phase == "ended" if outcome.result.code == 0 else outcome.box.phase in ("running", "ended")
        self.agent.ctl("stop", NAME).check()
        outcome.state = wait_for_rest(self.agent)
        outcome.log = self.agent.ctl("logs", NAME).text
        assert outcome.runs == 1
        outcome.assert_ended(9)
        outcome.assert_log("begin\nbye\n")


class Kill(Stop):
    """A running container is killed, whatever its policy says."""

    least_points = 12

    def act(self):
        return self.agent.ctl("kill", NAME)

    def judge(self, outcome):
        assert outcome.box.phase == "ended" if outcome.result.code == 0 else outcome.box.phase in ("running", "ended")
        assert outcome.runs == 1
        if outcome.box.phase == "ended" and outcome.keeps:
            assert outcome.box.reason == "killed by signal 9, killed on request of the owner"


class StopSignal(Stop):
    """A running container is sent its stop signal, and ends."""

    least_points = 12

    def act(self):
        result = self.agent.ctl("kill", "-s", "TERM", NAME)
        if result.code == 0:
            # Which is told when the signal is sent: the end is a part of it. The agent may die in it.
            self.agent.machine.wait_until(lambda: self.phase() != "running")
        return result

    def phase(self):
        told = self.agent.ctl("--json", "inspect", NAME)
        return json.loads(told.text)["phase"] if told.code == 0 else None

    def judge(self, outcome):
        if outcome.result.code == 0:
            outcome.state = wait_for_rest(self.agent, frozenset({"ended"}))
        assert outcome.runs == 1
        if outcome.box.phase == "ended":
            outcome.assert_ended(9)


class Update(Scenario):
    """A running container is given less memory."""

    operation, least_points = "update", 8
    resting = RESTING_PHASES
    memory = {"before": 12 << 20, "after": 6 << 20}

    def prepare(self):
        self.run(STOPPABLE, "-m", str(self.memory["before"])).check()
        self.agent.machine.wait_until(lambda: "begin" in self.agent.ctl("logs", NAME).text)

    def act(self):
        return self.agent.ctl("update", "-m", str(self.memory["after"]), NAME)

    def judge(self, outcome):
        assert outcome.runs == 1 and outcome.box.phase == "running"
        told = json.loads(self.agent.ctl("--json", "inspect", NAME).check().text)["request"]["memoryBytes"]
        assert told == self.memory["after"] or outcome.result.code != 0 and told == self.memory["before"]
        assert memory_limit(self.agent) == told


class UpdateToMore(Update):
    """A running container is given more memory."""

    least_points = 6
    memory = {"before": 6 << 20, "after": 12 << 20}


class Remove(Scenario):
    """A container that has ended is removed."""

    operation, least_points = "remove", 8

    def prepare(self):
        self.run(EXITING).check()
        wait_for_rest(self.agent, self.resting)

    def act(self):
        return self.agent.ctl("rm", NAME)

    def judge(self, outcome):
        assert outcome.runs == 1
        if outcome.result.code == 0:
            assert outcome.box is None
        if outcome.box:
            outcome.assert_ended(7)
            outcome.assert_log("one\ntwo\n")


class RemoveByForce(Scenario):
    """A running container is killed and removed."""

    operation, least_points = "remove", 20
    resting = RESTING_PHASES

    def prepare(self):
        self.run(STOPPABLE).check()
        self.agent.machine.wait_until(lambda: "begin" in self.agent.ctl("logs", NAME).text)

    def act(self):
        return self.agent.ctl("rm", "-f", NAME)

    def judge(self, outcome):
        assert outcome.runs == 1
        if outcome.result.code == 0:
            assert outcome.box is None


SCENARIOS = [Run, Start, Restart, Stop, Kill, StopSignal, Update, UpdateToMore, Remove, RemoveByForce]


@pytest.mark.parametrize("killed", ["agent", "keeper"])
@pytest.mark.parametrize("kind", SCENARIOS, ids=lambda kind: kind.__name__)
def test_crash_at_each_step(stopped_agent, rootfs, directory, machine, kind, killed):
    volume = f"{directory}/volume"
    machine.sh(f"mkdir {volume} && chmod 777 {volume}")
    scenario = kind(stopped_agent, rootfs, volume)
    points = []
    while point := break_off(scenario, kind.first_point + len(points), killed):
        points.append(point)
        assert len(points) < MOST_POINTS, "there is no end of points"
    print(f"{kind.__name__}: {len(points)} points\n  " + "\n  ".join(points))
    assert len(points) >= kind.least_points


def break_off(scenario, number, killed):
    """Runs the scenario with a death at this point. Returns the point's text; None if it was never reached."""
    agent, machine = scenario.agent, scenario.agent.machine
    suffix = ":keeper" if killed == "keeper" else ""
    agent.starts = 0
    daemon = agent.start(env={"MICROAGENT_CRASH_AT": f"{scenario.operation}:{number}{suffix}"})
    scenario.prepare()
    result = scenario.act()
    point = None
    try:
        if killed == "keeper":
            point = wait_and_start_again(scenario, daemon)
        state = wait_for_rest(agent, scenario.resting)
        point = point or crash_point(daemon)
        runs = runs_of(scenario)
        outcome = Outcome(result, state, runs, log_of(agent, state), killed == "agent" or point is None)
        scenario.judge(outcome)
        agent.ctl("rm", "-f", NAME)
        assert wait_for_rest(agent).containers == []
        assert runs_of(scenario) == runs, "it ran again later"
    except AssertionError as error:
        place = f"died at {point or 'no point'}"
        raise AssertionError(f"{place}: {error}\n{survey(agent)}\n{daemon.stderr.decode()}") from error
    machine.run(["rm", "-f", f"{scenario.volume}/runs"]).check()
    assert agent.stop().code == 0
    return point


def crash_point(daemon):
    """The text of the point where the agent died, if it did."""
    lines = [line for line in daemon.stderr.decode().splitlines() if line.startswith(CRASH)]
    return lines[0].removeprefix(CRASH) if lines else None


def wait_and_start_again(scenario, daemon):
    """Starts a new daemon where the keeper was killed. Where it was not, all comes to rest as it is."""
    agent = scenario.agent

    def is_over():
        if crash_point(daemon) is None:
            return not survey(agent).disagreements(scenario.resting)
        return daemon.code is not None and not marked(agent)

    agent.machine.wait_until(is_over)
    if crash_point(daemon) is None:
        return None

    def has_started():
        try:
            return agent.start()
        except CommandFailed as error:
            # A dying process shows no environment any more some time before it gives up its locks.
            if "in use by another agent" not in str(error):
                raise
            return None

    agent.machine.wait_until(has_started)
    return crash_point(daemon)


def memory_limit(agent):
    """To which the kernel holds the container."""
    group = f"/sys/fs/cgroup/{{}}{agent.name}/{NAME}/{{}}"
    files = group.format("", "memory.max"), group.format("memory/", "memory.limit_in_bytes")
    return int(agent.machine.sh(f"cat {files[0]} 2>/dev/null || cat {files[1]}").text)


def runs_of(scenario):
    result = scenario.agent.machine.run(["cat", f"{scenario.volume}/runs"])
    return len(result.text.splitlines())


def log_of(agent, state):
    return agent.ctl("logs", NAME).check().text if state.find(NAME) else ""


def test_what_was_left_is_not_mixed_up_with_what_comes(stopped_agent, rootfs):
    """Regression: an id that was never recorded is given again, while the folder of its first bearer is deleted."""
    for number in range(10, 40):
        daemon = stopped_agent.start(env={"MICROAGENT_CRASH_AT": f"run:{number}"})
        assert stopped_agent.ctl("run", "-d", "--name", NAME, rootfs, "true").code != 0
        if "make an overlay" in crash_point(daemon):
            break
        stopped_agent.stop()
    program = "echo text >/kept; sleep 1; cat /kept; echo more >/kept2 && ls /kept2"
    result = stopped_agent.ctl("run", "--name", "next", rootfs, "sh", "-c", program).check()
    assert result.text == "text\n/kept2\n"
    identifier = wait_for_rest(stopped_agent).find("next").id
    upper = f"{stopped_agent.state_directory}/containers/{identifier}/upper"
    assert stopped_agent.machine.read(f"{upper}/kept") == b"text\n"
    stopped_agent.ctl("rm", "next").check()
    wait_for_rest(stopped_agent)


def test_a_name_is_free_at_once(stopped_agent, rootfs):
    """A container of the same name starts while what the dead agent left of the first is still being ended."""
    points = range(18, 36)
    taken = 0
    for number in points:
        stopped_agent.start(env={"MICROAGENT_CRASH_AT": f"run:{number}"})
        stopped_agent.ctl("run", "-d", "--name", NAME, rootfs, "sleep", "1000")
        result = stopped_agent.ctl("run", "--name", NAME, rootfs, "sh", "-c", "sleep 0.1; echo done")
        if "the name is taken" in result.error_text:
            taken += 1  # its record had been written
        else:
            assert (result.code, result.text) == (0, "done\n"), f"point {number}: {result}"
        stopped_agent.ctl("rm", "-f", NAME).check()
        assert stopped_agent.stop().code == 0
    # How many steps there are before the record is written depends on the control groups' version.
    assert len(points) - taken >= 5, "the moment was hardly met"
