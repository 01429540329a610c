"""Containers that stand still for a while, on both versions of control groups."""

import time

from node import SLOW_COUNTER

#: In which a counter that runs counts on.
LOOK_SECONDS = 0.5


def start_counter(node):
    name = node.start_sh(SLOW_COUNTER)
    node.wait_for_lines(name, 3)
    return name


def count(node, name):
    """How far it has got, once what was on its way has come."""
    time.sleep(0.1)
    return node.lines(name)[-1]


def stands_still(node, name):
    before = count(node, name)
    time.sleep(LOOK_SECONDS)
    return count(node, name) == before


def test_paused_container_stands_still_and_goes_on(node):
    name = start_counter(node)
    node.ctl("pause", name).check()
    assert stands_still(node, name)
    assert node.state(name)["paused"] is True
    assert "(paused)" in node.ctl("ps").check().text
    refused = node.ctl("exec", name, "true")
    assert refused.code == 125 and "it is paused: resume it first" in refused.error_text
    assert "it is paused: resume it" in node.ctl("start", name).error_text
    node.ctl("pause", name).check()
    node.ctl("resume", name).check()
    assert not stands_still(node, name)
    assert "paused" not in node.state(name)
    node.ctl("rm", "-f", name).check()


def test_pause_outlives_the_agent(node):
    name = start_counter(node)
    node.ctl("pause", name).check()
    node.kill_agent()
    assert node.state(name)["paused"] is True
    assert stands_still(node, name)
    node.ctl("resume", name).check()
    assert not stands_still(node, name)
    node.ctl("rm", "-f", name).check()


def test_paused_container_is_stopped_as_ever(node):
    name = node.start_sh("trap 'echo bye; exit 5' TERM; echo ready; while true; do sleep 0.02; done")
    node.wait_for_log(name, "ready\n")
    node.ctl("pause", name).check()
    node.ctl("stop", "-t", "60", name).check()
    assert node.end(name)[0] == 5
    assert node.logs(name).endswith("bye\n")
    node.ctl("rm", name).check()


def test_paused_container_is_removed_by_force(node):
    name = start_counter(node)
    node.ctl("pause", name).check()
    assert stands_still(node, name)
    process = node.state(name)["process"]
    node.ctl("rm", "-f", name).check()
    assert node.json("ps", "--all") == []
    assert not node.machine.exists(f"/proc/{process}")
