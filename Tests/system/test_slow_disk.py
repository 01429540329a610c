"""A disk that takes a second for every sync: the loop does not wait for it, and what was acknowledged is on it."""

import json
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from disk import SlowFileSystem

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
    """A running agent that keeps everything on the slow disk."""
    agent = stopped_agent
    agent.state_directory = f"{slow_disk.path}/state"
    agent.configure()
    agent.start()
    yield agent
    agent.stop()


class Pings:
    """Asks the agent every 5 ms how it is, until `end`."""

    def __init__(self, agent):
        # Both go before whatever else this host does (and their children do not): what is measured is the agent's
        # waiting, not the host's load.
        first = ["chrt", "--reset-on-fork", "--fifo"]
        subprocess.run([*first, "--pid", "10", str(agent.info()["agentProcess"])], check=True, capture_output=True)
        self._process = subprocess.Popen(
            [*first, "10", sys.executable, str(PINGS), agent.socket], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def end(self):
        """The milliseconds that each answer took."""
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


def test_loop_never_waits_for_the_disk(slow_agent, slow_disk, rootfs, record_property):
    agent = slow_agent
    before = slow_disk.slow_down(FLUSH_SECONDS)
    pings = Pings(agent)
    took = []
    for number in range(ROUNDS):
        took += all_at_once([lambda n=n: life(agent, rootfs, f"c{number}-{n}") for n in range(CLIENTS)])
    times = sorted(pings.end())
    flushes = slow_disk.slow_down(FLUSH_SECONDS) - before
    line = (f"{len(times)} answers while {len(took) * 4} commands were acknowledged and the disk flushed {flushes} times of "
            f"{FLUSH_SECONDS} s: median {statistics.median(times):.2f} ms, 99th percentile "
            f"{times[len(times) * 99 // 100]:.2f} ms, longest {times[-1]:.1f} ms")
    print(line)
    record_property("stall", line)
    assert flushes >= 4, "the disk was not slow: nothing was shown"
    # Nothing was acknowledged before its sync.
    for steps in took:
        assert min(steps["run"], steps["stop"], steps["rm -f"]) >= FLUSH_SECONDS * 0.9, steps
    assert times[-1] < STALL_LIMIT_MILLISECONDS, line
