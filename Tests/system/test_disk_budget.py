"""Disk budgets: kept by project quota on the virtual boards, whose disk has it."""

import errno

import pytest

from node import refused
from test_attacks import attack  # noqa: F401 -- the fixture

MEBIBYTE = 1 << 20
KEPT = pytest.mark.machines("vm")
#: Writes so many blocks and goes on, whatever became of them.
WRITER = "dd if=/dev/zero of={} bs=65536 count={} 2>&1; echo written; while :; do sleep 0.05; done"
EATER = "mkdir /many; i=0; while echo >/many/$i; do i=$((i + 1)); done; echo made $i"


@pytest.fixture
def armed(node, attack):  # noqa: F811
    """A node whose containers have the program /bin/attack."""
    node.machine.run(["cp", attack, f"{node.rootfs}/bin/attack"]).check()
    return node


def usage(node, name):
    return node.json("stats", name)[0]


def writing(node, path, blocks, *options):
    name = node.start_sh(WRITER.format(path, blocks), *options)
    node.wait_for_log(name, "written\n")
    return name


def projects(node, attack):  # noqa: F811
    """How many projects of the agent's the disk knows."""
    return int(node.machine.run([attack, "projects", node.agent.state_directory]).check().text)


def test_info_says_whether_they_are_kept(node):
    line = node.info()["diskBudgets"]
    if node.machine.name == "local":
        assert line.startswith("not kept: ") and "prjquota" in line
    elif node.machine.name == "vm":
        assert line == "kept by project quota"
    assert ("disk-budgets" in node.json("offer")["abilities"]) == line.startswith("kept")


@KEPT
def test_who_fills_the_disk_meets_the_budget_alone(node):
    neighbour = node.start_sh("while :; do sleep 0.05; done")
    name = writing(node, "/x", 512, "--disk", "4M")
    assert "No space" in node.logs(name) or "quota exceeded" in node.logs(name).lower()
    used = usage(node, name)
    assert 3 * MEBIBYTE < used["diskUsedBytes"] <= used["diskBytes"] == 4 * MEBIBYTE
    assert node.state(name)["diskUsedBytes"] == used["diskUsedBytes"]
    node.ctl("exec", neighbour, "dd", "if=/dev/zero", "of=/y", "bs=65536", "count=100").check()
    assert usage(node, neighbour)["diskUsedBytes"] > 100 * 65536
    # What the agent keeps is not in its way.
    assert node.sh("echo here") == "here\n"
    assert "of 4.0M" in node.ctl("stats", name).check().text or "of 4M" in node.ctl("stats", name).check().text
    # What it deletes it has again.
    node.ctl("exec", name, "sh", "-c", "rm /x; dd if=/dev/zero of=/z bs=65536 count=32").check()


@KEPT
def test_who_makes_files_without_end_meets_the_budget_alone(node):
    name = node.start_sh(EATER, "--disk", "1M")
    node.wait_for_phase(name, "ended")
    made = int(node.logs(name).split()[-1])
    assert 100 < made < MEBIBYTE // 16384 + 256
    neighbour = node.start_sh("while :; do sleep 0.05; done")
    node.ctl("exec", neighbour, "sh", "-c", "for i in $(seq 300); do echo >/$i; done; echo all").check()
    assert usage(node, neighbour)["fileCount"] > 300


@KEPT
def test_what_is_said_of_the_disk_inside_is_the_budget(node):
    size = int(node.sh("df -k / | tail -n 1 | awk '{ print $2 }'", "--disk", "4M"))
    assert size == 4096


@KEPT
def test_a_container_without_a_wish_has_a_budget(node):
    name = node.start("sleep", "1000")
    assert node.state(name)["request"]["diskBytes"] == usage(node, name)["diskBytes"] == 64 * MEBIBYTE


@KEPT
def test_the_budget_changes_while_it_runs(node):
    name = writing(node, "/x", 512, "--disk", "2M")
    node.ctl("update", "--disk", "6M", name).check()
    assert usage(node, name)["diskBytes"] == 6 * MEBIBYTE
    more = ["exec", name, "dd", "if=/dev/zero", "of=/more", "bs=65536", "count=32"]
    node.machine.wait_until(lambda: node.ctl(*more).code == 0)
    node.ctl("update", "--disk", "1M", name).check()
    node.machine.wait_until(lambda: node.ctl("exec", name, "sh", "-c", "echo x >/another").code != 0)


@KEPT
def test_the_budget_is_kept_over_deaths_and_restarts(node):
    name = writing(node, "/x", 512, "--disk", "2M")
    more = ["exec", name, "dd", "if=/dev/zero", "of=/more", "bs=65536", "count=4"]
    node.kill_agent()
    assert node.ctl(*more).code != 0
    assert usage(node, name)["diskUsedBytes"] <= 2 * MEBIBYTE
    with node.without_agent():
        pass
    assert node.ctl(*more).code != 0
    # One that has used up all of it can be started again.
    node.ctl("stop", "-t", "0", name).check()
    node.ctl("start", name).check()
    node.machine.wait_until(lambda: node.logs(name).count("written\n") == 2)
    assert 1.5 * MEBIBYTE < usage(node, name)["diskUsedBytes"] <= 2 * MEBIBYTE
    assert node.ctl(*more).code != 0


@KEPT
@pytest.mark.parametrize("options", [[], ["--userns", "host"]], ids=["mapped", "root"])
def test_nothing_leaves_the_project(armed, attack, options):  # noqa: F811
    name = armed.start_sh("mkdir /d; echo x >/d/f; echo written; while :; do sleep 0.05; done", "--disk", "2M", *options)
    armed.wait_for_log(name, "written\n")
    inside = lambda *words: armed.ctl("exec", name, "/bin/attack", *words).check().text.strip()
    project = inside("project", "/d")
    assert int(project) >= 0x40000000 and inside("project", "/d/f") == inside("project", "/") == project
    for path in ("/", "/d", "/d/f"):
        assert inside("leave-project", path) == str(errno.EPERM)
        if path != "/d/f":
            assert inside("drop-inheritance", path) == str(errno.EPERM)
    assert inside("project", "/d") == inside("project", "/d/f") == project
    # A file of the image's is counted as soon as it is written to, linked or renamed.
    before = usage(armed, name)["diskUsedBytes"]
    armed.ctl("exec", name, "sh", "-c", "busybox ln /bin/busybox /d/link; busybox mv /bin/busybox /d/moved || true")
    assert usage(armed, name)["diskUsedBytes"] > before + 256 * 1024
    # On the machine, where nothing is filtered, the same attack does harm.
    upper = f"{armed.agent.state_directory}/containers/{armed.state(name)['id']}/upper"
    root = lambda *words: armed.machine.run([attack, *words]).check().text.strip()
    assert root("project", upper + "/d") == project
    assert root("drop-inheritance", upper + "/d") == "0"
    assert root("leave-project", upper + "/d") == "0"
    assert root("project", upper + "/d") == "0"


@KEPT
def test_what_is_removed_leaves_no_project(node, attack):  # noqa: F811
    before = projects(node, attack)
    names = [writing(node, "/x", 4, "--disk", "2M") for _ in range(3)]
    assert projects(node, attack) == before + 3
    node.kill_agent()
    node.ctl("rm", "--force", *names).check()
    node.machine.wait_until(lambda: projects(node, attack) == before)


def test_what_cannot_be_meant_is_refused(node):
    assert "give at least 1024 KiB" in refused(node.run("true", options=["--disk", "4k"]), 125)
    assert "read-only root" in refused(node.run("true", options=["--disk", "4M", "--read-only"]), 125)
    name = node.start("sleep", "1000")
    assert "give at least 1024 KiB" in refused(node.ctl("update", "--disk", "0", name))


def test_a_lease_gives_its_containers_their_disk(node):
    lease = node.ctl("lease", "-m", "8M", "--cpu", "30%", "--disk", "8M", "--containers", "2").check().text.strip()
    small = ["--lease", lease, "-m", "2M", "--cpus", "0.1", "--processes", "16"]
    names = [node.start("sleep", "1000", options=small) for _ in range(2)]
    for name in names:
        # So much goes with each container, and beside it its share of the lease.
        assert node.state(name)["request"]["diskBytes"] == 5 * MEBIBYTE
    assert "disk: 1024 KiB asked for, 0 KiB left" in refused(node.ctl("update", "--disk", "6M", names[0]))
    # What has ended keeps what it has written.
    node.ctl("stop", "-t", "0", names[1]).check()
    assert "disk: 1024 KiB asked for, 0 KiB left" in refused(node.ctl("update", "--disk", "6M", names[0]))
    node.ctl("update", "--disk", "3M", names[0]).check()
    node.ctl("update", "--disk", "7M", names[1]).check()
    node.ctl("start", names[1]).check()
    node.ctl("rm", "--force", *names).check()
    node.ctl("release", lease).check()
