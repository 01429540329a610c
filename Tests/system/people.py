"""People on hosts of their own, with a key each: for microctl, or to log in."""

import json


class Person:
    """Somebody on a host of their own, with microctl and a key of their own; perhaps beside an agent that knows the others."""

    def __init__(self, boards, name, beside=None):
        self.boards = boards
        self.beside = beside
        self.home = f"{boards.network.directory}/{name}"
        boards.people += 1
        address = f"10.77.0.{200 + boards.people}/24"
        self.host = beside.host if beside else boards.network.host(boards.switch).address(address)
        boards.network.machine.sh(f"mkdir {self.home}")

    def argv(self, *arguments):
        socket = ["--socket", self.beside.socket] if self.beside else []
        program = self.boards.programs["microctl"]
        return ["env", f"HOME={self.home}", "XDG_CONFIG_HOME=", program, *socket, *map(str, arguments)]

    def ctl(self, *arguments, timeout=60):
        return self.host.run(self.argv(*arguments), timeout=timeout)

    def spawn(self, *arguments):
        return self.host.spawn(self.argv(*arguments))

    def json(self, *arguments):
        return json.loads(self.ctl("--json", *arguments).check().text)

    @property
    def key(self):
        return self.ctl("key").check().text.strip()

    @property
    def directory(self):
        return f"{self.home}/.config/microagent"

    @property
    def known_nodes(self):
        return f"{self.directory}/known-nodes"


class Visitor:
    """Somebody with OpenSSH's client and a key, on a host of their own unless one is named."""

    def __init__(self, street, name, host=None):
        self.host = host or street.network.host(street.boards.switch).address(f"10.77.0.{150 + len(street.network.hosts)}/24")
        self._key = f"{street.directory}/{name}"
        self._known = f"{self._key}.known"
        street.machine.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{name} of the tests", "-f", self._key]).check()

    @property
    def line(self):
        with open(f"{self._key}.pub") as file:
            return file.read().strip()

    @property
    def fingerprint(self):
        """Of the board's own key, as it was at the first time."""
        return self.host.run(["ssh-keygen", "-l", "-f", self._known]).check().text.split()[1]

    def run(self, address, *command, options=()):
        words = ["-F", "none", "-i", self._key, "-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={self._known}", "-o",
                 "StrictHostKeyChecking=accept-new", *options]
        return self.host.run(["env", "-u", "SSH_AUTH_SOCK", "ssh", *words, f"root@{address}", *command], timeout=60)
