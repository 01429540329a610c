#!/usr/bin/env python3
"""What being among neighbours costs, beside Debian's serf: `make bench`. How to read it: bench/README.md.

One agent and one pair of serf agents are members of the same two clusters at the same time, among the same others.
"""

import argparse
import glob
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
BENCH = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{BENCH}/../Tests/system")

from agent import Agent
from machine import LocalMachine
from network import Network

#: Of each cluster: its profile, its port, and the interface and network of each host that it has to itself.
CLUSTERS = {"lan": (7946, "eth0", "10.77.0"), "wan": (5000, "eth1", "10.78.0")}
#: The first host, which the others know.
CONTACT = 1
SETTLE_SECONDS = 45
POLL_SECONDS = 0.02
SAMPLE_SECONDS = 0.05
GUEST_SECONDS = 5
LIMIT_SECONDS = 150
RPC_PORT = {"lan": 7373, "wan": 7374}


class Place:
    """Hosts that are in two networks, one for each cluster, so that the traffic of each can be counted."""

    def __init__(self, home):
        self.home = home
        self.network = Network(LocalMachine(), os.path.basename(home), home)
        self._switches = [self.network.switch() for _ in CLUSTERS]
        self._count = 0

    def host(self):
        self._count += 1
        host = self.network.host(*self._switches)
        host.number = self._count
        for _, interface, network in CLUSTERS.values():
            host.address(f"{network}.{host.number}/24", interface)
        return host


class SerfPair:
    """A serf agent for each cluster, on one host."""

    clusters = tuple(CLUSTERS)

    def __init__(self, place, name, host=None, number=0, program="serf"):
        """`number`: of those on one host."""
        self.name = name
        self.host = host or place.host()
        self._rpc_port = {profile: port + 2 * number for profile, port in RPC_PORT.items()}
        self._serf = f"{place.home}/{program}"
        self._agents = {}
        for profile, (port, _, network) in CLUSTERS.items():
            self._agents[profile] = self.host.spawn([
                self._serf, "agent", f"-node={name}", f"-bind={network}.{self.host.number}:{port + number}", f"-profile={profile}",
                f"-rpc-addr=127.0.0.1:{self._rpc_port[profile]}"])
        for agent in self._agents.values():
            agent.wait_for("Serf agent running!")

    def _run(self, profile, *arguments):
        verb, *others = arguments
        return self.host.run([self._serf, verb, f"-rpc-addr=127.0.0.1:{self._rpc_port[profile]}", *others]).check().text

    def join(self):
        for profile, (port, _, network) in CLUSTERS.items():
            self._run(profile, "join", f"{network}.{CONTACT}:{port}")

    def leave(self):
        for profile in CLUSTERS:
            self._run(profile, "leave")

    def kill(self):
        for agent in self._agents.values():
            agent.signal(signal.SIGKILL)

    def close(self):
        for agent in self._agents.values():
            agent.wait_closed()

    def alive(self, profile):
        """Whom it sees in a cluster."""
        members = json.loads(self._run(profile, "members", "-format=json"))["members"]
        return {member["name"] for member in members if member["status"] == "alive"}

    def processes(self):
        return [agent.pid for agent in self._agents.values()]


class Board:
    """An agent in both clusters, or in some."""

    MEMBERSHIPS = {"lan": "microcloud", "wan": "public"}

    def __init__(self, place, name, clusters=tuple(CLUSTERS)):
        self.host = place.host()
        self.clusters = clusters
        # A copy of its own, for what is shared with nobody.
        os.mkdir(f"{place.home}/programs-{name}")
        programs = {program: f"{place.home}/programs-{name}/{program}" for program in ("microagentd", "microctl")}
        for program, path in programs.items():
            shutil.copy(f"{place.home}/{program}", path)
        self._agent = Agent(LocalMachine(), programs, f"{place.network.name}-{name}", f"{place.home}/{name}", host=self.host)
        settings = {}
        for profile, membership in self.MEMBERSHIPS.items():
            _, _, network = CLUSTERS[profile]
            settings[f"{membership}-contacts"] = f"{network}.{CONTACT}"
            settings[f"{membership}-advertise"] = f"{network}.{self.host.number}"
        self._agent.configure(**{"name": name, "microcloud": "bench", "public": "on" if "wan" in clusters else "off",
                                 "interfaces": "eth0", **settings})

    def join(self):
        self._agent.start()
        memberships = self._agent.info()["memberships"]
        self.name = next(one["node"] for one in memberships if one["membership"] == "microcloud")

    def leave(self):
        self._agent.stop()

    def kill(self):
        self._agent.process.signal(signal.SIGKILL, group=True)
        self._agent.process.wait_closed()

    def close(self):
        self._agent.stop()

    def alive(self, profile):
        """Whom it sees in a cluster."""
        nodes = json.loads(self._agent.ctl("--json", "nodes").check().text)["nodes"]
        return {node["name"] for node in nodes if node["isAlive"] and self.MEMBERSHIPS[profile] in node["sources"]}

    def processes(self):
        info = self._agent.info()
        return [info[f"{name}Process"] for name in ("keeper", "agent", "store")]


def pairs(place, name, numbers):
    """So many on one host. Each on its own would overflow the kernel's table of link-layer addresses, which all share."""
    host = place.host()
    return [SerfPair(place, f"{name}-{number}", host, number) for number in numbers]


# MARK: Counting


def numbers(path):
    """A file of `Name:  number unit` lines."""
    with open(path, encoding="utf-8") as file:
        lines = [line.split() for line in file]
    return {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()}


def total(processes, key, file="status"):
    return sum(numbers(f"/proc/{process}/{file}")[key] for process in processes)


def memory(processes):
    """What they have in memory, in kB. What they share counts once: nobody else runs these copies of the programs."""
    return total(processes, "Pss", "smaps_rollup")


class Peak(threading.Thread):
    """The most memory that a contender has, from now until it is asked for."""

    def __init__(self, processes):
        super().__init__(daemon=True)
        self._processes = processes
        self._ended = threading.Event()
        self._most = 0
        self.start()

    def run(self):
        while not self._ended.wait(SAMPLE_SECONDS):
            self._most = max(self._most, memory(self._processes))

    def end(self):
        self._ended.set()
        self.join()
        return self._most


class Counts:
    """What has been counted so far of a contender: bytes of each cluster, wake-ups, time on a processor."""

    def __init__(self, contender, processes):
        interfaces = json.loads(contender.host.ip("-s", "-j", "link").text)
        bytes_of = {one["ifname"]: one["stats64"]["rx"]["bytes"] + one["stats64"]["tx"]["bytes"] for one in interfaces}
        self.bytes = {profile: bytes_of[interface] for profile, (_, interface, _) in CLUSTERS.items()}
        threads = [thread for process in processes for thread in glob.glob(f"/proc/{process}/task/*")]
        self.wake_ups = sum(numbers(f"{thread}/status")["voluntary_ctxt_switches"] for thread in threads)
        self.nanoseconds = 0
        for thread in threads:
            with open(f"{thread}/schedstat", encoding="utf-8") as file:
                self.nanoseconds += int(file.read().split()[0])


def idle(contenders, peaks, seconds):
    """One row for each contender: what it needs while nothing happens, and the most that it had since it was there."""
    processes = {name: contender.processes() for name, contender in contenders.items()}
    before = {name: Counts(contender, processes[name]) for name, contender in contenders.items()}
    samples = {name: [] for name in contenders}
    for _ in range(seconds):
        for name in contenders:
            samples[name].append(memory(processes[name]))
        time.sleep(1)
    rows = {}
    for name, contender in contenders.items():
        old, new = before[name], Counts(contender, processes[name])
        rows[name] = {
            "memory (kB)": statistics.median(samples[name]),
            "at the most": peaks[name].end(),
            **{f"{profile.upper()} (bytes/s)": (new.bytes[profile] - old.bytes[profile]) / seconds for profile in CLUSTERS},
            "wake-ups/s": (new.wake_ups - old.wake_ups) / seconds,
            "CPU (ms/s)": (new.nanoseconds - old.nanoseconds) / 1e6 / seconds,
        }
    return rows


# MARK: Coming and going


def wait_until_seen(watchers, name, profiles, there):
    """When each watcher sees that a member is there, or is not, in seconds from now, by watcher and profile."""
    start = time.monotonic()
    waiting = [(watcher, profile) for watcher in watchers for profile in profiles]
    seen = {}
    while waiting and time.monotonic() - start < LIMIT_SECONDS:
        for watcher, profile in list(waiting):
            if (name in watchers[watcher].alive(profile)) == there:
                seen[watcher, profile] = time.monotonic() - start
                waiting.remove((watcher, profile))
        time.sleep(POLL_SECONDS)
    return seen


def events(place, watchers, rounds, times):
    """Members come, fail, come and leave, serf's and ours in turn. Each time is added to the list of its kind."""
    # `microctl nodes` has one line for an agent in two clusters, from which nobody can tell that it failed in one.
    board, host = Board(place, "guest", ["lan"]), place.host()
    board.join()
    board.leave()
    for number in range(rounds):
        # A failure in the wide area takes most of a minute: it is watched once.
        failing = tuple(CLUSTERS) if number == 0 else ["lan"]
        for kind in ("serf", "agent"):
            for verb, watched in (("kill", failing), ("leave", tuple(CLUSTERS))):
                guest = SerfPair(place, f"guest-{number}-{verb}", host) if kind == "serf" else board
                note(times, kind, "join", act_and_watch(guest, guest.join, watchers, guest.clusters, True))
                time.sleep(GUEST_SECONDS)
                profiles = [profile for profile in watched if profile in guest.clusters]
                note(times, kind, verb, act_and_watch(guest, getattr(guest, verb), watchers, profiles, False))
                if kind == "serf":
                    guest.close()
    board.close()


def act_and_watch(guest, act, watchers, profiles, there):
    start = time.monotonic()
    act()
    spent = time.monotonic() - start
    seen = wait_until_seen(watchers, guest.name, profiles, there)
    return {key: spent + seconds for key, seconds in seen.items()}


def note(times, kind, verb, seen):
    for (watcher, profile), seconds in seen.items():
        times.setdefault((kind, verb, profile), {}).setdefault(watcher, []).append(seconds)


# MARK: The run


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="i586", help="build of the agent to measure")
    parser.add_argument("--peers", type=int, default=20, help="others in each cluster, of which serf's contender is one")
    parser.add_argument("--further", type=int, default=64, help="and so many more, to see what one costs")
    parser.add_argument("--seconds", type=int, default=60, help="how long nothing happens")
    parser.add_argument("--rounds", type=int, default=3, help="members that come and go")
    options = parser.parse_args()
    # In memory the kernel maps programs in pages, as boards' kernels do, and not in what a disk's page cache has in a piece.
    home = tempfile.mkdtemp(prefix="microagent-bench.", dir="/dev/shm")
    place = Place(home)
    opened = []
    try:
        for program in ("microagentd", "microctl"):
            shutil.copy(f"{BENCH}/../.build-cross/{options.target}/{program}", home)
        for copy in ("serf", "serf-alone"):
            shutil.copy(shutil.which("serf"), f"{home}/{copy}")
        run(options, place, opened)
    finally:
        for board in opened:
            board.close()
        place.network.close()
        shutil.rmtree(home)


def run(options, place, opened):
    SerfPair(place, "peer-0")
    for other in pairs(place, "peer", range(1, options.peers - 1)):
        other.join()
    # Names of one length, for they are most of what is said.
    contenders = {"serf": SerfPair(place, "contender-00", program="serf-alone"), f"agent, {options.target}": Board(place, "board")}
    opened.append(contenders[f"agent, {options.target}"])
    peaks = {}
    for name, contender in contenders.items():
        contender.join()
        peaks[name] = Peak(contender.processes())
    time.sleep(SETTLE_SECONDS)
    rows = idle(contenders, peaks, options.seconds)
    report_idle(options, rows)
    times = {}
    events(place, contenders, options.rounds, times)
    report_times(contenders, times)
    report_further(options, place, contenders)


def report_idle(options, rows):
    print(f"\nAmong {options.peers} others in both clusters, while nothing happens for {options.seconds} s\n")
    columns = list(next(iter(rows.values())))
    print("| | " + " | ".join(columns) + " |\n|" + "--|" * (len(columns) + 1))
    for name, row in rows.items():
        print(f"| {name} | " + " | ".join(f"{number:.0f}" if number >= 200 else f"{number:.2f}" for number in row.values()) + " |")


def report_times(watchers, times):
    print("\nUntil a watcher sees it (s): median, least, of how many\n")
    print("| who | does | cluster | " + " | ".join(watchers) + " |\n|" + "--|" * (3 + len(watchers)))
    for (kind, verb, profile), seen in sorted(times.items()):
        cells = [seen.get(watcher, []) for watcher in watchers]
        print(f"| {kind} | {verb} | {profile.upper()} | " + " | ".join(
            f"{statistics.median(cell):.2f}, {min(cell):.2f}, {len(cell)}" if cell else "not seen" for cell in cells) + " |")


def report_further(options, place, contenders):
    processes = {name: contender.processes() for name, contender in contenders.items()}
    before = {name: total(processes[name], "RssAnon") for name in contenders}
    for other in pairs(place, "further", range(options.further)):
        other.join()
    time.sleep(SETTLE_SECONDS)
    print(f"\nMemory of its own for each of {options.further} further peers in both clusters (bytes)\n\n| | |\n|--|--|")
    for name in contenders:
        each = (total(processes[name], "RssAnon") - before[name]) * 1024 / options.further
        print(f"| {name} | {each:.0f} |")


if __name__ == "__main__":
    main()
