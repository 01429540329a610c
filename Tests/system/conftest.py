"""Fixtures: which machine, which binaries, an agent of the test's own, and proof that it left nothing behind."""

import uuid
from collections import Counter
from pathlib import Path

import pytest

from agent import Agent
from boards import Boards
from leaks import LeakCheck
from machine import LocalMachine, VirtualMachine
from network import Network
from node import Node
from rootfs import make_rootfs

REPOSITORY = Path(__file__).resolve().parents[2]
MACHINES = {
    "local": LocalMachine,
    "vm": VirtualMachine,
    "vm-initramfs": lambda: VirtualMachine("initramfs"),
    "vm-systemd": lambda: VirtualMachine("systemd"),
}
TARGETS = {
    "host": REPOSITORY / ".build" / "debug",
    "i586": REPOSITORY / ".build-cross" / "i586",
    "atom32": REPOSITORY / ".build-cross" / "atom32",
    "atom64": REPOSITORY / ".build-cross" / "atom64",
}
TARGETS_OF_VIRTUAL_MACHINES = ["i586", "atom32"]
PROGRAMS = ["microagentd", "microctl"]


def pytest_addoption(parser):
    group = parser.getgroup("microagent")
    group.addoption("--machine", action="append", choices=list(MACHINES), help="where to run; may be repeated (local)")
    group.addoption("--target", action="append", choices=list(TARGETS),
                    help="which binaries; may be repeated (host on this machine, i586 on virtual ones)")


def pytest_configure(config):
    machines = config.getoption("--machine") or ["local"]
    config.settings = [pair for machine in machines for pair in _pairs(config, machine)]


def _pairs(config, machine):
    targets = config.getoption("--target") or (["host"] if machine == "local" else ["i586"])
    for target in targets:
        if machine != "local" and target not in TARGETS_OF_VIRTUAL_MACHINES:
            fitting = " and ".join(TARGETS_OF_VIRTUAL_MACHINES)
            raise pytest.UsageError(f"--machine {machine} is an i386: it runs {fitting}, not {target}")
    return [(machine, target) for target in targets]


def pytest_generate_tests(metafunc):
    settings = metafunc.config.settings
    if "target" in metafunc.fixturenames:
        metafunc.parametrize("machine,target", settings, indirect=True, scope="session")
    elif "machine" in metafunc.fixturenames:
        metafunc.parametrize("machine", list(dict(settings)), indirect=True, scope="session")


def pytest_collection_modifyitems(config, items):
    """Leaves out what another machine is needed for: a test that asks for `virtual` on this host, and one marked with
    `machines` on others than these."""

    def fits(item):
        machine = getattr(getattr(item, "callspec", None), "params", {}).get("machine")
        if machine == "local" and "virtual" in item.fixturenames:
            return False
        marker = item.get_closest_marker("machines")
        return marker is None or machine in marker.args

    config.hook.pytest_deselected(items=[item for item in items if not fits(item)])
    items[:] = [item for item in items if fits(item)]


@pytest.fixture(scope="session")
def machine(request):
    """The machine to run on."""
    machine = MACHINES[request.param]()
    yield machine
    machine.close()


@pytest.fixture
def virtual(machine):
    """The machine, which is a virtual one: a test that asks for this is left out on others (pytest says how many)."""
    return machine


@pytest.fixture(scope="session")
def systemd_machine():
    """A virtual board whose first program is Debian's systemd, whatever --machine says: for what our unit promises."""
    machine = VirtualMachine("systemd")
    yield machine
    machine.close()


@pytest.fixture(scope="session")
def target(request):
    """The name of the build whose binaries are tested."""
    return request.param


@pytest.fixture(scope="session")
def workspace(machine):
    """A folder on the machine's disk for what several tests share."""
    path = f"{machine.scratch}/microagent-tests-{uuid.uuid4().hex[:12]}"
    machine.run(["mkdir", "-p", path]).check()
    yield path
    machine.run(["rm", "-rf", path]).check()


@pytest.fixture(scope="session")
def programs(machine, target, workspace):
    """Where microagentd and microctl lie on the machine."""
    return {name: _put_program(machine, target, workspace, name) for name in PROGRAMS}


@pytest.fixture(scope="session")
def microrun(machine, target, workspace):
    """Where microrun lies on the machine."""
    return _put_program(machine, target, workspace, "microrun")


@pytest.fixture(scope="session")
def coap_driver(machine, target, workspace):
    """Where the program lies that speaks CoAP as it is told."""
    return _put_program(machine, target, workspace, "coap-driver")


@pytest.fixture(scope="session")
def microcloud_driver(machine, target, workspace):
    """Where the program lies that speaks Serf and multicast DNS as it is told."""
    return _put_program(machine, target, workspace, "microcloud-driver")


@pytest.fixture(scope="session")
def unpack_driver(machine, target, workspace):
    """Where the program lies that unpacks layers and lists archives."""
    return _put_program(machine, target, workspace, "unpack-driver")


def _put_program(machine, target, workspace, name):
    local = TARGETS[target] / name
    if not local.is_file():
        build = "swift build" if target == "host" else f"cross/build --drivers {target}"
        pytest.fail(f"{local.relative_to(REPOSITORY)}: no such program; build it with `{build}`")
    path = f"{workspace}/bin-{target}/{name}"
    machine.put(local, path)
    return path


@pytest.fixture(scope="session")
def shared_rootfs(machine, workspace):
    """The busybox root file system that `rootfs` is a copy of."""
    return make_rootfs(machine, f"{workspace}/rootfs")


@pytest.fixture
def rootfs(machine, shared_rootfs, directory):
    """A busybox root file system of the test's own."""
    path = f"{directory}/rootfs"
    machine.run(["cp", "-a", shared_rootfs, path]).check()
    return path


@pytest.fixture
def test_name():
    """A name of the test's own: for its folder, its cgroup, and the marker in its processes' environment."""
    return f"microagent-test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def directory(machine, test_name):
    """A folder of the test's own on the machine's disk. When the test and its other fixtures are over, nothing of the
    test may be left on the machine; then the folder goes."""
    path = f"{machine.scratch}/{test_name}"
    machine.run(["mkdir", path]).check()
    check = LeakCheck(machine, test_name, path)
    yield path
    try:
        check.assert_none()
    finally:
        # Through a mount that could not be undone, rm would reach what is not the test's.
        assert path.encode() not in machine.read("/proc/self/mountinfo"), f"still mounted below {path}"
        machine.run(["rm", "-rf", path]).check()


@pytest.fixture
def network(machine, test_name, directory):
    """A network of the test's own, without hosts yet."""
    network = Network(machine, test_name, directory)
    yield network
    network.close()


@pytest.fixture
def boards(network, programs):
    """A switch for boards, without any yet."""
    boards = Boards(network, programs)
    yield boards
    boards.close()


@pytest.fixture
def stopped_agent(machine, programs, test_name, directory):
    """An Agent that is configured but not started; a test that starts it need not stop it."""
    agent = Agent(machine, programs, test_name, directory)
    agent.configure()
    yield agent
    result = agent.stop()
    if result is not None and result.code == 0:
        left = machine.run(["ls", "-A", agent.runtime_directory]).text.split()
        assert left == [], f"left in the runtime directory after a clean end: {left}"


@pytest.fixture
def agent(stopped_agent):
    """A running microagentd of the test's own."""
    stopped_agent.start()
    return stopped_agent


@pytest.fixture
def node(agent, rootfs):
    """A running agent and a root file system, to run containers; these are removed after the test."""
    node = Node(agent, rootfs)
    yield node
    node.remove_all()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    of_systemd = "systemd_machine" in getattr(item, "fixturenames", [])
    machine = parameters.get("machine", "vm-systemd" if of_systemd else "none")
    report.setting = f"machine={machine} target={parameters.get('target', 'none')}"
    agent = getattr(item, "funcargs", {}).get("stopped_agent")
    if report.failed and agent and agent.process:
        report.sections.append(("microagentd", agent.process.stderr.decode(errors="replace")))


def pytest_terminal_summary(terminalreporter):
    """One line for each machine and target, so that a run that tested nothing there cannot pass unnoticed."""
    counts = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            kind = "failed" if outcome == "error" else outcome
            counts.setdefault(getattr(report, "setting", "collection"), Counter())[kind] += 1
    terminalreporter.section("machines and targets")
    for setting, count in sorted(counts.items()):
        numbers = ", ".join(f"{count[kind]} {kind}" for kind in ("passed", "failed", "skipped"))
        terminalreporter.write_line(f"{setting}: {numbers}")
