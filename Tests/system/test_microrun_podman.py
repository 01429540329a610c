"""An engine that others made drives microrun: Debian's podman."""

import json
import subprocess

import pytest

from oci import MARKER

#: Root without CAP_SYS_RESOURCE may not have more than it has: what podman asks for by itself would be too much.
LIMITS = ["--ulimit", "nofile=1000:1000", "--ulimit", "nproc=1000:1000"]
TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


class Podman:
    """podman with its storage, its states and its control groups in a test's own places."""

    def __init__(self, machine, program, name, directory):
        self.machine = machine
        self.directory = directory
        self.name = name
        self._environment = {MARKER: name, "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        # Its sockets have long names already.
        folders = [
            f"--{option}={directory}/{letter}" for option, letter in (("root", "s"), ("runroot", "r"), ("tmpdir", "t"))
        ]
        self.command = ["podman", *folders, "--runtime", program, "--cgroup-manager=cgroupfs", "--events-backend=file",
                        "--storage-driver=vfs"]

    def __call__(self, *arguments, **options):
        return self.machine.run([*self.command, *arguments], env=self._environment, timeout=120, **options)

    def run(self, *arguments, options=()):
        return self(
            "run", "--rm", "--network=none", f"--cgroup-parent=/{self.name}", *LIMITS, *options, "box", *arguments
        )

    def start(self, *arguments, name="c", options=()):
        """A container in the background."""
        self("run", "-d", "--name", name, "--network=none", f"--cgroup-parent=/{self.name}", *LIMITS, *options, "box",
             *arguments).check()

    def format(self, what, name="c"):
        return self("inspect", name, "--format", what).check().text.strip()


@pytest.fixture
def podman(machine, microrun, test_name, directory, rootfs):
    if subprocess.run(["which", "podman"], capture_output=True).returncode != 0:
        pytest.fail("there is no podman: install what Tests/system/packages.txt names")
    podman = Podman(machine, microrun, test_name, directory)
    machine.sh(f"tar -C {rootfs} -cf {directory}/box.tar .")
    podman("import", f"{directory}/box.tar", "box").check()
    yield podman
    podman("rm", "--all", "--force", "-t", "0").check()
    # conmon, which has a group beside the containers', takes a moment to end.
    groups = f"/sys/fs/cgroup/*/{test_name}"
    remove = f"find {groups} -depth -type d -exec rmdir {{}} + 2>/dev/null; ls -d {groups} 2>/dev/null"
    machine.wait_until(lambda: machine.sh(remove, check=False).text == "")


pytestmark = pytest.mark.machines("local")


def test_run(podman):
    result = podman.run("sh", "-c", "echo out; echo err >&2; exit 5")
    assert (result.code, result.text, result.error_text) == (5, "out\n", "err\n")
    result = podman.run(
        "sh", "-c", "hostname; grep -E '^(Seccomp|CapBnd):' /proc/self/status; id -u; ls /sys/class/net"
    )
    lines = result.check().text.split()
    assert lines[1:] == ["CapBnd:", "00000000800405fb", "Seccomp:", "2", "0", "lo"]
    assert len(lines[0]) == 12


def test_what_is_not_there_has_the_codes_that_engines_have(podman):
    result = podman.run("no-such-program")
    assert result.code == 127 and "find the program" in result.error_text
    result = podman.run("/etc/passwd")
    assert result.code == 126 and "Permission denied" in result.error_text


def test_life(podman, machine):
    podman.start("sh", "-c", "echo log; trap 'exit 3' TERM; while :; do sleep 0.1; done")
    assert podman.format("{{.State.Status}}") == "running"
    assert podman.format("{{.OCIRuntime}}").endswith("/microrun")
    machine.wait_until(lambda: podman("logs", "c").text == "log\n")
    result = podman("exec", "-u", "5:6", "-e", "A=b", "c", "sh", "-c", "id -u; echo $A; exit 4")
    assert (result.code, result.text) == (4, "5\nb\n")
    assert podman("exec", "c", "no-such-program").code == 127
    podman("pause", "c").check()
    assert podman.format("{{.State.Status}}") == "paused"
    assert podman("exec", "c", "true").code != 0
    podman("unpause", "c").check()
    assert podman.format("{{.State.Status}}") == "running"
    podman("stop", "-t", "20", "c").check()
    assert podman.format("{{.State.Status}} {{.State.ExitCode}}") == "exited 3"
    podman("start", "c").check()
    podman("kill", "-s", "KILL", "c").check()
    machine.wait_until(lambda: podman.format("{{.State.ExitCode}}") == "137")
    podman("rm", "c").check()
    podman.start("sleep", "1000")
    podman("rm", "-f", "-t", "0", "c").check()
    assert podman("ps", "-a", "-q").text == ""


def test_terminals(podman, machine):
    podman.start("sleep", "1000")

    def on_terminal(*arguments):
        return machine.run(
            ["python3", "-c", TERMINAL, *podman.command, *arguments], env=podman._environment, timeout=120
        )

    result = on_terminal("exec", "-it", "c", "sh", "-c", "test -t 0 && test -t 1 && echo is terminal; exit 6")
    assert result.code == 6 and "is terminal\r\n" in result.text
    result = on_terminal(
        "run",
        "--rm",
        "-it",
        "--network=none",
        f"--cgroup-parent=/{podman.name}",
        *LIMITS,
        "box",
        "sh",
        "-c",
        "test -t 0 && test -c /dev/console && echo is terminal >/dev/console; exit 7",
    )
    assert result.code == 7 and "is terminal\r\n" in result.text


def test_limits(podman, machine):
    podman.start("sleep", "1000", options=["--memory=32m", "--pids-limit=20", "--cpus=0.5", "--cpuset-cpus=0"])
    found = {}
    for kind, file in (
        ("memory", "memory.limit_in_bytes"),
        ("pids", "pids.max"),
        ("cpu", "cpu.cfs_quota_us"),
        ("cpuset", "cpuset.cpus"),
    ):
        path = machine.sh(f"find /sys/fs/cgroup/{kind}/{podman.name} -name 'libpod-*' -type d").text.strip()
        found[kind] = machine.read(f"{path}/{file}").decode().strip()
    assert found == {"memory": str(32 << 20), "pids": "20", "cpu": "50000", "cpuset": "0"}
    podman("update", "--memory=64m", "c").check()
    path = machine.sh(f"find /sys/fs/cgroup/memory/{podman.name} -name 'libpod-*' -type d").text.strip()
    assert int(machine.read(f"{path}/memory.limit_in_bytes")) == 64 << 20
    assert (
        podman.run(
            "sh", "-c", "x=$(head -c 30000000 /dev/zero | tr '\\0' a); echo ${#x}", options=["--memory=8m"]
        ).code
        == 137
    )


def test_mounts_and_devices(podman, machine, directory):
    machine.write(f"{directory}/volume/file", "there\n")
    options = [
        "--read-only",
        "-v",
        f"{directory}/volume:/volume:ro",
        "--tmpfs",
        "/var",
        "--device",
        "/dev/null:/dev/sub/nothing",
        "--sysctl",
        "net.ipv4.ip_forward=1",
    ]
    script = (
        "cat /volume/file; touch /volume/x 2>/dev/null || touch /x 2>/dev/null || echo refused;"
        "touch /tmp/x /var/x && echo written;"
        "test -c /dev/sub/nothing && echo device; cat /proc/sys/net/ipv4/ip_forward"
    )
    assert podman.run("sh", "-c", script, options=options).check().text.split() == [
        "there",
        "refused",
        "written",
        "device",
        "1",
    ]


def test_namespaces_are_shared_and_ids_mapped(podman):
    podman.start("sleep", "1000")
    shared = [f"--{kind}=container:c" for kind in ("pid", "ipc")]
    assert "sleep 1000" in podman.run("ps", options=shared).check().text
    result = podman.run("sh", "-c", "id -u; cat /proc/self/uid_map", options=["--uidmap=0:100000:70000"])
    assert result.check().text.split() == ["0", "0", "100000", "70000"]


def test_privileged(podman):
    text = (
        podman.run(
            "sh",
            "-c",
            "grep -E '^(CapEff|Seccomp):' /proc/self/status; test -c /dev/zero && echo ok",
            options=["--privileged"],
        )
        .check()
        .text
    )
    assert text.split()[2:] == ["Seccomp:", "0", "ok"] and int(text.split()[1], 16).bit_count() >= 38


def test_what_microrun_refuses_reaches_the_person(podman):
    result = podman.run("true", options=["--memory=32m", "--oom-kill-disable"])
    assert result.code == 126
    assert "config.json: linux.resources.memory.disableOOMKiller: microrun does not do this" in result.error_text
    assert json.loads(podman("ps", "-a", "--format=json").text) == []
