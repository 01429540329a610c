"""A mounted ext4 file system whose disk takes its time to sync: ext4 on a loop device on a FUSE file (fuse.py)."""

import subprocess
import sys
import time
from pathlib import Path

from .image import make_ext4

PROGRAM = Path(__file__).parent / "fuse.py"
UNMOUNT_SECONDS = 10


class SlowFileSystem:
    """Mounted at `folder`/mounted on this host until `close`."""

    def __init__(self, folder, flush_seconds, content=None):
        self._below = Path(folder)
        self.path = self._below / "mounted"
        for name in ("fuse", "mounted"):
            (self._below / name).mkdir(parents=True)
        image = self._below / "image"
        image.write_bytes(make_ext4(content))
        # Of higher priority: what is measured is the disk's slowness, not this program's.
        self._server = subprocess.Popen(
            ["nice", "-n", "-10", sys.executable, str(PROGRAM), str(image), str(self._below / "fuse"), "0"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._server.stdout.readline() == "mounted\n", "the FUSE server did not start"
        run("mount", "-o", "loop", str(self._below / "fuse" / "disk"), str(self.path))
        self.slow_down(flush_seconds)

    def slow_down(self, flush_seconds):
        """From now on a flush takes so long. Returns how many there have been."""
        return self._tell(f"slow {flush_seconds}")

    def cut_power(self, seed, path):
        """Writes to `path` what the disk would hold after a power cut; returns how many pages were lost."""
        return self._tell(f"cut {seed} {path}")

    def _tell(self, line):
        self._server.stdin.write(line + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def close(self):
        self.slow_down(0)
        # Unmounting syncs, and a loop device lives on until its last user is gone: in this order all wait for each other.
        subprocess.run(["umount", str(self.path)], capture_output=True)
        # Any process that is just being born with a mount namespace of its own holds the disk for a moment more.
        deadline = time.monotonic() + UNMOUNT_SECONDS
        while subprocess.run(["umount", str(self._below / "fuse")], capture_output=True).returncode != 0:
            assert time.monotonic() < deadline, f"{self._below}/fuse stays busy"
            time.sleep(0.05)
        self._server.wait(30)
        self._server.stdin.close()
        self._server.stdout.close()


def run(*argv):
    result = subprocess.run(argv, capture_output=True, text=True)
    assert result.returncode == 0, f"{' '.join(argv)}: {result.stderr}"
