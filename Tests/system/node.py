"""What tests do with containers, a line each: an agent and a root file system to run them from."""

import contextlib
import json
import signal as signals

from machine import CommandFailed

#: Writes numbered lines, some a second, for containers that are to go on for the whole test.
SLOW_COUNTER = "i=0; while :; do i=$((i + 1)); echo line $i; sleep 0.02; done"


class Node:
    """An agent on a machine, with the root file system `rootfs` for its containers."""

    def __init__(self, agent, rootfs):
        self.agent = agent
        self.machine = agent.machine
        self.rootfs = rootfs
        self.ctl = agent.ctl

    # Running

    def run(self, *command, options=(), timeout=60):
        """A container in the foreground; returns microctl's Result when it has ended."""
        return self.ctl("run", *options, self.rootfs, *command, timeout=timeout)

    def sh(self, script, *options):
        """The output of a shell script in a container of its own, which must succeed and is removed."""
        return self.run("sh", "-c", script, options=["--rm", *options]).check().text

    def spawn(self, *command, options=()):
        """A container in the foreground, while the test goes on."""
        return self.agent.spawn_ctl("run", *options, self.rootfs, *command)

    def start(self, *command, options=()):
        """A container in the background; returns its name."""
        return self.ctl("run", "-d", *options, self.rootfs, *command).check().text.strip()

    def start_sh(self, script, *options):
        """A shell script in a container in the background; returns its name."""
        return self.start("sh", "-c", script, options=options)

    # Looking

    def json(self, *arguments):
        """What microctl answers in JSON."""
        return json.loads(self.ctl("--json", *arguments).check().text)

    def state(self, name):
        """A container's state as `inspect` tells it."""
        return self.json("inspect", name)

    def names(self, *options):
        return self.ctl("ps", "-q", *options).check().text.split()

    def end(self, name):
        """How a container ended: its exit code and the reason in words."""
        end = self.state(name)["end"]
        return end["exitCode"], end["reason"]

    def logs(self, name, *options):
        return self.ctl("logs", *options, name).check().text

    def lines(self, name):
        """The numbers that a SLOW_COUNTER has written so far."""
        return line_numbers(self.logs(name))

    def wait_for_phase(self, name, phase):
        self.machine.wait_until(lambda: self.state(name)["phase"] == phase)

    def wait_for_log(self, name, text):
        self.machine.wait_until(lambda: text in self.logs(name))

    def wait_for_lines(self, name, count):
        """Waits until a SLOW_COUNTER has written so many lines."""
        self.machine.wait_until(lambda: max(self.lines(name), default=0) >= count)

    # Below the surface

    def info(self):
        return self.json("info")

    def process(self, name):
        """The first process of a container, as the machine numbers it."""
        return self.state(name)["process"]

    def processes(self, name):
        """All processes of a container, as the machine numbers them."""
        text = self.machine.sh(f"cat {self.cgroup(name, 'pids')}/cgroup.procs", check=False).text
        return [int(word) for word in text.split()]

    def cgroup(self, name, controller):
        """A container's folder below /sys/fs/cgroup, for cgroup v2 or for one controller of v1."""
        base = "" if self.has_unified_cgroups() else f"/{controller}"
        return f"/sys/fs/cgroup{base}/{self.agent.name}/{name}"

    def has_unified_cgroups(self):
        return self.machine.exists("/sys/fs/cgroup/cgroup.controllers")

    def cgroup_numbers(self, name, controller, file):
        """A flat keyed file of a container's control group, as `cpu.stat`."""
        text = self.machine.read(f"{self.cgroup(name, controller)}/{file}").decode()
        return {key: int(value) for key, value in (line.split() for line in text.splitlines())}

    def young_agent(self, keeper, but):
        """The process of the agent that a keeper has just started, if it has, other than `but`."""
        script = f"for p in $(cat /proc/{keeper}/task/{keeper}/children); do echo $p $(cat /proc/$p/comm); done"
        found = self.machine.sh(script, check=False).text
        pids = [int(line.split()[0]) for line in found.splitlines() if line.endswith(" microagentd")]
        return next((pid for pid in pids if pid != but), None)

    def namespaces(self, process):
        """What /proc/PID/ns tells of a process: name to number."""
        text = self.machine.sh(f"ls -l /proc/{process}/ns").text
        return parse_namespaces(text)

    def is_alive(self, process):
        """Whether a process runs: one that has ended and waits to be collected does not."""
        stat = self.machine.run(["cat", f"/proc/{process}/stat"])
        return stat.code == 0 and stat.text.rpartition(")")[2].split()[0] not in "ZX"

    # Killing

    def kill_agent(self):
        """Ends the agent as by `kill -9` and waits until its keeper has started another."""
        before = self.info()["agentProcess"]
        self.machine.kill(before, signals.SIGKILL)
        self.machine.wait_until(lambda: self.answers() and self.info()["agentProcess"] != before)

    @contextlib.contextmanager
    def without_agent(self):
        """A time in which the agent is dead and its keeper, stopped, cannot start another."""
        info = self.info()
        self.machine.kill(info["keeperProcess"], signals.SIGSTOP)
        self.machine.kill(info["agentProcess"], signals.SIGKILL)
        self.machine.wait_until(lambda: not self.is_alive(info["agentProcess"]))
        yield
        self.machine.kill(info["keeperProcess"], signals.SIGCONT)
        self.machine.wait_until(self.answers)

    def kill_all(self):
        """Ends keeper and agent as by `kill -9`; nobody starts them again."""
        info = self.info()
        # The keeper first, or it might start another agent.
        for key in ("keeperProcess", "agentProcess"):
            try:
                self.machine.kill(info[key], signals.SIGKILL)
            except ProcessLookupError:
                pass  # an agent ends by itself when its keeper is gone
        self.agent.process.wait()
        self.machine.wait_until(lambda: not self.is_alive(info["agentProcess"]))

    def answers(self):
        return self.ctl("info").code == 0

    def remove_all(self):
        """Removes every container, so that nothing is left when the agent ends."""
        if self.agent.process is None:
            return
        if not self.answers():
            self.agent.start()
        names = self.names("-a")
        if names:
            self.ctl("rm", "--force", *names).check()
        assert self.names("-a") == []


def numbered(count):
    """A shell command that writes so many numbered lines."""
    return f"awk 'BEGIN {{ for (i = 1; i <= {count}; i++) print \"line\", i }}'"


def line_numbers(text):
    """The numbers in whole lines `line N`; fails where a line is anything else."""
    numbers = []
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):
            word, number = line.split()
            assert word == "line", line
            numbers.append(int(number))
    return numbers


def assert_unbroken(numbers, first=1):
    """No line is lost, none doubled, none out of order."""
    assert numbers == list(range(first, first + len(numbers)))


def parse_namespaces(text):
    """`ls -l /proc/PID/ns` as a map from name to number."""
    return dict(line.split()[-3::2] for line in text.splitlines() if "->" in line)


def refused(result, code=1):
    """The one line that microctl complained with, having done nothing else."""
    if result.code != code or not result.error_text.startswith("microctl: "):
        raise CommandFailed(f"{result}: not refused with {code}")
    assert result.error_text.count("\n") == 1 and result.text == "", result
    return result.error_text.removeprefix("microctl: ").rstrip("\n")
