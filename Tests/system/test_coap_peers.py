"""Our CoAP against others' on loopback: aiocoap and libcoap as clients of our server, libcoap as server of our client."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
import time

import aiocoap
import pytest
from aiocoap.util import linkformat

pytestmark = pytest.mark.machines("local")

TIMEOUT_SECONDS = 20
#: What the driver sends as a body of that length; it takes 20 blocks of 1024 bytes, or 313 of 64.
BODY = bytes((i * 7 + (i >> 8)) & 255 for i in range(20_000))
#: The exponents SZX of the blocks' sizes.
SIZES = {64: 2, 256: 4, 1024: 6}
EMPTY_CONFIRMABLE = 0x40
RESET = 0x70


@pytest.fixture
def serve(machine, coap_driver):
    """Starts our server with these words and returns it, with its port."""
    servers = []

    def start(*words, port=0, prefix=()):
        server = machine.spawn([*prefix, coap_driver, "serve", str(port), *words])
        servers.append(server)
        server.wait_for("port ")
        server.port = int(server.stdout.decode().split()[1])
        return server

    yield start
    for server in servers:
        server.signal(9)
        server.wait()


@pytest.fixture
def libcoap_server(machine):
    """libcoap's example server, which takes any resource by PUT; returns its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = machine.spawn([tool("coap-server-notls"), "-A", "127.0.0.1", "-p", str(port), "-d", "10"])
    machine.wait_until(lambda: answers_ping(port))
    yield port
    server.signal(9)
    server.wait()


def tool(name):
    """A program of libcoap's, without which nothing is shown."""
    path = shutil.which(name)
    assert path, f"{name}: not found; install libcoap3-bin"
    return path


def send(port, datagram, timeout=2.0):
    """Sends one datagram from a socket of its own and returns the answer, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        client.connect(("127.0.0.1", port))
        client.send(datagram)
        with contextlib.suppress(OSError):
            return client.recv(2048)
    return None


def answers_ping(port):
    return send(port, bytes([EMPTY_CONFIRMABLE, 0, 0x12, 0x34]), timeout=0.3) == bytes([RESET, 0, 0x12, 0x34])


def libcoap(port, method, path, *options, prefix=()):
    """Runs libcoap's client and returns what it prints."""
    result = subprocess.run(
        [*prefix, tool("coap-client-notls"), "-B", "10", "-m", method, *options, f"coap://127.0.0.1:{port}/{path}"],
        capture_output=True, timeout=TIMEOUT_SECONDS)
    assert result.returncode == 0, result.stderr
    return result.stdout


def with_aiocoap(port, talk):
    """Runs `talk(context, uri)`, a coroutine, against a port."""

    async def run():
        context = await aiocoap.Context.create_client_context()
        try:
            return await asyncio.wait_for(talk(context, f"coap://127.0.0.1:{port}"), TIMEOUT_SECONDS)
        finally:
            await context.shutdown()

    return asyncio.run(run())


def ask(coap_driver, port, *words):
    """Runs our client and returns the lines it prints."""
    result = subprocess.run([coap_driver, "ask", str(port), *words], capture_output=True, timeout=TIMEOUT_SECONDS, text=True)
    assert result.returncode == 0, result
    return result.stdout.splitlines()


# Our server


@pytest.mark.parametrize("size", SIZES)
def test_libcoap_moves_a_body_both_ways(serve, tmp_path, size):
    server = serve("trust")
    body = tmp_path / "body"
    body.write_bytes(BODY)
    back = tmp_path / "back"
    libcoap(server.port, "put", "body", "-b", str(size), "-f", str(body))
    libcoap(server.port, "get", "body", "-b", str(size), "-o", str(back))
    assert back.read_bytes() == BODY


@pytest.mark.parametrize("size", SIZES)
def test_aiocoap_moves_a_body_in_blocks_of_our_size(serve, size):
    server = serve("trust", f"szx={SIZES[size]}")
    body = BODY[: 80 * size]  # aiocoap takes a while for a block

    async def talk(context, uri):
        put = aiocoap.Message(code=aiocoap.PUT, uri=f"{uri}/body", payload=body)
        assert (await context.request(put).response).code == aiocoap.CHANGED
        got = await context.request(aiocoap.Message(code=aiocoap.GET, uri=f"{uri}/body")).response
        assert got.code == aiocoap.CONTENT and got.payload == body
        assert got.opt.content_format == aiocoap.ContentFormat.OCTETSTREAM
        # Who has it already is told so; who would overwrite another state is not let.
        again = aiocoap.Message(code=aiocoap.GET, uri=f"{uri}/body")
        again.opt.etags = [got.opt.etag]
        assert (await context.request(again).response).code == aiocoap.VALID
        late = aiocoap.Message(code=aiocoap.PUT, uri=f"{uri}/body", payload=b"late")
        late.opt.if_match = [b"other"]
        assert (await context.request(late).response).code == aiocoap.PRECONDITION_FAILED

    with_aiocoap(server.port, talk)


def test_links_and_errors(serve):
    server = serve("trust")

    async def talk(context, uri):
        core = await context.request(aiocoap.Message(code=aiocoap.GET, uri=f"{uri}/.well-known/core")).response
        assert core.opt.content_format == aiocoap.ContentFormat.LINKFORMAT
        links = linkformat.parse(core.payload.decode())
        assert [link.href for link in links.links] == ["/body", "/counter", "/slow"]
        missing = await context.request(aiocoap.Message(code=aiocoap.GET, uri=f"{uri}/none")).response
        assert missing.code == aiocoap.NOT_FOUND
        wrong = await context.request(aiocoap.Message(code=aiocoap.DELETE, uri=f"{uri}/body")).response
        assert wrong.code == aiocoap.METHOD_NOT_ALLOWED

    with_aiocoap(server.port, talk)


def test_separate_response(serve):
    server = serve("trust")
    assert libcoap(server.port, "get", "slow").strip() == b"late"

    async def talk(context, uri):
        return await context.request(aiocoap.Message(code=aiocoap.GET, uri=f"{uri}/slow")).response

    assert with_aiocoap(server.port, talk).payload == b"late"


def test_aiocoap_observes(serve):
    server = serve("trust")

    async def talk(context, uri):
        request = context.request(aiocoap.Message(code=aiocoap.GET, uri=f"{uri}/counter", observe=0))
        seen = [(await request.response).payload]
        states = aiter(request.observation)
        for _ in range(3):
            await context.request(aiocoap.Message(code=aiocoap.POST, uri=f"{uri}/counter")).response
            seen.append((await anext(states)).payload)
        return seen

    assert with_aiocoap(server.port, talk) == [b"0", b"1", b"2", b"3"]


def test_libcoap_observes(serve):
    server = serve("trust")
    client = subprocess.Popen(
        [tool("coap-client-notls"), "-s", "3", "-m", "get", f"coap://127.0.0.1:{server.port}/counter"],
        stdout=subprocess.PIPE)
    server.wait_for("observers 1")
    for _ in range(3):
        libcoap(server.port, "post", "counter")
    assert client.communicate(timeout=TIMEOUT_SECONDS)[0].strip() == b"0123"


def test_an_observer_is_forgotten(serve):
    """By taking its registration back, and by resetting a notification."""
    server = serve("trust")
    # A GET of /counter with Observe 0 and 1, and an empty token.
    register, deregister = (bytes([0x40, 1, 0, number, *observe, 0x57]) + b"counter"
                            for number, observe in ((1, [0x60]), (2, [0x61, 1])))
    for ends_by_reset in (False, True):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(2)
            client.connect(("127.0.0.1", server.port))
            client.send(register)
            assert client.recv(2048)[:2] == bytes([0x60, 0x45])
            server.wait_for("observers 1")
            if ends_by_reset:
                libcoap(server.port, "post", "counter")
                notification = client.recv(2048)
                assert notification[:2] == bytes([0x40, 0x45]), "a confirmable one"
                client.send(bytes([RESET, 0]) + notification[2:4])
            else:
                client.send(deregister)
                assert client.recv(2048)[:2] == bytes([0x60, 0x45])
        server.machine.wait_until(lambda: server.stdout.endswith(b"observers 0\n"))


def test_a_stranger_proves_its_address(serve):
    """Without `trust`: libcoap answers an Echo challenge, aiocoap leaves it to its user."""
    server = serve()
    libcoap(server.port, "post", "counter")

    async def talk(context, uri):
        refused = await context.request(aiocoap.Message(code=aiocoap.POST, uri=f"{uri}/counter")).response
        assert refused.code == aiocoap.UNAUTHORIZED and refused.opt.echo
        again = aiocoap.Message(code=aiocoap.POST, uri=f"{uri}/counter")
        again.opt.echo = refused.opt.echo
        assert (await context.request(again).response).code == aiocoap.CHANGED
        return (await context.request(aiocoap.Message(code=aiocoap.GET, uri=f"{uri}/counter")).response).payload

    assert with_aiocoap(server.port, talk) == b"2"


def test_ping_reset_and_copies(serve):
    server = serve("trust")
    assert answers_ping(server.port)
    malformed = bytes([0x40, 1, 0x43, 0x21, 0xFF])
    assert send(server.port, malformed) == bytes([RESET, 0, 0x43, 0x21])
    post = bytes([0x41, 2, 0x77, 0x77, 9, 0xB4]) + b"once"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(2)
        client.connect(("127.0.0.1", server.port))
        answers = []
        for _ in range(3):
            client.send(post)
            answers.append(client.recv(2048))
    assert answers == [bytes([0x61, 0x44, 0x77, 0x77, 9, 0xFF]) + b"1"] * 3


# Our client


@pytest.mark.parametrize("size", SIZES)
def test_our_client_moves_a_body_both_ways(coap_driver, libcoap_server, size):
    put = ask(coap_driver, libcoap_server, "put", "example_data", f"bytes={len(BODY)}", f"szx={SIZES[size]}")
    assert put[0].split()[0] in ("2.01", "2.04") and put[-1] == "done"
    got = ask(coap_driver, libcoap_server, "get", "example_data", f"szx={SIZES[size]}")
    assert got[0].split()[:2] == ["2.05", str(len(BODY))]
    read = subprocess.run(
        [tool("coap-client-notls"), "-m", "get", f"coap://127.0.0.1:{libcoap_server}/example_data"],
        capture_output=True, timeout=TIMEOUT_SECONDS)
    assert read.stdout.rstrip(b"\n") == BODY.rstrip(b"\n")


def test_our_client_hears_errors_and_separate_responses(coap_driver, libcoap_server):
    assert ask(coap_driver, libcoap_server, "get", "none")[0].startswith("4.04")
    assert ask(coap_driver, libcoap_server, "get", "time", "non")[0].startswith("2.05")
    start = time.monotonic()
    assert ask(coap_driver, libcoap_server, "get", "async")[-1] == "done"
    assert time.monotonic() - start > 1, "libcoap's /async answers late"


def test_our_client_observes(coap_driver, libcoap_server):
    lines = ask(coap_driver, libcoap_server, "get", "time", "observe=3")
    assert [line.split()[:2] for line in lines[:-1]] == [["2.05", "fresh"]] * 3


def test_our_client_pings(coap_driver, libcoap_server):
    result = subprocess.run([coap_driver, "ping", str(libcoap_server)], capture_output=True, timeout=TIMEOUT_SECONDS)
    assert result.stdout == b"pong\n"


# Multicast, on an interface of a namespace of the test's own


@pytest.fixture
def namespace(machine, test_name):
    name = f"coap-{test_name[-8:]}"
    machine.sh(f"ip netns add {name}")
    try:
        machine.sh(f"""
            ip -n {name} link add m0 type veth peer name m1
            ip -n {name} addr add 192.0.2.1/24 dev m0
            ip -n {name} link set m0 up
            ip -n {name} link set m1 up
            ip -n {name} link set lo up
            ip -n {name} route add 224.0.0.0/4 dev m0
        """)
        yield ("ip", "netns", "exec", name)
    finally:
        machine.sh(f"ip netns del {name}")


def test_multicast_discovery(serve, namespace):
    interface = subprocess.check_output([*namespace, "cat", "/sys/class/net/m0/ifindex"], text=True).strip()
    server = serve("trust", "group=224.0.1.187", f"interface={interface}", port=5683, prefix=namespace)

    def discover(method, path):
        result = subprocess.run(
            [*namespace, tool("coap-client-notls"), "-N", "-B", "2", "-m", method,
             f"coap://224.0.1.187:{server.port}/{path}"], capture_output=True, timeout=TIMEOUT_SECONDS)
        return result.stdout.strip()

    assert discover("get", ".well-known/core").startswith(b'</body>;rt="test.body"')
    assert discover("get", "none") == b"", "errors are not answered"
    assert discover("post", "counter") == b"", "what changes something is not for groups"
