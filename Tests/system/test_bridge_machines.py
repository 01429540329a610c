"""The network `bridge` with other kernels than this one's: what test_bridge.py shows, as far as busybox can."""

import pytest

from node import Node

pytestmark = pytest.mark.machines("vm", "vm-initramfs")

NEAR, FAR = "198.51.100.7", "203.0.113.7"
ECHO = "nc -ll -p 80 -e cat"


@pytest.fixture
def peer(machine, agent):
    """A machine on a cable of the board's own, with something behind it; returns how to run commands there."""
    process = machine.spawn(["unshare", "-n", "sleep", "1000"], env=agent.environment)
    pid = process.pid
    machine.wait_until(lambda: machine.read(f"/proc/{pid}/comm") == b"sleep\n")
    enter = ["nsenter", "-t", str(pid), "-n"]
    machine.sh("ip link add name out type veth && ip address add 198.51.100.1/24 dev out && ip link set out up"
               f" && ip link set veth0 netns {pid}")
    machine.run([*enter, "sh", "-c", "ip link set lo up; ip link set veth0 up; ip address add 198.51.100.7/24 dev veth0;"
                 " ip address add 203.0.113.7/32 dev lo"]).check()
    machine.sh(f"ip route add {FAR}/32 via {NEAR}")
    server = machine.spawn([*enter, "nc", "-ll", "-p", "8000", "-e", "cat"], env=agent.environment)
    yield lambda *command: machine.run([*enter, *command])
    for one in (server, process):
        one.signal(9, group=True)
        one.wait_closed(10)
    machine.wait_until(lambda: not machine.exists("/proc/sys/net/ipv4/conf/out"))


def left(machine):
    return [name for name in machine.run(["ls", "/proc/sys/net/ipv4/conf"]).text.split()
            if name.startswith(("veth", "microagent"))]


def test_containers_reach_what_they_may(machine, agent, rootfs, peer):
    node = Node(agent, rootfs)

    def says(run, *where):
        """Whether something answers there."""
        return run("sh", "-c", f"echo hello | timeout 5 nc -w 2 {' '.join(where)}").text == "hello\n"

    def inside(*command):
        return node.ctl("exec", "one", *command)

    node.start("sleep", "1000", options=["--name", "one", "--network", "bridge"])
    node.start("sh", "-c", ECHO, options=["--name", "two", "--publish", "8080:80"])
    (first,), (second,) = node.state("one")["addresses"], node.state("two")["addresses"]
    assert (first, second) == ("172.29.77.2", "172.29.77.3")
    # The peer knows no way to containers: it is the board that speaks.
    machine.wait_until(lambda: says(inside, FAR, "8000"))
    machine.wait_until(lambda: says(peer, "198.51.100.1", "8080"))
    assert not says(inside, NEAR, "8000") and not says(inside, second, "80")
    assert says(lambda *command: machine.run(command), second, "80")
    node.kill_agent()
    assert says(peer, "198.51.100.1", "8080") and node.state("two")["addresses"] == [second]
    node.remove_all()
    machine.wait_until(lambda: not any(name.startswith("veth") for name in left(machine)))
    agent.stop()
    assert left(machine) == []
    assert machine.read("/proc/sys/net/ipv4/ip_forward") == b"0\n"
