#!/usr/bin/env python3
"""What a request costs a server, beside libcoap's: `make bench`. How to read it: bench/README.md.

    bench/requests.py [--count N] [--rounds N]
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
BENCH = os.path.dirname(os.path.abspath(__file__))

import aiocoap
from aiocoap.oscore import FilesystemSecurityContext

WINDOW = 4
IDENTITY, KEY = "bench", "a key of 16 bytes"
#: RFC 8613 appendix C.1, as coap-driver has it.
OSCORE = {"secret_hex": "0102030405060708090a0b0c0d0e0f10", "salt_hex": "9e7ca92223786340", "sender-id_hex": "",
          "recipient-id_hex": "01"}
#: How many requests are counted in instructions, beyond as many again that warm up.
COUNTED = 500


class Contender:
    """A server, and how it is asked."""

    def __init__(self, name, argv, ask, home):
        self.name, self._argv, self._ask, self._home = name, argv, ask, home
        self.nanoseconds, self.cpu = [], []

    @contextlib.contextmanager
    def running(self, *wrapper):
        port = free_port()
        with open(f"{self._home}/messages", "w", encoding="utf-8") as messages:
            process = subprocess.Popen([*wrapper, *self._argv(port)], stdout=messages, stderr=messages)
        try:
            wait_until_bound(port)
            yield process, port
        finally:
            process.terminate()
            process.wait()

    def measure(self, count):
        """One run: time from the first request to the last answer, and the server's CPU time."""
        with self.running() as (process, port):
            self._ask(port, count // 10)
            before = cpu_nanoseconds(process.pid)
            self.nanoseconds.append(self._ask(port, count) / count)
            self.cpu.append((cpu_nanoseconds(process.pid) - before) / count)

    def instructions(self):
        """Of one request, in user mode: the difference between two runs."""
        few, many = (self._instructions(count) for count in (COUNTED, 2 * COUNTED))
        return (many - few) / COUNTED

    def _instructions(self, count):
        path = f"{self._home}/callgrind"
        with self.running("valgrind", "--tool=callgrind", f"--callgrind-out-file={path}") as (_, port):
            self._ask(port, count)
        return total(path)

    def memory(self):
        with self.running() as (process, port):
            self._ask(port, 100)
            with open(f"/proc/{process.pid}/smaps_rollup", encoding="utf-8") as file:
                return next(int(line.split()[1]) for line in file if line.startswith("Rss:"))


def total(path):
    """How many instructions callgrind has counted."""
    with open(path, encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(("summary:", "totals:")))


def free_port():
    """Two in a row: libcoap has DTLS at the next one."""
    while True:
        port = random.randrange(20000, 60000)
        with contextlib.suppress(OSError), udp() as first, udp() as second:
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1))
            return port


def udp():
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def wait_until_bound(port):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with open("/proc/net/udp", encoding="utf-8") as four, open("/proc/net/udp6", encoding="utf-8") as six:
            if f":{port:04X} " in four.read() + six.read():
                time.sleep(0.2)
                return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens at port {port}")


def cpu_nanoseconds(process):
    with open(f"/proc/{process}/schedstat", encoding="utf-8") as file:
        return int(file.read().split()[0])


def write_datagrams(path, datagrams):
    with open(path, "wb") as file:
        for datagram in datagrams:
            file.write(len(datagram).to_bytes(2, "big") + datagram)


def envelope(message, number):
    message.mtype, message.mid, message.token = aiocoap.CON, number & 0xFFFF, number.to_bytes(4, "big")
    message.remote = None
    return message.encode()


class Asking:
    """The ways to ask; each run has its own datagrams, as nothing is answered twice."""

    def __init__(self, home):
        self._home = home
        self._number = 0

    def plain(self, path):
        def ask(port, count):
            requests = (aiocoap.Message(code=aiocoap.GET, uri_path=(path,)) for _ in range(count))
            return self._load(port, (self._envelope(request) for request in requests))
        return ask

    def oscore(self, path):
        def ask(port, count):
            # Its sequence numbers go on, as one server is asked several times.
            folder = f"{self._home}/context-{port}"
            if not os.path.exists(folder):
                os.mkdir(folder)
                with open(f"{folder}/settings.json", "w", encoding="utf-8") as file:
                    json.dump(OSCORE, file)
            context = FilesystemSecurityContext(folder)
            requests = (context.protect(aiocoap.Message(code=aiocoap.GET, uri_path=(path,)))[0] for _ in range(count))
            seconds = self._load(port, (self._envelope(request) for request in requests))
            context._destroy()
            return seconds
        return ask

    def dtls(self, path):
        def ask(port, count):
            return float(self._run("dtls_load", port + 1, WINDOW, count, path, IDENTITY, KEY))
        return ask

    def _envelope(self, message):
        self._number += 1
        return envelope(message, self._number)

    def _load(self, port, datagrams):
        path = f"{self._home}/datagrams"
        write_datagrams(path, datagrams)
        return float(self._run("coap_load", port, WINDOW, path))

    def _run(self, tool, *arguments):
        return subprocess.run([f"{self._home}/{tool}", *map(str, arguments)], stdout=subprocess.PIPE, check=True).stdout


def contenders(home, target):
    asking = Asking(home)
    driver = shutil.copy(f"{BENCH}/../.build-cross/{target}/coap-driver", home)
    peers = subprocess.run([f"{BENCH}/make-libcoap"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    here = ["-A", "127.0.0.1"]

    def ours(*words):
        return lambda port: [driver, "serve", str(port), "trust", *words]

    def theirs(program, *words):
        program = shutil.copy(f"{peers}/{program}", home)
        return lambda port: [program, str(port), *words]

    return [
        Contender("libcoap i586, plain", theirs("coap_server"), asking.plain("counter"), home),
        Contender(f"MicroAgent {target}, plain", ours(), asking.plain("counter"), home),
        Contender("libcoap i586, DTLS (mbedtls)", theirs("coap_server_dtls", IDENTITY, KEY), asking.dtls("counter"), home),
        Contender(f"MicroAgent {target}, OSCORE", ours("oscore"), asking.oscore("counter"), home),
        # As Debian has it, for a processor that no board has.
        Contender("libcoap amd64, plain", lambda port: ["coap-server-notls", *here, "-p", str(port)], asking.plain("time"), home),
        Contender("libcoap amd64, DTLS (OpenSSL)",
                  lambda port: ["coap-server-openssl", *here, "-p", str(port), "-k", KEY, "-h", IDENTITY], asking.dtls("time"), home),
    ]


def exchange_instructions(home, target, side):
    """Of one side of a key exchange, each showing its key: static Diffie-Hellman on P-256 (method 3)."""
    program = shutil.copy(f"{BENCH}/../.build-cross/{target}/microcloud-driver", home)
    counts = []
    for times in (1, 3):
        path = f"{home}/callgrind"
        said = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={path}", program, "edhoc"],
                              input=f"cost 3+ {side} {times}\n".encode(), capture_output=True, check=True).stdout
        counts.append(total(path))
    return (counts[1] - counts[0]) / 2, next(json.loads(line)["bytes"] for line in said.splitlines() if b"cost" in line)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="i586", help="build to measure")
    parser.add_argument("--count", type=int, default=10000, help="requests in a run")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    home = tempfile.mkdtemp(prefix="microagent-bench.", dir="/dev/shm")
    try:
        for tool, libraries in (("coap_load", []), ("dtls_load", ["-lcoap-3-openssl"])):
            subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-o", f"{home}/{tool}", f"{BENCH}/{tool}.c", *libraries], check=True)
        all_of_them = contenders(home, options.target)
        for _ in range(options.rounds):
            for contender in random.sample(all_of_them, len(all_of_them)):
                contender.measure(options.count)
        print("| | requests/s | most | CPU (µs) | least | instructions | RSS (kB) |\n|--|--|--|--|--|--|--|")
        for one in all_of_them:
            rate, most = (1e9 / pick(one.nanoseconds) for pick in (statistics.median, min))
            cpu, least = (pick(one.cpu) / 1000 for pick in (statistics.median, min))
            print(f"| {one.name} | {rate:.0f} | {most:.0f} | {cpu:.1f} | {least:.1f} | {one.instructions():.0f} | {one.memory()} |",
                  flush=True)
        print("\n| a key exchange (EDHOC), MicroAgent " + options.target + " | instructions | messages (bytes) |\n|--|--|--|")
        for side in ("initiator", "responder"):
            count, messages = exchange_instructions(home, options.target, side)
            print(f"| {side} | {count / 1e6:.1f} million | {' + '.join(map(str, messages))} |")
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
