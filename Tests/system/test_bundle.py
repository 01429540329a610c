"""Bundles of the OCI runtime specification that the agent runs: `microctl run --bundle`."""

import pytest

from node import refused
from oci import Runtime


#: The exit code of a container that was not started.
NOT_STARTED = 125


@pytest.fixture
def bundles(machine, microrun, test_name, directory, rootfs):
    """Writes bundles; nothing is run with microrun."""
    return Runtime(machine, microrun, test_name, directory, rootfs)


def test_what_it_says_is_what_runs(node, bundles):
    script = "echo $A $(id -u):$(id -g) $(pwd) $(hostname); touch /x 2>/dev/null || echo read-only; exit 3"
    config = bundles.config("sh", "-c", script)
    config["process"].update(env=["PATH=/bin", "A=b"], cwd="/tmp", user={"uid": 5, "gid": 6})
    config.update(hostname="bundled")
    config["root"]["readonly"] = True
    path = bundles.bundle(config)
    result = node.ctl("run", "--rm", "--bundle", path)
    assert (result.code, result.text) == (3, "b 5:6 /tmp bundled\nread-only\n"), result.error_text
    result = node.ctl("run", "--rm", "-e", "A=c", "--user", "7:8", "--workdir", "/", "-b", path, "sh", "-c",
                      "echo $A $(id -u):$(id -g) $(pwd)")
    assert result.text == "c 7:8 /\n", "the command line has the last word"


def test_its_budget_and_files_are_the_containers(node, bundles):
    config = bundles.config("sh", "-c", "cat /shown/hello; touch /shown/x 2>/dev/null || echo kept; sleep 1000")
    node.machine.sh(f"mkdir -p {bundles.directory}/shown; echo hi >{bundles.directory}/shown/hello")
    config["mounts"].append(
        {"destination": "/shown", "type": "bind", "source": f"{bundles.directory}/shown", "options": ["rbind", "ro"]})
    config["linux"]["resources"] = {"memory": {"limit": 6 << 20}, "pids": {"limit": 9}, "cpu": {"quota": 20000, "period": 100000}}
    name = node.ctl("run", "-d", "--bundle", bundles.bundle(config)).check().text.strip()
    node.wait_for_log(name, "hi\nkept\n")
    asked = node.state(name)["request"]
    assert (asked["memoryBytes"], asked["processes"], asked["cpuMillis"]) == (6 << 20, 9, 200)
    assert asked["root"] == config["root"]["path"]
    node.ctl("rm", "--force", name).check()
    name = node.ctl("run", "-d", "-m", "7M", "--bundle", bundles.bundle(config)).check().text.strip()
    assert node.state(name)["request"]["memoryBytes"] == 7 << 20
    assert "run sh (sh -c cat /shown/hello" in node.ctl("plan", "--bundle", bundles.bundle(config)).check().text


@pytest.mark.parametrize("field, change", [
    ("process.terminal", lambda config: config["process"].update(terminal=True)),
    ("process.capabilities", lambda config: config["process"]["capabilities"].update(effective=["CAP_SYS_ADMIN"])),
    ("hooks", lambda config: config.update(hooks={"poststop": [{"path": "/bin/true"}]})),
    ("linux.sysctl", lambda config: config["linux"].update(sysctl={"kernel.msgmax": "1"})),
    ("linux.resources.cpu.shares", lambda config: config["linux"].update(resources={"cpu": {"shares": 5}})),
    ("mounts: tmpfs on /var", lambda config: config["mounts"].append({"destination": "/var", "type": "tmpfs", "source": "x"})),
    ("linux.intelRdt", lambda config: config["linux"].update(intelRdt={"closID": "x"})),
    ("process.args", lambda config: config["process"].update(args=[])),
])
def test_what_no_container_here_can_have_is_refused(node, bundles, field, change):
    config = bundles.config("true")
    change(config)
    assert field in refused(node.ctl("run", "--bundle", bundles.bundle(config)), NOT_STARTED)
    assert node.names("-a") == []


def test_what_is_no_bundle_is_refused(node, bundles):
    assert "give a directory with a config.json" in refused(node.ctl("run", "--bundle", "/nowhere"), NOT_STARTED)
    node.machine.write(f"{bundles.directory}/config.json", "{")
    assert "read JSON" in refused(node.ctl("run", "--bundle", bundles.directory), NOT_STARTED)
    assert "push an image of it" in refused(node.ctl("--node", "127.0.0.1:9", "run", "--bundle", bundles.directory), 2)
