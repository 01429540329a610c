"""A switch with slow and lossy links, in user space: not every kernel has netem."""

import fcntl
import heapq
import os
import random
import select
import struct
import threading
import time

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 2, 0x1000
LARGEST_FRAME = 65536
QUEUE_SECONDS = 0.1


class LossySwitch:
    """Passes each Ethernet frame on after `delay_seconds`, or, with a chance of `loss`, not at all. With `rate_bits` each
    port's link takes so many bits a second, and a queue before it holds what it takes in QUEUE_SECONDS.

    Each port is a TAP interface, made here and moved into its host; a thread plays the switch. A frame for one machine goes
    to the port where that was last heard, all others to every port.
    """

    def __init__(self, network, delay_seconds, loss, seed=1, rate_bits=None):
        self._network = network
        self._delay = delay_seconds
        self.loss = loss
        self._rate = rate_bits
        #: When each port's link is free again.
        self._free = {}
        self._random = random.Random(seed)
        self._ports = []
        self._places = {}
        self._waiting = []
        self._count = 0
        self._stop, self._stopped = os.pipe()
        self._thread = None
        self.lost = 0
        self.passed = 0
        network.add(self)

    def plug(self, host, interface):
        """Connects a host by an interface. Only before the first frame."""
        tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._ports.append(tap)
        name = f"lossy{os.getpid() % 100000}-{len(self._ports)}"[:15]
        fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI) + bytes(22))
        run = self._network.machine.run
        run(["ip", "link", "set", name, "netns", host.namespace, "name", interface]).check()
        host.ip("link", "set", interface, "up")

    def start(self):
        """From now on frames go through."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self):
        if self._thread:
            os.close(self._stopped)
            self._thread.join()
        for descriptor in [*self._ports, self._stop]:
            os.close(descriptor)

    def _run(self):
        poller = select.poll()
        for descriptor in [*self._ports, self._stop]:
            poller.register(descriptor, select.POLLIN)
        while True:
            timeout = max(0, self._waiting[0][0] - time.monotonic()) * 1000 if self._waiting else None
            for descriptor, _ in poller.poll(timeout):
                if descriptor == self._stop:
                    return
                self._take(descriptor)
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                _, _, port, frame = heapq.heappop(self._waiting)
                self._give(port, frame)

    def _take(self, port):
        try:
            frame = os.read(port, LARGEST_FRAME)
        except OSError:
            return
        target, source = frame[:6], frame[6:12]
        self._places[source] = port
        known = None if target[0] & 1 else self._places.get(target)
        for other in self._ports if known is None else [known]:
            if other == port:
                continue
            if self._random.random() < self.loss:
                self.lost += 1
                continue
            sent = self._sent(other, len(frame))
            if sent is None:
                self.lost += 1
                continue
            self._count += 1
            heapq.heappush(self._waiting, (sent + self._delay, self._count, other, frame))

    def _sent(self, port, size):
        """When a frame of this size has left for the port; None: its queue is full."""
        now = time.monotonic()
        if self._rate is None:
            return now
        start = max(now, self._free.get(port, now))
        if start - now > QUEUE_SECONDS:
            return None
        self._free[port] = start + 8 * size / self._rate
        return self._free[port]

    def _give(self, port, frame):
        try:
            os.write(port, frame)
            self.passed += 1
        except OSError:
            self.lost += 1
