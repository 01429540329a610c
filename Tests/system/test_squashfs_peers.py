"""Squashfs images of Debian's mksquashfs, unpacked by us and by unsquashfs, the judge; and images that are none."""

import hashlib
import os
import random
import stat
import struct
import subprocess
from pathlib import Path

import pytest

from archives import Unpackers, tree
from test_unpacker import CAPABILITY

pytestmark = pytest.mark.machines("local")


@pytest.fixture
def place(machine, workspace):
    # Not on a tmpfs: older kernels keep no `user` attributes there.
    directory = f"{workspace}/squashfs"
    os.mkdir(directory)
    yield directory
    machine.run(["rm", "-rf", directory]).check()


@pytest.fixture
def unpackers(machine, unpack_driver, place):
    os.mkdir(f"{place}/ours")
    return Unpackers(machine, unpack_driver, f"{place}/ours")


def make_tree(top, seed):
    """What a root file system may hold, and sizes around what blocks, fragments and runs of entries hold."""
    random.seed(seed)
    directories, files = [top], []
    os.mkdir(top)
    for number in range(40):
        parent = random.choice(directories)
        directories.append(f"{parent}/{'d' * random.choice([1, 9, 200])}{number}")
        os.mkdir(directories[-1], 0o700)
    # More in some directories than a run of entries or a block of metadata holds.
    for number in range(600):
        path = f"{random.choice(directories[:1] if number % 2 else directories)}/{'f' * random.choice([1, 7, 120])}{number}"
        make_file(path, number, files)
        os.chown(path, random.choice([0, 7, 65535]), random.choice([0, 100]), follow_symlinks=False)
        if os.path.isfile(path) and not os.path.islink(path):
            os.chmod(path, random.choice([0o644, 0o4755, 0o600, 0o1777]))
        os.utime(path, (random.randrange(1 << 31),) * 2, follow_symlinks=False)
    for path in directories:
        os.chmod(path, random.choice([0o755, 0o1777, 0o500]))
        os.utime(path, (random.randrange(1 << 31),) * 2)
    os.setxattr(directories[1], "user.directory", b"d")
    return top


def make_file(path, number, files):
    match number % 10:
        case 0 if files:
            os.link(random.choice(files), path)
        case 1:
            os.symlink(random.choice(["../x", "/nowhere", "a" * 300]), path)
        case 2 if number < 50:
            os.mkfifo(path)
        case _:
            size = random.choice([0, 1, 100, 1000, 4095, 4096, 4097] if number % 20 else [131071, 131072, 1_100_000])
            kind = random.choice([os.urandom, lambda count: b"text " * (count // 5), bytes])
            Path(path).write_bytes(kind(size) + b"end" * (number % 2))
            files.append(path)
            if number % 10 == 3:
                os.setxattr(path, "user.note", random.choice([b"", b"note", b"shared by many" * 20]))
            if number % 50 == 4:
                os.setxattr(path, "security.capability", CAPABILITY)


def make_image(top, image, *options):
    subprocess.run(["mksquashfs", top, image, "-no-progress", *options], check=True, capture_output=True)
    return Path(image).read_bytes()


@pytest.mark.parametrize("options", [
    [],
    ["-b", "4096", "-always-use-fragments"],
    ["-b", "1M", "-no-exports", "-Xwindow-size", "10", "-Xcompression-level", "1"],
    ["-noI", "-noD", "-noF", "-noX", "-noId", "-no-fragments"],
], ids=["as-it-is", "small-blocks", "large-blocks", "uncompressed"])
def test_an_image_becomes_what_its_maker_makes_of_it(unpackers, place, options):
    top = make_tree(f"{place}/tree", repr(options))
    image = make_image(top, f"{place}/image", *options)
    subprocess.run(["unsquashfs", "-no-progress", "-d", f"{place}/theirs", f"{place}/image"], check=True,
                   capture_output=True)
    done = unpackers.unpack(image)
    assert done.is_done, done.reports
    assert tree(done.directory) == tree(f"{place}/theirs")


def test_devices_and_sockets_are_passed_over_and_owners_shifted(unpackers, place):
    os.makedirs(f"{place}/tree/dev")
    os.mknod(f"{place}/tree/dev/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.link(f"{place}/tree/dev/null", f"{place}/tree/dev/zero")
    os.mknod(f"{place}/tree/dev/sda", stat.S_IFBLK | 0o666, os.makedev(8, 0))
    os.mknod(f"{place}/tree/socket", stat.S_IFSOCK | 0o666)
    Path(f"{place}/tree/.wh.kept").write_text("no whiteout")
    os.chown(f"{place}/tree/.wh.kept", 7, 7)
    done = unpackers.unpack(make_image(f"{place}/tree", f"{place}/image"), first_id=100_000)
    assert done.last.split()[2:] == ["6", "3"]
    found = tree(done.directory)
    assert found.keys() == {".", "dev", ".wh.kept"}
    assert found[".wh.kept"]["owner"] == (100_007, 100_007) and found["."]["owner"] == (100_000, 100_000)


def test_limits_hold_before_anything_is_written(unpackers, place):
    os.mkdir(f"{place}/tree")
    # A hole takes no bytes of an image, but it does of a disk.
    with open(f"{place}/tree/hole", "wb") as file:
        file.truncate(10 << 20)
    image = make_image(f"{place}/tree", f"{place}/image")
    assert "more than the 1000000 bytes" in unpackers.unpack(image, size=1_000_000).failure
    assert "more than the 1 entries" in unpackers.unpack(image, entries=1).failure
    failure = unpackers.unpack(image, digest=hashlib.sha256(b"another").hexdigest()).failure
    assert "not the one that the image's configuration names" in failure


def patched(image, offset, form, *values):
    return image[:offset] + struct.pack(form, *values) + image[offset + struct.calcsize(form):]


@pytest.fixture
def plain_image(place):
    """An image with a directory in a directory whose tables are as they are, to be changed."""
    os.makedirs(f"{place}/tree/outer/inner")
    return make_image(f"{place}/tree", f"{place}/plain", "-noI", "-noD", "-noX", "-noId", "-nopad", "-no-exports")


def test_a_directory_inside_itself_ends(unpackers, plain_image):
    # An entry of a directory is where its inode stands, in two bytes, six others, and its name.
    outer, = struct.unpack_from("<H", plain_image, plain_image.index(b"outer") - 8)
    loop = patched(plain_image, plain_image.index(b"inner") - 8, "<H", outer)
    assert "one is in two places" in unpackers.unpack(loop).failure


@pytest.mark.parametrize("change,problem", [
    (lambda image: image[:-1], "the image ends before what it points to: copy it again"),
    (lambda image: patched(image, 20, "<H", 4), "compressed with xz: make it with `mksquashfs ROOT IMAGE -comp gzip`"),
    (lambda image: patched(image, 28, "<H", 3), "version 3 of the format, not 4.0"),
    (lambda image: patched(image, 12, "<I", 5000), "its sizes do not fit one another"),
    (lambda image: image.replace(b"inner", b"i/../"), "a name that no file can have"),
    (lambda image: patched(image, struct.unpack_from("<Q", image, 64)[0] + 2, "<H", 99), "an inode is damaged"),
])
def test_what_is_no_image_is_refused(unpackers, plain_image, change, problem):
    assert problem in unpackers.unpack(change(plain_image)).failure
