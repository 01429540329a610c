"""Our EDHOC against lakers', both ways, with static Diffie-Hellman (method 3), which is all that lakers speaks."""

import cbor2
import lakers
import pytest

from edhoc import Ours

pytestmark = pytest.mark.machines("local")

METHOD = "3"
#: Credentials by reference have short names; C_x that are integers on the wire and that are not.
CONNECTIONS = [(b"\x0e", b"\x27"), (b"\x18", b"\xff\x01"), (b"\x37", b"\x01\x02\x03\x04\x05\x06\x07")]
UPDATE_CONTEXT = b"\x01\x02\x03"


class Side:
    """Who speaks: a key and a credential (CCS)."""

    def __init__(self, subject, kid):
        self.private, self.x = lakers.p256_generate_key_pair()
        self.kid = kid
        key = {1: 2, 2: kid, -1: 1, -2: self.x, -3: y_of(self.x)}
        self.claims = cbor2.dumps({2: subject, 8: {1: key}})
        self.credential = lakers.Credential(self.claims)


def y_of(x):
    """One of the two y that fit this x of P-256."""
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    number = int.from_bytes(x, "big")
    y = pow((number**3 - 3 * number + b) % prime, (prime + 1) // 4, prime)
    return y.to_bytes(32, "big")


@pytest.fixture
def ours(microcloud_driver):
    with Ours(microcloud_driver) as side:
        yield side


@pytest.fixture(params=["reference", "value"])
def by(request):
    """How lakers and we name our credentials."""
    return request.param


def transfer(by):
    return lakers.CredentialTransfer.ByValue if by == "value" else lakers.CredentialTransfer.ByReference


def introduce(ours, side, by):
    """Tells our driver who it is."""
    ours.tell("identity", side.private, side.claims, "-" if by == "value" else side.kid)


def believe(ours, side, by):
    """Checks what our driver heard of its peer, and lets it take the credential."""
    peer = ours.hear("peer")
    if by == "value":
        assert bytes.fromhex(peer["credential"]) == side.claims
        ours.tell("authenticate", "-")
    else:
        assert bytes.fromhex(peer["kid"]) == side.kid
        assert peer["credential"] is None
        ours.tell("authenticate", side.claims)


def check_session(session, theirs, own, peer):
    assert bytes.fromhex(session["own"]) == own
    assert bytes.fromhex(session["peer"]) == peer
    assert bytes.fromhex(session["secret"]) == theirs.edhoc_exporter(0, b"", 16)
    assert bytes.fromhex(session["salt"]) == theirs.edhoc_exporter(1, b"", 8)
    theirs.edhoc_key_update(UPDATE_CONTEXT)
    assert bytes.fromhex(session["updated"]) == theirs.edhoc_exporter(0, b"", 16)


@pytest.mark.parametrize("c_i,c_r", CONNECTIONS)
def test_we_initiate(ours, by, c_i, c_r):
    us, them = Side("us", b"\x2b"), Side("them", b"\x32")
    introduce(ours, us, by)
    theirs = lakers.EdhocResponder(them.private, them.credential)

    assert theirs.process_message_1(ours.message("initiate", METHOD, c_i))[0] == c_i
    ours.tell("message2", theirs.prepare_message_2(transfer(by), c_r))
    believe(ours, them, by)
    ours.hear("authenticated")
    message_3 = ours.message("finish")
    session = ours.hear("session")

    identifier, _ = theirs.parse_message_3(message_3)
    theirs.verify_message_3(lakers.credential_check_or_fetch(identifier, us.credential))
    ours.ask("confirmed", "message4", theirs.prepare_message_4())
    check_session(session, theirs, c_i, c_r)


@pytest.mark.parametrize("c_i,c_r", CONNECTIONS)
def test_we_respond(ours, by, c_i, c_r):
    us, them = Side("us", b"\x2b"), Side("them", b"\x32")
    introduce(ours, us, by)
    theirs = lakers.EdhocInitiator()

    ours.tell("respond", METHOD)
    request = ours.ask("request", "message1", theirs.prepare_message_1(c_i))
    assert bytes.fromhex(request["connection"]) == c_i
    connection, identifier, _ = theirs.parse_message_2(ours.message("answer", c_r))
    assert connection == c_r
    theirs.verify_message_2(them.private, them.credential, lakers.credential_check_or_fetch(identifier, us.credential))
    message_3, _ = theirs.prepare_message_3(transfer(by))

    ours.tell("message3", message_3)
    believe(ours, them, by)
    session = ours.hear("session")
    ours.hear("authenticated")
    theirs.process_message_4(ours.message("finish"))
    check_session(session, theirs, c_r, c_i)


def test_authorization_data_that_are_not_critical_are_ignored(ours):
    introduce(ours, Side("us", b"\x2b"), "value")
    ours.tell("respond", METHOD)
    item = lakers.EADItem(30, False, b"\x41\x00")
    ours.ask("request", "message1", lakers.EdhocInitiator().prepare_message_1(b"\x01", [item]))


def test_critical_authorization_data_end_the_exchange(ours):
    introduce(ours, Side("us", b"\x2b"), "value")
    ours.tell("respond", METHOD)
    item = lakers.EADItem(30, True, b"\x41\x00")
    failed = ours.ask("failed", "message1", lakers.EdhocInitiator().prepare_message_1(b"\x01", [item]))
    assert "label 30" in failed["text"]
    assert cbor2.loads(bytes.fromhex(failed["reply"])[:1]) == 1


def test_an_impostor_is_found_out(ours):
    """Who sends another's credential cannot prove that it holds its key."""
    us, them, impostor = Side("us", b"\x2b"), Side("them", b"\x32"), Side("them", b"\x32")
    introduce(ours, us, "reference")
    theirs = lakers.EdhocResponder(impostor.private, them.credential)
    theirs.process_message_1(ours.message("initiate", METHOD, b"\x0e"))
    ours.ask("peer", "message2", theirs.prepare_message_2(transfer("reference"), b"\x27"))
    assert "not authentic" in ours.ask("failed", "authenticate", them.claims)["text"]


def test_lakers_finds_our_impostor_out(ours):
    us, them, impostor = Side("us", b"\x2b"), Side("them", b"\x32"), Side("us", b"\x2b")
    ours.tell("identity", impostor.private, us.claims, us.kid)
    theirs = lakers.EdhocInitiator()
    ours.tell("respond", METHOD)
    ours.ask("request", "message1", theirs.prepare_message_1(b"\x0e"))
    _, identifier, _ = theirs.parse_message_2(ours.message("answer", b"\x27"))
    with pytest.raises(ValueError, match="Mac"):
        theirs.verify_message_2(
            them.private, them.credential, lakers.credential_check_or_fetch(identifier, us.credential))
