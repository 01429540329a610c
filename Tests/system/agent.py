"""A microagentd of its own for one test: own folders, socket and cgroup, so that tests do not meet."""

import json
import signal as signals

from leaks import MARKER

READY = "microagentd: ready"
STOP_TIMEOUT_SECONDS = 30


class Agent:
    """Runs microagentd on a machine, or on a `host` of a network there. `programs` tells where the binaries lie."""

    def __init__(self, machine, programs, name, directory, host=None):
        self.machine = machine
        self.name = name
        self.directory = directory
        self.state_directory = f"{directory}/state"
        self.runtime_directory = f"{directory}/run"
        self.configuration = f"{directory}/microagent.conf"
        self.socket = f"{self.runtime_directory}/control.sock"
        self.environment = {MARKER: name}
        #: Of the daemon's command line, beside its configuration.
        self.options = []
        self.process = None
        #: How often `start` was called since the node was last found or made empty of containers.
        self.starts = 0
        self._programs = programs
        # Not by `ip netns exec`, which shows another /sys, without control groups.
        self._prefix = ["nsenter", f"--net=/run/netns/{host.namespace}"] if host else []

    def configure(self, **settings):
        """Writes the configuration file: the test's own places and the settings (`some_key=1`: `some-key = 1`; None: not
        set). Without any, the agent is in no microcloud."""
        lines = {
            "state-directory": self.state_directory,
            "runtime-directory": self.runtime_directory,
            "cgroup": self.name,
            "microcloud": "off",
            **{key.replace("_", "-"): value for key, value in settings.items()},
        }
        self.machine.write(self.configuration, "".join(
            f"{key} = {value}\n" for key, value in lines.items() if value is not None))

    def start(self, wait=True, env=None):
        """Starts the daemon, with `env` added to its environment, and waits until it says that it is ready."""
        self.starts += 1
        self.process = self.machine.spawn(self.argv_of_daemon(), env={**self.environment, **(env or {})})
        if wait:
            self.process.wait_for(READY)
        return self.process

    def stop(self):
        """Ends the daemon as a service manager would; returns its Result. Without a running daemon: None."""
        if self.process is None:
            return None
        if self.process.code is None:
            try:
                self.process.signal(signals.SIGTERM)
            except ProcessLookupError:
                pass  # it ended just now
        return self.process.wait(STOP_TIMEOUT_SECONDS)

    def ctl(self, *arguments, input=None, timeout=60):
        """Runs microctl with these arguments against this agent; returns its Result."""
        return self.machine.run(self.argv_of_ctl(*arguments), input=input, timeout=timeout, env=self.environment)

    def spawn_ctl(self, *arguments):
        """Starts microctl and lets it run, for `logs -f` and the like."""
        return self.machine.spawn(self.argv_of_ctl(*arguments), env=self.environment)

    def info(self):
        """What `microctl info` tells, by name."""
        return json.loads(self.ctl("--json", "info").check().text)

    def argv_of_daemon(self):
        """The command line of microagentd with this agent's configuration."""
        return [*self._prefix, self._programs["microagentd"], *self.options, "--config", self.configuration]

    def argv_of_ctl(self, *arguments):
        """The command line of microctl with these arguments, for scripts that run on the machine."""
        return [*self._prefix, self._programs["microctl"], "--socket", self.socket, *map(str, arguments)]
