"""Layers unpacked on each kind of machine: what its kernel and file system make of our calls, within a small budget."""

import gzip
import hashlib
import os
import tarfile

import pytest

from archives import Layer

MEMORY_LIMIT = 2 << 20


@pytest.fixture
def budget(machine, test_name):
    """A control group with little memory: its directory, and the file that a process joins it by."""
    if machine.exists("/sys/fs/cgroup/cgroup.controllers"):
        machine.sh("echo +memory > /sys/fs/cgroup/cgroup.subtree_control")
        group, limit, join = f"/sys/fs/cgroup/{test_name}", "memory.max", "cgroup.procs"
    else:
        group, limit, join = f"/sys/fs/cgroup/memory/{test_name}", "memory.limit_in_bytes", "tasks"
    machine.sh(f"mkdir {group} && echo {MEMORY_LIMIT} > {group}/{limit}")
    yield group, f"{group}/{join}"
    machine.run(["rmdir", group]).check()


@pytest.fixture
def unpack(machine, unpack_driver, directory):
    """Unpacks a layer into a directory of this name, and returns that."""
    def unpack(layer, name, first_id=0, join=()):
        blob, target = f"{directory}/{name}.tar.gz", f"{directory}/{name}"
        archive = layer.bytes
        machine.write(blob, gzip.compress(archive))
        digest = f"sha256:{hashlib.sha256(archive).hexdigest()}"
        result = machine.run([unpack_driver, "unpack", blob, target, digest, str(first_id), str(1 << 30), "1000",
                              "60000", *join]).check()
        assert result.text.splitlines()[-1].startswith("done "), result.text
        return target

    return unpack


def test_a_layer_is_unpacked_within_a_small_budget(machine, unpack, budget):
    group, join = budget
    content = os.urandom(3 * MEMORY_LIMIT)
    target = unpack(Layer().add("large", data=content), "layer", join=[join])
    found = machine.run(["sha256sum", f"{target}/large"]).check().text.split()[0]
    assert found == hashlib.sha256(content).hexdigest()
    assert machine.read(f"{group}/cgroup.procs") == b""


def test_files_have_their_owners_modes_and_times(machine, unpack):
    layer = Layer().directory("d", owner=5, time=1_000_000_000).add("d/f", mode=0o4710, owner=7, time=2_000_000_000)
    layer.hard_link("d/h", "d/f").link("d/s", "/nowhere").add("d/p", tarfile.FIFOTYPE, mode=0o600)
    target = unpack(layer, "layer", first_id=100_000)

    def status(name):
        return machine.run(["stat", "-c", "%a %u %g %h %Y", f"{target}/{name}"]).check().text.strip()

    assert status("d") == "755 100005 100005 2 1000000000"
    assert status("d/f") == status("d/h") == "4710 100007 100007 2 2000000000"
    assert status("d/s").split()[1:3] == ["100000", "100000"]
    assert status("d/p").startswith("600 100000")
    assert machine.run(["readlink", f"{target}/d/s"]).check().text == "/nowhere\n"


def test_layers_are_what_an_overlay_takes(machine, unpack, directory):
    lower = unpack(Layer().add("kept").add("gone").add("d/old").add("e/old").add("f/old"), "lower")
    changes = Layer().add(".wh.gone").directory("d").add("d/.wh..wh..opq").add("d/new").add("e/new").add(".wh.f")
    upper = unpack(changes.add("f/new"), "upper")
    merged = f"{directory}/merged"
    machine.sh(f"mkdir {merged} && mount -t overlay -o lowerdir={upper}:{lower} overlay {merged}")
    try:
        found = machine.sh(f"cd {merged} && find . -type f").text.split()
        assert sorted(found) == ["./d/new", "./e/new", "./e/old", "./f/new", "./kept"]
    finally:
        machine.run(["umount", merged]).check()
