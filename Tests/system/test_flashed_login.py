"""Login to flashed boards over the network: who holds the key of microagent.conf, and nobody else."""

import pytest

from flashed import BOOT_SECONDS, Street
from people import Visitor

pytestmark = pytest.mark.machines("local")

#: OpenSSH's answers to who does not get in.
REFUSED, CLOSED = "Permission denied (publickey)", "Connection refused"


@pytest.fixture
def street(boards, directory):
    street = Street(boards, directory)
    yield street
    street.close()


def test_who_holds_the_key_logs_in_and_nobody_else(street):
    neighbour, stranger = Visitor(street, "neighbour"), Visitor(street, "stranger")
    board = street.plug(street.medium("alix", ssh_key=neighbour.line)).on()
    address = board.address()
    street.machine.wait_until(lambda: neighbour.run(address, "microctl", "info").code == 0, BOOT_SECONDS)
    assert "microcloud" in neighbour.run(address, "microctl", "info").check().text
    assert "/dev/pts/" in neighbour.run(address, "tty", options=["-tt"]).check().text
    told = stranger.run(address, "true", options=["-o", "PreferredAuthentications=password,keyboard-interactive,publickey"])
    assert told.code == 255 and REFUSED in told.error_text
    # No way through the board into other networks.
    through = neighbour.run(address, options=["-W", "127.0.0.1:22"])
    assert through.code == 255 and "open failed" in through.error_text
    # The board keeps its own key, which its console told.
    board.cut()
    board.on()
    street.machine.wait_until(lambda: neighbour.run(address, "true").code == 0, BOOT_SECONDS)
    assert neighbour.fingerprint in board.console()


def test_without_a_key_nothing_listens(street):
    stranger = Visitor(street, "stranger")
    board = street.plug(street.medium("alix")).on()
    address = board.address()
    board.wait_for("microagentd: ready")
    assert CLOSED in stranger.run(address, "true").error_text
    listening = board.sh("netstat -ltn")
    assert "LISTEN" in listening and ":22 " not in listening, listening
