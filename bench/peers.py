"""The other runtimes, each told to make the same container as the agent's: namespaces, mounts, groups, capabilities, filter."""

import json
import os

from contender import Contender

FIRST_USER = 100000
CAPABILITIES = ["CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_AUDIT_WRITE"]
DENIED_CALLS = ["kexec_load", "init_module", "delete_module", "reboot", "swapon", "ptrace", "bpf", "mount"]
QUIET = ["nosuid", "noexec", "nodev"]

OCI_MOUNTS = [
    ("/proc", "proc", QUIET),
    ("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=64k"]),
    ("/dev/pts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    ("/dev/shm", "tmpfs", QUIET + ["mode=1777", "size=64m"]),
    ("/dev/mqueue", "mqueue", QUIET),
    ("/sys", "sysfs", QUIET + ["ro"]),
]


def oci_bundle(folder, rootfs, cgroup, *command):
    """Writes an OCI bundle's config.json into a new folder."""
    ids = [{"containerID": 0, "hostID": FIRST_USER, "size": 65536}]
    os.mkdir(folder)
    config = {
        "ociVersion": "1.0.2",
        "hostname": "bench",
        "root": {"path": rootfs, "readonly": True},
        "process": {
            "user": {"uid": 0, "gid": 0}, "args": command or ["/bin/true"], "env": ["PATH=/bin"], "cwd": "/",
            "noNewPrivileges": True,
            "capabilities": {"bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES},
        },
        "mounts": [{"destination": destination, "type": kind, "source": kind, "options": options}
                   for destination, kind, options in OCI_MOUNTS],
        "linux": {
            "cgroupsPath": f"/{cgroup}", "uidMappings": ids, "gidMappings": ids,
            "namespaces": [{"type": kind} for kind in
                           ("pid", "ipc", "uts", "mount", "network", "cgroup", "user")],
            "resources": {"memory": {"limit": 64 << 20}, "pids": {"limit": 64},
                          "cpu": {"quota": 50000, "period": 100000}},
            "seccomp": {"defaultAction": "SCMP_ACT_ALLOW",
                        "syscalls": [{"names": DENIED_CALLS, "action": "SCMP_ACT_ERRNO"}]},
            "maskedPaths": ["/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
                            "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
                            "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    }
    with open(f"{folder}/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file)


PROGRAMS = {"crun": "/usr/bin/crun", "runc": "/usr/sbin/runc"}


def without_unified(*command):
    """crun takes a hybrid layout for v2, so no runtime is shown the unified hierarchy beside v1's."""
    hide = "mountpoint -q /sys/fs/cgroup/unified && umount /sys/fs/cgroup/unified; exec \"$@\""
    return ["unshare", "-m", "sh", "-c", hide, "sh", *command]


def oci_runtime(name, home, rootfs, cgroup):
    """crun or runc."""
    oci_bundle(f"{home}/{name}", rootfs, f"{cgroup}/{name}")
    command = [PROGRAMS[name], "--root", f"{home}/{name}/state", "run", "--bundle", f"{home}/{name}",
               f"microagent-bench-{name}"]
    return Contender(f"{name} run", without_unified(f"{home}/spawn", *command))


def lxc_execute(home, rootfs, cgroup):
    folder = f"{home}/lxc"
    os.makedirs(f"{folder}/containers")
    with open(f"{folder}/seccomp", "w", encoding="utf-8") as file:
        file.write("2\ndenylist\n" + "".join(f"{call} errno 1\n" for call in DENIED_CALLS))
    with open(f"{folder}/config", "w", encoding="utf-8") as file:
        file.write(f"""\
lxc.rootfs.path = dir:{rootfs}
lxc.rootfs.options = ro
lxc.uts.name = bench
lxc.net.0.type = empty
lxc.autodev = 1
lxc.pty.max = 16
lxc.mount.auto = proc:mixed sys:ro
lxc.mount.entry = shm dev/shm tmpfs nosuid,noexec,nodev,create=dir 0 0
lxc.mount.entry = mqueue dev/mqueue mqueue nosuid,noexec,nodev,create=dir 0 0
lxc.apparmor.profile = unconfined
lxc.cap.keep = kill net_bind_service audit_write
lxc.no_new_privs = 1
lxc.seccomp.profile = {folder}/seccomp
lxc.cgroup.dir = {cgroup}/lxc
lxc.cgroup.memory.limit_in_bytes = {64 << 20}
lxc.cgroup.pids.max = 64
lxc.cgroup.cpu.cfs_quota_us = 50000
lxc.idmap = u 0 {FIRST_USER} 65536
lxc.idmap = g 0 {FIRST_USER} 65536
""")
    return Contender("lxc-execute", [f"{home}/spawn", "/usr/bin/lxc-execute", "-n", "bench", "-P", f"{folder}/containers",
                                     "-f", f"{folder}/config", "--", "/bin/true"])
