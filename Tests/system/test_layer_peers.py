"""Others' images, unpacked by us and by umoci, the judge; and others' archives, read by us and by Python."""

import json
import os
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from archives import Layer, Unpackers, tree
from test_unpacker import CAPABILITY, attribute

pytestmark = pytest.mark.machines("local")


@pytest.fixture
def place(machine, workspace):
    directory = f"{workspace}/peers"
    os.mkdir(directory)
    yield directory
    machine.run(["rm", "-rf", directory]).check()


def make_files(top):
    """What an image may hold, attributes and odd names included."""
    for name in ["bin", "etc/conf.d", "home/user", "tmp", "replaced/old", "a" * 120 + "/" + "b" * 120]:
        os.makedirs(f"{top}/{name}")
    Path(top, "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    Path(top, "bin/su").write_bytes(os.urandom(70_000))
    os.link(f"{top}/bin/su", f"{top}/bin/sudo")
    os.chown(f"{top}/bin/su", 0, 42)
    os.chmod(f"{top}/bin/su", 0o4711)
    Path(top, "bin/ping").write_bytes(b"ping")
    os.setxattr(f"{top}/bin/ping", "security.capability", CAPABILITY)
    os.setxattr(f"{top}/etc/passwd", "user.note", b"kept")
    os.symlink("../bin/su", f"{top}/home/user/link")
    os.symlink("/nowhere", f"{top}/home/user/dangling")
    os.chown(f"{top}/home/user", 1000, 1000)
    os.chmod(f"{top}/tmp", 0o1777)
    os.mkfifo(f"{top}/home/user/pipe")
    Path(top, "home/user/caf\u00e9 \u20ac").write_text("x")
    Path(top, "a" * 120, "b" * 120, "c" * 200).write_text("long")
    Path(top, "replaced/old/file").write_text("old")
    Path(top, "empty").touch()
    os.utime(f"{top}/etc/passwd", ns=(0, 1_234_567_890_123_456_789))
    os.utime(f"{top}/etc", (1_000_000_000, 1_000_000_000))


def change_files(top):
    """Deletions, replacements of each kind by another, and additions."""
    os.remove(f"{top}/etc/passwd")
    os.remove(f"{top}/bin/sudo")
    os.remove(f"{top}/replaced/old/file")
    os.rmdir(f"{top}/replaced/old")
    Path(top, "replaced/old").write_text("a file now")
    os.remove(f"{top}/empty")
    os.makedirs(f"{top}/empty/directory")
    os.remove(f"{top}/home/user/link")
    Path(top, "home/user/link").write_text("no link any more")
    Path(top, "etc/conf.d/new").write_text("new")
    os.chmod(f"{top}/bin/ping", 0o700)
    # By another time umoci sees that a directory has changed and puts it into the layer. One that no entry speaks of is
    # root's, with us as with Docker.
    for name in ["bin", "etc", "etc/conf.d", "home", "home/user", "replaced", "empty"]:
        os.utime(f"{top}/{name}", (1_100_000_000, 1_100_000_000))


class Judge:
    """umoci's way of unpacking an image layout, and of making one."""

    def __init__(self, place):
        self.place, self.count = place, 0
        self.image = f"{place}/layout:test"

    def begin(self):
        """An image without layers."""
        self.run("init", "--layout", f"{self.place}/layout")
        self.run("new", "--image", self.image)
        return self

    def run(self, *words):
        subprocess.run(["umoci", *words], check=True, capture_output=True)

    def unpacked(self):
        """A fresh bundle."""
        self.count += 1
        bundle = f"{self.place}/bundle-{self.count}"
        self.run("unpack", "--image", self.image, bundle)
        return bundle

    def add(self, change):
        """A layer of what `change` does to the root file system."""
        bundle = self.unpacked()
        change(f"{bundle}/rootfs")
        self.run("repack", "--image", self.image, bundle)

    def add_archive(self, layer):
        path = f"{self.place}/raw.tar"
        Path(path).write_bytes(layer.bytes)
        self.run("raw", "add-layer", "--image", self.image, path)

    @property
    def verdict(self):
        return tree(f"{self.unpacked()}/rootfs")


def layers_of(layout):
    """The layers' blobs and the digests of their archives, the lowest first."""
    def blob(digest):
        return Path(layout, "blobs", *digest.split(":"))

    index = json.loads(Path(layout, "index.json").read_text())
    manifest = json.loads(blob(index["manifests"][0]["digest"]).read_text())
    config = json.loads(blob(manifest["config"]["digest"]).read_text())
    return [(blob(layer["digest"]).read_bytes(), digest.removeprefix("sha256:"))
            for layer, digest in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True)]


@pytest.fixture
def overlaid(machine, unpack_driver, place):
    """What a container sees of a layout's layers that we have unpacked."""
    merged = f"{place}/merged"
    for name in ["ours", "upper", "work", "merged"]:
        os.mkdir(f"{place}/{name}")
    mounted = []

    def overlaid(layout):
        unpackers = Unpackers(machine, unpack_driver, f"{place}/ours")
        directories = []
        for blob, digest in layers_of(layout):
            done = unpackers.unpack(blob, digest=digest)
            assert done.is_done, done.reports
            directories.append(done.directory)
        lower = ":".join(reversed(directories))
        options = f"lowerdir={lower},upperdir={place}/upper,workdir={place}/work"
        machine.run(["mount", "-t", "overlay", "-o", options, "overlay", merged]).check()
        mounted.append(merged)
        return tree(merged)

    yield overlaid
    for path in mounted:
        machine.run(["umount", path]).check()


def without_top(found):
    """An overlay's top is the upper directory, which no layer has."""
    return {path: facts for path, facts in found.items() if path != "."}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for path, facts in expected.items():
        assert found[path] == facts, path


def test_images_of_umoci_are_what_umoci_makes_of_them(place, overlaid):
    judge = Judge(place).begin()
    judge.add(make_files)
    judge.add(change_files)
    assert len(layers_of(f"{place}/layout")) == 2
    assert_same(without_top(overlaid(f"{place}/layout")), without_top(judge.verdict))


def test_opaque_directories_and_odd_orders_are_what_umoci_makes_of_them(place, overlaid):
    judge = Judge(place).begin()
    judge.add(make_files)
    layer = Layer().directory("home", time=1).add("home/.wh..wh..opq").add("home/only", time=2)
    layer.directory("bin", time=3).add("bin/.wh.ping").add("bin/ping", data=b"afresh", time=4)
    layer.add("bin/ping", data=b"twice", time=5).hard_link("bin/pong", "bin/ping")
    layer.link("lib", "bin").add("lib/through", data=b"x", time=6)
    judge.add_archive(layer)
    assert_same(without_top(overlaid(f"{place}/layout")), without_top(judge.verdict))


def test_images_of_buildah_are_what_umoci_makes_of_them(place, overlaid):
    os.makedirs(f"{place}/context/files")
    make_files(f"{place}/context/files")
    subprocess.run(["cp", "/bin/busybox", f"{place}/context/busybox"], check=True)
    Path(place, "context/Containerfile").write_text(
        "FROM scratch\nCOPY files /\nCOPY busybox /busybox\n"
        'RUN ["/busybox", "rm", "-r", "/replaced/old", "/etc/passwd"]\n'
        'RUN ["/busybox", "mv", "/bin/su", "/bin/moved"]\n')
    storage = ["buildah", "--root", f"{place}/storage", "--runroot", f"{place}/run", "--storage-driver", "vfs"]
    subprocess.run([*storage, "build", "--isolation", "chroot", "--layers", "--tag", "test", f"{place}/context"],
                   check=True, capture_output=True)
    subprocess.run([*storage, "push", "test", f"oci:{place}/layout:test"], check=True, capture_output=True)
    assert len(layers_of(f"{place}/layout")) >= 4
    assert_same(without_top(overlaid(f"{place}/layout")), without_top(Judge(place).verdict))


# MARK: Archives

#: Commands that archive the current folder.
WRITERS = {
    f"tar {format}": ["tar", f"--format={format}", "--create", "--file", "ARCHIVE", "."]
    for format in ["v7", "oldgnu", "gnu", "ustar"]
} | {
    "tar posix": ["tar", "--format=posix", "--xattrs", "--xattrs-include=*", "--create", "--file", "ARCHIVE", "."],
    "tar numbers": ["tar", "--format=gnu", "--owner=:3000000", "--mtime=@-5", "--create", "--file", "ARCHIVE", "."],
} | {
    f"bsdtar {format}": ["bsdtar", f"--format={format}", "--create", "--file", "ARCHIVE", "."]
    for format in ["ustar", "pax", "gnutar", "v7tar"]
}
#: Old formats have no room for long names.
WITHOUT_LONG_NAMES = ["tar v7", "tar ustar", "bsdtar ustar", "bsdtar v7tar"]
KINDS = {
    tarfile.REGTYPE: "file", tarfile.AREGTYPE: "file", tarfile.LNKTYPE: "hard link", tarfile.SYMTYPE: "symbolic link",
    tarfile.CHRTYPE: "character device", tarfile.BLKTYPE: "block device", tarfile.DIRTYPE: "directory",
    tarfile.FIFOTYPE: "fifo",
}


def listed_by_python(path):
    """An archive's entries as Python reads them, in the form of our driver's lines."""
    def hexadecimal(text):
        return text.encode("utf-8", "surrogateescape").hex()

    def normal(name):
        return "/".join(part for part in name.split("/") if part not in ("", "."))

    lines = []
    with tarfile.open(path) as tar:
        for entry in tar:
            link = normal(entry.linkname) if entry.islnk() else entry.linkname if entry.issym() else ""
            seconds, _, fraction = str(entry.pax_headers.get("mtime", int(entry.mtime))).partition(".")
            names = [name for name in entry.pax_headers if name.startswith("SCHILY.xattr.")]
            attributes = [f"{hexadecimal(name.removeprefix('SCHILY.xattr.'))}={hexadecimal(entry.pax_headers[name])}"
                          for name in names]
            device = (entry.devmajor, entry.devminor) if entry.ischr() or entry.isblk() else (0, 0)
            size = entry.size if entry.isreg() else 0
            fields = [KINDS[entry.type], hexadecimal(normal(entry.name)), hexadecimal(link), entry.mode & 0o7777,
                      entry.uid, entry.gid, size, seconds, int(fraction.ljust(9, "0")[:9]), *device]
            lines.append("\t".join(map(str, fields)) + "\t" + ",".join(attributes))
    return lines


@pytest.mark.parametrize("writer", WRITERS)
def test_archives_of_others_are_read_as_python_reads_them(machine, unpack_driver, place, writer):
    files, archive = f"{place}/files", f"{place}/archive"
    os.mkdir(files)
    make_files(files)
    if writer in WITHOUT_LONG_NAMES:
        machine.run(["rm", "-r", f"{files}/{'a' * 120}"]).check()
    if "v7" in writer:
        os.remove(f"{files}/home/user/pipe")
    else:
        os.mknod(f"{files}/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    machine.run([archive if word == "ARCHIVE" else word for word in WRITERS[writer]], directory=files).check()
    ours = machine.run([unpack_driver, "list", archive]).check().text.splitlines()
    assert len(ours) > 15
    assert ours == listed_by_python(archive)


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_archives_of_python_are_read_as_python_reads_them(machine, unpack_driver, place, format):
    archive = f"{place}/archive"
    layer = Layer(format).directory("d").add("p/" + "n" * 90, data=b"x" * 1000).link("l", "t" * 100)
    layer.hard_link("h", "d/x")
    if format != tarfile.USTAR_FORMAT:
        layer.add("n" * 101).add("/".join(["m" * 200] * 10)).link("k", "t" * 300).add("old", time=-7)
        layer.add("large", owner=1 << 22)
    Path(archive).write_bytes(layer.bytes)
    ours = machine.run([unpack_driver, "list", archive]).check().text.splitlines()
    assert ours == listed_by_python(archive)
