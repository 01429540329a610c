"""The machine with a real systemd runs units as any Debian does."""

import pytest

UNIT = "harness-check.service"
TEXT = """
[Unit]
Description=Proves that units run here
[Service]
Type=notify
NotifyAccess=all
ExecStart=/bin/sh -c 'systemd-notify --ready; exec sleep 1000'
Delegate=yes
NoNewPrivileges=yes
ProtectHome=yes
ProtectSystem=strict
SystemCallFilter=@system-service
MemoryMax=16M
"""


@pytest.fixture
def unit(systemd_machine):
    """The name of an installed unit, gone again after the test."""
    systemd_machine.write(f"/etc/systemd/system/{UNIT}", TEXT)
    systemd_machine.sh("systemctl daemon-reload")
    yield UNIT
    systemd_machine.sh(f"systemctl stop {UNIT}; rm /etc/systemd/system/{UNIT}; systemctl daemon-reload")


def show(machine, unit, name):
    return machine.run(["systemctl", "show", "--value", "--property", name, unit]).check().text.strip()


def test_first_program_is_systemd(systemd_machine):
    assert systemd_machine.read("/proc/1/comm") == b"systemd\n"
    assert systemd_machine.run(["systemctl", "is-system-running"]).text == "running\n"


def test_hardened_notify_unit_starts_restarts_and_stops(systemd_machine, unit):
    systemd_machine.run(["systemctl", "start", unit]).check()
    first = show(systemd_machine, unit, "MainPID")
    assert systemd_machine.read(f"/proc/{first}/comm") == b"sleep\n"
    assert systemd_machine.read(f"/proc/{first}/cgroup") == f"0::/system.slice/{unit}\n".encode()
    assert systemd_machine.read(f"/sys/fs/cgroup/system.slice/{unit}/memory.max") == b"16777216\n"
    systemd_machine.run(["systemctl", "restart", unit]).check()
    assert show(systemd_machine, unit, "MainPID") not in (first, "0")
    systemd_machine.run(["systemctl", "stop", unit]).check()
    assert show(systemd_machine, unit, "ActiveState") == "inactive"


def test_killed_unit_is_told(systemd_machine, unit):
    systemd_machine.run(["systemctl", "start", unit]).check()
    systemd_machine.run(["systemctl", "kill", "--signal=KILL", unit]).check()
    systemd_machine.wait_until(lambda: show(systemd_machine, unit, "ActiveState") == "failed")
    assert show(systemd_machine, unit, "Result") == "signal"
    systemd_machine.sh("systemctl reset-failed")
