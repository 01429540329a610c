"""Health checks: a program that is run in a container from time to time says whether it is well."""

import json

import pytest

from node import refused
from test_images import base, images  # noqa: F401 -- the fixtures

ONCE_A_SECOND = ["--health-interval", "1s"]


def start(node, check, *options):
    """A container that runs until it is ended, and is checked."""
    return node.start("sleep", "1000", options=["--health-cmd", check, *ONCE_A_SECOND, *options])


def wait_for_health(node, name, health):
    return node.machine.wait_until(lambda: (state := node.state(name)).get("health") == health and state)


def happened(node, name):
    lines = node.ctl("--json", "events").check().text.splitlines()
    return [(one["event"], one.get("reason")) for one in map(json.loads, lines)
            if one.get("name") == name and "health" in one["event"]]


def test_a_container_is_well_or_not_as_its_check_says(node):
    name = start(node, "test -e /tmp/ok || { echo no file; exit 3; }", "--health-retries", "2")
    assert node.state(name)["health"] == "starting"
    state = wait_for_health(node, name, "unhealthy")
    assert state["healthReason"] == "exit code 3: no file"
    assert "(unhealthy)" in node.ctl("ps").check().text
    assert state["phase"] == "running", "nobody asked for more than to be told"
    node.ctl("exec", name, "touch", "/tmp/ok").check()
    assert "healthReason" not in wait_for_health(node, name, "healthy")
    assert "(healthy)" in node.ctl("ps").check().text
    assert happened(node, name) == [("container unhealthy", "exit code 3: no file"), ("container healthy", None)]
    node.ctl("stop", "-t", "0", name).check()
    assert "health" not in node.state(name)


def test_what_takes_too_long_has_failed_and_is_killed(node):
    name = start(node, "sleep 77", "--health-timeout", "1s", "--health-retries", "1")
    state = wait_for_health(node, name, "unhealthy")
    assert state["healthReason"] == "killed when its time was over, 1 s"
    lines = "".join(f"tr '\\0' ' ' </proc/{process}/cmdline; echo; " for process in node.processes(name))
    sleepers = [line for line in node.machine.sh(lines, check=False).text.splitlines() if "sleep 77" in line]
    assert len(sleepers) <= 2, "one check at a time, which is a shell and its program, and none is left behind"


def test_a_check_that_cannot_be_run_has_failed(node):
    name = start(node, "no-such-program", "--health-retries", "1")
    assert "exit code 127" in wait_for_health(node, name, "unhealthy")["healthReason"]
    node.machine.run(["rm", f"{node.rootfs}/bin/sh"]).check()
    name = node.start("sleep", "1000", options=["--health-cmd", "true", *ONCE_A_SECOND, "--health-retries", "1"])
    assert "run /bin/sh: No such file" in wait_for_health(node, name, "unhealthy")["healthReason"]


def test_an_unhealthy_one_is_killed_on_request_and_comes_back(node):
    name = start(node, "test ! -e /tmp/ill", "--health-retries", "1", "--health-on-failure", "kill", "--restart", "on-failure")
    wait_for_health(node, name, "healthy")
    first = node.process(name)
    node.ctl("exec", name, "touch", "/tmp/ill").check()
    node.machine.wait_until(lambda: node.state(name)["starts"] > 1)
    assert not node.is_alive(first)
    assert node.end(name) == (137, "killed by signal 9, killed as its health check failed")
    # The file is kept, so it goes on like this, with longer pauses.
    node.ctl("stop", name).check()
    assert node.state(name)["phase"] == "ended"


def test_checks_go_on_under_the_next_agent(node):
    name = start(node, "test -e /tmp/ok", "--health-retries", "1")
    wait_for_health(node, name, "unhealthy")
    node.kill_agent()
    assert node.state(name)["health"] in ("starting", "unhealthy"), "it is found out anew"
    node.ctl("exec", name, "touch", "/tmp/ok").check()
    wait_for_health(node, name, "healthy")


def test_a_paused_one_is_let_alone(node):
    name = start(node, "date +%s%N >>/tmp/checks", "--health-retries", "1")
    wait_for_health(node, name, "healthy")
    node.ctl("pause", name).check()
    before = node.processes(name)
    node.machine.sh("sleep 2.5")
    assert node.processes(name) == before and "(paused)" in node.ctl("ps").check().text
    node.ctl("resume", name).check()
    assert node.state(name)["health"] == "healthy", "what hung in the pause is no failure"


def test_they_cost_a_container_no_exec_of_its_own(node):
    name = start(node, "sleep 30")
    node.machine.wait_until(lambda: len(node.processes(name)) > 1)
    assert node.ctl("exec", name, "echo", "here").check().text == "here\n"


def test_what_is_said_of_no_check_is_refused(node):
    line = refused(node.ctl("run", "--health-retries", "2", node.rootfs, "true"), 2)
    assert "--health-retries: nothing is checked: give --health-cmd COMMAND" in line
    assert "an interval of 1 s to a day" in refused(
        node.ctl("run", "--health-cmd", "true", "--health-interval", "0s", node.rootfs, "true"), 125)
    for time in ("18446744073709551615s", "86401s", "soon"):
        assert f"--health-interval {time}: give a time, as 30s" in refused(
            node.ctl("run", "--health-cmd", "true", "--health-interval", time, node.rootfs, "true"), 2)
    assert "none or kill" in refused(
        node.ctl("run", "--health-cmd", "true", "--health-on-failure", "stop", node.rootfs, "true"), 2)


HEALTHCHECK = {"Test": ["CMD", "test", "-e", "/ok"], "Interval": 100_000_000, "Timeout": 5_000_000_000, "Retries": 2}


@pytest.mark.machines("local")
def test_an_image_says_how(images):  # noqa: F811
    images.push(config={"Cmd": ["sleep", "1000"], "Healthcheck": HEALTHCHECK})
    agent = images.agent

    def inspect(name):
        return json.loads(agent.ctl("--json", "inspect", name).check().text)

    agent.ctl("run", "-d", "--name", "a", "box:1").check()
    asked = inspect("a")["request"]["healthCheck"]
    assert asked == {"command": ["test", "-e", "/ok"], "intervalMilliseconds": 1000, "timeLimitMilliseconds": 5000, "retries": 2}
    agent.machine.wait_until(lambda: inspect("a")["health"] == "unhealthy")
    agent.ctl("run", "-d", "--name", "b", "--no-healthcheck", "box:1").check()
    assert "health" not in inspect("b")
    agent.ctl("run", "-d", "--name", "c", "--health-cmd", "true", "--health-interval", "1s", "box:1").check()
    agent.machine.wait_until(lambda: inspect("c")["health"] == "healthy")
