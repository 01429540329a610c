"""What every machine can do. A machine implements `spawn`, `kill` and `close`; the rest is built on them."""

import abc
import os
import signal as signals
import threading
import time
from dataclasses import dataclass

DEFAULT_TIMEOUT_SECONDS = 60
DEFAULT_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C",
}


class MachineError(Exception):
    """The machine itself cannot be used, or a command could not be started on it. The text says what to do."""


class CommandFailed(Exception):
    """A command that had to succeed did not."""


class CommandTimeout(Exception):
    """A command was still running, or something still held its output, when its time was over. It has been killed."""


@dataclass(frozen=True)
class Result:
    """A command that has ended. `code` is its exit code, or the negative number of the signal that ended it."""

    argv: list
    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self):
        """Standard output as text."""
        return self.stdout.decode(errors="replace")

    @property
    def error_text(self):
        """Standard error as text."""
        return self.stderr.decode(errors="replace")

    def check(self):
        """Returns itself; raises CommandFailed unless the exit code is 0."""
        if self.code != 0:
            raise CommandFailed(f"{' '.join(self.argv)}: exit code {self.code}\n{self.error_text}{self.text}")
        return self


class Process(abc.ABC):
    """A command that was started on a machine. Its output is collected in memory as it comes.

    It leads a session and a process group of its own, so `signal(..., group=True)` reaches its children too.
    """

    def __init__(self, machine, argv):
        self.machine = machine
        self.argv = list(argv)
        self.pid = 0
        self._changed = threading.Condition()
        self._output = bytearray()
        self._errors = bytearray()
        self._code = None
        self._closed = False

    # What a machine calls, from a thread of its own.
    def _received(self, output=b"", errors=b""):
        with self._changed:
            self._output += output
            self._errors += errors
            self._changed.notify_all()

    def _ended(self, code):
        with self._changed:
            self._code = code
            self._changed.notify_all()

    def _output_closed(self):
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # What a machine implements.
    @abc.abstractmethod
    def write(self, data):
        """Writes to standard input, waiting for the command to take it. A command that is gone takes nothing."""

    @abc.abstractmethod
    def close_input(self):
        """Ends standard input."""

    # What tests use.
    @property
    def stdout(self):
        """Standard output so far."""
        with self._changed:
            return bytes(self._output)

    @property
    def stderr(self):
        """Standard error so far."""
        with self._changed:
            return bytes(self._errors)

    @property
    def code(self):
        """The exit code (negative: a signal), or None while it runs."""
        return self._code

    def signal(self, number, group=False):
        """Sends a signal to the process, or to its whole process group."""
        self.machine.kill(-self.pid if group else self.pid, number)

    def wait(self, timeout=DEFAULT_TIMEOUT_SECONDS):
        """Waits for the process to end; returns its Result with all that it had written itself."""
        self._wait_until(lambda: self._code is not None, timeout, "it has not ended")
        return self._result()

    def wait_closed(self, timeout=DEFAULT_TIMEOUT_SECONDS):
        """Waits for the process to end and for its output to be closed by everyone who inherited it."""
        self._wait_until(lambda: self._code is not None and self._closed, timeout, "it runs or its output is held open")
        return self._result()

    def wait_for(self, text, timeout=DEFAULT_TIMEOUT_SECONDS):
        """Waits until standard output or error holds `text`; fails at once if the process ends without."""
        wanted = text.encode() if isinstance(text, str) else text

        def seen():
            return wanted in self._output or wanted in self._errors

        self._wait_until(lambda: seen() or self._code is not None, timeout, f"it has not written {text!r}")
        if not seen():
            raise CommandFailed(f"{self}: ended with {self._code} without writing {text!r}\n{self._tail()}")

    def _wait_until(self, condition, timeout, complaint):
        with self._changed:
            if not self._changed.wait_for(condition, timeout):
                raise CommandTimeout(f"{self}: after {timeout} s {complaint}\n{self._tail()}")

    def _result(self):
        return Result(self.argv, self._code, self.stdout, self.stderr)

    def _tail(self):
        return (bytes(self._errors[-2000:]) + bytes(self._output[-2000:])).decode(errors="replace")

    def __str__(self):
        return f"{' '.join(self.argv)} (pid {self.pid} on {self.machine.name})"


class Machine(abc.ABC):
    """A Linux system on which tests run commands as root, several at a time."""

    name = "machine"
    #: True when nothing else runs here, so that whatever is new after a test is the test's.
    exclusive = False
    #: Where tests may keep files that must lie on a real disk.
    scratch = "/tmp"

    @abc.abstractmethod
    def spawn(self, argv, env=None, directory="/"):
        """Starts a command and returns its Process. `env` is added to a small fixed environment."""

    @abc.abstractmethod
    def kill(self, pid, number=signals.SIGTERM):
        """Sends a signal to a process, or to a process group if `pid` is negative. ProcessLookupError if it is gone."""

    @abc.abstractmethod
    def close(self):
        """Gives back what the machine holds."""

    def run(self, argv, input=None, timeout=DEFAULT_TIMEOUT_SECONDS, env=None, directory="/"):
        """Runs a command to its end, `input` (bytes) as its standard input, and returns its Result."""
        process = self.spawn(argv, env=env, directory=directory)
        feeder = threading.Thread(target=self._feed, args=(process, input or b""), daemon=True)
        feeder.start()
        try:
            return process.wait_closed(timeout)
        except (CommandTimeout, KeyboardInterrupt):
            try:
                process.signal(signals.SIGKILL, group=True)
            except ProcessLookupError:
                pass
            raise

    @staticmethod
    def _feed(process, data):
        process.write(data)
        process.close_input()

    def sh(self, script, timeout=DEFAULT_TIMEOUT_SECONDS, env=None, check=True):
        """Runs a shell script; fails with its output unless it exits with 0 (or `check` is False)."""
        result = self.run(["sh", "-c", script], timeout=timeout, env=env)
        return result.check() if check else result

    def read(self, path):
        """The bytes of a file on the machine. Works on /proc and /sys too."""
        return self.run(["cat", path]).check().stdout

    def write(self, path, data, mode=None):
        """Makes or replaces a file on the machine, and the folders above it."""
        data = data.encode() if isinstance(data, str) else data
        script = 'mkdir -p "$(dirname "$1")" && cat > "$1"' + (f" && chmod {mode:o} \"$1\"" if mode is not None else "")
        self.run(["sh", "-c", script, "sh", path], input=data).check()

    def put(self, local, remote):
        """Copies one file of this host to the machine, with its permission bits. A running program is replaced."""
        with open(local, "rb") as file:
            data = file.read()
        self.run(["rm", "-f", remote]).check()
        self.write(remote, data, mode=os.stat(local).st_mode & 0o7777)

    def exists(self, path):
        """Whether a path is there."""
        return self.run(["test", "-e", path]).code == 0

    def wait_until(self, condition, timeout=30, interval=0.05):
        """Calls `condition` until it returns something true, and returns that; CommandTimeout when time is over."""
        deadline = time.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise CommandTimeout(f"{getattr(condition, '__name__', condition)}: still not true after {timeout} s")
            time.sleep(interval)

    def __str__(self):
        return self.name


def command_environment(env):
    """The environment a command gets: the fixed one and what the caller adds."""
    return {**DEFAULT_ENVIRONMENT, **(env or {})}
