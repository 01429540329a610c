"""A board's entry in a CoRE Resource Directory (RFC 9176): aiocoap's."""

import pathlib
import sys

import pytest
from aiocoap.error import NetworkError
from aiocoap.util import linkformat

from boards import OWNER, together
from test_node_resources import get

pytestmark = pytest.mark.machines("local")

DIRECTORY = "10.77.0.100"


PROGRAM = pathlib.Path(__file__).with_name("resource_directory.py")


def directory(boards):
    """A host beside the boards that is a directory."""
    host = boards.network.host(boards.switch).address(f"{DIRECTORY}/24")
    host.spawn([sys.executable, str(PROGRAM)])
    host.machine.wait_until(lambda: b"core.rd" in lookup(host, ".well-known/core"))
    return host


def lookup(host, path):
    """What the directory answers to whoever asks for this; nothing while it does not."""
    try:
        return get(host, DIRECTORY, path).payload
    except NetworkError:
        return b""


def links(host, query=""):
    """Which resources of which nodes are in the directory."""
    payload = lookup(host, f"resource-lookup/{query}").decode()
    return sorted((link.href, link.rt[0]) for link in linkformat.parse(payload).links)


def endpoints(host):
    """The names of the nodes in it, and their microclouds."""
    payload = lookup(host, "endpoint-lookup/").decode()
    return sorted((link.ep[0], link.d[0] if hasattr(link, "d") else None) for link in linkformat.parse(payload).links)


@pytest.mark.parametrize("how", ["find", DIRECTORY])
def test_a_boards_links_are_looked_up(boards, how):
    host = directory(boards)
    board = boards.on(owner=OWNER, resource_directory=how)
    board.machine.wait_until(lambda: len(links(host)) == 3, timeout=60)
    found = links(host, "?rt=microagent.offer")
    assert len(found) == 1 and found[0][0].startswith("coap://") and found[0][0].endswith("/offer"), found
    assert endpoints(host) == [(board.node_name, "microcloud")]
    board.stop()
    board.machine.wait_until(lambda: links(host) == [])


def test_off_is_off(boards):
    host = directory(boards)
    silent, spoken = boards.on(owner=OWNER, resource_directory="off"), boards.on(owner=OWNER)
    together(silent, spoken)
    spoken.machine.wait_until(lambda: [name for name, _ in endpoints(host)] == [spoken.node_name], timeout=60)
