"""What a board says on the network, in the eyes of tshark, whose dissectors others have written."""

import asyncio
import json
import socket

import aiocoap
import pytest

from boards import together
from secure_coap import PORT, Key, client

pytestmark = pytest.mark.machines("local")


DISCARD = 9
END = b"that was all that was said"


class Capture:
    """All that passes a host's interface, in a file."""

    def __init__(self, host, path):
        self._host = host
        self._path = path
        self._process = host.spawn(["tshark", "-q", "-i", "eth0", "-w", path])
        self._process.wait_for("Capturing on")

    def end(self):
        """Waits until what was said last is in the file, for which it says something more."""
        def say():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
                own.sendto(END, ("10.77.0.1", DISCARD))

        self._host.call(say)
        self._host.machine.wait_until(lambda: END in self._host.machine.read(self._path))
        self._process.signal(2)
        self._process.wait_closed()

    def fields(self, selection, *names):
        """These fields of each packet that the selection takes, as lists of their values."""
        options = [option for name in names for option in ("-e", name)]
        text = self._host.run(["tshark", "-r", self._path, "-Y", selection, "-T", "json", *options]).check().text
        return [packet["_source"]["layers"] for packet in json.loads(text)]


@pytest.fixture
def talk(boards, tmp_path):
    """Two boards that find each other, and an owner who reads from one by UDP and TCP, while a third host listens."""
    key = Key()
    board, other = boards.on(owner=key.public), boards.board(owner=key.public)
    host = boards.network.host(boards.switch).address("10.77.0.100/24")
    capture = Capture(host, str(tmp_path / "capture.pcapng"))
    other.plug()
    other.start()
    together(board, other)

    async def ask():
        plain = await aiocoap.Context.create_client_context()
        for path in ("offer", ".well-known/core", "no-such-thing"):
            await plain.request(aiocoap.Message(code=aiocoap.GET, uri=f"coap://{board.address}:{PORT}/{path}")).response
        await plain.shutdown()
        async with client(board.address, key) as owner:
            await owner.get("info")
            await owner.get("leases")

    host.call(lambda: asyncio.run(ask()))
    capture.end()
    return capture


def test_nothing_that_boards_say_is_malformed(talk):
    # This tshark is older than the options Echo (RFC 9175) and EDHOC (RFC 9668), and takes them for mistakes.
    newer = '_ws.expert.message matches "Invalid Option Number (252|21)$"'
    assert talk.fields(f"_ws.malformed && !({newer})", "frame.protocols", "_ws.expert.message") == []
    protocols = {layer["frame.protocols"][0] for layer in talk.fields("coap or mdns", "frame.protocols")}
    assert any(one.endswith("udp:coap") for one in protocols) and any(one.endswith("udp:mdns") for one in protocols)


def test_messages_are_what_they_are_meant_to_be(talk):
    said = talk.fields("coap", "coap.code", "coap.opt.uri_path", "coap.opt.ctype", "coap.type")
    asked = {(one["coap.code"][0], tuple(one.get("coap.opt.uri_path", []))) for one in said}
    assert {("1", ("offer",)), ("1", (".well-known", "core")), ("1", ("no-such-thing",)),
            ("2", (".well-known", "edhoc"))} <= asked
    answers = [one["coap.code"][0] for one in said if int(one["coap.code"][0]) >= 64]
    assert {"68", "129", "132"} <= set(answers), "2.04, 4.01 with Echo, and 4.04"
    # What is protected shows nothing but that it is: no path, and an object of OSCORE.
    protected = talk.fields("oscore", "coap.code", "coap.opt.uri_path", "coap.opt.object_security_piv")
    assert protected and all("coap.opt.uri_path" not in one for one in protected)
    numbers = [one["coap.opt.object_security_piv"][0] for one in protected if "coap.opt.object_security_piv" in one]
    assert len(numbers) == len(set(numbers)), "a number is used for one message"
