"""The Debian package under a real systemd: installed it runs, upgraded it goes on with its containers, removed it is gone."""

import subprocess

import pytest

from agent import Agent
from conftest import REPOSITORY
from node import Node

pytestmark = pytest.mark.machines("vm-systemd")

UNIT = "microagentd.service"


@pytest.fixture
def package(machine, target, directory, tmp_path):
    """Its files where dpkg would put them, for the virtual machine has none; returns what its own scripts' paths begin with."""
    assert target == "i586", "the virtual machine is an i386"
    deb, = (REPOSITORY / ".build-cross/packages").glob("*_i386.deb")
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tmp_path / "tree"], check=True)
    tree = tmp_path / "tree"
    files = {path: f"/{path.relative_to(tree)}" for path in sorted(tree.rglob("*")) if path.is_file()}
    for path, place in files.items():
        if place.startswith("/DEBIAN/"):
            place = files[path] = f"{directory}/package.{path.name}"
        machine.put(path, place)
    yield f"{directory}/package"
    machine.run(["systemctl", "stop", UNIT])
    machine.run(["systemctl", "disable", UNIT])
    machine.run(["rm", "-rf", *files.values(), "/var/lib/microagent"]).check()
    machine.sh("systemctl daemon-reload")


@pytest.fixture
def node(machine, package, test_name, directory, rootfs):
    machine.write("/etc/microagent.conf", f"cgroup = {test_name}\nmicrocloud = off\n")
    agent = Agent(machine, {"microctl": "/usr/bin/microctl"}, test_name, directory)
    agent.socket = "/run/microagent/control.sock"
    return Node(agent, rootfs)


def test_systemd_package_is_installed_upgraded_and_removed(machine, package, node):
    def systemd_says(verb):
        return machine.run(["systemctl", verb, UNIT]).text.strip()

    machine.run([f"{package}.postinst", "configure", ""], timeout=120).check()
    assert systemd_says("is-active") == "active" and systemd_says("is-enabled") == "enabled"
    name = node.start("sleep", "1000")
    process, keeper = node.process(name), node.info()["keeperProcess"]
    machine.run([f"{package}.prerm", "upgrade", "0.2.0"], timeout=120).check()
    machine.run([f"{package}.postinst", "configure", "0.1.0"], timeout=120).check()
    assert systemd_says("is-active") == "active" and node.info()["keeperProcess"] != keeper
    assert node.process(name) == process and node.is_alive(process), "an upgrade ended a container"
    machine.run([f"{package}.prerm", "remove"], timeout=120).check()
    assert systemd_says("is-active") == "inactive"
    assert not machine.exists(f"/proc/{process}"), "a removal left a container running"
    machine.run([f"{package}.postrm", "purge"], timeout=120).check()
    assert not machine.exists("/var/lib/microagent")
