"""The machines themselves: what the other end-to-end tests stand on."""

import signal
import subprocess
import sys
import time

import pytest

from machine import CommandFailed, CommandTimeout, MachineError
from machine.virtual import MEMORY_MEGABYTES

FULL_CAPABILITIES = (1 << 41) - 1  # CAP_CHECKPOINT_RESTORE, number 40, is the last one


def test_output_and_error_come_apart(machine):
    result = machine.run(["sh", "-c", "echo out; echo err >&2"])
    assert (result.code, result.stdout, result.stderr) == (0, b"out\n", b"err\n")


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_exit_code(machine, code):
    assert machine.run(["sh", "-c", f"exit {code}"]).code == code


def test_end_by_signal(machine):
    assert machine.run(["sh", "-c", "kill -TERM $$"]).code == -signal.SIGTERM


def test_check_tells_what_failed(machine):
    with pytest.raises(CommandFailed, match="exit code 3\nwhy"):
        machine.sh("echo why >&2; exit 3")


def test_missing_program(machine):
    with pytest.raises(MachineError, match="no-such-program: cannot start on .*: No such file"):
        machine.run(["no-such-program"])


def test_arguments_stay_as_they_are(machine):
    assert machine.run(["printf", "%s|", "a b", "", "c'\"$d", "é"]).text == "a b||c'\"$d|é|"


def test_environment_is_small_and_extended(machine):
    text = machine.run(["env"], env={"GREETING": "hello there"}).text.splitlines()
    assert "GREETING=hello there" in text
    assert len(text) < 8


def test_directory(machine):
    assert machine.run(["pwd"], directory="/proc").text == "/proc\n"


def test_binary_input_and_output(machine):
    data = bytes(range(256)) * 4096  # a MiB, many times over what a pipe holds
    assert machine.run(["cat"], input=data).stdout == data


def test_no_input_is_end_of_file(machine):
    assert machine.run(["cat"]).stdout == b""


def test_command_that_takes_no_input(machine):
    assert machine.run(["true"], input=bytes(1 << 20)).code == 0


def test_timeout_kills(machine):
    with pytest.raises(CommandTimeout, match="started"):
        machine.run(["sh", "-c", "echo started; sleep 1234.5 & sleep 1234.5"], timeout=1)
    commands = ["sh", "-c", "cat /proc/[0-9]*/cmdline"]
    machine.wait_until(lambda: b"sleep\0001234.5" not in machine.run(commands).stdout)


def test_files(machine, directory):
    data = bytes(range(256)) * 1000
    machine.write(f"{directory}/a/b", data, mode=0o750)
    assert machine.read(f"{directory}/a/b") == data
    assert machine.sh(f"stat -c %a {directory}/a/b").text == "750\n"
    assert machine.exists(f"{directory}/a") and not machine.exists(f"{directory}/c")


def test_put_replaces_a_running_program(machine, directory):
    for _ in range(2):
        machine.put(__file__, f"{directory}/program")
    with open(__file__, "rb") as file:
        assert machine.read(f"{directory}/program") == file.read()


def test_spawn_and_kill(machine):
    process = machine.spawn(["sh", "-c", "echo ready; exec sleep 1000"])
    process.wait_for("ready")
    assert process.code is None
    machine.wait_until(lambda: machine.read(f"/proc/{process.pid}/comm") == b"sleep\n")
    process.signal(signal.SIGKILL)
    assert process.wait().code == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        process.signal(signal.SIGTERM)


def test_conversation_with_a_running_command(machine):
    process = machine.spawn(["cat"])
    for line in (b"one\n", b"two\n"):
        process.write(line)
        process.wait_for(line)
    process.close_input()
    assert process.wait_closed().stdout == b"one\ntwo\n"


def test_wait_for_fails_at_once_when_the_command_ends(machine):
    with pytest.raises(CommandFailed, match="ended with 4"):
        machine.spawn(["sh", "-c", "exit 4"]).wait_for("never", timeout=600)


def test_end_is_told_while_a_child_holds_the_output(machine):
    process = machine.spawn(["sh", "-c", "sleep 1000 & echo last words; exit 5"])
    result = process.wait()
    assert (result.code, result.stdout) == (5, b"last words\n")
    process.signal(signal.SIGKILL, group=True)
    process.wait_closed()


def test_many_commands_at_once(machine):
    processes = [machine.spawn(["sh", "-c", f"read x; echo {i} $x"]) for i in range(40)]
    for process in reversed(processes):
        process.write(b"again\n")
    assert [process.wait_closed().text for process in processes] == [f"{i} again\n" for i in range(40)]


def test_flood_does_not_hold_up_others(machine):
    flood = machine.spawn(["yes"])
    flood.wait_for("y\n" * 10000)
    assert machine.run(["echo", "through"]).text == "through\n"
    flood.signal(signal.SIGKILL)
    flood.wait_closed()


def test_orphans_are_reaped(machine):
    orphan = int(machine.sh("(sleep 0.1 & echo $!) </dev/null").text)
    machine.wait_until(lambda: not machine.exists(f"/proc/{orphan}"))


def test_virtual_control_groups(virtual):
    mounts = virtual.read("/proc/mounts").decode()
    assert "cgroup2 /sys/fs/cgroup cgroup2 " in mounts and " cgroup " not in mounts
    controllers = virtual.read("/sys/fs/cgroup/cgroup.controllers").split()
    assert {b"memory", b"pids", b"cpu", b"io", b"cpuset"} <= set(controllers)


def test_virtual_memory_is_a_small_boards(virtual):
    kilobytes = int(virtual.read("/proc/meminfo").split()[1])
    assert MEMORY_MEGABYTES * 1024 * 0.9 < kilobytes < MEMORY_MEGABYTES * 1024


def test_virtual_root_has_every_capability(virtual):
    status = virtual.read("/proc/self/status").decode().splitlines()
    effective = next(line.split()[1] for line in status if line.startswith("CapEff:"))
    assert int(effective, 16) == FULL_CAPABILITIES


def test_virtual_pressure_is_told(virtual):
    for name in ("memory", "cpu", "io"):
        assert virtual.read(f"/proc/pressure/{name}").startswith(b"some avg10=")


def test_virtual_kernel_and_processor(virtual):
    assert virtual.run(["uname", "-m"]).text == "i686\n"
    flags = virtual.read("/proc/cpuinfo").split()
    assert b"cmov" in flags and b"lm" not in flags


def test_virtual_file_systems_load_on_demand(virtual, directory):
    mount = "mount -t overlay -o lowerdir=l,upperdir=u,workdir=w overlay m"
    virtual.sh(f"cd {directory} && mkdir l u w m && {mount} && umount m")
    for module in ("loop", "squashfs", "veth", "bridge", "softdog"):
        virtual.run(["modprobe", "-D", module]).check()


def test_virtual_root_file_system(virtual):
    root = [line.split()[2] for line in virtual.read("/proc/mounts").decode().splitlines() if line.split()[1] == "/"]
    assert root[-1] == ("rootfs" if virtual.system == 'initramfs' else "ext4")
    assert f" {'/data' if virtual.system == 'initramfs' else '/'} ext4 rw" in virtual.read("/proc/mounts").decode()


def test_virtual_pivot_root_fails_on_an_initramfs_only(virtual, directory):
    script = f"mount --bind {directory} {directory} && mkdir {directory}/old && cd {directory} && pivot_root . old"
    result = virtual.run(["unshare", "-m", "sh", "-c", script])
    assert (result.code != 0) == (virtual.system == "initramfs"), result
    assert ("Invalid argument" in result.error_text) == (virtual.system == "initramfs"), result


def test_virtual_memory_limit_kills(virtual, directory, test_name):
    cgroup = f"/sys/fs/cgroup/{test_name}"
    script = f"echo $$ > {cgroup}/cgroup.procs; exec dd if=/dev/zero of=/dev/null bs=32M count=1"
    virtual.sh(f"echo +memory > /sys/fs/cgroup/cgroup.subtree_control; mkdir {cgroup}; echo 4M > {cgroup}/memory.max")
    result = virtual.run(["sh", "-c", script])
    events = virtual.read(f"{cgroup}/memory.events").decode()
    virtual.sh(f"rmdir {cgroup}")
    assert result.code == -signal.SIGKILL
    assert "oom_kill 1\n" in events


def test_virtual_project_quota_is_on(virtual):
    assert any(" ext4 " in line and "prjquota" in line for line in virtual.read("/proc/mounts").decode().splitlines())


def test_virtual_boot_time_is_told(virtual, record_property, capsys):
    with capsys.disabled():
        print(f"\n{virtual.name}: ready {virtual.boot_seconds:.1f} s after the start of qemu")
    record_property("boot_seconds", virtual.boot_seconds)
    assert virtual.boot_seconds > 0


SUICIDE = """
import os, sys
sys.path.insert(0, sys.argv[1])
from machine import VirtualMachine
machine = VirtualMachine()
print(machine._qemu.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_virtual_machine_ends_with_its_python(virtual):
    folder = __file__.rpartition("/")[0]
    result = subprocess.run([sys.executable, "-c", SUICIDE, folder], capture_output=True, timeout=120)
    qemu = int(result.stdout)
    deadline = time.monotonic() + 20
    while _runs(qemu) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(qemu)


def _runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
