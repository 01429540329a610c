"""Many members of two clusters around one agent, with little: all of them on one host, each on a port of its own."""

import json
import signal as signals

from agent import Agent
from leaks import MARKER
from peers import SerfAgent, SerfMember

BOARD = "10.77.0.1"
OTHERS = "10.77.0.2"
#: Profile and first port of each cluster. The agent has the ports that are usual.
CLUSTERS = {"lan": 17000, "wan": 18000}


class MachineAsHost:
    """A machine that is one test's alone, in the place of a host of a network. Nobody is at the other end of its `eth0`."""

    def __init__(self, machine, test_name):
        self.machine = machine
        self._environment = {MARKER: test_name}
        self.run(["modprobe", "dummy", "numdummies=0"]).check()
        self.run(["ip", "link", "add", "eth0", "type", "dummy"]).check()
        self.run(["ip", "link", "set", "eth0", "up"]).check()

    def address(self, address):
        self.run(["ip", "address", "add", address, "dev", "eth0"]).check()

    def close(self):
        self.run(["ip", "link", "delete", "eth0"]).check()

    def run(self, argv, **options):
        return self.machine.run(argv, env=self._environment, **options)

    def spawn(self, argv):
        return self.machine.spawn(argv, env=self._environment)


class Neighbourhood:
    """An agent, and so many others in both of its clusters. With `real`, its contacts there are Debian's Serf agents, which
    compress what they say; the others are our drivers."""

    def __init__(self, host, programs, driver, name, directory, real):
        self.machine = host.machine
        self._host = host
        self._driver = driver
        self._real = real
        self.members = {profile: [] for profile in CLUSTERS}
        for address in (BOARD, OTHERS):
            host.address(f"{address}/24")
        self.agent = Agent(self.machine, programs, name, directory, host=host if hasattr(host, "namespace") else None)
        contacts = {profile: f"{OTHERS}:{port}" for profile, port in CLUSTERS.items()}
        self.agent.configure(**{
            "microcloud": "neighbourhood", "microcloud-contacts": contacts["lan"], "microcloud-advertise": BOARD,
            "public": "on", "public-contacts": contacts["wan"], "public-advertise": BOARD})

    def grow(self, count):
        """Until there are so many others in each cluster."""
        for profile, members in self.members.items():
            while len(members) < count:
                members.append(self._member(profile, len(members)))
                if len(members) > 1:
                    members[-1].join(members[0])

    def _member(self, profile, number):
        name, place = f"{profile}-{number}", dict(port=CLUSTERS[profile] + number, profile=profile)
        if self._real and number == 0:
            return SerfAgent(self._host, name, OTHERS, f"-rpc-addr=127.0.0.1:{CLUSTERS[profile] - 1}", **place)
        return SerfMember(self._host, self._driver, name, OTHERS, **place)

    def wait_until_seen(self, timeout=120):
        """Until the agent sees all of them."""
        expected = {member.name for members in self.members.values() for member in members}

        def sees_all():
            nodes = json.loads(self.agent.ctl("--json", "nodes").check().text)["nodes"]
            return expected <= {node["name"] for node in nodes if node["isAlive"]}

        self.machine.wait_until(sees_all, timeout, interval=1)

    def close(self):
        self.agent.stop()
        for member in [member for members in self.members.values() for member in members]:
            member.process.signal(signals.SIGKILL, group=True)
            member.process.wait_closed()
