"""What is tried from inside a default container, microrun's and the agent's, and fails; and that each attack would do harm in
a container that was weakened for it, so that the test of it shows something."""

import json
import subprocess
import uuid
from pathlib import Path

import pytest

from oci import MARKER, Runtime

ATTACK = "/bin/attack"
EVERY_CAPABILITY = [
    "CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_SETUID", "CAP_SYS_PTRACE", "CAP_KILL", "CAP_DAC_OVERRIDE"]
DENIED = {"1", "13"}  # EPERM, EACCES
READ_ONLY = "30"
NO_SUCH_PROCESS = "3"
MISSING = "2"


@pytest.fixture(scope="session")
def attack(machine, workspace, tmp_path_factory):
    """Where the program lies on the machine that attacks."""
    program = tmp_path_factory.mktemp("attack") / "attack"
    subprocess.run(
        ["gcc", "-m32" if machine.exclusive else "-m64", "-O1", "-Wall", "-Wextra", "-Werror", "-static", "-nostdlib",
         "-ffreestanding", "-fno-pic", "-fno-stack-protector", "-fcf-protection=none", "-no-pie", "-o", program,
         Path(__file__).with_name("attack.c")], check=True)
    machine.put(program, f"{workspace}/attack")
    return f"{workspace}/attack"


@pytest.fixture
def runtime(machine, microrun, attack, test_name, directory, rootfs):
    machine.run(["cp", attack, f"{rootfs}{ATTACK}"]).check()
    runtime = Runtime(machine, microrun, test_name, directory, rootfs)
    yield runtime
    runtime.remove_all()


class Microrun:
    """Default containers: the configuration that `microrun spec` writes."""

    def __init__(self, runtime):
        self.runtime = runtime
        self.machine = runtime.machine
        self.rootfs = runtime.rootfs

    def config(self, *args):
        folder = f"{self.runtime.directory}/{uuid.uuid4().hex[:8]}"
        self.machine.run(["mkdir", folder]).check()
        self.runtime("spec", "--bundle", folder).check()
        config = json.loads(self.machine.read(f"{folder}/config.json"))
        config["process"]["args"] = list(args)
        config["process"]["env"].append(f"{MARKER}={self.runtime.name}")
        config["root"]["path"] = self.rootfs
        config["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"})
        config["linux"]["cgroupsPath"] = f"/{self.runtime.name}/c"
        return config

    def run(self, *args, user=0):
        config = self.config(*args)
        config["process"]["user"]["uid"] = user
        return self.runtime.run(config).check().text.strip()

    def start(self, *args, id="c"):
        config = self.config(*args)
        config["linux"]["cgroupsPath"] = f"/{self.runtime.name}/{id}"
        bundle = self.runtime.bundle(config, id)
        self.machine.sh(f"{self.runtime.program} --root {self.runtime.root} run --detach --bundle {bundle} {id} "
                        f">{self.runtime.directory}/out-{id} 2>&1 </dev/null", env=self.runtime.environment)
        return self.runtime.state(id)["pid"]

    def exec(self, id, *args):
        return self.runtime("exec", id, *args)

    def output(self, id="c"):
        return self.machine.read(f"{self.runtime.directory}/out-{id}").decode()

    #: The runtime, told to wait at a FIFO as long as it can be looked at.
    waiting_program = ("/proc/self/exe", "run", "--bundle", "/door", "x")


class Agent:
    """The agent's containers as `microctl run` makes them."""

    def __init__(self, node, attack):
        self.node = node
        self.machine = node.machine
        self.rootfs = node.rootfs
        self.machine.run(["cp", attack, f"{self.rootfs}{ATTACK}"]).check()

    def run(self, *args, user=0):
        return self.node.run(*args, options=["--rm", "--user", str(user)]).check().text.strip()

    def start(self, *args, id="c"):
        self.node.start(*args, options=["--name", id])
        return self.node.process(id)

    def exec(self, id, *args):
        return self.node.ctl("exec", id, *args)

    def output(self, id="c"):
        return self.node.logs(id)

    waiting_program = ("/proc/self/exe", "--config", "/door/config.json")


@pytest.fixture(params=["microrun", "agent"])
def door(request, runtime, node, attack):
    return Microrun(runtime) if request.param == "microrun" else Agent(node, attack)


@pytest.fixture
def weak(runtime):
    """Runs an attack in a container without any of what holds it: to show that it would do harm."""

    def run(*args, change=lambda config: None, user=0):
        config = Microrun(runtime).config(*args)
        del config["linux"]["seccomp"], config["linux"]["maskedPaths"], config["linux"]["readonlyPaths"]
        config["process"].update(
            noNewPrivileges=False, user={"uid": user, "gid": 0},
            capabilities={kind: EVERY_CAPABILITY for kind in ("bounding", "effective", "permitted")})
        config["root"]["readonly"] = False
        change(config)
        return runtime.run(config).check().text.strip()

    return run


# The runtime's own program


def test_the_program_that_makes_containers_is_not_overwritten(door):
    """Its file is what /proc/PID/exe names of a program that is the runtime once more."""
    door.machine.sh(f"mkdir -m 755 {door.rootfs}/door; busybox mknod -m 666 {door.rootfs}/door/config.json p")
    door.start(ATTACK, "overwrite", ATTACK, "/door/config.json")
    result = door.exec("c", *door.waiting_program)
    assert result.code != 0
    door.machine.wait_until(lambda: door.output().strip() != "")
    assert door.output().strip() in {*DENIED, READ_ONLY}, (door.output(), result)


def test_a_program_that_lies_open_is_overwritten(runtime):
    """The same attack, on a program of the container's own that waits at the door."""
    machine = runtime.machine
    machine.sh(f"cd {runtime.rootfs}; mkdir -m 755 door; busybox mknod -m 666 door/config.json p; cp bin/attack bin/victim")
    config = Microrun(runtime).config(ATTACK, "overwrite", ATTACK, "/door/config.json")
    config["root"]["readonly"] = False
    bundle = runtime.bundle(config)
    machine.sh(f"{runtime.program} --root {runtime.root} run -d -b {bundle} c >{runtime.directory}/out 2>&1 </dev/null",
               env=runtime.environment)
    runtime("exec", "c", "/bin/victim", "read", "/door/config.json").check()
    machine.wait_until(lambda: runtime.output().strip() != "")
    assert runtime.output().strip() == "0"


def test_no_descriptor_is_left_open(door):
    assert door.run(ATTACK, "descriptors") == "0"
    door.start("sleep", "1000")
    assert door.exec("c", ATTACK, "descriptors").check().text == "0\n"


# Roads out of the root


@pytest.mark.parametrize("options", [[], ["--no-pivot"]])
def test_a_root_is_not_left_by_chroot(runtime, machine, options):
    machine.write(f"{runtime.directory}/mark", "")
    config = Microrun(runtime).config(ATTACK, "leave-root", f"{runtime.directory}/mark")
    for kind in ("bounding", "effective", "permitted"):
        config["process"]["capabilities"][kind].append("CAP_SYS_CHROOT")
    assert runtime("run", *options, "-b", runtime.bundle(config), "c").check().text == f"{MISSING}\n"


def test_a_mere_chroot_is_left_by_chroot(runtime, machine):
    machine.write(f"{runtime.directory}/mark", "")
    assert machine.run(["chroot", runtime.rootfs, ATTACK, "leave-root", f"{runtime.directory}/mark"]).text == "0\n"


def test_a_link_that_changes_meanwhile_leads_no_mount_out(runtime, machine):
    """Another container of the same root exchanges a directory for a link to the host's, again and again."""
    outside = f"{runtime.directory}/outside"
    machine.sh(f"mkdir -m 777 {outside}; cd {runtime.rootfs}; mkdir -m 777 race race/way; ln -s /proc/self/cwd{outside} race/link")
    machine.write(f"{runtime.directory}/volume/file", "")
    attacker = Microrun(runtime).config(
        "sh", "-c", "cd /race; while :; do busybox mv way dir; busybox mv link way; busybox mv way link; busybox mv dir way; done")
    attacker["root"]["readonly"] = False
    attacker["linux"]["cgroupsPath"] = f"/{runtime.name}/attacker"
    bundle = runtime.bundle(attacker, "attacker")
    machine.sh(f"{runtime.program} --root {runtime.root} run -d -b {bundle} attacker >/dev/null 2>&1 </dev/null",
               env=runtime.environment)
    config = Microrun(runtime).config("sh", "-c", "grep -c ' /race/' /proc/mounts; ls /proc/keys | wc -c")
    config["root"]["readonly"] = False
    config["mounts"].append(
        {"destination": "/race/way/in", "type": "bind", "source": f"{runtime.directory}/volume", "options": ["bind"]})
    config["linux"]["maskedPaths"] += ["/race/way/masked"]
    bundle = runtime.bundle(config)
    results = [runtime("run", "-b", bundle, "c") for _ in range(40)]
    # Where it won, there was no such container; where it lost, the mount is in the container.
    assert all(result.code != 0 or result.text.startswith("1\n") for result in results)
    assert any(result.code == 0 for result in results)
    assert machine.sh(f"ls -A {outside}; grep -c {outside} /proc/self/mountinfo || true").text == "0\n"


# The kernel's files, devices and groups


@pytest.mark.parametrize("path", [
    "/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory", "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity",
    "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/uevent_helper"])
def test_the_kernels_settings_are_out_of_reach(door, path):
    assert door.run(ATTACK, "write", path) in {*DENIED, READ_ONLY, MISSING}


@pytest.mark.parametrize("path", ["/proc/kcore", "/proc/interrupts", "/proc/keys", "/proc/timer_list"])
def test_the_kernels_secrets_are_out_of_reach(door, path):
    """What is masked is the null device, or is not there."""
    assert door.run("sh", "-c", f"[ ! -e {path} ] || head -c 1 {path} | wc -c") in {"0", ""}


def test_the_kernels_settings_are_in_reach_of_the_weak(weak):
    assert weak(ATTACK, "write", "/proc/sys/kernel/core_pattern") == "0"


@pytest.mark.parametrize("device", [("8", "0"), ("1", "1"), ("1", "3"), ("10", "229")])
def test_no_device_is_made(door, device):
    assert door.run(ATTACK, "device", *device) in DENIED


def test_devices_are_made_by_the_weak(weak):
    assert weak(ATTACK, "device", "1", "3", change=lambda config: config["mounts"].pop()) == "0"


@pytest.mark.parametrize("kind, data", [("cgroup", "memory"), ("cgroup2", ""), ("tmpfs", ""), ("proc", ""), ("sysfs", "")])
def test_nothing_is_mounted(door, kind, data):
    """With a hierarchy of control groups one could name a program that the kernel runs on the host (release_agent)."""
    assert door.run(ATTACK, "mount", kind, data) in DENIED


def test_no_release_agent_is_seen(door):
    assert door.run("sh", "-c", "ls -d /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/release_agent 2>/dev/null | wc -l") == "0"


@pytest.mark.machines("local")
def test_a_hierarchy_is_mounted_by_the_weak(weak):
    assert weak(ATTACK, "mount", "cgroup", "memory") == "0"


# Keys, users, other processes


def test_keys_are_out_of_reach(door):
    assert door.run(ATTACK, "add-key", "mine") in DENIED
    assert door.run(ATTACK, "find-key", "mine") in DENIED


def test_the_callers_session_keyring_is_not_the_containers(runtime, machine, attack):
    """Even where nothing is filtered: a key of whoever called the runtime is not found."""

    def found(*command):
        return machine.run([attack, "with-key", "secret", *command], env=runtime.environment).text.strip()

    config = Microrun(runtime).config(ATTACK, "find-key", "secret")
    del config["linux"]["seccomp"]
    assert found(attack, "find-key", "secret") == "0"
    missing = "126"  # ENOKEY
    command = (runtime.program, "--root", runtime.root)
    assert found(*command, "run", "-b", runtime.bundle(config), "c") == missing
    config["process"]["args"] = ["sleep", "1000"]
    machine.sh(f"{' '.join(command)} run -d -b {runtime.bundle(config)} c >/dev/null 2>&1 </dev/null", env=runtime.environment)
    assert found(*command, "exec", "c", ATTACK, "find-key", "secret") == missing


def test_set_user_id_gives_nothing(door):
    door.machine.sh(f"chmod 4755 {door.rootfs}{ATTACK}")
    assert door.run(ATTACK, "become", "0", user=1000) in DENIED


def test_set_user_id_gives_all_to_the_weak(weak, runtime):
    runtime.machine.sh(f"chmod 4755 {runtime.rootfs}{ATTACK}")
    assert weak(ATTACK, "become", "0", user=1000) == "0"


def test_neighbours_are_out_of_reach(door):
    pid = door.start("sleep", "1000", id="neighbour")
    for name in ("kill", "trace"):
        # By their numbers on the host, and on by all small numbers that are not one's own.
        assert door.run(ATTACK, name, str(pid)) == NO_SUCH_PROCESS, name
        assert door.run(ATTACK, name, "2") == NO_SUCH_PROCESS, name


def test_neighbours_are_in_reach_of_the_weak(weak, runtime):
    pid = Microrun(runtime).start("sleep", "1000", id="neighbour")

    def join(config):
        config["linux"]["namespaces"] = [
            space for space in config["linux"]["namespaces"] if space["type"] != "pid"] + [
            {"type": "pid", "path": f"/proc/{pid}/ns/pid"}]

    for name in ("kill", "trace"):
        assert weak(ATTACK, name, "1", change=join) == "0", name


# Other doors of the kernel past the filter


@pytest.mark.machines("local")
def test_a_filter_of_one_kind_of_calls_is_not_passed_by_another(runtime, target):
    """The document names x86_64 only: what i386's and x32's programs call is refused altogether. (A microrun of 32 bits calls
    as i386's programs do, up to the container's program, so there both are named.)"""
    architectures = ["SCMP_ARCH_X86_64"] + (["SCMP_ARCH_X86"] if target == "i586" else [])

    def errors(change):
        config = Microrun(runtime).config("sh", "-c", f"for kind in mkdir mkdir-i386 mkdir-x32; do {ATTACK} $kind /tmp/$kind; done")
        change(config)
        return runtime.run(config).text.split()

    def filtered(config):
        config["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW", "architectures": architectures,
            "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}

    first, *others = errors(filtered)
    # A call of a kind that the document does not name may also end the program, as libseccomp's filters do.
    assert first == "1" and "0" not in others, others
    both = errors(lambda config: config["linux"].pop("seccomp"))
    # Not every kernel has x32's calls.
    assert both[:2] == ["0", "0"] and both[2] in {"0", "38"}
