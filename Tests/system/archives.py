"""Layers to be unpacked: archives that tests make, and what our unpacker makes of them."""

import gzip
import hashlib
import io
import os
import stat
import tarfile
from dataclasses import dataclass


class Layer:
    """A tar archive, entry by entry. Headers are Python's; what Python would not write goes in as bytes."""

    def __init__(self, format=tarfile.PAX_FORMAT):
        self.file = io.BytesIO()
        self.format = format
        self.tar = tarfile.open(fileobj=self.file, mode="w", format=format)

    def add(self, name, type=tarfile.REGTYPE, data=b"", link="", mode=0o644, owner=0, time=0, device=(0, 0), **pax):
        """An entry. Attributes are given as pax={"SCHILY.xattr.user.a": "b"}."""
        info = tarfile.TarInfo(name)
        info.type, info.size, info.linkname, info.mode, info.mtime = type, len(data), link, mode, time
        info.uid = info.gid = owner
        info.devmajor, info.devminor = device
        info.pax_headers = pax.get("pax", {})
        self.tar.addfile(info, io.BytesIO(data))
        return self

    def directory(self, name, **more):
        return self.add(name, tarfile.DIRTYPE, mode=0o755, **more)

    def link(self, name, target):
        return self.add(name, tarfile.SYMTYPE, link=target, mode=0o777)

    def hard_link(self, name, target):
        return self.add(name, tarfile.LNKTYPE, link=target)

    @property
    def bytes(self):
        self.tar.close()
        return self.file.getvalue()


@dataclass
class Unpacked:
    """How an unpacking ended."""

    directory: str
    reports: list

    @property
    def last(self):
        return self.reports[-1] if self.reports else ""

    @property
    def is_done(self):
        return self.last.startswith("done ")

    @property
    def failure(self):
        assert self.last.startswith("failed "), f"unpacked, though it should not: {self.reports}"
        assert not os.path.lexists(self.directory), "a failed layer stands under its name"
        assert not os.path.lexists(self.directory + ".new"), "half a layer is left"
        return self.last.removeprefix("failed ")


class Unpackers:
    """Our unpack-driver, and a directory for what it makes."""

    def __init__(self, machine, program, directory):
        self.machine, self.program, self.directory = machine, program, directory
        self.count = 0

    def command(self, archive, first_id=0, size=1 << 30, entries=100_000, milliseconds=60_000, digest=None,
                compress=False):
        """Stores an archive (bytes) as a blob, and says how to unpack it and where it goes."""
        self.count += 1
        blob, target = f"{self.directory}/blob-{self.count}", f"{self.directory}/layer-{self.count}"
        digest = digest or hashlib.sha256(archive).hexdigest()
        with open(blob, "wb") as file:
            file.write(gzip.compress(archive) if compress else archive)
        words = [blob, target, f"sha256:{digest}", first_id, size, entries, milliseconds]
        return [self.program, "unpack", *map(str, words)], target

    def unpack(self, archive, **how):
        """Unpacks an archive: bytes, or a Layer."""
        argv, target = self.command(archive.bytes if isinstance(archive, Layer) else archive, **how)
        result = self.machine.run(argv)
        assert result.code == 0, result
        return Unpacked(target, result.stdout.decode().splitlines())


def tree(top, with_times=True):
    """All that is in a directory, by path: kind, owner, mode, time, links, attributes, content."""
    paths = [top]
    for place, directories, files in os.walk(top):
        paths += [os.path.join(place, name) for name in directories + files]
    names = {}
    return {os.path.relpath(path, top): describe(path, top, names, with_times) for path in sorted(paths)}


def describe(path, top, names, with_times):
    """One file. `names` has the first name of each inode, by which hard links are known."""
    status = os.lstat(path)
    kind = stat.S_IFMT(status.st_mode)
    facts = {"kind": oct(kind), "owner": (status.st_uid, status.st_gid)}
    if with_times:
        facts["time"] = status.st_mtime_ns
    if kind == stat.S_IFLNK:
        return facts | {"target": os.readlink(path)}
    facts["mode"] = oct(stat.S_IMODE(status.st_mode))
    facts["attributes"] = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    if kind == stat.S_IFREG:
        with open(path, "rb") as file:
            facts["content"] = hashlib.sha256(file.read()).hexdigest()
        facts["name"] = names.setdefault(status.st_ino, os.path.relpath(path, top))
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        facts["device"] = (os.major(status.st_rdev), os.minor(status.st_rdev))
    return facts
