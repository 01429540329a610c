"""Finds what a test has left on a machine: processes, mounts, cgroups, loop devices, network namespaces, files.

On a machine that the test shares with others, a thing counts as the test's when it carries the test's name (environment
variable, cgroup, folder) or descends from a process that does. On an exclusive machine everything new counts.
"""

import re
from dataclasses import dataclass, field

#: Every process a test starts on its own behalf carries this variable with the test's name.
MARKER = "MICROAGENT_TEST"
KERNEL_THREAD = 0x00200000  # PF_KTHREAD in the flags of /proc/<pid>/stat
FILE_PLACES = ["/tmp", "/run", "/run/netns", "/run/lock", "/var/run", "/var/tmp", "/var/lib", "/var/log", "/dev/shm",
               "/data"]

# Only what coreutils and busybox have in common; one command for all processes, because forks are dear on a slow board.
SURVEY = r"""
echo "@@ self"; echo $$
echo "@@ processes"
head -v -c 1000000 /proc/[0-9]*/stat /proc/[0-9]*/environ /proc/[0-9]*/cgroup /proc/[0-9]*/mountinfo 2>/dev/null
echo; echo "@@ namespaces"; ls -l /proc/[0-9]*/ns/mnt /proc/[0-9]*/ns/net 2>/dev/null
echo "@@ mounts"; cat /proc/self/mountinfo
echo "@@ cgroups"; find /sys/fs/cgroup -type d 2>/dev/null
echo "@@ loops"; grep -H . /sys/block/loop*/loop/backing_file 2>/dev/null
echo "@@ interfaces"; ls /sys/class/net
echo "@@ files"; for place in PLACES; do find $place -maxdepth 1 2>/dev/null; done
true
"""


@dataclass
class ProcessFacts:
    """What the survey knows of one process."""

    pid: int
    name: str = ""
    parent: int = 0
    session: int = 0
    flags: int = 0
    started: str = ""
    environ: str = ""
    cgroup: str = ""
    mountinfo: str = ""
    mnt: str = ""
    net: str = ""

    @property
    def key(self):
        """Tells it from a later process with the same number."""
        return self.pid, self.started


@dataclass
class Survey:
    """Everything on a machine that a test could leave behind, at one moment."""

    processes: dict = field(default_factory=dict)
    mounts: dict = field(default_factory=dict)
    cgroups: set = field(default_factory=set)
    loops: dict = field(default_factory=dict)
    interfaces: set = field(default_factory=set)
    files: set = field(default_factory=set)
    own_mount_namespace: str = ""


@dataclass(frozen=True)
class Leak:
    """One thing left behind: what kind, which, and why it is taken for the test's."""

    kind: str
    what: str
    why: str = ""

    def __str__(self):
        return f"{self.kind} {self.what}" + (f" ({self.why})" if self.why else "")


class LeakError(AssertionError):
    """Something was left behind."""


class LeakCheck:
    """Made before a test, asked after it. `name` is unique to the test and part of its cgroup and of `directory`."""

    def __init__(self, machine, name, directory):
        self._machine = machine
        self._name = name
        self._directory = directory
        self._before = take_survey(machine)

    def leaks(self):
        """What is left now, most telling first."""
        now = take_survey(self._machine)
        return (
            self._processes(now)
            + self._named("cgroup", now.cgroups, self._before.cgroups)
            + self._mounts(now)
            + self._loops(now)
            + self._interfaces(now)
            + self._named("file", now.files, self._before.files)
        )

    def assert_none(self, timeout=10):
        """Fails, naming each leak, and clears it away for the tests that follow. Things still on their way out may
        take `timeout` seconds to go."""
        try:
            self._machine.wait_until(lambda: not self.leaks(), timeout, interval=0.1)
        except Exception as error:
            leaks = self.leaks()
            if leaks:
                self.clear(leaks)
                raise LeakError("left behind:\n  " + "\n  ".join(map(str, leaks))) from error

    def clear(self, leaks):
        """Removes leaks, as far as that goes."""
        verbs = {
            "process": 'kill -9 "$1"',
            "mount": 'umount -l "$1"',
            "loop device": 'losetup -d "$1"',
            "cgroup": 'for i in 1 2 3 4 5; do rmdir "$1" && break; sleep 0.2; done',
            "file": 'rm -rf "$1"',
            "interface": 'ip link delete "$1"',
        }
        order = sorted(leaks, key=lambda leak: (list(verbs).index(leak.kind), -leak.what.count("/"), -len(leak.what)))
        for leak in order:
            self._machine.run(["sh", "-c", verbs[leak.kind], "sh", leak.what.split(" ")[0]])

    def _processes(self, now):
        old = {process.key for process in self._before.processes.values()}
        reasons = {}
        for process in now.processes.values():
            if process.key not in old and not process.flags & KERNEL_THREAD:
                reason = self._reason(process, now)
                if reason:
                    reasons[process.pid] = reason
        # What descends from a process of the test, or shares its session, is the test's as well.
        grown = True
        while grown:
            grown = False
            sessions = {now.processes[pid].session: pid for pid in reasons}
            for process in now.processes.values():
                if process.pid in reasons or process.key in old or process.flags & KERNEL_THREAD:
                    continue
                relative = process.parent if process.parent in reasons else sessions.get(process.session)
                if relative:
                    reasons[process.pid] = f"related to {relative}"
                    grown = True
        return [Leak("process", f"{pid} {now.processes[pid].name}", reasons[pid]) for pid in sorted(reasons)]

    def _reason(self, process, now):
        if f"{MARKER}={self._name}" in process.environ.split("\0"):
            return "its environment names the test"
        if self._name in process.cgroup:
            return "it is in the test's cgroup"
        # A process of a test that runs at the same time may have been given a copy of all mounts.
        is_anothers = f"{MARKER}=" in process.environ
        if process.mnt != now.own_mount_namespace and self._directory in process.mountinfo and not is_anothers:
            return "it has the test's folder mounted"
        if self._machine.exclusive:
            return "it is new; network namespace " + process.net
        return None

    def _named(self, kind, now, before):
        fresh = now - before
        return [Leak(kind, path) for path in sorted(fresh) if self._machine.exclusive or self._name in path]

    def _mounts(self, now):
        leaks = []
        for number, line in now.mounts.items():
            if number not in self._before.mounts and (self._machine.exclusive or self._name in line):
                leaks.append(Leak("mount", line.split(" ")[4] + " " + line.partition(" - ")[2].split(" ")[0]))
        return leaks

    def _loops(self, now):
        return [
            Leak("loop device", device, file)
            for device, file in now.loops.items()
            if device not in self._before.loops and (self._machine.exclusive or self._name in file)
        ]

    def _interfaces(self, now):
        # On a shared machine nobody can tell whose a new network interface is.
        fresh = now.interfaces - self._before.interfaces if self._machine.exclusive else set()
        return [Leak("interface", name) for name in sorted(fresh)]


def take_survey(machine):
    """Looks at the whole machine once."""
    text = machine.sh(SURVEY.replace("PLACES", " ".join(FILE_PLACES))).text
    sections = dict(part.split("\n", 1) for part in re.split(r"(?m)^@@ ", text)[1:])
    processes = _parse_processes(sections["processes"])
    for pid, kind, inode in re.findall(r"/proc/(\d+)/ns/(mnt|net) -> \w+:\[(\d+)\]", sections["namespaces"]):
        if int(pid) in processes:
            setattr(processes[int(pid)], kind, inode)
    own = int(sections["self"])
    own_mount_namespace = processes[own].mnt if own in processes else ""
    return Survey(
        processes={pid: p for pid, p in processes.items() if pid != own and p.parent != own},
        mounts={line.split(" ")[0]: line for line in sections["mounts"].splitlines()},
        cgroups=set(sections["cgroups"].split("\n")) - {""},
        loops={"/dev/" + path.split("/")[3]: file for path, _, file in
               (line.partition(":") for line in sections["loops"].splitlines())},
        interfaces=set(sections["interfaces"].split()),
        files=set(sections["files"].split("\n")) - {""},
        own_mount_namespace=own_mount_namespace,
    )


def _parse_processes(text):
    processes = {}
    pieces = re.split(r"(?m)^==> /proc/(\d+)/(\w+) <==\n", text)
    for number, kind, content in zip(pieces[1::3], pieces[2::3], pieces[3::3]):
        process = processes.setdefault(int(number), ProcessFacts(int(number)))
        if kind != "stat":
            setattr(process, kind, content)
            continue
        # proc(5): "pid (name) state ppid pgrp session tty tpgid flags … starttime is field 22"
        name, _, rest = content.partition("(")[2].rpartition(") ")
        fields = rest.split()
        if len(fields) < 20:
            continue  # it ended while it was looked at
        process.name = name
        process.parent, process.session, process.flags = int(fields[1]), int(fields[3]), int(fields[6])
        process.started = fields[19]
    return {pid: process for pid, process in processes.items() if process.started}
