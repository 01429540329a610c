"""Disk images: the same sources give the same bytes, and they are small."""

import gzip
import hashlib
import subprocess

import pytest

from conftest import REPOSITORY
from flashed import IMAGES

#: Of an image for an ALIX, compressed; what the next commits add is to be noticed.
COMPRESSED_LIMIT_BYTES = 6_500_000


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("board", ["alix", "galileo"])
def test_two_builds_are_equal_byte_for_byte(board, tmp_path):
    subprocess.run([REPOSITORY / "cross" / "make-image", board, tmp_path], check=True, capture_output=True)
    name = f"microagent-{board}.img"
    assert digest(tmp_path / name) == digest(IMAGES / name)
    assert gzip.decompress((tmp_path / f"{name}.gz").read_bytes()) == (tmp_path / name).read_bytes()


def test_an_image_is_small():
    size = (IMAGES / "microagent-alix.img.gz").stat().st_size
    assert size <= COMPRESSED_LIMIT_BYTES
