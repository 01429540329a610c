"""Disk images: the same sources give the same bytes, and they are small."""

import gzip
import hashlib
import subprocess

import pytest

from conftest import REPOSITORY
from flashed import IMAGES, with_image

#: Of an image for an ALIX, compressed; what the next commits add is to be noticed.
COMPRESSED_LIMIT_BYTES = 6_500_000


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
