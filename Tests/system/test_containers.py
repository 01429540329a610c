"""A container's life, as microctl shows it: run, look, stop, start, remove, restart; and what its options do."""

import json
import re
import signal as signals

import pytest

from node import SLOW_COUNTER, assert_unbroken, line_numbers, numbered, refused

RING_BYTES = 65536


# In the foreground


def test_output_of_both_kinds_comes_in_order(node):
    result = node.run("sh", "-c", "echo one; echo two >&2; echo three")
    assert (result.code, result.text, result.error_text) == (0, "one\ntwo\nthree\n", "")


@pytest.mark.parametrize("code", [0, 1, 7, 125, 255])
def test_exit_code_is_the_programs(node, code):
    assert node.run("sh", "-c", f"exit {code}").code == code


@pytest.mark.parametrize("number", [signals.SIGTERM, signals.SIGKILL, signals.SIGSEGV])
def test_end_by_signal_is_128_and_more(node, number):
    # Process 1 of a container is immune to its own signals, so another ends and it tells.
    assert node.run("sh", "-c", f"sh -c 'kill -{int(number)} $$; :'; exit $?").code == 128 + number


def test_signal_from_outside_is_told(node):
    name = node.start("sleep", "1000")
    node.machine.kill(node.process(name), signals.SIGKILL)
    node.wait_for_phase(name, "ended")
    assert node.end(name) == (137, "killed by signal 9")


def test_much_output_comes_whole(node):
    result = node.run("sh", "-c", numbered(5000), options=["--log-size", "1M"])
    assert line_numbers(result.text) == list(range(1, 5001))


def test_output_without_a_newline_and_of_any_bytes(node):
    result = node.run("printf", "\\000\\377\\001end")
    assert result.stdout == b"\x00\xff\x01end"


def test_interrupt_stops_the_container(node):
    run = node.spawn("sh", "-c", "trap 'echo bye; exit 3' TERM; echo here; while :; do sleep 0.05; done",
                     options=["--name", "polite"])
    run.wait_for("here")
    run.signal(signals.SIGINT)
    result = run.wait()
    assert (result.code, result.text) == (3, "here\nbye\n")
    assert "stopped on request" in node.end("polite")[1]


def test_missing_program_is_one_line_and_leaves_nothing(node):
    line = refused(node.run("no-such-program", options=["--name", "x"]), code=125)
    assert line.startswith("container x: ") and "no-such-program" in line and "No such file" in line
    assert node.names("-a") == []


def test_missing_root_is_one_line_and_leaves_nothing(node):
    line = refused(node.ctl("run", "--name", "x", "/no/such/root", "true"), code=125)
    assert "/no/such/root" in line
    assert node.names("-a") == []


def test_file_that_is_no_program(node):
    node.machine.write(f"{node.rootfs}/bin/text", "not a program", mode=0o755)
    assert "Exec format error" in refused(node.run("text"), code=125)
    node.machine.write(f"{node.rootfs}/bin/text", "not a program", mode=0o644)
    assert "Permission denied" in refused(node.run("text"), code=125)


# Names, lists, details


def test_detached_run_tells_the_name(node):
    assert node.start("sleep", "1000", options=["--name", "dns"]) == "dns"
    assert node.start("sleep", "1000").startswith("c")


def test_name_that_is_taken(node):
    node.start("true", options=["--name", "dns"])
    assert "dns" in refused(node.ctl("run", "-d", "--name", "dns", node.rootfs, "true"), code=125)


@pytest.mark.parametrize("name", ["..", "a/b", "a b", "x" * 200, "-x"])
def test_name_that_cannot_be(node, name):
    refused(node.ctl("run", "-d", f"--name={name}", node.rootfs, "true"), code=125)
    assert node.names("-a") == []


def test_name_of_a_file_of_the_kernels(node):
    """Regression: where control groups hold such a file there is no group, but those of other controllers stayed."""
    told = refused(node.ctl("run", "-d", "--name", "pids.max", node.rootfs, "true"), code=125)
    assert "pids.max: File exists" in told, told
    assert node.machine.sh(f"find /sys/fs/cgroup -path '*/{node.agent.name}/pids.max' -type d").text == ""


def test_removed_when_ended(node):
    result = node.run("sh", "-c", "echo there; exit 4", options=["--rm"])
    assert (result.code, result.text) == (4, "there\n")
    assert node.names("-a") == []


def test_ps_shows_what_runs_and_all_what_has_ended(node):
    node.run("false", options=["--name", "over"])
    node.start("sleep", "1000", options=["--name", "runs"])
    assert node.names() == ["runs"]
    assert node.names("-a") == ["over", "runs"]
    table = node.ctl("ps", "-a").check().text.splitlines()
    assert table[0].split() == ["NAME", "STATUS", "MEMORY", "COMMAND"]
    assert "sleep 1000" in table[2] and "exit code 1" in table[1]


def test_ps_in_json(node):
    node.start("sleep", "1000", options=["--name", "runs", "--memory", "4M"])
    (state,) = json.loads(node.ctl("ps", "--json").check().text)
    assert (state["name"], state["phase"], state["request"]["memoryBytes"]) == ("runs", "running", 4 << 20)
    assert state["request"]["command"] == ["sleep", "1000"]


def test_inspect_tells_all(node):
    node.run("sh", "-c", "exit 6", options=["--name", "over", "--env", "A=1"])
    # Whoever watched it knows of its end before that is durable; until then it keeps its budget.
    node.machine.wait_until(lambda: not node.state("over")["wanted"])
    state = node.state("over")
    assert state["phase"] == "ended" and state["starts"] == 1
    assert state["end"] == {"exitCode": 6, "reason": "exit code 6"}
    assert state["request"]["environment"] == ["A=1"] and state["request"]["root"] == node.rootfs
    assert "exit code 6" in node.ctl("inspect", "over").check().text


def test_stats_count_memory_and_processes(node):
    name = node.start_sh("sleep 1000 & sleep 1000 & wait", "--memory", "4M", "--processes", "9")
    node.machine.wait_until(lambda: node.json("stats", name)[0]["processCount"] == 3)
    (usage,) = node.json("stats", name)
    assert usage["memoryBytes"] == 4 << 20 and usage["processes"] == 9
    assert 0 < usage["memoryUsedBytes"] <= usage["memoryPeakBytes"] <= 4 << 20


@pytest.mark.parametrize("verb", [["inspect"], ["logs"], ["logs", "-f"], ["stop"], ["start"], ["rm"], ["stats"]])
def test_name_that_is_unknown(node, verb):
    assert "wombat" in refused(node.ctl(*verb, "wombat"))


# Logs


def test_logs_are_kept_after_the_end(node):
    node.run("sh", "-c", "echo out; echo err >&2", options=["--name", "x"])
    assert node.logs("x") == "out\nerr\n"


def test_tail(node):
    node.run("printf", "a\\nb\\nc\\n", options=["--name", "x"])
    for count, expected in {"0": "", "1": "c\n", "2": "b\nc\n", "9": "a\nb\nc\n", "all": "a\nb\nc\n"}.items():
        assert node.logs("x", "--tail", count) == expected


def test_followers_see_all_to_the_end(node):
    name = node.start_sh("echo first; while [ ! -e /tmp/go ]; do sleep 0.05; done; echo last")
    followers = [node.agent.spawn_ctl("logs", "-f", name) for _ in range(3)]
    for follower in followers:
        follower.wait_for("first\n")
    touch_inside(node, name, "/tmp/go")
    assert [follower.wait().text for follower in followers] == ["first\nlast\n"] * 3


def test_follower_that_goes_away_disturbs_nobody(node):
    name = node.start_sh(SLOW_COUNTER)
    leaver, stayer = [node.agent.spawn_ctl("logs", "-f", name) for _ in range(2)]
    leaver.wait_for("line 3\n")
    leaver.signal(signals.SIGKILL)
    stayer.wait_for("line 30\n")
    stayer.signal(signals.SIGINT)
    assert stayer.wait().code == 128 + signals.SIGINT
    assert_unbroken(line_numbers(stayer.stdout.decode()))


def test_ring_keeps_the_newest(node):
    node.run("sh", "-c", numbered(20000) + "; echo -n end", options=["--name", "x"])
    text = node.logs("x")
    assert len(text) == RING_BYTES and text.endswith("line 20000\nend")
    assert_unbroken(line_numbers(text.partition("\n")[2]), first=20000 - text.count("\n") + 2)


def test_log_size_is_the_containers(node):
    node.run("seq", "1", "20000", options=["--name", "x", "--log-size", "8K"])
    assert len(node.logs("x")) == 8192


def test_slow_reader_is_told_of_a_gap_and_holds_up_nobody(node):
    name = node.start_sh(f"while [ ! -e /tmp/go ]; do sleep 0.05; done; {numbered(200000)}; echo end")
    # A follower that is stopped reads nothing: all that is on the way to it is a few buffers.
    follower = node.agent.spawn_ctl("logs", "-f", name)
    node.machine.wait_until(lambda: connections_of(node, follower.pid))
    follower.signal(signals.SIGSTOP)
    touch_inside(node, name, "/tmp/go")
    node.wait_for_phase(name, "ended")
    follower.signal(signals.SIGCONT)
    result = follower.wait()
    assert result.text.endswith("line 200000\nend\n")
    gaps = re.findall(r"(\d+) bytes of output were overwritten before they could be read", result.error_text)
    missing = sum(map(int, gaps))
    assert missing > 0
    assert missing + len(result.stdout) == len("".join(f"line {i}\n" for i in range(1, 200001))) + len("end\n")


# Stop, start, remove


def test_stop_lets_the_program_end_itself(node):
    name = node.start_sh("trap 'echo bye; exit 5' TERM; echo here; while :; do sleep 0.05; done")
    node.wait_for_log(name, "here")
    assert node.ctl("stop", name).check().text == f"{name}\n"
    assert node.end(name) == (5, "exit code 5, stopped on request of the owner")
    assert node.logs(name) == "here\nbye\n"


def test_stop_kills_when_the_grace_period_is_over(node):
    # Process 1 without a handler takes no SIGTERM.
    name = node.start("sleep", "1000")
    node.ctl("stop", "--time", "1", name).check()
    assert node.end(name) == (137, "killed by signal 9, stopped on request of the owner after its grace period")


def test_stop_ends_the_whole_container(node):
    name = node.start_sh("sleep 1000 & setsid sleep 1000 & wait")
    processes = node.machine.wait_until(lambda: three(node.processes(name)))
    node.ctl("stop", "-t", "0", name).check()
    assert not any(node.is_alive(process) for process in processes)
    assert not node.machine.exists(node.cgroup(name, "pids"))


def test_stopped_container_is_not_restarted(node):
    name = node.start("sleep", "1000", options=["--restart", "always"])
    node.ctl("stop", "-t", "0", name).check()
    assert node.state(name)["phase"] == "ended"
    node.kill_agent()
    assert node.state(name)["phase"] == "ended"


def test_start_runs_it_again_on_what_it_wrote(node):
    node.run("sh", "-c", "echo x >> /tmp/x; cat /tmp/x; echo --", options=["--name", "again"])
    node.ctl("start", "again").check()
    node.wait_for_phase("again", "ended")
    assert node.logs("again") == "x\n--\nx\nx\n--\n"
    assert node.state("again")["starts"] == 2


def test_running_container_is_removed_by_force_only(node):
    name = node.start("sleep", "1000")
    assert "--force" in refused(node.ctl("rm", name))
    process = node.process(name)
    node.ctl("rm", "--force", name).check()
    assert node.names("-a") == [] and not node.is_alive(process)


def test_several_at_once_and_one_that_is_not_there(node):
    for name in ("a", "b"):
        node.start("sleep", "1000", options=["--name", name])
    result = node.ctl("rm", "-f", "a", "wombat", "b")
    assert (result.code, result.text) == (1, "a\nb\n") and "wombat" in result.error_text


def test_removal_deletes_what_it_wrote(node):
    node.run("sh", "-c", "mkdir -p /a/b; seq 1 1000 > /a/b/c; rm -r /etc", options=["--name", "x"])
    node.ctl("rm", "x").check()
    left = f"find {node.agent.state_directory}/containers -mindepth 1 ! -name trash"
    node.machine.wait_until(lambda: node.machine.sh(left).text == "")


def test_what_was_removed_is_deleted_though_the_agent_ends(node):
    """Regression: deleting begins a little later, and an agent that ended before left it to the next one."""
    node.run("touch", "/a", options=["--name", "x"])
    node.ctl("rm", "x").check()
    node.agent.stop().check()
    left = f"ls {node.agent.state_directory}/containers"
    node.machine.wait_until(lambda: node.machine.sh(left).text == "")


@pytest.mark.machines("local")
def test_node_holds_as_many_containers_as_it_says(node):
    """Regression: the last of them had no descriptors left to be set up with, for their own limit came too early."""
    for _ in range(256):
        node.start("sleep", "1000", options=["--memory", "512K"])
    assert "256" in refused(node.ctl("run", "-d", node.rootfs, "true"), code=125)


# Restarts


def test_on_failure_restarts_so_many_times(node):
    name = node.start_sh("echo here; exit 3", "--restart", "on-failure:2")
    node.wait_for_phase(name, "ended")
    state = node.state(name)
    assert (state["starts"], state["restarts"], state["end"]["exitCode"]) == (3, 2, 3)
    assert node.logs(name) == "here\n" * 3


def test_on_failure_leaves_success_alone(node):
    name = node.start("true", options=["--restart", "on-failure"])
    node.wait_for_phase(name, "ended")
    assert node.state(name)["starts"] == 1


def test_always_restarts_after_success_until_stopped(node):
    name = node.start("true", options=["--restart", "always"])
    node.machine.wait_until(lambda: node.state(name)["starts"] >= 3)
    node.ctl("stop", name).check()
    starts = node.state(name)["starts"]
    assert node.state(name)["phase"] == "ended"
    node.run("true", options=["--rm"])
    assert node.state(name)["starts"] == starts


def test_restarts_back_off(node):
    name = node.start_sh("read up idle < /proc/uptime; echo $up; exit 1", "--restart", "on-failure:3")
    node.wait_for_phase(name, "ended")
    times = [round(float(line) * 1000) for line in node.logs(name).splitlines()]
    pauses = [later - earlier for earlier, later in zip(times, times[1:])]
    # Each pause is at least its share: 100 ms, doubled each time. How much more is the machine's business;
    # its clock tells 10 ms.
    assert all(pause >= least for pause, least in zip(pauses, [90, 190, 390], strict=True)), pauses


def test_restart_of_a_killed_container(node):
    name = node.start("sleep", "1000", options=["--restart", "always"])
    before = node.process(name)
    node.machine.kill(before, signals.SIGKILL)
    node.machine.wait_until(lambda: node.state(name).get("process", before) != before)


# Options


def test_environment(node):
    text = node.sh("env", "--env", "A=b c", "-e", "EMPTY=")
    assert {"A=b c", "EMPTY="} <= set(text.splitlines())
    assert {line.partition("=")[0] for line in text.splitlines()} <= {"A", "EMPTY", "PATH", "PWD", "SHLVL", "HOME"}
    assert "MICROAGENT_TEST" not in text


def test_working_directory(node):
    assert node.sh("pwd", "--workdir", "/usr") == "/usr\n"
    assert "/nowhere" in refused(node.run("true", options=["-w", "/nowhere"]), code=125)


def test_user_and_group(node):
    assert node.sh("id -u; id -g; id -G", "--user", "1000:50") == "1000\n50\n50\n"
    assert node.sh("touch /etc/x 2>/dev/null || echo refused", "--user", "1000") == "refused\n"


def test_host_name(node):
    assert node.sh("hostname", "--hostname", "box") == "box\n"
    assert node.sh("hostname", "--name", "dns") == "dns\n"


def test_read_only_root(node):
    script = "touch /etc/x || echo refused; touch /dev/shm/x && echo written"
    result = node.run("sh", "-c", script, options=["--read-only"])
    assert result.text.endswith("refused\nwritten\n") and "Read-only file system" in result.text


def test_volume_is_shared_with_the_node(node):
    node.machine.sh(f"mkdir {node.agent.directory}/v; echo here > {node.agent.directory}/v/x; "
                    f"chmod 777 {node.agent.directory}/v")
    volume = f"{node.agent.directory}/v:/mnt/deep"
    assert node.sh("cat /mnt/deep/x; echo there > /mnt/deep/y", "-v", volume) == "here\n"
    assert node.machine.read(f"{node.agent.directory}/v/y") == b"there\n"
    text = node.sh("cat /mnt/deep/x; touch /mnt/deep/z 2>&1 || true", "-v", volume + ":ro")
    assert text.startswith("here\n") and "Read-only file system" in text
    assert not node.machine.exists(f"{node.rootfs}/mnt")


def test_volume_that_is_missing(node):
    assert "/no/such/folder" in refused(node.run("true", options=["-v", "/no/such/folder:/mnt"]), code=125)


def test_network_of_the_host(node):
    ours = node.machine.sh("readlink /proc/self/ns/net").text
    assert node.sh("readlink /proc/self/ns/net", "--network", "host") == ours
    # Regression: where an overlay's lower layer must be mounted to be taken, that hid the host's /sys from the next step.
    interfaces = sorted(node.machine.run(["ls", "/sys/class/net"]).text.split())
    assert sorted(node.sh("ls /sys/class/net", "--network", "host").split()) == interfaces
    assert node.sh("readlink /proc/self/ns/net") != ours


@pytest.mark.parametrize("arguments, told", [
    (["--memory", "lots"], "--memory lots"),
    (["--memory"], "--memory"),
    (["--cpus", "-1"], "--cpus"),
    (["--restart", "often"], "--restart often"),
    (["--network", "moon"], "--network moon"),
    (["--user", "root"], "--user root"),
    (["--volume", "/x"], "--volume /x"),
    (["--wombat"], "--wombat"),
])
def test_wrong_usage_is_told_before_anything_happens(node, arguments, told):
    assert told in refused(node.run("true", options=arguments), code=2)
    assert node.names("-a") == []


@pytest.mark.parametrize("options, told", [
    (["--memory", "100K"], "512 KiB"),
    (["--memory", "900G"], "this node's"),
    (["--processes", "0"], "process budget"),
    (["--cpus", "0.001"], "cpu budget"),
    (["--log-size", "1"], "log"),
    (["--workdir", "relative"], "relative"),
])
def test_request_that_cannot_be(node, options, told):
    assert told in refused(node.run("true", options=options), code=125)
    assert node.names("-a") == []


# Helpers


def touch_inside(node, name, path):
    """Makes a file in a running container, from outside."""
    node.machine.sh(f"touch /proc/{node.process(name)}/root{path}")


def connections_of(node, process):
    """Whether a microctl is connected to its agent."""
    return "socket:" in node.machine.sh(f"ls -l /proc/{process}/fd", check=False).text


def three(items):
    return items if len(items) == 3 else None
