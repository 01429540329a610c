"""Writes a cpio archive as the kernel takes it for an initramfs (newc, Documentation/driver-api/early-userspace)."""

import os
import stat


def write_cpio(root, file):
    """Writes all that is below the folder `root`, owned by root and dated 1970: equal trees give equal archives."""
    number = 0
    for folder, folders, files in os.walk(root):
        folders.sort()
        names = sorted(files + [name for name in folders if os.path.islink(os.path.join(folder, name))])
        for name in ([] if folder == root else [""]) + names:
            number += 1
            path = os.path.join(folder, name) if name else folder
            _write_entry(file, number, os.path.relpath(path, root), path)
    _write_header(file, 0, "TRAILER!!!", 0, 0)


def _write_entry(file, number, name, path):
    mode = os.lstat(path).st_mode
    data = b""
    if stat.S_ISLNK(mode):
        data = os.readlink(path).encode()
    elif stat.S_ISREG(mode):
        with open(path, "rb") as source:
            data = source.read()
    _write_header(file, number, name, mode, len(data))
    file.write(data + b"\0" * (-len(data) % 4))


def _write_header(file, number, name, mode, size):
    raw_name = name.encode() + b"\0"
    # inode, mode, uid, gid, links, mtime, size, device numbers (4 words), length of the name, checksum
    words = [number, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(raw_name), 0]
    header = b"070701" + b"".join(b"%08x" % word for word in words)
    file.write(header + raw_name + b"\0" * (-(len(header) + len(raw_name)) % 4))
