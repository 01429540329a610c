"""Budgets on cgroup v2, as a real kernel has them: what is written, what happens at the limits, and what is told."""

import re

import pytest

from node import Node

pytestmark = pytest.mark.machines("vm", "vm-initramfs", "vm-systemd")

MEBIBYTE = 1 << 20
#: All that a 4 MiB budget allows, and more, in a process that is not the container's first.
HOG = "sleep 1000 & sh -c 'x=a; while :; do x=$x$x; done' & wait"


@pytest.fixture
def node(agent, rootfs):
    node = Node(agent, rootfs)
    yield node
    node.remove_all()


def control(node, name, file):
    """A file of a container's control group, as a line."""
    return node.machine.read(f"{node.cgroup(name, 'memory')}/{file}").decode().rstrip("\n")


def test_every_limit_is_the_budgets(node):
    name = node.start("sleep", "1000", options=["-m", "8M", "--processes", "20", "--cpus", "0.25"])
    limits = {file: control(node, name, file) for file in (
        "memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cpu.max")}
    assert limits == {
        "memory.max": str(8 * MEBIBYTE), "memory.swap.max": "0", "memory.oom.group": "1", "pids.max": "20",
        "cpu.max": "25000 100000"}
    assert control(node, name, "cgroup.procs") == str(node.process(name))


def test_all_containers_together_have_the_offer(node):
    info = node.info()
    parent = f"/sys/fs/cgroup/{node.agent.name}"
    # The kernel counts in whole pages.
    assert node.machine.read(f"{parent}/memory.max") == b"%d\n" % (info["memoryOfferBytes"] // 4096 * 4096)
    assert node.machine.read(f"{parent}/cgroup.subtree_control").split() == [b"cpu", b"memory", b"pids"]


def test_out_of_memory_ends_the_whole_container_and_is_told_with_numbers(node):
    name = node.start_sh(HOG, "-m", "4M")
    node.wait_for_phase(name, "ended")
    code, reason = node.end(name)
    told = re.fullmatch(r"out of memory: budget (\d+) KiB, peak (\d+) KiB", reason)
    assert code == 137 and told, reason
    budget, peak = map(int, told.groups())
    # The kernel's peak is of what was charged, which never exceeds the limit; a hog had nearly all of it.
    assert budget == 4096 and 3072 <= peak <= 4096
    assert not node.machine.exists(node.cgroup(name, "memory"))


def test_neighbour_of_a_hog_goes_on(node):
    neighbour = node.start("sleep", "1000", options=["-m", "4M"])
    process = node.process(neighbour)
    assert node.run("sh", "-c", HOG, options=["-m", "4M"]).code == 137
    assert node.is_alive(process) and node.state(neighbour)["phase"] == "running"
    assert "oom_kill 0" in control(node, neighbour, "memory.events").splitlines()


def test_processes_are_counted_and_refused(node):
    name = node.start_sh("(while :; do sleep 1000 & done); exec sleep 1000", "--processes", "4")
    node.machine.wait_until(lambda: node.cgroup_numbers(name, "pids", "pids.events")["max"] > 0)
    assert control(node, name, "pids.max") == "4" and int(control(node, name, "pids.current")) <= 4


def test_cpu_budget_throttles(node):
    name = node.start_sh("while :; do :; done", "--cpus", "0.1")
    node.machine.wait_until(lambda: node.cgroup_numbers(name, "cpu", "cpu.stat")["nr_throttled"] >= 3)
    numbers = node.cgroup_numbers(name, "cpu", "cpu.stat")
    # In each period of 100 ms at most 10 ms, and what a tick may be late.
    assert numbers["usage_usec"] <= (numbers["nr_periods"] + 2) * 20_000


def test_stop_ends_what_joined_from_outside(node):
    """Not a child of the container's first process, so only cgroup.kill reaches it."""
    name = node.start("sleep", "1000")
    guest = node.machine.spawn(["sleep", "1000"], env=node.agent.environment)
    node.machine.sh(f"echo {guest.pid} > {node.cgroup(name, 'memory')}/cgroup.procs")
    node.ctl("rm", "-f", name).check()
    assert guest.wait().code == -9
    assert not node.machine.exists(node.cgroup(name, "memory"))


def test_stats_are_the_kernels_numbers(node):
    name = node.start_sh("sleep 1000 & sleep 1000 & wait", "-m", "8M")
    node.machine.wait_until(lambda: control(node, name, "pids.current") == "3")

    def used():
        return node.cgroup_numbers(name, "cpu", "cpu.stat")["usage_usec"] * 1000

    # Its last process may still be on its way to sleep.
    before = used()
    (stats,) = node.json("stats")
    assert before <= stats["cpuNanoseconds"] <= used() and before > 0
    assert (stats["name"], stats["processCount"], stats["memoryBytes"]) == (name, 3, 8 * MEBIBYTE)
    # Nothing in it moves but what the kernel gives back.
    assert 0 < stats["memoryUsedBytes"] <= 8 * MEBIBYTE
    assert abs(stats["memoryUsedBytes"] - int(control(node, name, "memory.current"))) <= MEBIBYTE
    assert stats["outOfMemoryKills"] == 0


def test_kernel_tells_pressure_of_a_container(node):
    """The agent does not listen yet; what it will listen to is there, and a trigger is taken."""
    name = node.start("sleep", "1000", options=["-m", "4M"])
    file = f"{node.cgroup(name, 'memory')}/memory.pressure"
    lines = node.machine.read(file).decode().splitlines()
    assert [line.split()[0] for line in lines] == ["some", "full"]
    node.machine.sh(f"exec 3<>{file}; printf 'some 200000 2000000' >&3")
