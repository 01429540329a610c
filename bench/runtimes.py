#!/usr/bin/env python3
"""What an OCI runtime's commands cost, beside others and the floor: part of `make bench`. How to read it: bench/README.md."""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import machine
import peers
from contender import Contender, interleave, table

PAUSE_MILLISECONDS = 100
SLEEP = ("/bin/sleep", "1000")


class Runtime:
    """One runtime, and a bundle for each use."""

    def __init__(self, name, program, home, rootfs):
        self.name = name
        slug = name.replace(", ", "-")
        self._id = f"bench-{slug}"
        self._folder = f"{home}/{slug}"
        self._command = [program, "--root", f"{self._folder}/state"]
        os.mkdir(self._folder)
        for use, command in (("run", ("/bin/true",)), ("life", SLEEP), ("exec", SLEEP)):
            peers.oci_bundle(f"{self._folder}/{use}", rootfs, f"{machine.CGROUP}/{slug}-{use}", *command)

    def run(self):
        return [*self._command, "run", "--bundle", f"{self._folder}/run", self._id]

    def life(self):
        """A container that is created, started, and ended and removed."""
        return [*self._command, "create", "--bundle", f"{self._folder}/life", self._id, ",",
                *self._command, "start", self._id, ",", *self._command, "delete", "--force", self._id]

    def exec(self):
        return [*self._command, "exec", f"{self._id}-running", "/bin/true"]

    def start_running(self):
        self._running("run", "--detach", "--bundle", f"{self._folder}/exec", f"{self._id}-running")

    def end_running(self):
        self._running("delete", "--force", f"{self._id}-running")

    def _running(self, *arguments):
        # Its output would be the container's, too.
        subprocess.run(peers.without_unified(*self._command, *arguments), check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)

    def system_calls(self):
        """Of a run, the container's program's own among them."""
        file = f"{self._folder}/calls"
        subprocess.run(peers.without_unified("strace", "-f", "-c", "-o", file, *self.run()), check=True)
        with open(file, encoding="utf-8") as text:
            # One table for each kind of programs; crun's totals stand behind an empty column.
            return sum(int(match[1]) for match in re.finditer(r"^100\.00\s+\S+\s+\d*\s+(\d+)\s.*total$", text.read(), re.M))

    def instructions(self, home):
        if self.name == "runc":
            return "-"  # a program with threads that spin is not done within minutes, one step at a time
        file = f"{self._folder}/instructions"
        subprocess.run(peers.without_unified(f"{home}/count", file, *self.run()), check=True)
        with open(file, encoding="utf-8") as text:
            return int(text.read())


def main():
    options = parse()
    if os.geteuid() != 0 or not os.path.isdir("/sys/fs/cgroup/memory"):
        raise SystemExit("bench: needs root, and a machine with cgroup v1 controllers, since its floor joins those")
    home = tempfile.mkdtemp(prefix="microagent-bench.", dir="/var/tmp")
    os.chmod(home, 0o755)
    contenders, runtimes = [], []
    machine.make_group()
    try:
        os.nice(-20)
        machine.compile_tools(home)
        machine.make_rootfs(f"{home}/root")
        os.symlink("busybox", f"{home}/root/bin/sleep")
        programs = f"{os.path.dirname(machine.BENCH)}/.build-cross"
        for target in options.targets:
            runtimes.append(Runtime(f"microrun, {target}", f"{programs}/{target}/microrun", home, f"{home}/root"))
        for name, program in peers.PROGRAMS.items():
            runtimes.append(Runtime(name, program, home, f"{home}/root"))
        measure(options, home, contenders, runtimes)
    finally:
        for contender in contenders:
            contender.close()
        for runtime in runtimes:
            runtime.end_running()
        machine.remove_groups()
        shutil.rmtree(home)


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", nargs="+", default=["i586", "atom64"], help="builds of microrun to measure")
    parser.add_argument("--rounds", type=int, default=20, help="rounds of five hot runs each")
    parser.add_argument("--cold-rounds", type=int, default=40)
    return parser.parse_args()


def measure(options, home, contenders, runtimes):
    floor = Contender("floor", [f"{home}/floor", f"{home}/root", "/bin/true"])
    contenders.append(floor)
    tables = []
    for title, command in (("run: start to nothing left of /bin/true", Runtime.run),
                           ("create, start, delete --force", Runtime.life), ("exec of /bin/true", Runtime.exec)):
        rows = [Contender(runtime.name, peers.without_unified(f"{home}/spawn", *command(runtime))) for runtime in runtimes]
        contenders.extend(rows)
        tables.append((title, rows))
    for runtime in runtimes:
        runtime.start_running()
    interleave(contenders, options.rounds, 5, options.cold_rounds, PAUSE_MILLISECONDS)
    print(f"{time.strftime('%Y-%m-%d')}, Linux {platform.release()} {platform.machine()}, {os.cpu_count()} CPUs, "
          f"load {os.getloadavg()[0]:.1f}, {options.rounds * 5} hot runs, {options.cold_rounds} cold ones "
          f"after {PAUSE_MILLISECONDS} ms idle")
    for title, rows in tables:
        print(f"\n{title} (ms)\n")
        base = next(row for row in rows if row.name == "crun")
        table([floor, *rows] if title.startswith("run") else rows, base, "crun")
    print("\nA run of /bin/true, the program's own with it\n\n| | system calls | instructions |\n|--|--|--|")
    for runtime in runtimes:
        print(f"| {runtime.name} | {runtime.system_calls()} | {runtime.instructions(home)} |", flush=True)


if __name__ == "__main__":
    main()
