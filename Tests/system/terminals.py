"""People at terminals of their own."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

#: How long a person waits for what they want to see.
PATIENCE_SECONDS = 60


class Terminal:
    """A terminal with a command on it, and somebody who types and reads."""

    def __init__(self, argv, environment={}, rows=24, columns=80):
        self.terminal, lower = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(lower)
        self.lower = lower
        self.child = subprocess.Popen(
            argv, stdin=lower, stdout=lower, stderr=lower, start_new_session=True, env={**os.environ, **environment},
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.seen = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.terminal, text.encode())

    def wait_for(self, text, seconds=PATIENCE_SECONDS):
        """Until that was shown; what was shown up to it is passed over."""
        end = time.monotonic() + seconds
        while text.encode() not in self.seen:
            left = end - time.monotonic()
            assert left > 0, f"{text!r} is not in {self.seen!r}"
            if select.select([self.terminal], [], [], left)[0]:
                self.seen += os.read(self.terminal, 65536)
        self.seen = self.seen.split(text.encode(), 1)[1]

    def wait(self):
        """The exit code; what is still shown is read."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self.child.poll() is None:
            assert time.monotonic() < end, self.seen
            self._read()
        self._read()
        return self.child.returncode

    def _read(self):
        while select.select([self.terminal], [], [], 0.05)[0]:
            self.seen += os.read(self.terminal, 65536)

    def is_restored(self):
        return termios.tcgetattr(self.lower) == self.before

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        for descriptor in (self.terminal, self.lower):
            os.close(descriptor)
