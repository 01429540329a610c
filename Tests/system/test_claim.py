"""A board becomes somebody's: claimed while it is open for that, handed on, and given back with the board in hand."""

import pytest

from people import Person
from test_members import SMALL, refusal

pytestmark = pytest.mark.machines("local")

CLOSED = "claim: only while the board is open for it"


def settled(board, starts):
    """Waits for the agent that follows the one which gave the board away."""
    board.machine.wait_until(lambda: board.ctl("info").code == 0 and board.info()["agentStarts"] == starts)


def test_the_first_comer_claims_an_open_board(boards, rootfs):
    board = boards.on()
    ana, bruna = Person(boards, "ana"), Person(boards, "bruna")
    node = ["--node", board.address]
    board.ctl("run", "-d", *SMALL, "--name", "before", rootfs, "sleep", "1000").check()
    assert "does not know this key" in refusal(ana.ctl(*node, "claim"))
    assert board.json("owner") == {"isConfigured": True, "standing": "unclaimed", "claimableSeconds": 0}

    board.ctl("claim", "--open", "--for", "10m").check()
    assert [(one["role"], one["deed"]) for one in board.json("audit")] == [
        ("owner", f"run before {rootfs}"), ("owner", "let anybody claim the board for 600 s")]
    assert 590 < board.json("owner")["claimableSeconds"] <= 600
    # Open for a claim is open for nothing else, and nobody claims it for another.
    assert "only members of the microcloud may" in refusal(ana.ctl(*node, "ps"))
    assert "claims it for itself" in refusal(ana.ctl(*node, "owner", bruna.key))
    ana.ctl(*node, "claim").check()
    settled(board, 2)
    assert [one["name"] for one in ana.json(*node, "ps")] == ["before"], "containers go on"
    assert board.info()["standing"] == "claimed" and board.json("owner")["owner"] == ana.key
    assert "does not know this key" in refusal(bruna.ctl(*node, "claim")), "one claim closes the window"
    # And all of that is noted, with the keys; what others did than root on the board, over restarts.
    board.kill()
    board.start()
    noted = [(one["role"], one["deed"], one.get("refusal", "")) for one in ana.json(*node, "audit")]
    assert [role for role, deed, _ in noted if deed == f"give the board to {ana.key}"] == ["public"]
    assert ("public", f"give the board to {bruna.key}", "claim: whoever claims a board claims it for itself") in noted
    assert ana.json(*node, "owner")["owner"] == ana.key
    board.ctl("rm", "-f", "before").check()


def test_a_window_closes(boards):
    board = boards.on()
    ana = Person(boards, "ana")
    board.ctl("claim", "--open", "--for", "1s").check()
    board.machine.wait_until(lambda: board.json("owner")["claimableSeconds"] == 0)
    assert "does not know this key" in refusal(ana.ctl("--node", board.address, "claim"))
    board.ctl("claim", "--open").check()
    board.ctl("claim", "--close").check()
    assert "does not know this key" in refusal(ana.ctl("--node", board.address, "claim"))
    assert board.json("owner")["standing"] == "unclaimed"


def test_a_board_is_handed_on_and_taken_back_by_who_has_it_in_hand(boards):
    ana, bruna, clara = (Person(boards, name) for name in ("ana", "bruna", "clara"))
    board = boards.on(owner=ana.key)
    node = ["--node", board.address]
    ana.ctl(*node, "owner", bruna.key).check()
    settled(board, 2)
    assert "does not know this key" in refusal(ana.ctl(*node, "ps"))
    bruna.ctl(*node, "ps").check()
    # Bruna loses her key. Root on the board: back to whom the configuration names, or open for a claim.
    board.ctl("owner", "--forget").check()
    settled(board, 3)
    ana.ctl(*node, "ps").check()
    board.ctl("claim", "--open").check()
    clara.ctl(*node, "claim").check()
    settled(board, 4)
    clara.ctl(*node, "ps").check()
    assert "does not know this key" in refusal(ana.ctl(*node, "ps"))
    # Or the card in a PC: another line in the configuration has the last word.
    board.stop()
    board.configure(cgroup=board.cgroup, microcloud=None, owner=bruna.key)
    board.start()
    bruna.ctl(*node, "ps").check()
    assert "does not know this key" in refusal(clara.ctl(*node, "ps"))
    assert board.json("owner")["isConfigured"]


def test_what_is_wrong_is_refused(boards):
    board = boards.on()
    assert "give 1 to 3600 seconds" in refusal(board.ctl("claim", "--open", "--for", "2h"))
    assert "it is no key: give what `microctl key` prints there" in refusal(board.ctl("owner", "02ab"))
