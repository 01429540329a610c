"""Hosts and switches as network namespaces. What connects them lies inside them, so that it goes with them."""

import ctypes
import os
import signal as signals
import threading

from leaks import MARKER
from machine import CommandTimeout

CLONE_NEWNET = 0x40000000


class Network:
    """Namespaces of one test, named after it. `close` ends all that runs in them and removes them."""

    def __init__(self, machine, test_name, directory):
        self.machine = machine
        self.name = test_name
        self.directory = directory
        self.hosts = []
        self._switches = []
        self._namespaces = []

    def host(self, *switches):
        """A new host, with one interface (`eth0`, `eth1`…) on each of these switches."""
        host = Host(self, f"{self.name}-{len(self._namespaces)}")
        self._make(host.namespace)
        self.hosts.append(host)
        for number, switch in enumerate(switches):
            switch.plug(host, f"eth{number}")
        return host

    def switch(self):
        """A switch that loses nothing and takes no time."""
        switch = Switch(self, f"{self.name}-{len(self._namespaces)}")
        self._make(switch.namespace)
        self.machine.run(["ip", "-n", switch.namespace, "link", "add", "name", "hub", "type", "bridge", "mcast_snooping",
                          "0"]).check()
        self.machine.run(["ip", "-n", switch.namespace, "link", "set", "hub", "up"]).check()
        return switch

    def add(self, switch):
        """Has another kind of switch closed with the network."""
        self._switches.append(switch)
        return switch

    def _make(self, namespace):
        self.machine.run(["ip", "netns", "add", namespace]).check()
        self._namespaces.append(namespace)
        # Link-local addresses can be used at once, not a second later when nobody has objected.
        self.machine.run(["ip", "netns", "exec", namespace, "sh", "-c",
                          "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad && ip link set lo up"]).check()

    def close(self):
        for host in self.hosts:
            host.end_all()
        for switch in self._switches:
            switch.close()
        for namespace in self._namespaces:
            self.machine.run(["ip", "netns", "delete", namespace]).check()


class Switch:
    """A bridge in a namespace of its own."""

    def __init__(self, network, namespace):
        self._network = network
        self.namespace = namespace
        self._ports = 0

    def plug(self, host, interface):
        """Connects a host by an interface."""
        self._ports += 1
        port = f"port{self._ports}"
        run = self._network.machine.run
        run(["ip", "-n", self.namespace, "link", "add", "name", port, "type", "veth", "peer", "name", interface, "netns",
             host.namespace]).check()
        run(["ip", "-n", self.namespace, "link", "set", port, "master", "hub", "up"]).check()
        run(["ip", "-n", host.namespace, "link", "set", interface, "up"]).check()


class Host:
    """A network namespace with what runs in it."""

    def __init__(self, network, namespace):
        self.network = network
        self.machine = network.machine
        self.namespace = namespace
        self._processes = []

    def address(self, address, interface="eth0"):
        """Gives an interface an address, as `10.0.0.1/24`; it can be used at once."""
        options = ["nodad"] if ":" in address else []
        self.machine.run(["ip", "-n", self.namespace, "address", "add", address, "dev", interface, *options]).check()
        return self

    def ip(self, *arguments):
        """Runs ip(8) on this host."""
        return self.machine.run(["ip", "-n", self.namespace, *arguments]).check()

    def run(self, argv, **options):
        """Runs a command on this host to its end."""
        return self.machine.run(["ip", "netns", "exec", self.namespace, *argv], env=self._environment, **options)

    def spawn(self, argv):
        """Starts a command on this host, which ends with the network at the latest."""
        process = self.machine.spawn(["ip", "netns", "exec", self.namespace, *argv], env=self._environment)
        self._processes.append(process)
        return process

    def call(self, function):
        """What a function of this program returns, or raises, on this host: sockets that it makes are this host's."""
        outcome = []

        def enter_and_call():
            try:
                descriptor = os.open(f"/run/netns/{self.namespace}", os.O_RDONLY)
                try:
                    if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), "setns")
                finally:
                    os.close(descriptor)
                outcome.append((function(), None))
            except BaseException as error:  # raised again by whoever asked
                outcome.append((None, error))

        # A namespace is entered by one thread, and left with its end.
        thread = threading.Thread(target=enter_and_call)
        thread.start()
        thread.join()
        result, error = outcome[0]
        if error:
            raise error
        return result

    @property
    def _environment(self):
        return {MARKER: self.network.name}

    def end_all(self):
        """Ends, as by `kill -9`, all that still runs."""
        for process in self._processes:
            try:
                process.signal(signals.SIGKILL, group=True)
            except ProcessLookupError:
                pass
        for process in self._processes:
            try:
                process.wait_closed(10)
            except CommandTimeout:
                pass  # the leak check says what it is
