"""A machine that is short of memory: the kernel says so (PSI), and the node takes back what it promised last and least."""

import pytest

from node import Node, refused

# What is outside of all containers takes the machine's memory, so the machine is to be nobody else's.
pytestmark = pytest.mark.machines("vm")

#: What is left free by who takes the rest: less than the file that others read over and over, so that it has to be read
#: from the disk each time.
LEFT_MEBIBYTES = 10
FILE_MEBIBYTES = 48


@pytest.fixture
def node(agent, rootfs):
    node = Node(agent, rootfs)
    yield node
    node.remove_all()


@pytest.fixture
def crowd(node, directory):
    """Starts those who take all memory and wait for more."""
    machine, started = node.machine, []
    file, taken = f"{directory}/file", f"{directory}/taken"
    machine.sh(f"dd if=/dev/zero of={file} bs=1M count={FILE_MEBIBYTES} 2>/dev/null")

    def begin():
        free = node.info()["memoryAvailableBytes"] >> 20
        machine.sh(f"mkdir {taken} && mount -t tmpfs -o size=100% none {taken} && "
                   f"dd if=/dev/zero of={taken}/file bs=1M count={free - LEFT_MEBIBYTES} 2>/dev/null")
        for _ in range(2):
            started.append(machine.spawn(["sh", "-c", f"while :; do cat {file} >/dev/null; done"]))

    yield begin
    machine.sh(f"umount {taken}; rmdir {taken}", check=False)
    for process in started:
        process.signal(9, group=True)
        process.wait_closed()
    machine.sh(f"rm -f {file}")


def test_the_lowest_promise_is_slowed_down_and_then_taken_back(node, crowd):
    numbers = {}
    for priority in (6, 1):
        number = node.ctl("lease", "--memory", "4M", "--cpu", "10%", "--priority", priority).check().text.strip()
        name = node.start_sh("sleep 1000", "--lease", number, "-m", "2M", "--cpus", "0.1", "--processes", "16")
        numbers[priority] = (int(number), name)

    def phases():
        return {lease["id"]: lease["phase"] for lease in node.json("leases")}

    def quota(priority):
        return node.machine.read(f"{node.cgroup(numbers[priority][1], 'cpu')}/cpu.max").decode().strip()

    assert quota(1) == quota(6) == "10000 100000"
    crowd()
    node.machine.wait_until(lambda: quota(1) == "1000 100000", timeout=120, interval=0.2)
    assert quota(6) == "10000 100000"
    node.machine.wait_until(lambda: phases()[numbers[1][0]] == "over", timeout=120, interval=1)
    assert phases()[numbers[6][0]] == "active"
    assert "short of memory" in refused(node.ctl("lease", "--memory", "4M", "--cpu", "10%"), 1)
    node.wait_for_phase(numbers[1][1], "ended")
    assert node.state(numbers[6][1])["phase"] == "running"
