"""What a container cannot see, reach or use up: looked at from inside, and from its neighbours."""

import errno
import re
import signal as signals
import subprocess
from pathlib import Path

import pytest

from node import SLOW_COUNTER, assert_unbroken, parse_namespaces, refused
from rootfs import FOLDERS

NAMESPACES = {"mnt", "pid", "net", "uts", "ipc", "cgroup", "user"}
CAPABILITIES = "00000000a00425fb"  # docker's fourteen without mknod: see Sources/ContainerRunner/Capabilities.swift
FIRST_USER = 100000
MASKED = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts", "/proc/sched_debug", "/proc/acpi",
          "/proc/scsi", "/sys/firmware"]
PERIOD_MICROSECONDS = 100_000

#: Calls by name: their numbers for i386 and x86_64, and the error that a container gets.
CLONE_NEWUSER = 0x10000000
CALLS = {
    "getpid": (20, 39, 0),
    "mount": (21, 165, errno.EPERM),
    "umount2": (52, 166, errno.EPERM),
    "pivot_root": (217, 155, errno.EPERM),
    f"unshare,{CLONE_NEWUSER}": (310, 272, errno.EPERM),
    "setns": (346, 308, errno.EPERM),
    f"clone,{CLONE_NEWUSER + signals.SIGCHLD}": (120, 56, errno.EPERM),
    "clone3": (435, 435, errno.ENOSYS),
    "reboot": (88, 169, errno.EPERM),
    "swapon": (87, 167, errno.EPERM),
    "init_module": (128, 175, errno.EPERM),
    "kexec_load": (283, 246, errno.EPERM),
    "bpf": (357, 321, errno.EPERM),
    "perf_event_open": (336, 298, errno.EPERM),
    "keyctl": (288, 250, errno.EPERM),
    "open_by_handle_at": (342, 304, errno.EPERM),
    "userfaultfd": (374, 323, errno.EPERM),
    "iopl,3": (110, 172, errno.EPERM),
    "quotactl": (131, 179, errno.EPERM),
    "socket,40": (359, 41, errno.EPERM),  # AF_VSOCK reaches the host
    "unknown": (599, 599, errno.ENOSYS),
}
SETUID = (213, 105)


# Namespaces


def test_namespaces_are_its_own(node):
    names = [node.start("sleep", "1000") for _ in range(2)]
    ours = node.namespaces("self")
    first, second = [node.namespaces(node.process(name)) for name in names]
    assert NAMESPACES <= set(first)
    for kind in NAMESPACES:
        assert len({ours[kind], first[kind], second[kind]}) == 3, kind


def test_inside_and_outside_agree_on_the_namespaces(node):
    name = node.start_sh("ls -l /proc/self/ns; exec sleep 1000")
    node.wait_for_log(name, "uts")
    outside = node.namespaces(node.process(name))
    inside = parse_namespaces(node.logs(name))
    assert {kind: inside[kind] for kind in NAMESPACES} == {kind: outside[kind] for kind in NAMESPACES}


def test_users_are_mapped(node):
    assert node.sh("cat /proc/self/uid_map /proc/self/gid_map").split() == ["0", str(FIRST_USER), "65536"] * 2
    name = node.start("sleep", "1000", options=["--user", "1000:50"])
    owner = node.machine.sh(f"stat -c '%u %g' /proc/{node.process(name)}").text
    assert owner == f"{FIRST_USER + 1000} {FIRST_USER + 50}\n"


def test_users_of_the_host_on_request(node):
    ours = node.machine.sh("readlink /proc/self/ns/user").text
    assert node.sh("readlink /proc/self/ns/user", "--userns", "host") == ours


def test_control_groups_look_like_the_root(node):
    text = node.sh("cat /proc/self/cgroup")
    assert text and all(line.endswith(":/") for line in text.splitlines()), text


def test_only_loopback_and_it_is_up(node):
    text = node.sh("ls /sys/class/net; ip -o addr show")
    assert re.findall(r"^\S+$", text, re.M) == ["lo"]
    assert "127.0.0.1/8" in text and len(re.findall(r"inet ", text)) == 1
    assert "LOOPBACK,UP" in node.sh("ip link")


def test_host_name_stays_inside(node):
    before = node.machine.sh("uname -n").text
    assert "Operation not permitted" in node.sh("hostname other 2>&1 || true")
    assert node.machine.sh("uname -n").text == before


# What is to be seen


def test_processes_of_others_are_not_seen(node):
    node.start("sleep", "1000")
    pids = node.sh("for p in /proc/[0-9]*; do echo ${p#/proc/} $(cat $p/comm 2>/dev/null); done").splitlines()
    assert pids[0] == "1 sh" and len(pids) <= 2, pids


def test_files_of_the_host_are_not_seen(node):
    node.machine.write(f"{node.agent.directory}/secret", "secret")
    assert node.sh(f"test -e {node.agent.directory} || echo unseen") == "unseen\n"
    assert set(node.sh("ls -A /").split()) == {"bin", "dev", "etc", "proc", "root", "sys", "tmp", "usr", "var"}
    assert node.sh("ls -A /.. /proc/1/root/.. | grep -c secret || true") == "0\n"


@pytest.mark.parametrize("users", [[], ["--userns", "host"]])
def test_no_working_directory_leads_out(node, users):
    """/proc shows the way to whatever the process that sets itself up still holds of the host."""
    node.machine.sh(f"ln -s /proc/self/cwd {node.rootfs}/way")
    for place in ("/proc/self/cwd", "/proc/1/cwd", "/way"):
        assert set(node.sh("ls -A", "-w", place, *users).split()) == {*FOLDERS, "way"}, place
    for number in range(64):
        line = refused(node.run("true", options=["--rm", "-w", f"/proc/self/fd/{number}", *users]), code=125)
        assert f"go to /proc/self/fd/{number}: " in line, line


@pytest.mark.parametrize("users", [[], ["--userns", "host"]])
def test_no_link_of_an_image_leads_a_volume_out(node, users):
    """A volume's place that is missing is made: in the container, also where a link in its path leads through /proc."""
    outside = f"{node.agent.directory}/outside"
    node.machine.sh(f"mkdir -m 777 {outside}; chmod 755 {node.agent.directory}; "
                    f"ln -s /proc/self/cwd{outside} {node.rootfs}/way")
    result = node.run("true", options=["--rm", "-v", f"{outside}:/way/in", *users])
    assert "mount " in refused(result, code=125)
    assert node.machine.sh(f"ls -A {outside}").text == ""


def test_masked_paths_are_empty(node):
    text = node.sh(f"for p in {' '.join(MASKED)}; do [ -e $p ] || continue; echo $p; "
                   "if [ -d $p ]; then ls -A $p; else head -c 1 $p; fi; done")
    assert {"/proc/keys", "/proc/interrupts"} <= set(text.split()) <= set(MASKED), text


def test_kernel_settings_cannot_be_written(node):
    paths = ["/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory",
             "/proc/sysrq-trigger", "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/uevent_seqnum"]
    present = [path for path in paths if node.machine.exists(path)]
    assert len(present) >= 4
    text = node.sh(f"for p in {' '.join(present)}; do ( echo 1 > $p ) 2>&1 || echo refused; done")
    assert text.count("refused\n") == len(present), text
    assert text.count("Read-only file system") + text.count("Permission denied") == len(present), text


def test_nothing_can_be_made_in_proc_and_sys(node):
    script = "for p in /sys/x /sys/kernel/x /proc/x /proc/sys/x; do mkdir $p 2>/dev/null && echo $p; done; true"
    assert node.sh(script) == ""
    assert node.sh("grep -c '^sysfs /sys sysfs ro,' /proc/mounts") == "1\n"


def test_devices_work(node):
    text = node.sh("head -c 5 /dev/zero | wc -c; head -c 5 /dev/urandom | wc -c; echo x > /dev/null && echo null\n"
                   "echo x > /dev/full || echo full; echo fd > /dev/stdout; echo x | cat /dev/stdin\n"
                   "ls -l /dev/ptmx | grep -c pts")
    assert [line for line in text.splitlines() if ":" not in line] == ["5", "5", "null", "full", "fd", "x", "1"]


def test_no_other_devices(node):
    assert set(node.sh("ls -A /dev").split()) == {
        "null", "zero", "full", "random", "urandom", "tty", "fd", "stdin", "stdout", "stderr", "ptmx", "pts", "shm",
        "mqueue"}
    text = node.sh("for what in 'x b 8 0' 'y c 1 1' 'z c 5 1'; do mknod /tmp/$what 2>&1 || echo refused; done")
    assert text.count("refused") == 3 and text.count("Operation not permitted") == 3


def test_descriptors_of_the_agent_are_not_inherited(node):
    # `ls` itself opens the folder that it lists.
    assert node.sh("ls /proc/self/fd").split() == ["0", "1", "2", "3"]


# Rights


def test_capabilities_and_privileges(node):
    status = dict(re.findall(r"(\w+):\s+(\S+)", node.sh("cat /proc/self/status")))
    assert (status["CapEff"], status["CapPrm"], status["CapBnd"]) == (CAPABILITIES,) * 3
    assert (status["CapInh"], status["CapAmb"]) == ("0" * 16, "0" * 16)
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_another_user_has_no_capabilities(node):
    status = dict(re.findall(r"(\w+):\s+(\S+)", node.sh("cat /proc/self/status", "--user", "1000")))
    assert (status["CapEff"], status["CapPrm"]) == ("0" * 16, "0" * 16)


@pytest.fixture(scope="session")
def probes(machine, workspace, tmp_path_factory):
    """Where the probe lies on the machine, for each ABI that runs there, with the column of its calls."""
    source = Path(__file__).with_name("probe.c")
    abis = {"-m32": 0} if machine.exclusive else {"-m32": 0, "-m64": 1}
    found = {}
    for flag, column in abis.items():
        program = tmp_path_factory.mktemp("probe") / f"probe{flag}"
        subprocess.run(
            ["gcc", flag, "-O1", "-Wall", "-Wextra", "-Werror", "-static", "-nostdlib", "-ffreestanding", "-fno-pic",
             "-fno-stack-protector", "-fcf-protection=none", "-no-pie", "-o", program, source], check=True)
        found[column] = f"{workspace}/{program.name}"
        machine.put(program, found[column])
    return found


def test_system_calls_are_filtered(node, probes):
    for column, program in probes.items():
        node.machine.run(["cp", program, f"{node.rootfs}/bin/probe"]).check()
        arguments = [f"{row[column]},{name.partition(',')[2] or 0}" for name, row in CALLS.items()]
        errors = [int(line) for line in node.run("probe", *arguments).check().text.split()]
        assert dict(zip(CALLS, errors, strict=True)) == {name: row[2] for name, row in CALLS.items()}


def test_filtered_calls_fail_for_lack_of_rights_without_a_filter(machine, probes):
    """The test above shows something only if these calls do exist and would do more outside."""
    for column, program in probes.items():
        (unshare,) = machine.run([program, f"{CALLS[f'unshare,{CLONE_NEWUSER}'][column]},{CLONE_NEWUSER}"]).text.split()
        assert int(unshare) == 0


def test_set_user_id_programs_give_nothing(node, probes):
    for column, program in probes.items():
        node.machine.sh(f"cp {program} {node.rootfs}/bin/probe; chmod 4755 {node.rootfs}/bin/probe")
        # Whoever became root by the program's mode could become root for good.
        assert node.sh(f"probe {SETUID[column]},0", "--user", "1000") == "001\n"
        assert node.sh(f"probe {SETUID[column]},0", "--user", "0") == "000\n"


# What is left behind, and what others feel


def test_root_file_system_stays_as_it_was(node):
    listing = f"cd {node.rootfs}; find . | sort | xargs stat -c '%n %s %Y %a %u %g %F'"
    before = node.machine.sh(listing).text
    node.run("sh", "-c", "echo x > /etc/passwd; rm -r /usr /bin/ls; mkdir /new; chown 5 /tmp; chmod 0 /root; "
                         "mv /etc/group /x").check()
    assert node.machine.sh(listing).text == before


def test_two_containers_of_one_root_do_not_meet(node):
    first = node.start_sh("echo x > /tmp/x; echo x > /dev/shm/x; echo done; exec sleep 1000")
    node.wait_for_log(first, "done")
    assert node.sh("ls /tmp /dev/shm | grep -c x || true") == "0\n"


def test_signals_reach_nobody_else(node):
    neighbour = node.start("sleep", "1000")
    pid = node.process(neighbour)
    agent = node.info()["agentProcess"]
    text = node.run("sh", "-c", f"kill -9 -1; kill -9 {pid}; kill -9 {agent}; echo over").text
    assert text.count("No such process") == 3 and text.endswith("over\n")
    assert node.process(neighbour) == pid and node.is_alive(pid)
    assert node.info()["agentProcess"] == agent


# Budgets


def hog(node, *command, options=()):
    """Runs what needs more memory than its budget of 4 MiB; returns microctl's Result."""
    return node.run(*command, options=["--name", "hog", "--memory", "4M", *options], timeout=120)


def assert_out_of_memory(node, result):
    assert result.code == 137
    line = r"microctl: container hog: out of memory: budget 4096 KiB, peak (\d+) KiB\n"
    match = re.fullmatch(line, result.error_text)
    assert match, result
    assert 2048 <= int(match[1]) <= 4096
    assert node.end("hog")[0] == 137 and "out of memory" in node.end("hog")[1]


def test_memory_hog_is_ended_with_a_reason(node):
    assert_out_of_memory(node, hog(node, "tail", "/dev/zero"))


def test_hog_that_is_a_grandchild_takes_the_whole_container_with_it(node):
    script = "trap '' TERM; sh -c 'tail /dev/zero & wait' & while :; do sleep 0.1; done"
    assert_out_of_memory(node, hog(node, "sh", "-c", script))


def test_program_that_makes_light_of_a_lost_child_is_ended_all_the_same(node):
    assert_out_of_memory(node, hog(node, "sh", "-c", "tail /dev/zero; exit 3"))


def test_memory_files_count(node):
    script = "dd if=/dev/zero of=/dev/shm/x bs=65536 count=1000 2>/dev/null; while :; do sleep 0.1; done"
    assert_out_of_memory(node, hog(node, "sh", "-c", script))


def test_neighbours_of_a_hog_feel_nothing(node):
    neighbour = node.start_sh(SLOW_COUNTER, "--memory", "4M")
    agent = node.info()["agentProcess"]
    for _ in range(3):
        assert_out_of_memory(node, hog(node, "tail", "/dev/zero"))
        node.ctl("rm", "hog").check()
    node.wait_for_lines(neighbour, node.lines(neighbour)[-1] + 5)
    assert_unbroken(node.lines(neighbour))
    assert node.state(neighbour)["starts"] == 1 and node.info()["agentProcess"] == agent


def test_hog_is_restarted_by_its_policy(node):
    result = hog(node, "tail", "/dev/zero", options=["--restart", "on-failure:1"])
    assert result.code == 137 and node.state("hog")["starts"] == 2


def test_small_budget_starts(node):
    assert node.run("true", options=["--memory", "512K"]).code == 0


def test_fork_bomb_is_held(node):
    bomb = node.start_sh("f() { f | f & }; f; exec tail -f /dev/null", "--processes", "20")
    node.machine.wait_until(lambda: node.cgroup_numbers(bomb, "pids", "pids.events")["max"] > 0)
    assert node.run("echo", "room").text == "room\n"
    assert node.json("stats", bomb)[0]["processCount"] <= 20
    node.ctl("rm", "--force", bomb).check()


def test_process_budget_is_exact(node):
    script = "for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; wait"
    result = node.run("sh", "-c", script, options=["--processes", "5"])
    assert result.code == 2 and "can't fork" in result.text


def test_cpu_budget_holds(node):
    name = node.start_sh("while :; do :; done", "--cpus", "0.2")
    node.machine.wait_until(lambda: node.cgroup_numbers(name, "cpu", "cpu.stat")["nr_periods"] >= 30)
    used = cpu_microseconds(node, name)
    numbers = node.cgroup_numbers(name, "cpu", "cpu.stat")
    assert numbers["nr_throttled"] > 0
    # Each period gives its share; one more may have begun, and what was overdrawn is paid back in the next.
    assert used <= (numbers["nr_periods"] + 2) * 0.2 * PERIOD_MICROSECONDS * 1.1


def cpu_microseconds(node, name):
    if node.has_unified_cgroups():
        return node.cgroup_numbers(name, "cpu", "cpu.stat")["usage_usec"]
    return int(node.machine.read(f"{node.cgroup(name, 'cpuacct')}/cpuacct.usage")) / 1000


def test_host_is_out_of_reach_even_for_the_hosts_root_user(node):
    """Without a user namespace, capabilities and filter still hold."""
    text = node.sh("mount -t tmpfs x /tmp 2>&1 || echo refused; mknod /tmp/x b 8 0 2>&1 || echo refused; "
                   "( echo x > /proc/sys/kernel/core_pattern ) 2>&1 || echo refused; ls /proc | grep -c '^[0-9]'",
                   "--userns", "host")
    assert text.count("refused\n") == 3 and int(text.split()[-1]) <= 4, text


def test_control_groups_of_others_are_not_seen_with_the_hosts_network(node):
    """The host's /sys is shown there, but not what is mounted in it."""
    assert node.sh("ls /sys/class/net", "--network", "host")
    assert node.sh("ls /sys/fs/cgroup /sys/kernel/tracing /sys/kernel/debug 2>/dev/null | grep -v : || true",
                   "--network", "host").split() == []
