"""The base image: others can read it, and containers run from what we unpack of it."""

import gzip
import hashlib
import json
import subprocess
import tarfile

import pytest

from conftest import REPOSITORY
from node import Node

ARCHIVE = REPOSITORY / ".build-cross" / "base-image.tar"


@pytest.fixture(scope="module")
def archive():
    if not ARCHIVE.is_file():
        pytest.fail(f"{ARCHIVE.relative_to(REPOSITORY)}: no such file; make it with `make base-image`")
    return ARCHIVE


@pytest.fixture
def node(machine, agent, unpack_driver, directory, archive):
    """An agent, and the image's only layer as the root file system."""
    with tarfile.open(archive) as files:
        def blob(descriptor):
            return files.extractfile(f"blobs/sha256/{descriptor['digest'].removeprefix('sha256:')}").read()

        index = json.load(files.extractfile("index.json"))
        manifest = json.loads(blob(index["manifests"][0]))
        layer = blob(manifest["layers"][0])
        digest, = json.loads(blob(manifest["config"]))["rootfs"]["diff_ids"]
    machine.write(f"{directory}/blob", layer)
    words = [f"{directory}/blob", f"{directory}/root", digest, "0", str(1 << 26), "1000", "60000"]
    result = machine.run([unpack_driver, "unpack", *words]).check()
    assert result.text.splitlines()[-1].startswith("done "), result.text
    assert digest == f"sha256:{hashlib.sha256(gzip.decompress(layer)).hexdigest()}"
    return Node(agent, f"{directory}/root")


@pytest.mark.machines("local")
def test_others_read_it(machine, archive):
    said = subprocess.run(["skopeo", "inspect", f"oci-archive:{archive}"], check=True, capture_output=True).stdout
    facts = json.loads(said)
    assert (facts["Os"], facts["Architecture"], len(facts["Layers"])) == ("linux", "386", 1)


def test_its_commands_run(node):
    said = node.sh("id -un; echo 3 1 2 | tr ' ' '\\n' | sort | tail -1; readlink /bin/ls; stat -c %a /tmp")
    assert said.split() == ["root", "3", "/bin/busybox", "1777"]


def test_its_numbers_are_right(node):
    """What a compiler calls a library for on 32 bits, and the x87."""
    said = node.sh("expr 10000000000000 / 3; printf '%x\\n' 1099511627775; awk 'BEGIN { print 10 / 4, 2 ^ 40 % 7 }'")
    assert said.split() == ["3333333333333", "ffffffffff", "2.5", "2"]


def test_its_users_and_names_are_known(node):
    said = node.sh("ping -c 1 -W 5 localhost >/dev/null && echo reached; id -u nobody; ls -ld /etc/passwd")
    assert said.startswith("reached\n65534\n") and " root " in said
