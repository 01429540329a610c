"""microrun, the OCI runtime: the life of a container, what it is given, and what is refused."""

import json
import signal as signals
import time

import pytest

from oci import Runtime, refused


@pytest.fixture
def runtime(machine, microrun, test_name, directory, rootfs):
    runtime = Runtime(machine, microrun, test_name, directory, rootfs)
    yield runtime
    runtime.remove_all()


def has_v1(machine):
    return machine.exists("/sys/fs/cgroup/memory")


# The life of a container.


def test_run_ends_as_the_program_does_and_leaves_nothing(runtime):
    result = runtime.sh("echo out; echo err >&2; exit 7")
    assert (result.code, result.text, result.error_text) == (7, "out\n", "err\n")
    process = runtime.spawn(
        "run", "--bundle", runtime.bundle(runtime.config("sh", "-c", "echo ready; sleep 1000")), "c"
    )
    process.wait_for("ready")
    runtime("kill", "c", "KILL").check()
    assert process.wait().code == 137
    assert runtime("list", "--quiet").check().text == ""


def test_run_hands_on_its_input_and_signals(runtime):
    config = runtime.config("sh", "-c", "trap 'echo caught; exit 5' TERM; echo ready; while :; do sleep 0.1; done")
    process = runtime.spawn("run", "--bundle", runtime.bundle(config), "c")
    process.wait_for("ready")
    process.signal(signals.SIGTERM)
    result = process.wait()
    assert (result.code, result.text) == (5, "ready\ncaught\n")
    assert runtime("run", "--bundle", runtime.bundle(runtime.config("cat")), "c", input=b"given").text == "given"


def test_create_and_start_are_two_commands(runtime, machine):
    bundle = runtime.bundle(runtime.config("sh", "-c", "echo started; sleep 1000"))
    machine.sh(f"{runtime.program} --root {runtime.root} create -b {bundle} --pid-file={runtime.directory}/pid c "
               f">{runtime.directory}/out 2>&1 </dev/null", env=runtime.environment)
    state = runtime.state()
    assert (state["status"], state["id"], state["bundle"], state["ociVersion"]) == ("created", "c", bundle, "1.2.0")
    assert state["pid"] == int(machine.read(f"{runtime.directory}/pid"))
    assert runtime.output() == ""
    assert "it is created, not running" in refused(runtime("exec", "c", "true"))[0]
    assert "it exists already" in refused(runtime("create", "-b", bundle, "c"))[0]
    runtime("start", "c").check()
    machine.wait_until(lambda: runtime.output() == "started\n")
    assert runtime.status() == "running"
    assert "it is running, not created" in refused(runtime("start", "c"))[0]
    assert "stop it first, or delete --force" in refused(runtime("delete", "c"))[0]
    runtime("kill", "c", "SIGKILL").check()
    runtime.wait_for_status("stopped")
    assert runtime.state()["pid"] == 0
    assert "there is no process to signal" in refused(runtime("kill", "c", "TERM"))[0]
    runtime("delete", "c").check()
    assert "it does not exist" in refused(runtime("state", "c"))[0]
    assert "it does not exist" in refused(runtime("delete", "c"))[0]
    runtime("delete", "--force", "c").check()


def test_nobody_stays_with_a_container(runtime, machine):
    runtime.started("sleep", "1000")
    assert runtime.program not in machine.sh("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '", check=False).text


def test_a_container_that_was_never_started_is_deleted(runtime, machine):
    bundle = runtime.bundle(runtime.config("sleep", "1000"))
    machine.sh(
        f"{runtime.program} --root {runtime.root} create -b {bundle} c >/dev/null 2>&1 </dev/null",
        env=runtime.environment,
    )
    runtime("delete", "c").check()
    assert runtime("list", "-q").check().text == ""


def test_what_cannot_be_started_leaves_nothing(runtime, machine):
    for verb, doing in (("create", "find the program /bin/no-such-program"), ("run", "run no-such-program")):
        lines = refused(runtime(verb, "-b", runtime.bundle(runtime.config("no-such-program")), "c"))
        assert len(lines) == 1 and f"container c: {doing}: No such file or directory" in lines[0]
    machine.write(f"{runtime.rootfs}/bin/data", "not a program")
    assert (
        "Permission denied" in refused(runtime.sh("", lambda config: config["process"].update(args=["/bin/data"])))[0]
    )
    machine.run(["chmod", "+x", f"{runtime.rootfs}/bin/data"]).check()
    bundle = runtime.bundle(runtime.config("data"))
    assert "Exec format error" in refused(runtime("run", "-b", bundle, "c"))[0]
    machine.sh(
        f"{runtime.program} --root {runtime.root} create -b {bundle} c >/dev/null 2>&1 </dev/null",
        env=runtime.environment,
    )
    assert refused(runtime("start", "c")) == ["container c: run data: Exec format error"]
    runtime("delete", "c").check()
    config = runtime.config("true")
    config["mounts"].append({"destination": "/x", "type": "bind", "source": "/none", "options": ["bind"]})
    assert "take /none: No such file or directory" in refused(runtime.run(config))[0]
    assert runtime("list", "-q").check().text == ""
    assert machine.sh(f"find /sys/fs/cgroup -path '*{runtime.name}/c' | wc -l").text == "0\n"


def test_whenever_a_command_dies_what_it_made_can_be_removed(runtime, machine):
    """Killed later and later, until it comes to its end; the check for leaks has the last word."""
    bundle = runtime.bundle(runtime.config("sleep", "1000"))
    seconds, states = 0.001, []
    while states[-2:] != ["created", "created"]:
        assert len(states) < 200, states
        process = machine.spawn(
            [
                "sh",
                "-c",
                'exec "$@" >/dev/null 2>&1 </dev/null',
                "sh",
                runtime.program,
                "--root",
                runtime.root,
                "create",
                "-b",
                bundle,
                "c",
            ],
            env=runtime.environment,
        )
        time.sleep(seconds)
        seconds *= 1.2
        try:
            process.signal(signals.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        result = runtime("state", "c")
        states.append(json.loads(result.text)["status"] if result.code == 0 else "none")
        runtime("delete", "--force", "c").check()
        assert machine.sh(f"find /sys/fs/cgroup -path '*{runtime.name}/c' | wc -l").text == "0\n"


def test_exec(runtime, machine):
    runtime.started("sleep", "1000", env=["PATH=/bin", "A=1", "B=2"])
    result = runtime("exec", "-e", "B=3", "c", "sh", "-c", "echo $A$B; cat; exit 4", input=b"in")
    assert (result.code, result.text) == (4, "13\nin")
    assert (
        runtime("exec", "--user", "5:6", "--cwd", "/tmp", "c", "sh", "-c", "id -u; id -g; pwd").text == "5\n6\n/tmp\n"
    )
    assert "run nothing: No such file" in refused(runtime("exec", "c", "nothing"))[0]
    document = {
        "cwd": "/",
        "args": ["sh", "-c", "echo $$ >/tmp/seen; exec sleep 1000"],
        "env": ["PATH=/bin"],
        "user": {"uid": 7, "gid": 7},
    }
    machine.write(f"{runtime.directory}/process.json", json.dumps(document))
    machine.sh(f"{runtime.program} --root {runtime.root} exec --process {runtime.directory}/process.json --detach "
               f"--pid-file {runtime.directory}/exec-pid c >/dev/null 2>&1 </dev/null", env=runtime.environment)
    pid = machine.read(f"{runtime.directory}/exec-pid").decode()
    machine.wait_until(lambda: machine.exists(f"{runtime.rootfs}/tmp/seen"))
    assert pid in runtime("ps", "c").text.split()
    assert f"{pid} " in machine.read(f"/proc/{pid}/stat").decode()
    assert "\nUid:\t7\t7\t7\t7\n" in machine.read(f"/proc/{pid}/status").decode()


def test_kill_and_ps_reach_all_processes(runtime):
    runtime.started("sh", "-c", "sleep 1000 & sleep 1000 & wait")
    runtime.machine.wait_until(lambda: len(json.loads(runtime("ps", "-f", "json", "c").text)) == 3)
    runtime("kill", "--all", "c", "9").check()
    runtime.wait_for_status("stopped")
    assert "there is no signal FOO" in refused(runtime("kill", "c", "FOO"))[0]


def test_pause_and_resume(runtime, machine):
    runtime.started("sh", "-c", "i=0; while :; do i=$((i+1)); echo $i >/tmp/count; done")
    count = f"{runtime.rootfs}/tmp/count"
    machine.wait_until(lambda: machine.exists(count))
    runtime("pause", "c").check()
    assert runtime.status() == "paused"
    assert "it is paused, not running" in refused(runtime("exec", "c", "true"))[0]
    before = machine.read(count)
    machine.sh("sleep 0.5")
    assert machine.read(count) == before
    runtime("resume", "c").check()
    machine.wait_until(lambda: machine.read(count) not in (before, b""))
    assert "it is running, not paused" in refused(runtime("resume", "c"))[0]
    runtime("pause", "c").check()
    runtime("delete", "--force", "c").check()


def test_list(runtime):
    runtime.started("sleep", "1000")
    (row,) = json.loads(runtime("list", "--format", "json").check().text)
    assert (row["id"], row["status"]) == ("c", "running")
    head, line = runtime("list").check().text.splitlines()
    assert head.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED"]
    assert line.split()[:3] == ["c", str(row["pid"]), "running"]


# What a container is given.


def test_process_is_as_configured(runtime):
    def change(config):
        config["process"].update(
            user={"uid": 1000, "gid": 1001, "additionalGids": [7, 8], "umask": 0o077}, cwd="/tmp", oomScoreAdj=500,
            rlimits=[{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}])
        config["process"]["capabilities"] = {
            "bounding": ["CAP_KILL", "CAP_CHOWN"],
            "permitted": ["CAP_KILL"],
            "inheritable": ["CAP_KILL"],
            "effective": ["CAP_KILL"],
            "ambient": ["CAP_KILL"],
        }

    script = ("pwd; umask; hostname; ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj;"
              "grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp):' /proc/self/status")
    lines = runtime.sh(script, change).check().text.split("\n")
    assert lines[:6] == ["/tmp", "0077", "box", "100", "200", "500"]
    facts = {key: value.split() for key, value in (line.split(":") for line in lines[6:] if line)}
    assert facts["Uid"] == ["1000"] * 4 and facts["Gid"] == ["1001"] * 4 and facts["Groups"] == ["7", "8"]
    kill, both = f"{1 << 5:016x}", f"{1 << 5 | 1:016x}"
    assert [facts[f"Cap{kind}"] for kind in ("Bnd", "Prm", "Eff", "Inh", "Amb")] == [
        [both],
        [kill],
        [kill],
        [kill],
        [kill],
    ]
    assert facts["NoNewPrivs"] == ["1"] and facts["Seccomp"] == ["0"]


def test_mounts_are_as_configured(runtime, machine):
    machine.write(f"{runtime.directory}/volume/file", "there")

    def change(config):
        config["root"]["readonly"] = True
        source = f"{runtime.directory}/volume"
        config["mounts"] += [
            {
                "destination": "/data/new",
                "type": "bind",
                "source": source,
                "options": ["rbind", "ro", "nosuid", "noatime"],
            },
            {"destination": "/tmp/one", "source": f"{source}/file", "options": ["bind", "nodev"]},
            {"destination": "/scratch", "type": "tmpfs", "source": "tmpfs", "options": ["ro", "size=1m"]},
            {"destination": "/scratch/in", "type": "tmpfs", "source": "tmpfs", "options": ["noexec", "mode=700"]},
        ]

    script = (
        "cat /data/new/file; echo; touch /x /data/new/x /scratch/x 2>&1; echo more >>/tmp/one;"
        "touch /scratch/in/x && echo ok;"
        "grep -E ' (/|/data/new|/tmp/one|/scratch|/scratch/in) ' /proc/mounts | cut -d' ' -f 2,4"
    )
    lines = runtime.sh(script, change).text.splitlines()
    assert lines[0] == "there"
    assert [line.split(": ")[-1] for line in lines[1:4]] == ["Read-only file system"] * 3
    assert lines[4] == "ok"
    options = {path: flags.split(",") for path, flags in (line.split() for line in lines[5:])}
    assert options["/"][0] == "ro" and {"ro", "nosuid", "noatime"} <= set(options["/data/new"])
    assert {"rw", "nodev"} <= set(options["/tmp/one"]) and options["/scratch"][0] == "ro"
    assert {"rw", "noexec", "mode=700"} <= set(options["/scratch/in"])
    assert machine.read(f"{runtime.directory}/volume/file") == b"theremore\n"


def test_a_tmpfs_may_begin_with_what_it_hides(runtime, machine):
    machine.sh(
        f"cd {runtime.rootfs}/var; mkdir -p a/b; echo text >a/b/file; ln -s a/b/file link;"
        "chmod 4711 a/b/file; chown 5:6 a/b; chmod 750 ."
    )

    def change(config):
        config["mounts"].append(
            {"destination": "/var", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup", "size=1m"]}
        )

    script = (
        "cd /var; cat link; stat -c '%a %u %g' . a/b a/b/file; readlink link; touch new;"
        "grep -c ' /var tmpfs' /proc/mounts"
    )
    assert runtime.sh(script, change).check().text.splitlines() == [
        "text",
        "750 0 0",
        "755 5 6",
        "4711 0 0",
        "a/b/file",
        "1",
    ]
    assert not machine.exists(f"{runtime.rootfs}/var/new")
    # What does not fit is no start.
    machine.sh(f"dd if=/dev/zero of={runtime.rootfs}/var/big bs=1M count=2 2>/dev/null")
    assert "No space left on device" in refused(runtime.sh("echo never", change))[0]


def test_paths_are_masked_and_read_only(runtime):
    def change(config):
        config["linux"]["maskedPaths"] = ["/proc/interrupts", "/etc", "/none"]
        config["linux"]["readonlyPaths"] = ["/proc/sys", "/var", "/none"]

    result = runtime.sh("cat /proc/interrupts; ls /etc; touch /var/x; echo a >/proc/sys/kernel/hostname", change)
    assert result.text == "" and result.error_text.count("Read-only file system") == 2


def test_a_link_of_the_image_does_not_lead_out(runtime, machine):
    """While a root is made, /proc/self/cwd is the host's."""
    outside = f"{runtime.directory}/outside"
    machine.sh(f"mkdir {outside}; rm -r {runtime.rootfs}/dev; ln -s /proc/self/cwd{outside} {runtime.rootfs}/dev;"
               f"ln -s /proc/self/cwd{outside} {runtime.rootfs}/x")

    def change(config):
        config["mounts"] = [mount for mount in config["mounts"] if not mount["destination"].startswith("/dev")]
        config["linux"]["devices"] = [{"path": "/dev/mine", "type": "c", "major": 1, "minor": 3}]

    refused(runtime.sh("echo never", change))

    def mount(config):
        config["mounts"].append({"destination": "/x/new", "type": "tmpfs", "source": "tmpfs"})

    refused(runtime.sh("echo never", mount))
    assert machine.run(["ls", outside]).text == ""


def test_namespaces_by_path(runtime, machine):
    pid = runtime.started("sh", "-c", "hostname inside; exec sleep 1000", capabilities={
        kind: ["CAP_SYS_ADMIN"] for kind in ("bounding", "effective", "permitted")})
    config = runtime.config(
        "sh", "-c", "hostname; for n in net ipc uts pid; do readlink /proc/self/ns/$n; done; ps | grep -c sleep"
    )
    config["hostname"] = ""
    kinds = {"network": "net", "ipc": "ipc", "uts": "uts", "pid": "pid"}
    config["linux"]["namespaces"] = [{"type": "mount"}] + [
        {"type": kind, "path": f"/proc/{pid}/ns/{name}"} for kind, name in kinds.items()]
    config["linux"]["cgroupsPath"] = f"/{runtime.name}/d"
    lines = runtime("run", "-b", runtime.bundle(config, "second"), "d").check().text.splitlines()
    assert lines[0] == "inside"
    assert lines[1:5] == [machine.sh(f"readlink /proc/{pid}/ns/{name}").text.strip() for name in kinds.values()]
    assert int(lines[5]) >= 1


def test_user_namespace(runtime, machine):
    def change(config):
        config["linux"]["namespaces"].append({"type": "user"})
        mapping = [{"containerID": 0, "hostID": 200000, "size": 1000}]
        config["linux"].update(uidMappings=mapping, gidMappings=mapping)

    machine.run(["chown", "-R", "200000:200000", runtime.rootfs]).check()
    text = (
        runtime.sh("id -u; cat /proc/self/uid_map; echo x >/tmp/mine; cat /dev/null; ls -ln /dev/null", change)
        .check()
        .text
    )
    assert text.startswith("0\n") and "200000" in text
    assert machine.sh(f"stat -c %u {runtime.rootfs}/tmp/mine").text == "200000\n"


def test_sysctls(runtime):
    def change(config):
        config["linux"]["sysctl"] = {"net.ipv4.ping_group_range": "0 5", "kernel.msgmax": "4096"}

    assert runtime.sh("cat /proc/sys/net/ipv4/ping_group_range /proc/sys/kernel/msgmax", change).text.split() == [
        "0",
        "5",
        "4096",
    ]


def test_devices(runtime):
    def change(config):
        config["linux"]["devices"] = [
            {"path": "/dev/sub/nothing", "type": "c", "major": 1, "minor": 3, "fileMode": 0o640, "uid": 5, "gid": 6},
            {"path": "/dev/queue", "type": "p"}]

    text = runtime.sh(
        "stat -c '%t:%T %a %u %g' /dev/sub/nothing; test -p /dev/queue && echo pipe; echo x >/dev/null && echo ok",
        change,
    ).text
    assert text == "1:3 640 5 6\npipe\nok\n"


def test_limits(runtime, machine):
    def change(config):
        config["linux"]["resources"] = {
            "memory": {"limit": 32 << 20},
            "pids": {"limit": 20},
            "cpu": {"shares": 512, "quota": 50000, "period": 100000},
        }

    runtime.started("sleep", "1000", change=change)
    if has_v1(machine):
        files = {"memory": "memory.limit_in_bytes", "pids": "pids.max", "cpu": "cpu.cfs_quota_us cpu.shares"}
        found = [machine.read(f"/sys/fs/cgroup/{kind}/{runtime.name}/c/{name}").split()
                 for kind, names in files.items() for name in names.split()]
        assert found == [[b"33554432"], [b"20"], [b"50000"], [b"512"]]
    else:
        found = [machine.read(f"/sys/fs/cgroup/{runtime.name}/c/{name}").split()
                 for name in ("memory.max", "pids.max", "cpu.max", "cpu.weight")]
        assert found == [[b"33554432"], [b"20"], [b"50000", b"100000"], [b"20"]]


def test_limits_are_changed(runtime, machine):
    runtime.started(
        "sleep", "1000", change=lambda config: config["linux"].update(resources={"memory": {"limit": 32 << 20}})
    )
    place = "/sys/fs/cgroup/memory" if has_v1(machine) else "/sys/fs/cgroup"
    limit = f"{place}/{runtime.name}/c/" + ("memory.limit_in_bytes" if has_v1(machine) else "memory.max")
    for bytes in (64 << 20, 16 << 20):
        document = json.dumps({"memory": {"limit": bytes}, "pids": {"limit": 9}}).encode()
        runtime("update", "--resources", "-", "c", input=document).check()
        assert int(machine.read(limit)) == bytes
    line = refused(runtime("update", "-r", "-", "c", input=b'{"blockIO": {"weight": 5}}'))[0]
    assert line == "config.json: linux.resources.blockIO: microrun does not do this"
    assert "give --resources" in refused(runtime("update", "c"), code=2)[0]


def test_device_rules(runtime, machine):
    """Whatever may be made, only what is allowed may be used."""
    def change(config):
        config["process"]["capabilities"] = {kind: ["CAP_MKNOD"] for kind in ("bounding", "effective", "permitted")}
        config["linux"]["resources"] = {"devices": [
            {"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 60, "minor": 1, "access": "r"}]}

    # Numbers that no driver has: where the use is allowed, that is what one hears.
    result = runtime.sh(
        "mknod /a c 60 1; mknod /b c 60 2; for f in /a /b; do (: <$f); (: >$f); done; head -c 1 /dev/zero | wc -c",
        change,
    )
    assert result.text == "1\n"
    assert [line.split(": ")[-1] for line in result.error_text.splitlines()] == [
        "No such device or address"] + 3 * ["Operation not permitted"]


def test_seccomp(runtime):
    def change(config):
        config["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW",
            "architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X86_64"],
            "syscalls": [
                {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 122},
                {
                    "names": ["kill"],
                    "action": "SCMP_ACT_ERRNO",
                    "args": [{"index": 1, "value": 10, "op": "SCMP_CMP_EQ"}],
                },
            ],
        }

    for changes in ({}, {"noNewPrivileges": False}):
        script = ("mkdir /tmp/x || echo refused; sleep 100 & kill -USR1 $! || echo not; kill -TERM $! && echo yes;"
                  " grep ^Seccomp: /proc/self/status")
        result = runtime.sh(script, change, **changes)
        assert result.text.split() == ["refused", "not", "yes", "Seccomp:", "2"]
        assert "quota exceeded" in result.error_text.lower(), result


def test_cgroup_mount_shows_the_containers_own(runtime, machine):
    def change(config):
        options = ["nosuid", "noexec", "nodev", "relatime", "ro"]
        config["mounts"].append(
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": options}
        )

    script = "cd /sys/fs/cgroup; [ -d memory ] && cd memory; cat cgroup.procs; mkdir x 2>&1"
    lines = runtime.sh(script, change).text.splitlines()
    assert "1" in lines and "Read-only file system" in lines[-1]


TERMINAL = r"""
import socket, sys, array, os, subprocess
path, arguments = sys.argv[1], sys.argv[2:]
listener = socket.socket(socket.AF_UNIX); listener.bind(path); listener.listen(1)
child = subprocess.Popen(arguments)
peer, _ = listener.accept()
_, rights, _, _ = peer.recvmsg(100, 100)
descriptor = array.array("i", rights[0][2])[0]
child.wait()
text = b""
while True:
    try: piece = os.read(descriptor, 1000)
    except OSError: break
    if not piece: break
    text += piece
sys.stdout.buffer.write(text)
"""


@pytest.mark.machines("local")
def test_terminal_is_sent_to_the_console_socket(runtime, machine):
    machine.write(f"{runtime.directory}/terminal.py", TERMINAL)
    config = runtime.config(
        "sh",
        "-c",
        "tty; test -t 0 -a -t 2 && echo terminal; stty size; echo hello >/dev/console; ls -ln $(tty)",
        terminal=True,
        consoleSize={"height": 30, "width": 90},
        user={"uid": 5, "gid": 5},
    )
    config["process"]["args"] = ["sh", "-c", "tty; test -t 0 && test -t 2 && echo terminal; stat -c %u $(tty)"]
    machine.run(["ln", "-sf", "busybox", f"{runtime.rootfs}/bin/tty"]).check()
    bundle = runtime.bundle(config)
    socket = f"{runtime.directory}/console"
    text = (
        machine.run(
            [
                "python3",
                f"{runtime.directory}/terminal.py",
                socket,
                runtime.program,
                "--root",
                runtime.root,
                "run",
                "-d",
                "-b",
                bundle,
                "--console-socket",
                socket,
                "c",
            ],
            env=runtime.environment,
        )
        .check()
        .text
    )
    assert text.split() == ["/dev/pts/0", "terminal", "5"]
    for command in (["create"], ["run", "--detach"]):
        assert "give --console-socket" in refused(runtime(*command, "-b", bundle, "d"))[0]


#: A person at a terminal, who types when the other side asks for it.
PERSON = r"""
import os, pty, sys
typed, arguments = sys.argv[1], sys.argv[2:]
process, terminal = pty.fork()
if process == 0:
    os.execv(arguments[0], arguments)
text = b""
while True:
    try: piece = os.read(terminal, 1000)
    except OSError: break
    if not piece: break
    text += piece
    if typed and b"ready" in text:
        os.write(terminal, typed.encode() + b"\n")
        typed = ""
print(text.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
"""


@pytest.mark.machines("local")
def test_terminal_is_shown_by_a_command_that_stays(runtime, machine):
    machine.write(f"{runtime.directory}/person.py", PERSON)
    machine.run(["ln", "-sf", "busybox", f"{runtime.rootfs}/bin/tty"]).check()
    script = "tty; echo ready; read word; echo got $word; exit 6"

    def person(typed, *arguments):
        return machine.run(["python3", f"{runtime.directory}/person.py", typed, runtime.program, "--root", runtime.root,
                            *arguments], env=runtime.environment)

    result = person("word", "run", "-b", runtime.bundle(runtime.config("sh", "-c", script, terminal=True)), "c")
    # What is typed is shown by the container's terminal, and by that only.
    assert (result.code, result.text.split()) == (6, ["/dev/pts/0", "ready", "word", "got", "word"])
    runtime.started("sleep", "1000")
    script = "trap 'echo caught; exit 7' INT; echo ready; while :; do /bin/sleep 0.1; done"
    result = person("\x03", "exec", "--tty", "c", "sh", "-c", script)
    assert result.code == 7 and "caught" in result.text


def test_hooks(runtime, machine):
    log = f"{runtime.directory}/hooks"
    for name in ("prestart", "createRuntime", "poststart", "poststop"):
        script = f"#!/bin/sh\nread a; read b; read c; read d; echo {name} $c $d $1 $X >>{log}\n"
        machine.write(f"{runtime.directory}/{name}", script, mode=0o755)

    def hook(name, **more):
        return [
            {
                "path": f"{runtime.directory}/{name}",
                "args": [name, "word"],
                "env": ["X=y", "PATH=/bin:/usr/bin"],
                **more,
            }
        ]

    def change(config):
        config["hooks"] = {name: hook(name) for name in ("prestart", "createRuntime", "poststart", "poststop")}

    assert runtime.sh("exit 3", change).code == 3
    lines = machine.read(log).decode().splitlines()
    assert [line.split()[0] for line in lines] == ["prestart", "createRuntime", "poststart", "poststop"]
    assert '"id": "c", "status": "creating"' in lines[0] and lines[0].endswith("word y")
    assert '"status": "stopped"' in lines[3]

    def failing(config):
        config["hooks"] = {"createRuntime": [{"path": "/bin/false"}]}

    assert refused(runtime.sh("echo never", failing)) == ["createRuntime hook /bin/false: it ended with code 1"]
    machine.write(f"{runtime.directory}/slow", "#!/bin/sh\nexec sleep 1000\n", mode=0o755)

    def slow(config):
        config["hooks"] = {"createRuntime": hook("slow", timeout=1)}

    assert "timed out" in refused(runtime.sh("echo never", slow))[0]
    assert runtime("list", "-q").text == ""


def test_hooks_that_the_container_runs(runtime, machine):
    """createContainer sees the host's files in the container's namespaces; startContainer is a program of the container's."""
    log = f"{runtime.directory}/hooks"
    machine.write(f"{runtime.directory}/hook", f"#!/bin/sh\n(cat; hostname; echo; echo $1 $X) >{log}\n", mode=0o755)
    machine.write(f"{runtime.rootfs}/bin/hook", "#!/bin/sh\n(cat; id -u; ls /) >/tmp/hook\n", mode=0o755)

    def change(config):
        config["annotations"] = {"key": "value"}
        config["hooks"] = {
            "createContainer": [{"path": f"{runtime.directory}/hook", "args": ["hook", "word"],
                                 "env": ["X=y", "PATH=/bin:/usr/bin"], "timeout": 30}],
            "startContainer": [{"path": "/bin/hook", "env": ["PATH=/bin"]}]}

    pid = runtime.started("sh", "-c", "cat /tmp/hook; exec sleep 1000", change=change, user={"uid": 5, "gid": 5})
    machine.wait_until(lambda: "bin" in runtime.output())
    created, inside = machine.read(log).decode(), runtime.output()
    state, _ = json.JSONDecoder().raw_decode(created)
    assert (state["id"], state["status"], state["pid"], state["annotations"]) == ("c", "creating", 1, {"key": "value"})
    assert "box\n" in created and created.endswith("word y\n")
    assert '"status": "created"' in inside and "\n5\n" in inside
    assert pid == runtime.state()["pid"]
    runtime("delete", "--force", "c").check()

    def failing(config):
        config["hooks"] = {"createContainer": [{"path": "/bin/false"}]}

    assert "run the hook /bin/false: " in refused(runtime.sh("echo never", failing))[0]

    def slow(config):
        config["hooks"] = {"startContainer": [{"path": "/bin/sleep", "args": ["sleep", "1000"], "timeout": 1}]}

    assert "run the hook /bin/sleep: " in refused(runtime.sh("echo never", slow))[0]
    assert runtime("list", "-q").text == ""


def test_personality_and_scheduling(runtime):
    def change(config):
        config["linux"]["personality"] = {"domain": "LINUX32"}
        config["process"]["scheduler"] = {"policy": "SCHED_BATCH", "nice": 7}
        config["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_IDLE"}

    # Fields 19 and 41 of proc(5)'s stat, counted from behind the name: nice value and policy.
    script = "uname -m; sed 's/.*) //' /proc/self/stat | cut -d' ' -f 17,39; cat /proc/self/personality"
    machine, priorities, personality = runtime.sh(script, change).check().text.splitlines()
    assert (machine in {"i686", "i586"}, priorities, personality) == (True, "7 3", "00000008")


def test_clocks_of_its_own(runtime, machine):
    def change(config):
        config["linux"]["namespaces"].append({"type": "time"})
        config["linux"]["timeOffsets"] = {"boottime": {"secs": 1000000, "nanosecs": 5}}

    inside = float(runtime.sh("cat /proc/uptime", change).check().text.split()[0])
    assert 0 <= inside - 1000000 - float(machine.read("/proc/uptime").split()[0]) + 60 < 120

    def without(config):
        config["linux"]["timeOffsets"] = {"boottime": {"secs": 1}}

    assert "without a time namespace" in refused(runtime.sh("", without))[0]


def test_seccomp_flags(runtime):
    def change(config):
        config["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
            "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}

    result = runtime.sh("mkdir /tmp/x; grep Speculation_Store /proc/self/status", change)
    assert "not permitted" in result.error_text

    def unknown(config):
        config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_OTHER"]}

    assert 'microrun does not do "SECCOMP_FILTER_FLAG_OTHER"' in refused(runtime.sh("", unknown))[0]


def test_descriptors_are_handed_on(runtime, machine):
    machine.write(f"{runtime.directory}/handed", "handed on")
    script = "cat <&3; ls /proc/self/fd | wc -l"
    bundle = runtime.bundle(runtime.config("sh", "-c", script))
    command = f"{runtime.program} --root {runtime.root}"

    def given(line):
        return machine.sh(f"{line} 3<{runtime.directory}/handed 4</dev/null", env=runtime.environment).text

    # 0, 1, 2, 3 and that of ls.
    assert given(f"{command} run --preserve-fds 1 -b {bundle} c") == "handed on5\n"
    runtime.started("sleep", "1000")
    assert given(f"{command} exec --preserve-fds 1 c sh -c '{script}'") == "handed on5\n"
    assert given(f"{command} exec c sh -c 'ls /proc/self/fd | wc -l'") == "4\n"


@pytest.mark.machines("local")
def test_a_run_is_few_system_calls(runtime, machine):
    """The container's program's own are among them: about ten of a static busybox."""

    def calls(change):
        config = runtime.config("true")
        config["linux"]["resources"] = {"memory": {"limit": 64 << 20}, "pids": {"limit": 64}}
        change(config)
        file = f"{runtime.directory}/calls"
        machine.run(["strace", "-f", "-c", "-o", file, runtime.program, "--root", runtime.root, "run", "-b",
                     runtime.bundle(config), "c"], env=runtime.environment).check()
        # A table for each kind of programs, whose last line has the sum; a column before it may be empty.
        totals = [line.split() for line in machine.read(file).decode().splitlines() if line.endswith("total")]
        return sum(int(words[3]) for words in totals)

    def users(config):
        ids = [{"containerID": 0, "hostID": 100000, "size": 65536}]
        config["linux"]["namespaces"].append({"type": "user"})
        config["linux"].update(uidMappings=ids, gidMappings=ids)
        machine.sh(f"chown -R 100000:100000 {runtime.rootfs}")

    assert calls(lambda config: None) <= 250
    assert calls(users) <= 240


def test_the_group_above_those_that_name_none_goes_with_the_last(runtime, machine):
    def change(config):
        del config["linux"]["cgroupsPath"]

    there = "ls -d /sys/fs/cgroup/microrun /sys/fs/cgroup/*/microrun 2>/dev/null | wc -l"
    runtime.started("sleep", "1000", change=change)
    assert machine.sh(there).text != "0\n"
    runtime("delete", "--force", "c").check()
    assert machine.sh(there).text == "0\n"


# What is refused.


def test_each_thing_that_cannot_be_done_is_one_line(runtime):
    def change(config):
        config["process"]["selinuxLabel"] = "x"
        config["linux"]["intelRdt"] = {"closID": "x"}
        config["mounts"][0]["options"].append("idmap")

    assert [line.split(":")[1].strip() for line in refused(runtime.sh("", change))] == [
        "process.selinuxLabel", "mounts[0].options", "linux.intelRdt"]


def test_errors_go_to_the_log_as_an_engine_reads_it(runtime, machine):
    log = f"{runtime.directory}/log"
    bundle = runtime.bundle(
        {"ociVersion": "1.2.0", "root": {"path": "/"}, "linux": {"namespaces": [{"type": "mount"}]}}
    )
    runtime("--log", log, "--log-format=json", "run", "-b", bundle, "c")
    entry = json.loads(machine.read(log))
    assert (entry["level"], entry["msg"]) == ("error", "config.json: process: it is missing")
    runtime("--log", log, "run", "-b", bundle, "c")
    assert 'level=error msg="config.json: process: it is missing"' in machine.read(log).decode()
    config = runtime.config("true")
    config["x-ours"] = 1
    runtime("--log", log, "run", "-b", runtime.bundle(config), "c").check()
    assert "config.json: x-ours: it is in no specification" in machine.read(log).decode()


@pytest.mark.parametrize(
    "arguments, code, line",
    [
        (["bogus"], 2, "there is no command bogus"),
        ([], 2, "say what to do"),
        (["state"], 2, "usage: microrun state"),
        (["run", "--fast", "c"], 2, "there is no option --fast"),
        (["kill", "c", "TERM", "x"], 2, "usage: microrun kill"),
        (["--systemd-cgroup", "list"], 1, "use --cgroup-manager=cgroupfs"),
        (["--cgroup-manager=systemd", "list"], 1, "there is only cgroupfs"),
        (["run", "--preserve-fds", "17", "c"], 2, "it must be 0 to 16"),
        (["run", "--preserve-fds", "1", "c"], 1, "descriptor 3 is not open"),
        (["state", "../x"], 1, "it does not exist"),
        (["create", "--bundle", "/none", "c"], 1, "open /none/config.json: No such file or directory"),
    ],
)
def test_commands_that_are_refused(runtime, arguments, code, line):
    assert line in refused(runtime(*arguments), code)[0]


def test_names_are_checked_before_anything_is_made(runtime, machine):
    bundle = runtime.bundle(runtime.config("true"))
    for name in ("..", "a/b", "-", "a" * 129):
        assert "it must begin with a letter or digit" in refused(runtime("run", "-b", bundle, name))[0]
    assert not machine.exists(f"{runtime.root}")


def test_spec_features_and_version(runtime, machine):
    machine.run(["mkdir", f"{runtime.directory}/new"]).check()
    runtime("spec", "-b", f"{runtime.directory}/new").check()
    config = json.loads(machine.read(f"{runtime.directory}/new/config.json"))
    assert config["process"]["args"] == ["sh"]
    assert "File exists" in refused(runtime("spec", "-b", f"{runtime.directory}/new"))[0]
    features = json.loads(runtime("features").check().text)
    assert features["ociVersionMax"] == "1.2.0" and features["linux"]["cgroup"]["v2"]
    assert "spec: 1.2.0" in runtime("--version").check().text
    assert (
        "create ID" in runtime("--help").check().text
        and "--console-socket" in runtime("create", "--help").check().text
    )
