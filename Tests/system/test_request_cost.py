"""What a request costs our CoAP server in instructions of its own: they are counted, so they are the same on every machine."""

import shutil
import socket
import subprocess

import pytest

pytestmark = pytest.mark.machines("local")

#: bench/README.md has what they are beside libcoap's, asked four at a time; one at a time they are a thousand more.
MOST_INSTRUCTIONS = 21_000
GET_COUNTER = b"\xb7counter"
CONFIRMABLE_GET = b"\x44\x01"


def instructions(driver, folder, count):
    """Of a server that is asked so often, from its start to its end."""
    valgrind = shutil.which("valgrind")
    assert valgrind, "valgrind: not found; install it"
    output = folder / f"callgrind{count}"
    server = subprocess.Popen(
        [valgrind, "--tool=callgrind", f"--callgrind-out-file={output}", driver, "serve", "0", "trust"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = int(server.stdout.readline().split()[1])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(20)
            client.connect(("127.0.0.1", port))
            for number in range(count):
                name = number.to_bytes(2, "big")
                client.send(CONFIRMABLE_GET + name + b"\0\0" + name + GET_COUNTER)
                answer = client.recv(2048)
                assert answer[1:4] == b"\x45" + name and answer.endswith(b"\xff0")
    finally:
        server.terminate()
        server.wait()
    return next(int(line.split()[1]) for line in output.read_text().splitlines() if line.startswith(("summary:", "totals:")))


def test_a_request_costs_few_instructions(coap_driver, tmp_path):
    few, many = (instructions(coap_driver, tmp_path, count) for count in (100, 300))
    assert (many - few) / 200 <= MOST_INSTRUCTIONS
