"""The leak check finds what it is there to find, says why, and clears it away."""

import pytest

from leaks import MARKER, LeakCheck, LeakError


@pytest.fixture
def check(machine, test_name, directory):
    """A check of its own, made after the folder, beside the one that every test with a folder has."""
    return LeakCheck(machine, test_name, directory)


@pytest.fixture
def cgroup(machine, test_name):
    """The path of a cgroup that carries the test's name; not made yet."""
    if machine.exists("/sys/fs/cgroup/cgroup.controllers"):
        return f"/sys/fs/cgroup/{test_name}"
    return f"/sys/fs/cgroup/pids/{test_name}"


def found(check, kind):
    """The leaks, after telling that there are some of this kind and that clearing them away leaves none."""
    with pytest.raises(LeakError) as error:
        check.assert_none(timeout=0)
    check.assert_none()
    lines = [line.strip() for line in str(error.value).splitlines()[1:]]
    assert any(line.startswith(kind) for line in lines), lines
    return lines


def test_nothing_is_found_when_nothing_is_left(check):
    assert check.leaks() == []


def test_process_with_the_marker(machine, check, test_name):
    process = machine.spawn(["sleep", "1000"], env={MARKER: test_name})
    assert found(check, "process") == [f"process {process.pid} sleep (its environment names the test)"]


def test_descendant_without_the_marker(machine, check, test_name):
    process = machine.spawn(["sh", "-c", "env -i setsid sleep 1000 & echo here; wait"], env={MARKER: test_name})
    process.wait_for("here")
    machine.wait_until(lambda: any("sleep" in leak.what for leak in check.leaks()))
    assert len(found(check, "process")) == 2


def test_process_in_the_cgroup_and_the_cgroup(machine, check, cgroup):
    join = f"mkdir -p {cgroup}/inner; echo $$ > {cgroup}/inner/cgroup.procs"
    process = machine.spawn(["sh", "-c", f"{join}; exec sleep 1000"])
    machine.wait_until(lambda: machine.read(f"/proc/{process.pid}/comm") == b"sleep\n")
    lines = found(check, "process")
    reason = "it is in the test's cgroup"
    assert lines == [f"process {process.pid} sleep ({reason})", f"cgroup {cgroup}", f"cgroup {cgroup}/inner"]


def test_process_with_a_mount_namespace_of_its_own(machine, check, directory):
    process = machine.spawn(["unshare", "-m", "sh", "-c", f"mount -t tmpfs tmpfs {directory}; exec sleep 1000"])
    machine.wait_until(lambda: machine.read(f"/proc/{process.pid}/comm") == b"sleep\n")
    assert found(check, "process") == [f"process {process.pid} sleep (it has the test's folder mounted)"]


def test_mount(machine, check, directory):
    machine.sh(f"mkdir {directory}/point && mount -t tmpfs tmpfs {directory}/point")
    assert found(check, "mount") == [f"mount {directory}/point tmpfs"]


def test_kept_network_namespace(machine, check, directory):
    machine.sh(f"touch {directory}/net && unshare --net={directory}/net true")
    assert f"mount {directory}/net nsfs" in found(check, "mount")


def test_loop_device(machine, check, directory):
    machine.run(["modprobe", "loop"])  # the driver may be a module or part of the kernel
    machine.sh(f"dd if=/dev/zero of={directory}/disk bs=4096 count=16 && losetup -f {directory}/disk")
    assert any(f"({directory}/disk)" in line for line in found(check, "loop device"))


def test_file(machine, check, test_name):
    machine.sh(f"mkdir -p /run && touch /run/{test_name}.pid")
    assert found(check, "file") == [f"file /run/{test_name}.pid"]


def test_unnamed_things_count_where_nobody_else_is(virtual, check):
    virtual.sh("ip link add stray0 type dummy; mkdir /sys/fs/cgroup/stray; touch /tmp/stray")
    process = virtual.spawn(["sleep", "1000"])
    lines = found(check, "interface")
    assert {"cgroup /sys/fs/cgroup/stray", "interface stray0", "file /tmp/stray"} <= set(lines)
    assert any(line.startswith(f"process {process.pid} sleep (it is new") for line in lines)
