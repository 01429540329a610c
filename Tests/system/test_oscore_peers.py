"""Our OSCORE against aiocoap's on loopback: as client of our server, and as server of our client. Both ends have the security
context of RFC 8613 appendix C.1."""

import asyncio
import contextlib
import json
import socket
import subprocess
import threading

import aiocoap
import aiocoap.resource
import pytest
from aiocoap.credentials import CredentialsMap
from aiocoap.oscore import FilesystemSecurityContext, NotAProtectedMessage
from aiocoap.oscore_sitewrapper import OscoreSiteWrapper
from test_coap_peers import BODY, TIMEOUT_SECONDS, send, serve  # noqa: F401 (a fixture)

pytestmark = pytest.mark.machines("local")

SHARED = {"secret_hex": "0102030405060708090a0b0c0d0e0f10", "salt_hex": "9e7ca92223786340"}
CLIENT = SHARED | {"sender-id_hex": "", "recipient-id_hex": "01"}
SERVER = SHARED | {"sender-id_hex": "01", "recipient-id_hex": ""}
OTHER = CLIENT | {"secret_hex": "00" * 16}
#: The code of a response in plain, and what it says.
UNAUTHORIZED, BAD_REQUEST = 0x81, 0x80


def context_directory(folder, name, settings):
    """A new security context as aiocoap keeps it; it never goes on with one that was used before."""
    path = folder / name
    path.mkdir()
    (path / "settings.json").write_text(json.dumps(settings))
    return str(path) + "/"


@pytest.fixture
def with_oscore(tmp_path):
    """Runs `talk(context, uri)` against a port with a new security context of these settings."""
    count = 0

    def run(port, talk, settings=CLIENT):
        nonlocal count
        count += 1
        directory = context_directory(tmp_path, f"client{count}", settings)

        async def session():
            context = await aiocoap.Context.create_client_context()
            uri = f"coap://127.0.0.1:{port}"
            context.client_credentials.load_from_dict({f"{uri}/*": {"oscore": {"basedir": directory}}})
            try:
                return await asyncio.wait_for(talk(context, uri), TIMEOUT_SECONDS)
            finally:
                await context.shutdown()

        return asyncio.run(session())

    return run


async def fetch(context, method, uri, payload=b"", **options):
    message = aiocoap.Message(code=method, uri=uri, payload=payload, **options)
    return await context.request(message).response


# Our server


def test_the_server_knows_who_asks(serve, with_oscore):
    server = serve("oscore")

    async def talk(context, uri):
        return await fetch(context, aiocoap.GET, f"{uri}/who")

    assert with_oscore(server.port, talk).payload == b"7"

    async def plainly():
        context = await aiocoap.Context.create_client_context()
        try:
            return await fetch(context, aiocoap.GET, f"coap://127.0.0.1:{server.port}/who")
        finally:
            await context.shutdown()

    assert asyncio.run(plainly()).payload == b"anybody"


def test_bodies_pass_in_inner_blocks(serve, with_oscore):
    server = serve("oscore")
    body = BODY[:5000]

    async def talk(context, uri):
        put = await fetch(context, aiocoap.PUT, f"{uri}/body", body)
        got = await fetch(context, aiocoap.GET, f"{uri}/body")
        missing = await fetch(context, aiocoap.GET, f"{uri}/none")
        return put, got, missing

    put, got, missing = with_oscore(server.port, talk)
    assert put.code == aiocoap.CHANGED and got.payload == body and missing.code == aiocoap.NOT_FOUND
    assert got.opt.content_format == aiocoap.ContentFormat.OCTETSTREAM


def test_a_late_answer_is_protected_too(serve, with_oscore):
    server = serve("oscore")

    async def talk(context, uri):
        return await fetch(context, aiocoap.GET, f"{uri}/slow")

    assert with_oscore(server.port, talk).payload == b"late"


def test_aiocoap_observes(serve, with_oscore):
    server = serve("oscore")

    async def talk(context, uri):
        request = context.request(aiocoap.Message(code=aiocoap.GET, uri=f"{uri}/counter", observe=0))
        seen = [(await request.response).payload]
        states = aiter(request.observation)
        for _ in range(3):
            await fetch(context, aiocoap.POST, f"{uri}/counter")
            seen.append((await anext(states)).payload)
        return seen

    assert with_oscore(server.port, talk) == [b"0", b"1", b"2", b"3"]


def test_another_secret_is_refused(serve, with_oscore):
    server = serve("oscore")

    async def talk(context, uri):
        return await fetch(context, aiocoap.GET, f"{uri}/who")

    for settings, code, words in (
        (OTHER, aiocoap.BAD_REQUEST, b"Decryption failed"),
        (CLIENT | {"sender-id_hex": "05"}, aiocoap.UNAUTHORIZED, b"Security context not found"),
        (CLIENT | {"id-context_hex": "01"}, aiocoap.UNAUTHORIZED, b"Security context not found"),
    ):
        with pytest.raises(NotAProtectedMessage) as refused:
            with_oscore(server.port, talk, settings)
        plain = refused.value.plain_message
        assert (plain.code, plain.payload, plain.opt.max_age) == (code, words, 0)


class Tap:
    """Stands between a client and a server, and keeps what the client says."""

    def __init__(self, port):
        self.port = port
        self.heard = []

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        tap = self

        class Out(asyncio.DatagramProtocol):
            def __init__(self, client):
                self.client = client

            def datagram_received(self, data, _):
                tap.front.sendto(data, self.client)

        class In(asyncio.DatagramProtocol):
            def datagram_received(self, data, client):
                tap.heard.append(data)
                asyncio.ensure_future(forward(data, client))

        ways = {}

        async def forward(data, client):
            if client not in ways:
                ways[client], _ = await loop.create_datagram_endpoint(
                    lambda: Out(client), remote_addr=("127.0.0.1", self.port))
            ways[client].sendto(data)

        self.front, _ = await loop.create_datagram_endpoint(In, local_addr=("127.0.0.1", 0))
        self.ways = ways
        return self.front.get_extra_info("sockname")[1]

    async def __aexit__(self, *_):
        for way in [self.front, *self.ways.values()]:
            way.close()


def test_a_replay_is_refused(serve, tmp_path):
    server = serve("oscore")
    tap = Tap(server.port)

    async def session():
        async with tap as port:
            context = await aiocoap.Context.create_client_context()
            context.client_credentials.load_from_dict(
                {"coap://*": {"oscore": {"basedir": context_directory(tmp_path, "client", CLIENT)}}})
            try:
                return await asyncio.wait_for(
                    fetch(context, aiocoap.POST, f"coap://127.0.0.1:{port}/once"), TIMEOUT_SECONDS)
            finally:
                await context.shutdown()

    assert asyncio.run(session()).payload == b"1"
    request = next(data for data in tap.heard if data[1] in (2, 5))
    again = request[:2] + bytes([request[2] ^ 0x55]) + request[3:]
    refused = send(server.port, again)
    assert refused[1] == UNAUTHORIZED and refused.endswith(b"\xffReplay detected")
    changed = again[:3] + bytes([again[3] ^ 1]) + again[4:-1] + bytes([again[-1] ^ 1])
    # It is seen to be old before it is seen to be forged.
    assert send(server.port, changed).endswith(b"\xffReplay detected")


def test_contexts_take_little_memory(serve):
    """Five hundred, each of which somebody has claimed to have: only so many have their keys' schedules at hand."""

    def anonymous(server):
        with open(f"/proc/{server.pid}/smaps_rollup") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Anonymous"))

    def forge(server, kids):
        for kid in kids:
            option = bytes([0x09, 1]) + kid.to_bytes(2, "big")
            datagram = bytes([0x40, 2]) + kid.to_bytes(2, "big") + bytes([0x90 | len(option)]) + option + b"\xff" + bytes(13)
            assert send(server.port, datagram)[1] == BAD_REQUEST

    kilobytes = {}
    for count in (1, 500):
        server = serve(f"contexts={count}", "trust")
        before = anonymous(server)
        forge(server, range(count))
        once = anonymous(server)
        forge(server, range(count))
        kilobytes[count] = anonymous(server)
        print(f"{count} contexts: {before} kB, {once} kB and {kilobytes[count]} kB")
    assert kilobytes[500] - kilobytes[1] < 300


# Our client


class Counter(aiocoap.resource.ObservableResource):
    def __init__(self):
        super().__init__()
        self.count = 0

    async def render_get(self, request):
        # Each look at it changes it: an observer hears of the next state.
        asyncio.get_running_loop().call_later(0.1, self.step)
        return aiocoap.Message(payload=str(self.count).encode())

    def step(self):
        self.count += 1
        self.updated_state()


class Body(aiocoap.resource.Resource):
    def __init__(self):
        super().__init__()
        self.body = b""

    async def render_put(self, request):
        self.body = request.payload
        return aiocoap.Message(code=aiocoap.CHANGED)

    async def render_get(self, request):
        return aiocoap.Message(payload=self.body)


class Who(aiocoap.resource.Resource):
    async def render_get(self, request):
        return aiocoap.Message(payload=b"known" if hasattr(request.remote, "security_context") else b"anybody")


class Lie(aiocoap.resource.Resource):
    """Answers in plain what came protected."""

    async def render_to_pipe(self, pipe):
        pipe.add_response(aiocoap.Message(code=aiocoap.CONTENT, payload=b"believe me"), is_last=True)


@contextlib.contextmanager
def aiocoap_server(tmp_path, settings=SERVER, protects=True):
    """aiocoap's server in a thread of its own; yields its port and its body."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started, stop, loop, body = threading.Event(), asyncio.Event(), asyncio.new_event_loop(), Body()

    async def main():
        site = aiocoap.resource.Site()
        for path, resource in (("counter", Counter()), ("body", body), ("who", Who())):
            site.add_resource([path], resource)
        credentials = CredentialsMap()
        credentials[":client"] = FilesystemSecurityContext(context_directory(tmp_path, "server", settings))
        whole = OscoreSiteWrapper(site, credentials) if protects else Lie()
        context = await aiocoap.Context.create_server_context(whole, bind=("127.0.0.1", port))
        started.set()
        await stop.wait()
        await context.shutdown()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    assert started.wait(TIMEOUT_SECONDS)
    try:
        yield port, body
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.fixture
def ask(coap_driver):
    """Runs our client and returns the lines it prints."""

    def run(port, *words):
        result = subprocess.run(
            [coap_driver, "ask", str(port), *words], capture_output=True, timeout=TIMEOUT_SECONDS, text=True)
        assert result.returncode == 0, result
        return result.stdout.splitlines()

    return run


def test_our_client_is_known(ask, tmp_path):
    """aiocoap wants a proof first that the request is new (RFC 8613 appendix B.1.2), which our client gives by itself."""
    with aiocoap_server(tmp_path) as (port, _):
        assert ask(port, "get", "who", "oscore")[0].split()[:2] == ["2.05", str(len("known"))]


def test_our_client_moves_bodies(ask, tmp_path):
    with aiocoap_server(tmp_path) as (port, body):
        assert ask(port, "put", "body", "oscore", "bytes=5000")[0].split()[0] == "2.04"
        assert body.body == BODY[:5000]


def test_our_client_fetches_bodies(ask, tmp_path):
    with aiocoap_server(tmp_path) as (port, body):
        body.body = BODY[:5000]
        assert ask(port, "get", "body", "oscore")[0].split()[:2] == ["2.05", "5000"]


def test_our_client_observes(ask, tmp_path):
    with aiocoap_server(tmp_path) as (port, _):
        lines = ask(port, "get", "counter", "oscore", "observe=3")
        assert lines == ["2.05 fresh 0", "2.05 fresh 1", "2.05 fresh 2", "done"]


def test_our_client_hears_why_it_is_not_known(ask, tmp_path):
    with aiocoap_server(tmp_path, SERVER | {"recipient-id_hex": "09"}) as (port, _):
        assert ask(port, "get", "who", "oscore") == ["refused 4.01"]


def test_our_client_believes_nothing_in_plain(ask, tmp_path):
    with aiocoap_server(tmp_path, protects=False) as (port, _):
        assert ask(port, "get", "who", "oscore") == ["not authentic"]
