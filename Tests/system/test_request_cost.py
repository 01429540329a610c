"""What a request costs our CoAP server in instructions of its own: they are counted, so the machine's speed is no matter."""

import shutil
import socket
import subprocess
from pathlib import Path

import aiocoap
import pytest
from aiocoap.oscore import FilesystemSecurityContext
from test_oscore_peers import CLIENT, context_directory

pytestmark = pytest.mark.machines("local")

#: bench/README.md has what they are beside libcoap's, asked four at a time; one at a time they are some hundred more.
MOST_INSTRUCTIONS = 12_600
#: So many times those of a plain request a protected one may take.
MOST_TIMES = 2.5
COUNTED = (100, 300)


class Plain:
    """Datagrams that ask for the counter."""

    words = ()

    def __init__(self, folder):
        pass

    def request(self):
        return aiocoap.Message(code=aiocoap.GET, uri_path=("counter",))

    def check(self, answer):
        assert answer[1] == 0x45 and answer.endswith(b"\xff0")


class Protected(Plain):
    """The same, with OSCORE."""

    words = ("oscore",)

    def __init__(self, folder):
        self._context = FilesystemSecurityContext(context_directory(folder, "context", CLIENT))

    def request(self):
        return self._context.protect(super().request())[0]

    def check(self, answer):
        # 2.04 is what is said outside; what could not be verified is refused.
        assert answer[1] == 0x44


def datagram(message, number):
    message.mtype, message.mid, message.token = aiocoap.CON, number, number.to_bytes(2, "big")
    message.remote = None
    return message.encode()


def wait_until_asleep(process):
    """Until a server waits for the next datagram: one that is there by then would save it the way to the kernel and back."""
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "S":
        assert process.poll() is None, "the server has ended"


def instructions(driver, folder, kind, count):
    """Of a server that is asked so often, from its start to its end."""
    valgrind = shutil.which("valgrind")
    assert valgrind, "valgrind: not found; install it"
    folder = folder / f"{kind.__name__}{count}"
    folder.mkdir()
    output = folder / "callgrind"
    client = kind(folder)
    server = subprocess.Popen(
        [valgrind, "--tool=callgrind", f"--callgrind-out-file={output}", driver, "serve", "0", "trust", *kind.words],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = int(server.stdout.readline().split()[1])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.settimeout(20)
            peer.connect(("127.0.0.1", port))
            for number in range(count):
                request = datagram(client.request(), number)
                wait_until_asleep(server)
                peer.send(request)
                answer = peer.recv(2048)
                assert answer[2:4] == number.to_bytes(2, "big")
                client.check(answer)
    finally:
        server.terminate()
        server.wait()
    return next(int(line.split()[1]) for line in output.read_text().splitlines() if line.startswith(("summary:", "totals:")))


def of_one(driver, folder, kind):
    few, many = (instructions(driver, folder, kind, count) for count in COUNTED)
    return (many - few) / (COUNTED[1] - COUNTED[0])


def test_a_request_costs_few_instructions(coap_driver, tmp_path):
    plain, protected = (of_one(coap_driver, tmp_path, kind) for kind in (Plain, Protected))
    print(f"instructions of a request: plain {plain:.0f}, with OSCORE {protected:.0f}, {protected / plain:.2f} times as many")
    assert plain <= MOST_INSTRUCTIONS
    assert protected <= MOST_TIMES * plain
