"""The benchmark's place on this machine: a folder, control groups, agents; all of it gone at the end."""

import glob
import os
import shutil
import signal
import subprocess
import time

BENCH = os.path.dirname(os.path.abspath(__file__))
CGROUP = "microagent-bench"
# The scheduler gives this group what it wants before others on the machine, so that they disturb less.
MOST_SHARES = 262144
READY_SECONDS = 10


def make_group():
    """Groups for everything that is measured; this process and its children run in the one for CPU time."""
    for hierarchy in glob.glob("/sys/fs/cgroup/*/tasks"):
        os.makedirs(f"{os.path.dirname(hierarchy)}/{CGROUP}", exist_ok=True)
    give_shares(CGROUP)
    move_to(CGROUP)


def children_of(process):
    with open(f"/proc/{process}/task/{process}/children", encoding="utf-8") as file:
        return list(map(int, file.read().split()))


def name_of(process):
    with open(f"/proc/{process}/comm", encoding="utf-8") as file:
        return file.read().strip()


def give_shares(group):
    with open(f"/sys/fs/cgroup/cpu/{group}/cpu.shares", "w", encoding="utf-8") as file:
        file.write(str(MOST_SHARES))


def move_to(group):
    with open(f"/sys/fs/cgroup/cpu/{group}/tasks", "w", encoding="utf-8") as file:
        file.write("0")


def remove_groups():
    move_to(".")
    for top in glob.glob(f"/sys/fs/cgroup/*/{CGROUP}*"):
        for folder, _, _ in os.walk(top, topdown=False):
            os.rmdir(folder)


def compile_tools(home):
    for name in ("floor", "client", "spawn", "count"):
        subprocess.run(["gcc", "-O2", "-static", "-Wall", "-Wextra", "-o", f"{home}/{name}", f"{BENCH}/{name}.c"], check=True)


def make_rootfs(path):
    for folder in ("bin", "dev", "proc", "sys", "tmp", "etc"):
        os.makedirs(f"{path}/{folder}")
    shutil.copy("/bin/busybox", f"{path}/bin/busybox")
    os.symlink("busybox", f"{path}/bin/true")


class Agent:
    """A running microagentd of one of the cross builds."""

    def __init__(self, name, target, home, state_directory):
        self.programs = f"{os.path.dirname(BENCH)}/.build-cross/{target}"
        self.state_directory = state_directory
        self.socket = f"{home}/{name}/control.sock"
        os.mkdir(f"{home}/{name}")
        with open(f"{home}/{name}/conf", "w", encoding="utf-8") as file:
            file.write(f"state-directory = {state_directory}\nruntime-directory = {home}/{name}\n"
                       f"cgroup = {CGROUP}-{name}\nmicrocloud = off\n")
        with open(f"{home}/{name}/messages", "w", encoding="utf-8") as messages:
            self._process = subprocess.Popen(
                [f"{self.programs}/microagentd", "--config", f"{home}/{name}/conf"], stderr=messages)
        self._await(f"{home}/{name}/messages")
        give_shares(f"{CGROUP}-{name}")

    def _await(self, messages):
        deadline = time.monotonic() + READY_SECONDS
        while True:
            with open(messages, encoding="utf-8") as file:
                text = file.read()
            if "ready" in text:
                return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"bench: microagentd does not start: {text.strip()}")
            time.sleep(0.05)

    def processes(self):
        """The keeper, the agent, and the writer of the agent's store."""
        agents = children_of(self._process.pid)
        writers = [child for agent in agents for child in children_of(agent) if name_of(child) == "store-writer"]
        return [self._process.pid, *agents, *writers]

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        shutil.rmtree(self.state_directory, ignore_errors=True)
