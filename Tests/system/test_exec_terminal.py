"""Programs in containers that somebody attends: `microctl exec -i`, `-t` and `-it`."""

import hashlib
import os
import select
import signal as signals
import subprocess
import time

import pytest

from boards import together
from node import refused
from people import Person
from terminals import PATIENCE_SECONDS, Terminal
from test_members import LEASE, SMALL, Microcloud, refusal

pytestmark = pytest.mark.machines("local")

#: After so long the agent takes whoever attends a program for gone; so much longer that has to it end.
ABSENCE_SECONDS, HANG_UP_SECONDS = 30, 10


@pytest.fixture
def web(node):
    for name in ("tty", "stty"):
        node.machine.run(["ln", "-sf", "busybox", f"{node.rootfs}/bin/{name}"]).check()
    return node.start("sleep", "1000", options=["--name", "web"])


@pytest.fixture
def person(node):
    """Sits down at a terminal with a command of microctl."""
    terminals = []

    def sit_down(*arguments, environment={}, **options):
        terminals.append(Terminal(node.agent.argv_of_ctl(*arguments), {**node.agent.environment, **environment}, **options))
        return terminals[-1]

    yield sit_down
    for one in terminals:
        one.close()


def piped(node, *arguments, data=b""):
    return fed(node.agent.argv_of_ctl(*arguments), data, node.agent.environment)


def fed(argv, data, environment={}):
    return subprocess.run(argv, input=data, capture_output=True, timeout=PATIENCE_SECONDS, env={**os.environ, **environment})


def attended(node, *arguments):
    """A command whose input stays open."""
    return subprocess.Popen(node.agent.argv_of_ctl(*arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env={**os.environ, **node.agent.environment})


def memory(node):
    """What the agent itself has, in bytes."""
    status = node.machine.read(f"/proc/{node.info()['agentProcess']}/status").decode()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon:"))


# Input


def test_what_goes_in_comes_out(node, web):
    data = os.urandom(1 << 20)
    result = piped(node, "exec", "-i", web, "cat", data=data)
    assert (result.returncode, result.stderr) == (0, b"") and result.stdout == data


def test_streams_and_exit_code_are_the_programs(node, web):
    script = "echo first; read word; echo got $word; echo err >&2; cat; exit 7"
    result = piped(node, "exec", "-i", web, "sh", "-c", script, data=b"word\nrest")
    assert (result.returncode, result.stdout, result.stderr) == (7, b"first\ngot word\nrest", b"err\n")
    assert piped(node, "exec", "-i", web, "true", data=b"x" * 100_000).returncode == 0, "who reads nothing"
    result = piped(node, "exec", "-i", web, "sh", "-c", "kill -9 $$")
    assert (result.returncode, result.stderr) == (137, b"microctl: exec: killed by signal 9\n")
    assert piped(node, "exec", "-i", web, "no-such-program").returncode == 127
    assert piped(node, "exec", "-i", "-u", "5:6", web, "sh", "-c", "cat /dev/stdin; id -u", data=b"in ").stdout == b"in 5\n"


def test_all_that_a_program_wrote_is_there_when_it_has_ended(node, web):
    script = "yes | head -c 300000; yes no | head -c 300000 >&2; exit 3"
    result = piped(node, "exec", "-i", web, "sh", "-c", script)
    assert (result.returncode, len(result.stdout), len(result.stderr)) == (3, 300_000, 300_000)
    # What it leaves behind does not hold its end up.
    result = piped(node, "exec", "-i", web, "sh", "-c", "sleep 1004 & echo done")
    assert (result.returncode, result.stdout) == (0, b"done\n")
    result = piped(node, "exec", "-i", web, "sh", "-c", "yes & echo $!; exit 4")
    assert result.returncode == 4
    node.ctl("exec", web, "sh", "-c", "kill $(pidof yes sleep)")


def test_no_limit_of_time_but_that_of_who_attends(node, web):
    assert "leave it out" in refused(node.ctl("exec", "-i", "--timeout", "5", web, "cat"), code=2)
    assert "standard input is no terminal" in refused(node.ctl("exec", "-it", web, "cat"), code=2)
    assert "without --interactive" in refused(node.ctl("--json", "exec", "-i", web, "cat"), code=2)


def test_a_slow_program_holds_up_who_writes_and_not_memory(node, web):
    data = os.urandom(8 << 20)
    before = memory(node)
    run = attended(node, "exec", "-i", web, "sh", "-c", "while [ ! -e /tmp/go ]; do sleep 0.1; done; sha256sum")
    os.set_blocking(run.stdin.fileno(), False)
    count = 0
    while select.select([], [run.stdin], [], 1)[1]:
        count += os.write(run.stdin.fileno(), data[count:count + 65536])
    assert count < 1 << 20 and memory(node) - before < 256 * 1024
    node.ctl("exec", web, "touch", "/tmp/go").check()
    os.set_blocking(run.stdin.fileno(), True)
    text, errors = run.communicate(data[count:], timeout=PATIENCE_SECONDS)
    assert run.returncode == 0 and text.split()[0].decode() == hashlib.sha256(data).hexdigest(), errors


def test_a_flood_grows_nothing_and_holds_nobody_up(node, web):
    before = memory(node)
    flood = attended(node, "exec", "-i", web, "yes")
    time.sleep(1)  # nobody reads what it shows
    for _ in range(5):
        began = time.monotonic()
        node.ctl("ps").check()
        assert time.monotonic() - began < 5
    assert memory(node) - before < 256 * 1024
    assert flood.stdout.read(10 << 20) == b"y\n" * (5 << 20)
    flood.stdout.close()
    assert flood.wait(PATIENCE_SECONDS) == 141
    node.machine.wait_until(lambda: len(node.processes(web)) == 1)
    assert memory(node) - before < 256 * 1024
    flood.stdin.close()
    flood.stderr.close()


# Terminals


def test_terminal_is_the_containers_own(node, web, person):
    one = person("exec", "-it", web, "sh", "-c", "tty; stty size; echo $TERM; readlink /proc/self/fd/0; ls /proc/$$/fd | wc -w",
                 environment={"TERM": "vt220"}, rows=30, columns=100)
    assert one.wait() == 0
    shown = one.seen.decode().split()
    assert shown[:5] == ["/dev/pts/0", "30", "100", "vt220", "/dev/pts/0"] and shown[5] in "34"
    assert one.is_restored()
    # Without input: shown, and nothing else.
    text = node.ctl("exec", "-t", web, "tty").check().text
    assert text == "/dev/pts/0\r\n"
    assert node.ctl("exec", "-t", "-u", "5:6", web, "sh", "-c", "echo word >/dev/tty; exit 9").code == 9


def test_a_change_of_size_is_told(node, web, person):
    one = person("exec", "-it", web, "sh", "-c", "trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.1; done")
    one.wait_for("ready")
    one.resize(50, 132)
    one.child.send_signal(signals.SIGWINCH)
    one.wait_for("50 132")
    assert one.wait() == 5 and one.is_restored()


def test_what_is_typed_goes_to_the_program(node, web, person):
    one = person("exec", "-it", web, "sh")
    one.wait_for("# ")
    one.type("echo $((6 * 7))\n")
    one.wait_for("42")
    # An interrupt, and the end of the input, are characters there.
    one.type("sleep 1005\n")
    node.machine.wait_until(lambda: len(node.processes(web)) == 3)
    one.type("\x03")
    node.machine.wait_until(lambda: len(node.processes(web)) == 2)
    one.type("echo still $((6 * 8))\n")
    one.wait_for("still 48")
    one.wait_for("# ")
    one.type("\x04")
    assert one.wait() == 0 and one.is_restored()


def test_interrupt_ends_what_catches_none(node, web, person):
    one = person("exec", "-it", web, "sh", "-c", "echo ready; exec sleep 1006")
    one.wait_for("ready")
    one.type("\x03")
    assert one.wait() == 130 and one.is_restored()


def test_two_at_once_have_terminals_of_their_own(node, web, person):
    first, second = (person("exec", "-it", web, "sh", "-c", "tty; read a; echo $a") for _ in range(2))
    first.wait_for("/dev/pts/")
    second.wait_for("/dev/pts/")
    second.type("second\n")
    second.wait_for("second\r\nsecond")
    first.type("first\n")
    first.wait_for("first\r\nfirst")
    assert (first.wait(), second.wait()) == (0, 0)


def test_so_many_at_once(node, web):
    node.start("sleep", "1000", options=["--name", "other"])
    runs = [attended(node, "exec", "-i", name, "cat") for name in (web, web, "other", "other")]
    node.machine.wait_until(lambda: len(node.processes(web)) + len(node.processes("other")) == 6)
    assert "4 programs with input or terminal run" in refused(node.ctl("exec", "-i", web, "true"), code=125)
    node.ctl("exec", web, "true").check()
    for run in runs:
        assert run.communicate(b"end", timeout=PATIENCE_SECONDS) == (b"end", b"") and run.returncode == 0
    assert piped(node, "exec", "-i", web, "cat", data=b"x").stdout == b"x"


# Ends


@pytest.mark.parametrize("number", [signals.SIGTERM, signals.SIGHUP, signals.SIGQUIT])
def test_who_is_asked_to_go_restores_the_terminal_and_hangs_up(node, web, person, number):
    one = person("exec", "-it", web, "sleep", "1007")
    node.machine.wait_until(lambda: len(node.processes(web)) == 2)
    node.machine.wait_until(lambda: not one.is_restored())
    one.child.send_signal(number)
    assert one.wait() == 128 + number and one.is_restored()
    node.machine.wait_until(lambda: len(node.processes(web)) == 1)


def test_an_interrupt_without_a_terminal_hangs_up(node, web):
    # Its streams are closed by then: what it would say of its child's end would end it.
    script = "exec 2>/dev/null; trap 'echo hung up >/tmp/said; exit' HUP; echo ready; while :; do sleep 0.1; done"
    run = attended(node, "exec", "-i", web, "sh", "-c", script)
    assert run.stdout.readline() == b"ready\n"
    run.send_signal(signals.SIGINT)
    assert run.wait(PATIENCE_SECONDS) == 130
    node.machine.wait_until(lambda: len(node.processes(web)) == 1)
    assert node.ctl("exec", web, "cat", "/tmp/said").check().text == "hung up\n"
    run.communicate()


def test_whose_client_dies_is_hung_up(node, web, person):
    """A terminal's program, one that reads pipes, and one that does not care."""
    stubborn = "trap '' HUP; while :; do sleep 1; done"
    one = person("exec", "-it", web, "sleep", "1008")
    others = [attended(node, "exec", "-i", web, "sleep", "1009"), attended(node, "exec", "-i", web, "sh", "-c", stubborn)]
    node.machine.wait_until(lambda: len(node.processes(web)) >= 4)
    began = time.monotonic()
    one.child.kill()
    for other in others:
        other.kill()
    node.machine.wait_until(lambda: len(node.processes(web)) <= 3, timeout=ABSENCE_SECONDS + 10)
    node.machine.wait_until(lambda: len(node.processes(web)) == 1, timeout=ABSENCE_SECONDS + HANG_UP_SECONDS + 10)
    assert time.monotonic() - began < ABSENCE_SECONDS + HANG_UP_SECONDS + 15
    assert not one.is_restored(), "nobody can restore it after that"
    for other in others:
        other.communicate()


def test_who_attends_in_silence_is_not_hung_up(node, web):
    run = attended(node, "exec", "-i", web, "cat")
    node.machine.wait_until(lambda: len(node.processes(web)) == 2)
    time.sleep(ABSENCE_SECONDS + 5)
    assert run.communicate(b"still here", timeout=PATIENCE_SECONDS) == (b"still here", b"")


def test_agent_that_dies_takes_it_along(node, web, person):
    one = person("exec", "-it", web, "sleep", "1010")
    node.machine.wait_until(lambda: len(node.processes(web)) == 2)
    node.machine.wait_until(lambda: not one.is_restored())
    node.kill_agent()
    assert one.wait() == 125 and b"it is not known here" in one.seen and one.is_restored()
    node.machine.wait_until(lambda: len(node.processes(web)) == 1)
    assert node.is_alive(node.process(web))


def test_the_container_ends_and_all_in_it(node, web, person):
    one = person("exec", "-it", web, "sleep", "1011")
    node.machine.wait_until(lambda: len(node.processes(web)) == 2)
    node.ctl("stop", "-t", "0", web).check()
    assert one.wait() == 137 and one.is_restored()


# What a container might try


@pytest.mark.parametrize("users", [[], ["--userns", "host"]])
def test_nothing_of_the_agents_or_the_callers_is_in_reach(node, web, person, users):
    name = node.start("sleep", "1000", options=["--name", "small", *users])
    one = person("exec", "-it", name, "sleep", "1012")
    node.machine.wait_until(lambda: len(node.processes(name)) == 2)
    inside = next(process for process in node.processes(name) if process != node.process(name))
    node.machine.wait_until(lambda: b"1012" in node.machine.read(f"/proc/{inside}/cmdline"))
    listing = node.machine.sh(f"readlink /proc/{inside}/fd/*; stat -Lc %d /proc/{inside}/fd/0").text.split()
    assert listing[:3] == ["/dev/pts/0"] * 3 and len(listing) == 4
    # Of another devpts than the caller's, or the machine's.
    assert int(listing[3]) not in (os.fstat(one.lower).st_dev, os.stat("/dev/pts").st_dev)
    # The other side is the agent's alone.
    agent = node.info()["agentProcess"]
    script = "for p in /proc/[0-9]*; do ls -l $p/fd 2>/dev/null | grep -q 'ptmx' && echo ${p#/proc/}; done; true"
    holders = {int(word) for word in node.machine.sh(script).text.split()}
    assert agent in holders and not holders & set(node.processes(name))


def test_other_rights_do_not_come_with_a_terminal(node, web, person):
    script = "grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp:)' /proc/self/status"
    own = node.machine.sh(f"grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp:)' /proc/{node.process(web)}/status").text
    caps = [line for line in own.splitlines() if not line.startswith(("Uid", "Gid"))]
    shown = node.ctl("exec", "-t", web, "sh", "-c", script).check().text.split("\r\n")
    assert [line for line in shown if line and not line.startswith(("Uid", "Gid"))] == caps


def test_who_asked_for_what_is_noted(node, web):
    piped(node, "exec", "-i", web, "cat", data=b"secret")
    deeds = [entry["deed"] for entry in node.json("audit")]
    assert deeds[-1] == "exec web cat" and not any("secret" in deed for deed in deeds)


# From other machines


def test_the_owner_attends_from_elsewhere(boards, rootfs):
    owner = Person(boards, "owner")
    board = boards.on(owner=owner.key)
    board.machine.run(["ln", "-sf", "busybox", f"{rootfs}/bin/tty"]).check()
    board.ctl("run", "-d", "--name", "web", rootfs, "sleep", "1000").check()
    there = ["ip", "netns", "exec", owner.host.namespace, *owner.argv("--node", board.address)]
    data = os.urandom(1 << 20)
    result = fed([*there, "exec", "-i", "web", "cat"], data)
    assert result.returncode == 0 and result.stdout == data, result.stderr[-200:]
    one = Terminal([*there, "exec", "-it", "web", "sh", "-c", "tty; stty size; read a; echo got $a; exec sleep 1013"])
    try:
        one.wait_for("/dev/pts/0")
        one.wait_for("24 80")
        one.type("word\n")
        one.wait_for("got word")
        one.type("\x03")
        assert one.wait() == 130 and one.is_restored()
    finally:
        one.close()
    board.ctl("rm", "-f", "web").check()


def test_a_member_attends_what_is_its_own(boards, rootfs):
    microcloud = Microcloud(boards)
    here, board = (microcloud.board(lease_roots=rootfs.rsplit("/", 1)[0]) for _ in range(2))
    together(here, board)
    ana, bruna = microcloud.member("ana"), microcloud.member("bruna")
    node = ["--node", board.address]
    lease = ana.ctl(*node, *LEASE).check().text.strip()
    ana.ctl(*node, "run", "-d", "--lease", lease, *SMALL, "--name", "web", rootfs, "sleep", "1000").check()
    assert ana.ctl(*node, "exec", "-t", "web", "echo", "mine").check().text == "mine\r\n"
    assert "you have none of that name here" in refusal(bruna.ctl(*node, "exec", "-t", "web", "true"))
    ana.ctl(*node, "rm", "-f", "web").check()
    ana.ctl(*node, "release", lease).check()
