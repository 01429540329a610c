"""This host as a Machine."""

import os
import select
import signal as signals
import subprocess
import threading

from .base import Machine, MachineError, Process, command_environment


class LocalProcess(Process):
    """A child of this Python; one thread collects its output and its end."""

    def __init__(self, machine, argv, env, directory):
        super().__init__(machine, argv)
        try:
            self._child = subprocess.Popen(
                self.argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=command_environment(env),
                cwd=directory,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise MachineError(f"{self.argv[0]}: cannot start on {machine.name}: {error.strerror}") from error
        self.pid = self._child.pid
        self._pidfd = os.pidfd_open(self.pid)
        threading.Thread(target=self._collect, daemon=True).start()

    def write(self, data):
        try:
            view = memoryview(data)
            while view:
                view = view[self._child.stdin.write(view) :]
        except (BrokenPipeError, ValueError):
            pass

    def close_input(self):
        self._child.stdin.close()

    def _collect(self):
        names = {self._child.stdout.fileno(): "output", self._child.stderr.fileno(): "errors"}
        poller = select.poll()
        for descriptor in [*names, self._pidfd]:
            os.set_blocking(descriptor, False)
            poller.register(descriptor, select.POLLIN)
        while names or self._code is None:
            ready = [descriptor for descriptor, _ in poller.poll()]
            ended = self._pidfd in ready
            # What the process wrote before its end is in the pipes by now: take it all before telling of the end.
            for descriptor in list(names) if ended else [d for d in ready if d in names]:
                if not self._forward(descriptor, names[descriptor], until_empty=ended):
                    poller.unregister(descriptor)
                    del names[descriptor]
            if ended:
                poller.unregister(self._pidfd)
                os.close(self._pidfd)
                self._ended(self._child.wait())
        self._child.stdout.close()
        self._child.stderr.close()
        self._output_closed()

    def _forward(self, descriptor, name, until_empty):
        """Takes what a pipe holds; False at its end."""
        while True:
            try:
                data = os.read(descriptor, 65536)
            except BlockingIOError:
                return True
            if not data:
                return False
            self._received(**{name: data})
            if not until_empty:
                return True


class LocalMachine(Machine):
    """This host. Root is needed, as for the agent itself."""

    name = "local"
    scratch = "/var/tmp"

    def __init__(self):
        if os.geteuid() != 0:
            raise MachineError("the tests on this host need root: run them with sudo, or use --machine vm")

    def spawn(self, argv, env=None, directory="/"):
        return LocalProcess(self, argv, env, directory)

    def kill(self, pid, number=signals.SIGTERM):
        os.kill(pid, number)

    def close(self):
        pass
