"""Bad disks: one that takes a second for every sync, one whose power fails, one that is full.

The slow one is ext4 on a loop device, which does nothing else while it syncs: every read and write of the disk waits for
the sync, as on a cheap flash card.
"""

import errno
import json
import os
import re
import signal as signals
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from disk import SlowFileSystem
from node import Node, refused

pytestmark = pytest.mark.machines("local")

FLUSH_SECONDS = 1.0
STALL_LIMIT_MILLISECONDS = 100
PINGS = Path(__file__).parent / "disk" / "pings.py"
ROUNDS = 2
CLIENTS = 4


@pytest.fixture
def slow_disk(directory):
    """A file system on this host, each flush of which takes FLUSH_SECONDS."""
    disk = SlowFileSystem(f"{directory}/disk", FLUSH_SECONDS)
    yield disk
    disk.close()


@pytest.fixture
def slow_agent(stopped_agent, slow_disk):
    """An agent, to be started, that keeps everything on the slow disk."""
    agent = stopped_agent
    agent.state_directory = f"{slow_disk.path}/state"
    agent.configure()
    yield agent
    agent.stop()


@pytest.fixture
def files_elsewhere(slow_agent, directory):
    """The containers' own files lie on a quick disk: the agent's store alone is on the slow one."""
    files = f"{slow_agent.state_directory}/containers"
    slow_agent.machine.sh(f"mkdir -p {files} {directory}/files; mount --bind {directory}/files {files}")
    yield
    slow_agent.stop()
    slow_agent.machine.sh(f"umount {files}")


@pytest.fixture
def full_disk(directory):
    """A small file system on this host; `fill` takes all that is left of it."""
    disk = FillableDisk(f"{directory}/disk")
    yield disk
    disk.close()


class FillableDisk(SlowFileSystem):
    """Quick to sync, and soon full."""

    def __init__(self, folder):
        super().__init__(folder, flush_seconds=0)

    def fill(self):
        with open(self.path / "filler", "wb", buffering=0) as file:
            try:
                while file.write(bytes(65536)):
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC

    def give_back(self, count):
        filler = self.path / "filler"
        os.truncate(filler, filler.stat().st_size - count)

    def free(self):
        (self.path / "filler").unlink()


class Pings:
    """Asks the agent every 5 ms how it is, until `end`."""

    def __init__(self, agent):
        # Both go before whatever else this host does (and their children do not): what is measured is the agent's
        # waiting, not the host's load.
        first = ["chrt", "--reset-on-fork", "--fifo"]
        process = str(agent.info()["agentProcess"])
        subprocess.run([*first, "--pid", "10", process], check=True, capture_output=True)
        self._process = subprocess.Popen(
            [*first, "10", sys.executable, str(PINGS), agent.socket, process],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def end(self):
        """The milliseconds that each answer took, and where the agent stood when one was late."""
        return json.loads(self._process.communicate(b"\n", timeout=60)[0])


def life(agent, rootfs, name):
    """All that a container can go through; each step is acknowledged. Returns how long each took."""
    took = {}
    for verb, argv in {
        "run": ["run", "-d", "--name", name, rootfs, "sh", "-c", "echo hello > /file; exec sleep 1000"],
        "stop": ["stop", "-t", "0", name],
        "start": ["start", name],
        "rm -f": ["rm", "-f", name],
    }.items():
        began = time.monotonic()
        agent.ctl(*argv).check()
        took[verb] = time.monotonic() - began
    return took


def all_at_once(calls):
    """Runs the calls in threads of their own; returns what they return, or raises what one of them did."""
    results = [None] * len(calls)

    def run(index):
        try:
            results[index] = calls[index]()
        except BaseException as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def measure(agent, disk, rootfs, record_property):
    """Lets containers live while the disk is slow; returns how long the agent took to answer at most, and a line of it all."""
    agent.start()
    before = disk.slow_down(FLUSH_SECONDS)
    pings = Pings(agent)
    took = []
    for number in range(ROUNDS):
        took += all_at_once([lambda n=n: life(agent, rootfs, f"c{number}-{n}") for n in range(CLIENTS)])
    answers = pings.end()
    times = sorted(answers["times"])
    flushes = disk.slow_down(FLUSH_SECONDS) - before
    stalls = sum(1 for time in times if time >= STALL_LIMIT_MILLISECONDS)
    line = (f"{len(times)} answers while {len(took) * 4} commands were acknowledged and the disk flushed {flushes} times of "
            f"{FLUSH_SECONDS} s: median {statistics.median(times):.2f} ms, 99th percentile "
            f"{times[len(times) * 99 // 100]:.2f} ms, longest {times[-1]:.1f} ms, {stalls} of {STALL_LIMIT_MILLISECONDS} ms")
    print(line, *answers["places"], sep="\n")
    record_property("stall", line)
    assert flushes >= 4, "the disk was not slow: nothing was shown"
    # Nothing was acknowledged before its sync.
    for steps in took:
        assert min(steps["run"], steps["stop"], steps["rm -f"]) >= FLUSH_SECONDS * 0.9, steps
    return times[-1], line


def test_loop_never_waits_for_the_store(slow_agent, files_elsewhere, slow_disk, rootfs, record_property):
    longest, line = measure(slow_agent, slow_disk, rootfs, record_property)
    assert longest < STALL_LIMIT_MILLISECONDS, line


def test_loop_never_waits_for_the_containers_files(slow_agent, slow_disk, rootfs, record_property):
    """They are made by a mounter and deleted by a sweeper. Regression: unmounting an overlay syncs the whole disk, and while
    ext4 writes its journal even a write into the page cache waits, for it dates the file. Nothing that the loop writes may
    be a file of that disk: the store's writer does."""
    longest, line = measure(slow_agent, slow_disk, rootfs, record_property)
    assert longest < STALL_LIMIT_MILLISECONDS, line


def test_what_is_stopped_before_its_record_is_durable_never_runs(
        slow_agent, slow_disk, rootfs, directory):
    """Regression: it was let go all the same, and stopped then."""
    slow_disk.slow_down(0)
    slow_agent.start()
    node = Node(slow_agent, rootfs)
    node.machine.sh(f"mkdir {directory}/volume && chmod 777 {directory}/volume")
    slow_disk.slow_down(3 * FLUSH_SECONDS)
    run = node.spawn("touch", "/v/ran", options=["-d", "--name", "x", "-v", f"{directory}/volume:/v"])
    node.machine.wait_until(lambda: phases(node) == {"x": "starting"})
    stop = slow_agent.spawn_ctl("stop", "x")
    node.machine.wait_until(lambda: phases(node) == {"x": "ended"})
    slow_disk.slow_down(0)
    assert stop.wait().code == 0
    told = "container x: its program never ran, stopped on request of the owner"
    assert refused(run.wait(), code=125) == told
    for _ in range(2):
        assert phases(node) == {"x": "ended"} and node.end("x") == (125, told)
        node.kill_all()
        slow_agent.start()
    assert not node.machine.exists(f"{directory}/volume/ran")
    node.ctl("start", "x").check()
    node.machine.wait_until(lambda: node.machine.exists(f"{directory}/volume/ran"))
    node.remove_all()


SYNCS = {"fsync", "fdatasync", "msync", "sync", "syncfs", "sync_file_range"}


def test_only_the_stores_writer_syncs(agent, rootfs, record_property):
    """Neither agent nor keeper nor a child of theirs ever makes a system call that waits for the disk to sync; the store's
    writer does, and has for each command that was acknowledged."""
    info = agent.info()
    others = Syncs(agent, info["agentProcess"], info["keeperProcess"])
    writer = Syncs(agent, info["storeProcess"])
    for number in range(3):
        life(agent, rootfs, f"c{number}")
    by_others, by_writer = others.end(), writer.end()
    line = f"syncs of agent, keeper and their children: {by_others}, of the store's writer: {by_writer}"
    print(line)
    record_property("system calls", line)
    # Twelve acknowledged commands, one after the other.
    assert by_others == 0 and by_writer >= 12, line


class Syncs:
    """Counts the system calls that sync, of processes and the children that they get, until `end`."""

    def __init__(self, agent, *processes):
        options = [word for process in processes for word in ("-p", str(process))]
        calls = ",".join(sorted(SYNCS))
        self._strace = agent.machine.spawn(["strace", "-f", "-qq", "-e", f"trace={calls}", "-e", "signal=none", *options])
        agent.machine.wait_until(lambda: all(traced(agent, process) for process in processes))

    def end(self):
        self._strace.signal(signals.SIGINT)
        return len(re.findall(rf"\b(?:{'|'.join(SYNCS)})\(", self._strace.wait().error_text))


def traced(agent, process):
    return b"TracerPid:\t0\n" not in agent.machine.read(f"/proc/{process}/status")


MOST_TAKEN = 200
LITTLE_BYTES = 256 * 1024


def test_full_disk_loses_nothing_that_was_acknowledged(stopped_agent, full_disk, rootfs):
    agent = stopped_agent
    agent.state_directory = f"{full_disk.path}/state"
    agent.configure()
    agent.start()
    node = Node(agent, rootfs)
    for name in ("goes-on", "stopped", "to-stop"):
        node.start("sleep", "1000", options=["--name", name])
    node.ctl("stop", "-t", "0", "stopped").check()

    full_disk.fill()
    # For a while there is room where something was before.
    taken, name = {}, "full-0"
    while (result := node.run("true", options=["--name", name])).code == 0:
        taken[name] = "ended"
        assert len(taken) < MOST_TAKEN, "the disk is never full"
        name = f"full-{len(taken)}"
    line = refused(result, code=125)
    assert name in line and "no space left" in line.lower(), line
    stop = agent.spawn_ctl("stop", "-t", "0", "to-stop")
    # Nothing is killed before the wish to stop is written, and for that a little room is enough.
    full_disk.give_back(LITTLE_BYTES)
    node.machine.wait_until(lambda: node.state("to-stop")["phase"] == "ended")
    # Dead of everything, and started again with the disk still full.
    node.kill_all()
    stop.wait()
    agent.start()
    assert phases(node) == {"goes-on": "running", "stopped": "ended", "to-stop": "ended", **taken}

    full_disk.free()
    assert node.run("true", options=["--name", "later"]).code == 0
    node.ctl("stop", "-t", "0", "goes-on").check()
    node.kill_all()
    agent.start()
    assert phases(node) == {name: "ended" for name in ("goes-on", "stopped", "to-stop", "later", *taken)}
    node.remove_all()
    agent.stop()


def phases(node):
    return {one["name"]: one["phase"] for one in node.json("ps", "-a")}

