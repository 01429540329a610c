"""The unit in systemd/ under a real systemd: the agent may be restarted, stopped, hung or killed, its containers go on."""

import re
import signal as signals

import pytest

from agent import Agent
from conftest import REPOSITORY
from node import Node

pytestmark = pytest.mark.machines("vm-systemd")

UNIT = "microagentd.service"
UNIT_FILE = REPOSITORY / "systemd" / UNIT
INSTALLED = f"/etc/systemd/system/{UNIT}"
DROP_IN = f"{INSTALLED}.d/test.conf"
PATIENCE_SECONDS = 60
#: As `systemd-analyze security` counts it today, of 10; more would be a setting lost.
EXPOSURE_LIMIT = 7.7


class UnitNode(Node):
    """A node whose agent is the installed unit."""

    def systemctl(self, *arguments):
        return self.machine.run(["systemctl", *arguments, UNIT], timeout=120)

    def show(self, name):
        return self.systemctl("show", "--value", "--property", name).check().text.strip()

    def drop_in(self, text):
        """Changes the unit's settings."""
        self.machine.write(DROP_IN, text)
        self.machine.sh("systemctl daemon-reload")

    def starts(self):
        """How often systemd has started the unit again by itself."""
        return int(self.show("NRestarts"))

    def wait_until_restarted(self):
        self.machine.wait_until(
            lambda: self.starts() > 0 and self.show("ActiveState") == "active", timeout=PATIENCE_SECONDS, interval=0.2)


@pytest.fixture
def node(machine, programs, test_name, directory, rootfs):
    """The unit as a person installs it, not started."""
    machine.sh(f"mkdir -p /usr/local/sbin /usr/local/bin; cp {programs['microagentd']} /usr/local/sbin/; cp {programs['microctl']} /usr/local/bin/")
    machine.put(UNIT_FILE, INSTALLED)
    machine.write("/etc/microagent.conf", f"cgroup = {test_name}\nmicrocloud = off\n")
    machine.sh("systemctl daemon-reload")
    agent = Agent(machine, {"microctl": "/usr/local/bin/microctl"}, test_name, directory)
    agent.socket = "/run/microagent/control.sock"
    node = UnitNode(agent, rootfs)
    yield node
    try:
        # A container may be left from a test that failed; without an agent nobody would remove it.
        node.systemctl("restart")
        for name in node.names("-a"):
            node.ctl("rm", "-f", name)
    finally:
        node.systemctl("stop")
        machine.sh(f"systemctl reset-failed; rm -rf {INSTALLED} {INSTALLED}.d /etc/microagent.conf /var/lib/microagent "
                   "/usr/local/sbin/microagentd /usr/local/bin/microctl; systemctl daemon-reload")


@pytest.fixture
def running(node):
    """The unit, started."""
    node.systemctl("start").check()
    return node


def test_start_waits_until_the_agent_is_ready(node):
    node.systemctl("start").check()
    # Type=notify: the start has ended only because the agent said so. It answers from then on.
    assert node.info()["containerCount"] == 0
    assert node.show("ActiveState") == "active"
    assert int(node.show("MainPID")) == node.info()["keeperProcess"]
    assert node.show("StatusText") == "0 containers"


def test_restart_leaves_containers_running(running):
    name = running.start("sleep", "1000")
    process, keeper = running.process(name), running.info()["keeperProcess"]
    running.systemctl("restart").check()
    assert running.info()["keeperProcess"] != keeper
    state = running.state(name)
    assert (state["phase"], state["process"], state["starts"]) == ("running", process, 1)
    # Adopted is more than seen: it can be told to end.
    running.ctl("stop", "-t", "0", name).check()
    assert running.state(name)["phase"] == "ended"
    assert not running.machine.exists(f"/proc/{process}")


def test_stop_leaves_containers_running_and_ends_cleanly(running):
    name = running.start("sleep", "1000")
    process = running.process(name)
    running.systemctl("stop").check()
    assert (running.show("ActiveState"), running.show("Result"), running.show("ExecMainStatus")) == (
        "inactive", "success", "0")
    assert running.is_alive(process)
    running.systemctl("start").check()
    assert running.process(name) == process and running.state(name)["phase"] == "running"


def test_containers_are_outside_of_the_unit(running):
    name = running.start("sleep", "1000")
    cgroup = running.machine.read(f"/proc/{running.process(name)}/cgroup").decode()
    assert cgroup == f"0::/{running.agent.name}/{name}\n"
    for key in ("agentProcess", "keeperProcess", "storeProcess"):
        assert running.machine.read(f"/proc/{running.info()[key]}/cgroup").decode() == f"0::/system.slice/{UNIT}\n"


def test_agent_that_hangs_is_killed_and_started_again(node):
    node.drop_in("[Service]\nWatchdogSec=2s\n")
    node.systemctl("start").check()
    name = node.start("sleep", "1000")
    process, agent = node.process(name), node.info()["agentProcess"]
    node.machine.kill(agent, signals.SIGSTOP)
    node.wait_until_restarted()
    assert node.info()["agentProcess"] != agent and not node.machine.exists(f"/proc/{agent}")
    assert node.process(name) == process and node.is_alive(process)


def test_agent_that_lives_is_left_alone_by_the_watchdog(node):
    node.drop_in("[Service]\nWatchdogSec=2s\n")
    node.systemctl("start").check()
    agent = node.info()["agentProcess"]
    # Until systemd has heard three times that the loop turns: the first time it could not have been by chance.
    heard = set()
    node.machine.wait_until(lambda: heard.add(node.show("WatchdogTimestampMonotonic")) or len(heard) > 3,
                            timeout=PATIENCE_SECONDS)
    assert node.starts() == 0 and node.info()["agentProcess"] == agent


def test_killed_agent_is_the_keepers_business(running):
    name = running.start("sleep", "1000")
    process = running.process(name)
    running.kill_agent()
    assert (running.show("ActiveState"), running.starts()) == ("active", 0)
    assert running.info()["agentStarts"] == 2
    assert running.process(name) == process and running.state(name)["phase"] == "running"


def test_killed_keeper_is_systemds_business(running):
    name = running.start("sleep", "1000")
    process = running.process(name)
    running.machine.kill(running.info()["keeperProcess"], signals.SIGKILL)
    running.wait_until_restarted()
    assert running.process(name) == process and running.state(name)["phase"] == "running"


def test_containers_have_none_of_the_units_protection(running):
    name = running.start("sleep", "1000")

    def score(process):
        return running.machine.read(f"/proc/{process}/oom_score_adj")

    processes = [running.info()[key] for key in ("agentProcess", "keeperProcess", "storeProcess")]
    assert [score(process) for process in processes] == [b"-900\n"] * 3
    assert score(running.process(name)) == b"0\n"


def test_containers_do_all_they_do_without_the_unit(running):
    """What the unit's hardening could take away."""
    shared = f"{running.agent.directory}/shared"
    running.machine.sh(f"mkdir {shared}; chown 100000 {shared}; echo from outside > {shared}/file")
    text = running.sh("cat /shared/file; echo x > /written; cat /written; touch /shared/new", "-v", f"{shared}:/shared")
    assert text == "from outside\nx\n" and running.machine.exists(f"{shared}/new")
    assert running.sh("hostname; id -u; id -g", "-h", "one", "-u", "1000:1001") == "one\n1000\n1001\n"
    assert "Read-only file system" in running.sh("touch /x 2>&1 || true", "--read-only")
    assert running.sh("ls /sys/class/net", "--network", "host") == "\n".join(
        sorted(running.machine.run(["ls", "/sys/class/net"]).text.split())) + "\n"
    assert running.sh("ip link set lo up; ip -o addr show lo | grep -c 127.0.0.1") == "1\n"
    assert running.sh("touch /s; chmod 4755 /s; chown 5 /s; mknod /fifo p; stat -c %u:%a /s") == "5:755\n"
    assert running.sh("id -u; echo x > /dev/null", "--userns", "host") == "0\n"
    assert running.run("sh", "-c", "x=a; while :; do x=$x$x; done", options=["-m", "4M"]).code == 137


def test_unit_file_is_without_fault(node):
    result = node.machine.run(["systemd-analyze", "verify", INSTALLED])
    assert (result.code, result.text, result.error_text) == (0, "", "")


def test_exposure_is_printed(running, record_property):
    result = running.machine.run(["systemd-analyze", "security", "--no-pager", UNIT])
    level = re.search(r"Overall exposure level for \S+ (\d+\.\d+)", result.text)
    print(result.text)
    record_property("exposure", level.group(1))
    assert float(level.group(1)) <= EXPOSURE_LIMIT
