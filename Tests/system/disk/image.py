"""Makes the file systems that lie on such disks."""

import subprocess
import tempfile
from pathlib import Path

DISK_BYTES = 64 << 20


def make_ext4(folder=None, size=DISK_BYTES):
    """The bytes of a fresh ext4 file system, with the content of a folder of this host."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as work:
        path = Path(work) / "image"
        argv = ["mke2fs", "-q", "-t", "ext4", "-b", "4096", "-m", "0", "-E", "root_owner=0:0,lazy_itable_init=0,nodiscard"]
        argv += ["-d", str(folder)] if folder else []
        subprocess.run([*argv, str(path), str(size // 1024)], check=True, capture_output=True)
        return path.read_bytes()
