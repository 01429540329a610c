"""Signals to containers, and who ended one: on both versions of control groups."""

import json

from boards import together
from node import refused
from people import Person
from test_members import SMALL, Microcloud

import pytest

#: Says which signals it gets; TERM ends it.
LISTENER = """
trap 'echo usr1' USR1; trap 'echo hup' HUP; trap 'echo term; exit 4' TERM
echo ready; while :; do sleep 0.02; done"""


def start_listener(node, *options):
    name = node.start_sh(LISTENER, *options)
    node.wait_for_log(name, "ready\n")
    return name


def test_kill_ends_all_of_a_container(node):
    name = node.start_sh("trap '' TERM; setsid sleep 1000 & wait", "--restart", "always")
    processes = node.machine.wait_until(lambda: node.processes(name))
    assert node.ctl("kill", name).check().text == f"{name}\n"
    assert node.state(name)["phase"] == "ended", "its policy does not bring it back"
    assert node.end(name) == (137, "killed by signal 9, killed on request of the owner")
    assert not any(node.is_alive(process) for process in processes)
    assert "only what runs can be sent a signal" in refused(node.ctl("kill", name))
    node.ctl("start", name).check()
    node.wait_for_phase(name, "running")


def test_other_signals_are_the_programs_own_affair(node):
    name = start_listener(node, "--restart", "always")
    for signal in ("HUP", "SIGUSR1", "10"):
        node.ctl("kill", "-s", signal, name).check()
        node.wait_for_log(name, {"HUP": "hup\n"}.get(signal, "usr1\n"))
    assert (node.state(name)["phase"], node.state(name)["wanted"]) == ("running", True)
    process = node.process(name)
    node.ctl("kill", "--signal", "TERM", name).check()
    node.wait_for_phase(name, "ended")
    assert node.end(name) == (4, "exit code 4, sent its stop signal on request of the owner")
    assert not node.is_alive(process)


def test_what_ends_by_a_signal_of_its_own_is_started_again(node):
    name = node.start_sh("sleep 0.3; kill -9 1; exec sleep 0", "--restart", "on-failure:1")
    other = node.start_sh("exec sleep 1000")
    # Process 1 hears no signal of its own namespace that it has no handler for: it ends by its last command.
    node.wait_for_phase(name, "ended")
    assert node.end(name) == (0, "exit code 0")
    node.machine.kill(node.process(other), 9)
    node.wait_for_phase(other, "ended")
    assert node.end(other) == (137, "killed by signal 9"), "nobody asked us for that"


def test_a_signal_that_is_none_is_refused(node):
    for wrong in ("HOP", "0", "65", "-1", ""):
        assert "give a signal's name or number" in refused(node.ctl("kill", "--signal", wrong, "x"), 2)
    assert "there is none of that name" in refused(node.ctl("kill", "x"))


def test_that_it_was_killed_outlives_the_agent(node):
    """A stop signal that a program makes light of leaves it running, also when the agent dies; and who sent it is known."""
    name = node.start_sh("trap 'echo term' TERM; echo ready; while [ ! -e /tmp/go ]; do sleep 0.02; done; exit 6",
                         "--restart", "always")
    node.wait_for_log(name, "ready\n")
    node.ctl("kill", "-s", "TERM", name).check()
    node.wait_for_log(name, "term\n")
    process = node.process(name)
    node.kill_agent()
    assert node.process(name) == process and node.state(name)["phase"] == "running"
    node.ctl("exec", name, "touch", "/tmp/go").check()
    node.wait_for_phase(name, "ended")
    assert node.end(name) == (6, "exit code 6, sent its stop signal on request of the owner")


@pytest.mark.machines("local")
def test_a_member_kills_in_its_own_lease_alone(boards, rootfs):
    microcloud = Microcloud(boards)
    roots = rootfs.rsplit("/", 1)[0]
    here, there = (microcloud.board(lease_roots=roots) for _ in range(2))
    together(here, there)
    ana = microcloud.member("ana")
    there.ctl("run", "-d", *SMALL, "--name", "owners", rootfs, "sleep", "1000").check()
    node = ["--node", there.address]
    number = ana.ctl(*node, "lease", "-m", "16M", "--cpu", "20%").check().text.strip()
    ana.ctl(*node, "run", "-d", "--lease", number, *SMALL, "--name", "anas", rootfs, "sleep", "1000").check()
    assert "container owners: you have none of that name here" in ana.ctl(*node, "kill", "owners").error_text
    assert "you have none of that name here" in ana.ctl(*node, "update", "-m", "4M", "owners").error_text
    assert "you have none of that name here" in ana.ctl(*node, "top", "owners").error_text
    large = ana.ctl(*node, "update", "-m", "32M", "anas")
    assert f"lease {number}: memory: " in large.error_text and large.code == 1
    ana.ctl(*node, "update", "-m", "6M", "anas").check()
    assert [line.split()[-1] for line in ana.ctl(*node, "top", "anas").check().text.splitlines()] == ["COMMAND", "sleep"]
    ana.ctl(*node, "kill", "anas").check()
    state = json.loads(there.ctl("--json", "inspect", "anas").check().text)
    assert state["end"]["reason"] == "killed by signal 9, killed on request of its lease's holder"
    assert state["request"]["memoryBytes"] == 6 << 20
    deeds = [(entry["role"], entry["deed"]) for entry in json.loads(there.ctl("--json", "audit").check().text)]
    assert ("member", "kill anas with signal 9") in deeds and ("member", "update anas memoryBytes 6291456") in deeds
    there.ctl("rm", "-f", "owners", "anas").check()
