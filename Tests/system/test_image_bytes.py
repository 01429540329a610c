"""Disk images: the same sources give the same bytes, and they are small."""

import gzip
import hashlib
import os
import subprocess

import pytest

from conftest import REPOSITORY
from flashed import IMAGES, with_image

#: Of an image for an ALIX, compressed; what the next commits add is to be noticed.
COMPRESSED_LIMIT_BYTES = 6_500_000
#: Where the system begins, behind the partition that any machine can edit (cross/image/write-image).
SYSTEM_OFFSET = (1 + 24) << 20


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("board", ["alix", "galileo", pytest.param("vm", marks=with_image("vm"))])
def test_two_builds_are_equal_byte_for_byte(board, tmp_path):
    subprocess.run([REPOSITORY / "cross" / "make-image", board, tmp_path], check=True, capture_output=True)
    name = f"microagent-{board}.img"
    assert digest(tmp_path / name) == digest(IMAGES / name)
    assert gzip.decompress((tmp_path / f"{name}.gz").read_bytes()) == (tmp_path / name).read_bytes()
    # Formats of the disk differ; what is on it does not.
    for other in tmp_path.glob("*.qcow2"):
        assert digest(other) == digest(IMAGES / other.name)
        compared = subprocess.run(["qemu-img", "compare", tmp_path / name, other], capture_output=True, text=True)
        assert compared.returncode == 0, compared.stdout


def test_an_image_is_small():
    size = (IMAGES / "microagent-alix.img.gz").stat().st_size
    assert size <= COMPRESSED_LIMIT_BYTES


def test_an_image_holds_the_key_that_its_updates_are_signed_with(tmp_path):
    key = "03" + 32 * "5a"
    subprocess.run([REPOSITORY / "cross" / "make-image", "alix", tmp_path], check=True, capture_output=True,
                   env={**os.environ, "UPDATE_KEY": key})
    found = subprocess.run(
        ["unsquashfs", "-offset", str(SYSTEM_OFFSET), "-cat", tmp_path / "microagent-alix.img", "etc/board/update-key"],
        check=True, capture_output=True, text=True).stdout
    assert found == key + "\n"
    refused = subprocess.run([REPOSITORY / "cross" / "make-image", "alix", tmp_path], capture_output=True, text=True,
                             env={**os.environ, "UPDATE_KEY": "my key"})
    assert refused.returncode != 0 and "UPDATE_KEY: give a public key" in refused.stderr
