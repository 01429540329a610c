"""People on hosts of their own, with microctl and a key each."""

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
