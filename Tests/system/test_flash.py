"""microctl flash: images onto loop devices. Others make the images' file systems and judge what became of them."""

import gzip
import os
import pty
import signal as signals
import struct
import subprocess
import sys
import time

import pytest

from disk.slow import PROGRAM as FUSE

pytestmark = pytest.mark.machines("local")

MIB = 1 << 20
#: Where the image's partitions begin, and what it is long; MiB.
BOOT, FIRST, SECOND, DATA = 1, 9, 10, 11
DEVICE_MIB = 48
OWNER = "03e24d28f6b0c9021937c26f57a4242775450df0d24cd57c2d79dce06571d847ba"
TEMPLATE = b"# Settings of this board.\r\n#owner = (your key)\r\nname = alix\r\n" + b"# more\r\n" * 300
TIMEOUT_SECONDS = 60


def run(*argv, **options):
    return subprocess.run([str(word) for word in argv], capture_output=True, timeout=TIMEOUT_SECONDS, **options)


def checked(*argv):
    result = run(*argv)
    assert result.returncode == 0, f"{argv}: {result.stderr.decode()}"
    return result.stdout


def make_image(folder, boot="FAT"):
    """An image as boards have them, but small: a loader, a FAT file system with a few files, two systems, no data yet."""
    path = folder / "boot"
    checked("mkfs.vfat", "-F", "16", "-s", "1", "-n", "MICROAGENT", "-C", path, (FIRST - BOOT) * 1024)
    for name, content in [("kernel", b"K" * 100_000), ("microagent.conf", TEMPLATE), ("last", b"L" * 3000)]:
        if boot == "FAT" or name != "microagent.conf":
            (folder / name).write_bytes(content)
            checked("mcopy", "-i", path, folder / name, f"::{name}")
    front = bytearray(os.urandom(440).ljust(BOOT * MIB, b"\0"))
    for index, (kind, start, end) in enumerate(
        [(0x0E, BOOT, FIRST), (0x83, FIRST, SECOND), (0x83, SECOND, DATA), (0x83, DATA, DATA + 4)]
    ):
        front[446 + 16 * index : 462 + 16 * index] = struct.pack(
            "<B3xB3xII", 0, kind, start * 2048, (end - start) * 2048)
    front[510:512] = b"\x55\xaa"
    image = folder / "microagent-test.img"
    system = b"".join(bytes([n]) * 4096 for n in range(256))
    image.write_bytes(bytes(front) + path.read_bytes() + system + bytes(MIB))
    return image


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    return make_image(tmp_path_factory.mktemp("image"))


class Disk:
    """A loop device of the test's own, over a file that holds something already."""

    def __init__(self, path):
        self.file = path
        self.device = checked("losetup", "--find", "--show", path).decode().strip()

    @property
    def name(self):
        return self.device.removeprefix("/dev/")

    def content(self):
        checked("blockdev", "--flushbufs", self.device)
        return self.file.read_bytes()

    def close(self):
        checked("losetup", "--detach", self.device)


@pytest.fixture
def disk(directory, tmp_path):
    path = tmp_path / "disk"
    path.write_bytes(os.urandom(MIB) * DEVICE_MIB)
    disk = Disk(path)
    yield disk
    disk.close()


@pytest.fixture
def flash(programs, tmp_path):
    def flash(*arguments, **options):
        return run(programs["microctl"], "flash", *arguments, env={"HOME": str(tmp_path)}, **options)

    return flash


def refused(result, *words):
    """It says in one line what is wrong, and has done nothing."""
    errors = result.stderr.decode()
    assert result.returncode != 0 and errors.count("\n") == 1, (result.returncode, errors)
    assert all(word in errors for word in words), errors
    return True


def partitions(content):
    return [struct.unpack("<4xB3xII", content[446 + 16 * n : 462 + 16 * n]) for n in range(4)]


def boot_files(content, folder):
    """What mtools finds in the first partition, which fsck finds nothing wrong with."""
    path = folder / "written-boot"
    path.write_bytes(content[BOOT * MIB : FIRST * MIB])
    checked("fsck.fat", "-n", path)
    return {name: checked("mtype", "-i", path, f"::{name}") for name in ("kernel", "microagent.conf", "last")}


@pytest.mark.parametrize("packed", [False, True])
def test_image_settings_and_a_grown_data_partition_are_on_the_device(flash, disk, image, tmp_path, packed):
    if packed:
        # In two members, as tools write them that compress in parallel.
        raw, half = image.read_bytes(), 5 * MIB + 77
        image = tmp_path / "image.img.gz"
        image.write_bytes(gzip.compress(raw[:half], 1) + gzip.compress(raw[half:], 1))
        original = raw
    else:
        original = image.read_bytes()
    settings = ["--microcloud", "gracia", "--gossip-key", "AAAAAAAAAAAAAAAAAAAAAA==", "--set", "name=second"]
    result = flash(image, disk.device, "--yes", "--owner", OWNER, *settings)
    assert result.returncode == 0, result.stderr
    assert b"AAAA" not in result.stdout, "a secret was shown"
    assert f"owner = {OWNER}".encode() in result.stdout
    content = disk.content()
    files = boot_files(content, tmp_path)
    assert files["kernel"] == b"K" * 100_000 and files["last"] == b"L" * 3000
    assert files["microagent.conf"] == TEMPLATE.replace(b"name = alix", b"name = second") + (
        f"owner = {OWNER}\r\nmicrocloud = gracia\r\ngossip-key = AAAAAAAAAAAAAAAAAAAAAA==\r\n".encode())
    assert content[:446] == original[:446] and content[FIRST * MIB : DATA * MIB] == original[FIRST * MIB : DATA * MIB]
    assert partitions(content)[:3] == partitions(original)[:3]
    assert partitions(content)[3] == (0x83, DATA * 2048, (DEVICE_MIB - DATA) * 2048)
    # Of what was there before, no file system is found in the data partition, and nothing at the end.
    assert not any(content[DATA * MIB : (DATA + 1) * MIB]) and not any(content[-65536:])


def test_own_key_is_put_in_and_its_private_half_is_not(flash, programs, disk, image, tmp_path):
    assert b"you have no key yet" in flash(image, disk.device, "--dry-run").stdout
    key = run(programs["microctl"], "key", env={"HOME": str(tmp_path)}).stdout.strip()
    assert flash(image, disk.device, "--yes").returncode == 0
    content = disk.content()
    assert boot_files(content, tmp_path)["microagent.conf"].endswith(b"owner = " + key + b"\r\n")
    private = (tmp_path / ".config/microagent/key").read_bytes()
    assert private and private not in content and private[-32:] not in content
    assert flash(image, disk.device, "--yes", "--owner", "none").returncode == 0
    assert boot_files(disk.content(), tmp_path)["microagent.conf"] == TEMPLATE


def test_nothing_is_written_that_was_not_agreed_to(flash, programs, disk, image):
    before = disk.content()
    assert flash(image, disk.device, "--dry-run").returncode == 0
    assert refused(flash(image, disk.device, stdin=subprocess.DEVNULL), "no terminal")
    assert refused(flash(image, disk.device, "--yes", "--set", "wombat=1"), "wombat")
    assert refused(flash(image, disk.device, "--yes", "--owner", "me"), "owner", "microctl key")
    assert disk.content() == before
    for answer, code in [(b"yes\n", 1), (disk.name.encode() + b"\n", 0)]:
        ours, its = pty.openpty()
        child = subprocess.Popen([programs["microctl"], "flash", image, disk.device, "--owner", "none"], stdin=its,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.write(ours, answer)
        errors = child.communicate(timeout=TIMEOUT_SECONDS)[1]
        os.close(ours)
        os.close(its)
        assert child.returncode == code and b"Type its name" in errors, errors
        assert (disk.content() == before) == (code == 1)


def test_devices_that_must_not_be_written_are_refused(flash, disk, image, tmp_path):
    assert refused(flash(image, "/dev/null", "--yes"), "no block device")
    assert refused(flash(image, tmp_path, "--yes", "--file"), "no block device")
    assert refused(flash(image, tmp_path / "none", "--yes"), "No such file")
    assert refused(flash(image, disk.file, "--yes"), "no block device", "--file")
    small = tmp_path / "small"
    small.write_bytes(bytes((DATA + 31) * MIB))
    assert refused(flash(image, small, "--yes", "--file"), "has 42 MiB", "needs 43")
    os.truncate(small, (DATA + 32) * MIB)
    assert flash(image, small, "--yes", "--file").returncode == 0
    checked("mke2fs", "-q", disk.device)
    before = disk.content()
    place = tmp_path / "mounted"
    place.mkdir()
    checked("mount", disk.device, place)
    try:
        assert refused(flash(image, disk.device, "--yes"), f"{disk.name} is mounted on {place}")
        assert b"ext2/3/4" in flash(image, disk.device, "--dry-run").stdout
    finally:
        checked("umount", place)
    # Where another mount namespace has it, only the kernel knows.
    holder = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", f"mount {disk.device} {place}; echo mounted; read end"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"mounted\n"
        assert refused(flash(image, disk.device, "--yes"), "in use by somebody else")
    finally:
        holder.communicate(b"\n", timeout=TIMEOUT_SECONDS)
    assert disk.content()[2 * MIB :] == before[2 * MIB :]


def test_what_is_no_image_is_refused_before_anything_is_written(flash, disk, image, tmp_path):
    before = disk.content()
    raw, bad = image.read_bytes(), tmp_path / "bad"
    packed = gzip.compress(raw, 1)
    damaged = bytearray(packed)
    damaged[-6] ^= 0xFF  # its checksum
    for content, words in [
        (b"", "no image"),
        (os.urandom(5000), "no image"),
        (raw[: 5 * MIB], "ends inside its first partition"),
        (raw[: (DATA - 1) * MIB], "ends inside its systems"),
        (packed[:-1000], "ends inside its gzip stream"),
        (bytes(damaged), "damaged"),
        (raw[: BOOT * MIB] + bytes((DATA - BOOT) * MIB), "no FAT16"),
    ]:
        bad.write_bytes(content)
        assert refused(flash(bad, disk.device, "--yes"), words)
    (tmp_path / "other").mkdir()
    assert refused(flash(make_image(tmp_path / "other", boot="other files"), disk.device, "--yes"), "no such file")
    assert disk.content() == before


class BadDisk(Disk):
    """A loop device over a file of our own file system: slow to sync, or one that forgets what is behind its first bytes."""

    def __init__(self, folder, flush_seconds=0.0, *kept_bytes):
        self._folder = folder / "fuse"
        self._folder.mkdir()
        image = folder / "content"
        image.write_bytes(b"old" + bytes(DEVICE_MIB * MIB - 3))
        self._server = subprocess.Popen(
            [sys.executable, FUSE, image, self._folder, *map(str, [flush_seconds, *kept_bytes])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._server.stdout.readline() == "mounted\n"
        super().__init__(self._folder / "disk")

    def close(self):
        self._server.stdin.write("slow 0\n")
        self._server.stdin.flush()
        super().close()
        deadline = time.monotonic() + TIMEOUT_SECONDS
        # The loop device lets go of its file a moment after it was told to.
        while run("umount", self._folder).returncode != 0:
            assert time.monotonic() < deadline, f"{self._folder} stays busy"
            time.sleep(0.05)
        self._server.communicate(timeout=TIMEOUT_SECONDS)


@pytest.fixture
def bad_disk(directory, tmp_path):
    disks = []

    def make(*arguments):
        disks.append(BadDisk(tmp_path, *arguments))
        return disks[-1]

    yield make
    for disk in disks:
        disk.close()


def test_disk_that_forgets_is_found_out(flash, bad_disk, image):
    disk = bad_disk(0.0, FIRST * MIB)
    result = flash(image, disk.device, "--yes", "--owner", "none")
    assert refused(result, "does not keep what is written to it", f"at {FIRST} MiB", "of no use until it is flashed again")


def test_interrupted_flash_leaves_nothing_to_boot_from_and_says_so(programs, bad_disk, image):
    disk = bad_disk(1.0)
    child = subprocess.Popen([programs["microctl"], "flash", image, disk.device, "--yes", "--owner", "none"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with open(disk.file, "rb", buffering=0) as file:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while os.pread(file.fileno(), 3, 0) == b"old":
            assert time.monotonic() < deadline and child.poll() is None, child.communicate()
        child.send_signal(signals.SIGINT)
        errors = child.communicate(timeout=TIMEOUT_SECONDS)[1].decode()
        assert child.returncode == 128 + signals.SIGINT, errors
        assert "interrupted" in errors and f"{disk.name} is of no use until it is flashed again" in errors
        assert not any(os.pread(file.fileno(), 512, 0))
