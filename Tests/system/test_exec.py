"""Programs that are run in containers beside their own: `microctl exec`."""

import signal as signals

import pytest

from node import refused

IDENTITY = "grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp:)' /proc/$p/status; for n in /proc/$p/ns/*; do readlink $n; done"
#: Looks, as long as it is let, at every other process of the container, and tells what it saw of those that are no busybox.
SPY = """
while [ ! -e /tmp/stop ]; do
  for p in /proc/[0-9]*; do
    exe=$(readlink $p/exe 2>/dev/null) && [ "$exe" != /bin/busybox ] && echo "exe $exe" >>/tmp/seen
    for f in $p/fd/*; do
      to=$(readlink $f 2>/dev/null) || continue
      case $to in *microagent-exec*|*.sock*|*/sys/fs/cgroup*|*state*) echo "fd $to" >>/tmp/seen ;; esac
    done
  done
done
"""


@pytest.fixture
def web(node):
    """A container that runs until it is ended, its own way."""
    return node.start("sleep", "1000", options=["--name", "web", "-e", "A=1", "-e", "B=2", "-w", "/tmp", "--user", "5:6"])


def exec_sh(node, script, *options, name="web"):
    return node.ctl("exec", *options, name, "sh", "-c", script)


def test_streams_and_exit_code_are_the_programs(node, web):
    result = exec_sh(node, "echo out; echo err >&2; cat; exit 7")
    assert (result.code, result.text, result.error_text) == (7, "out\n", "err\n")
    assert node.ctl("exec", web, "true").code == 0
    result = exec_sh(node, "kill -9 $$")
    assert (result.code, result.error_text) == (137, "microctl: exec: killed by signal 9\n")
    state = node.json("exec", web, "echo", "hi")
    assert (state["phase"], state["end"]["exitCode"], state["cutBytes"]) == ("ended", 0, 0)


def test_what_cannot_be_run_is_told_as_docker_does(node, web):
    node.machine.write(f"{node.rootfs}/bin/text", "not a program", mode=0o755)
    node.start("sleep", "1000", options=["--name", "other"])
    line = refused(node.ctl("exec", "other", "no-such-program"), code=127)
    assert "container other: run no-such-program: No such file" in line, line
    assert "Exec format error" in refused(node.ctl("exec", "other", "text"), code=126)
    assert "Permission denied" in refused(node.ctl("exec", "other", "/etc/passwd"), code=126)
    assert "go to /none: No such file" in refused(node.ctl("exec", "-w", "/none", web, "true"), code=125)
    assert "none of that name" in refused(node.ctl("exec", "nobody", "true"), code=125)
    assert "use 0 to 65535" in refused(node.ctl("exec", "-u", "70000", web, "true"), code=125)
    node.ctl("stop", "-t", "0", web).check()
    assert "it is ended: start it first" in refused(node.ctl("exec", web, "true"), code=125)


def test_it_is_what_the_container_is_but_for_what_it_asks(node, web):
    said = exec_sh(node, "echo $A $B $C; pwd; id -u; id -g; hostname").text.splitlines()
    assert said == ["1 2", "/tmp", "5", "6", "web"]
    said = exec_sh(node, "echo $A $B $C; pwd; id -u; id -g", "-e", "B=3", "-e", "C=4", "-w", "/etc", "-u", "7:8")
    assert said.text.splitlines() == ["1 3 4", "/etc", "7", "8"]


@pytest.mark.parametrize("users", [[], ["--userns", "host"]])
def test_it_has_the_rights_and_the_budget_of_the_containers_own_process(node, users):
    name = node.start("sleep", "1000", options=users)
    run = node.agent.spawn_ctl("exec", name, "sleep", "1001")
    own = node.process(name)
    node.machine.wait_until(lambda: len(node.processes(name)) == 2)
    other = next(process for process in node.processes(name) if process != own)
    node.machine.wait_until(lambda: b"1001" in node.machine.read(f"/proc/{other}/cmdline"))
    for what in (IDENTITY, "cat /proc/$p/cgroup /proc/$p/limits /proc/$p/oom_score_adj", "readlink /proc/$p/root"):
        assert (node.machine.sh(what.replace("$p", str(own))).text
                == node.machine.sh(what.replace("$p", str(other))).text), what
    assert node.machine.sh(f"ls /proc/{other}/fd").text.split() == ["0", "1", "2"]
    # The container ends, and all in it.
    node.ctl("stop", "-t", "0", name).check()
    result = run.wait()
    assert result.code == 137 and "killed by signal 9" in result.error_text
    assert not node.is_alive(other)


def test_output_is_bounded_and_that_is_told(node, web):
    result = exec_sh(node, "yes | head -c 100000; echo end; yes err | head -c 16384 >&2")
    assert result.code == 0 and len(result.stdout) == 16384 and result.text.endswith("y\nend\n")
    assert result.error_text.endswith(f"microctl: exec: {100_004 - 16384} bytes that it wrote before are not kept\n")


def test_time_is_limited_and_what_it_started_goes_with_it(node, web):
    result = exec_sh(node, "echo begun; sleep 1003 & wait", "--timeout", "1")
    assert (result.code, result.text) == (137, "begun\n")
    assert result.error_text == "microctl: exec: killed when its time was over, 1 s\n"
    node.machine.wait_until(lambda: len(node.processes(web)) == 1)


def test_so_many_at_once(node, web):
    runs = [node.agent.spawn_ctl("exec", web, "sleep", "1000") for _ in range(4)]
    node.machine.wait_until(lambda: len(node.processes(web)) == 5)
    assert "wait until one has ended" in refused(node.ctl("exec", web, "true"), code=125)
    node.ctl("rm", "-f", web).check()
    # Killed with the container; who asks when that is gone hears only so.
    assert all(run.wait().code in (125, 137) for run in runs)


def test_who_asked_for_what_is_noted(node, web):
    exec_sh(node, "true")
    assert node.json("audit")[-1]["deed"] == "exec web sh -c true"


def test_agent_that_dies_takes_execs_along(node, web):
    run = node.agent.spawn_ctl("exec", web, "sleep", "1002")
    node.machine.wait_until(lambda: len(node.processes(web)) == 2)
    node.kill_agent()
    result = run.wait()
    assert result.code == 125 and "it is not known here" in result.error_text
    node.machine.wait_until(lambda: len(node.processes(web)) == 1)
    assert node.is_alive(node.process(web))
    assert exec_sh(node, "echo again").text == "again\n"


# What a container might try with those who come in


@pytest.mark.parametrize("users", [[], ["--userns", "host"]])
def test_no_directory_leads_out(node, users):
    """As CVE-2024-21626: a descriptor of the host's that is still open when the working directory is looked up."""
    node.start("sleep", "1000", options=["--name", "web", *users])
    node.machine.sh(f"ln -s /proc/self/cwd {node.rootfs}/way")
    for place in ("/proc/self/cwd", "/proc/1/cwd", "/way"):
        assert "bin\n" in exec_sh(node, "ls; ls ..", "-w", place).check().text
        assert exec_sh(node, "test -e boot -o -e lib", "-w", place).code == 1
    for number in range(0, 64):
        line = refused(node.ctl("exec", "-w", f"/proc/self/fd/{number}", "web", "true"), code=125)
        assert f"go to /proc/self/fd/{number}: " in line, line


@pytest.mark.parametrize("users", [[], ["--userns", "host"]])
def test_nobody_in_the_container_sees_the_agent_come_in(node, users):
    """As CVE-2016-9962: until its program runs, who comes in is a copy of the agent."""
    name = node.start_sh(SPY, "--memory", "64M", *users)
    for _ in range(10):
        node.ctl("exec", name, "true").check()
    seen = node.ctl("exec", name, "sh", "-c", "touch /tmp/stop; cat /tmp/seen 2>/dev/null").text
    assert seen == ""


@pytest.mark.parametrize("users", [[], ["--userns", "host"]])
def test_the_agents_program_cannot_be_overwritten(node, users):
    """As CVE-2019-5736: the agent is led to run its own program in the container, where others then open that."""
    name = node.start("sleep", "1000", options=users)
    exec_sh(node, "mknod /tmp/pipe p; printf '#!/proc/self/exe --config\\n' >/tmp/pipe.sh; chmod 755 /tmp/pipe.sh",
            name=name).check()
    before = node.machine.sh(f"sha256sum /proc/{node.info()['agentProcess']}/exe").text.split()[0]
    run = node.agent.spawn_ctl("exec", name, "/proc/self/exe", "--config", "/tmp/pipe")
    node.machine.wait_until(lambda: len(node.processes(name)) == 2)
    said = exec_sh(node, "for p in /proc/[0-9]*; do case $(readlink $p/exe) in /bin/busybox|'') ;; "
                         "*) : >$p/exe ;; esac; done", name=name)
    assert "Read-only file system" in said.error_text, said
    exec_sh(node, "echo nonsense >/tmp/pipe", name=name)
    assert run.wait().code != 0
    assert node.ctl("exec", name, "/tmp/pipe.sh").code != 0
    assert node.machine.sh(f"sha256sum /proc/{node.info()['agentProcess']}/exe").text.split()[0] == before


def test_end_of_time_is_told_to_whoever_asks_later(node, web):
    """What came of it is kept while nobody asks."""
    run = node.agent.spawn_ctl("exec", "--timeout", "2", web, "sh", "-c", "echo here; sleep 1000; true")
    node.machine.wait_until(lambda: len(node.processes(web)) == 3)
    run.signal(signals.SIGSTOP)
    node.machine.wait_until(lambda: len(node.processes(web)) == 1)
    run.signal(signals.SIGCONT)
    assert (run.wait().code, run.wait().text) == (137, "here\n")
