"""A board whose root file system is the initramfs, which pivot_root refuses to leave: containers start all the same."""

import pytest

from node import SLOW_COUNTER, assert_unbroken

pytestmark = pytest.mark.machines("vm", "vm-initramfs")


def test_root_is_changed_as_the_board_allows(node, virtual):
    plan = node.ctl("plan", node.rootfs, "true").check().text
    assert ("make this the root by chroot" in plan) == (virtual.system == "initramfs")
    result = node.run("sh", "-c", "echo out; exit 7")
    assert (result.code, result.text, result.error_text) == (7, "out\n", "")


@pytest.mark.parametrize("options", [[], ["--userns", "host"], ["--read-only"]])
def test_no_way_leads_up(node, options):
    inside = {"bin", "dev", "etc", "proc", "root", "sys", "tmp", "usr", "var"}
    for place in ("/", "/..", "/proc/1/root/../..", "/proc/1/cwd/../.."):
        assert set(node.sh(f"ls -A {place}/", *options).split()) == inside, place
    assert node.sh("cd /; cd ../../..; ls -A | grep -c -e init -e data || true", *options) == "0\n"


def test_mounts_of_the_board_are_out_of_reach(node):
    mounts = [line.split()[1:3] for line in node.sh("cat /proc/mounts").splitlines()]
    # Of the old root, the mount below the container's own, at most its root is left in the list.
    assert all(point == "/" or point.startswith(("/proc", "/sys", "/dev")) for point, _ in mounts), mounts
    assert node.sh("cat /proc/self/uid_map").split()[:2] == ["0", "100000"]
    text = node.sh("umount / 2>&1 || echo refused; umount /proc 2>&1 || echo refused; chroot / true; echo over")
    assert text.count("refused\n") == 2 and text.endswith("over\n")


def test_container_survives_its_agent(node):
    name = node.start_sh(SLOW_COUNTER)
    node.wait_for_lines(name, 3)
    node.kill_agent()
    node.wait_for_lines(name, node.lines(name)[-1] + 3)
    assert_unbroken(node.lines(name))
