"""What a microcloud signs, beside OpenSSL (`cryptography`) and cbor2: each reads what the other signed."""

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edhoc import Ours

pytestmark = pytest.mark.machines("local")

ES256 = cbor2.dumps({1: -7})
PURPOSE_OF_LISTS = b"microagent revocation list"
ISSUED, EXPIRES = 1_800_000_000, 1_831_536_000
ECDSA = ec.ECDSA(hashes.SHA256())


@pytest.fixture
def ours(microcloud_driver):
    with Ours(microcloud_driver) as side:
        yield side


@pytest.fixture
def issuer():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def subject():
    return ec.generate_private_key(ec.SECP256R1()).public_key()


def point(key, form=PublicFormat.CompressedPoint):
    return key.public_bytes(Encoding.X962, form)


def scalar(key):
    return key.private_numbers().private_value.to_bytes(32, "big")


def structure(payload, external):
    return cbor2.dumps(["Signature1", ES256, external, payload])


def sign(issuer, payload, external=b""):
    r, s = utils.decode_dss_signature(issuer.sign(structure(payload, external), ECDSA))
    return cbor2.dumps([ES256, {}, payload, r.to_bytes(32, "big") + s.to_bytes(32, "big")])


def verify(key, message, external=b""):
    """What was signed; a wrong signature is an error."""
    protected, unprotected, payload, signature = cbor2.loads(message)
    assert (protected, unprotected) == (ES256, {})
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    key.verify(utils.encode_dss_signature(r, s), structure(payload, external), ECDSA)
    return cbor2.loads(payload)


def cose_key(key):
    """With the sign of y in place of y."""
    encoded = point(key)
    return {1: 2, -1: 1, -2: encoded[1:], -3: encoded[0] == 3}


def issue(ours, issuer, subject, role="member", serial="77"):
    answer = ours.ask(
        "signed", "issue", scalar(issuer), "raval", point(subject), role, str(ISSUED), str(EXPIRES), serial)
    return bytes.fromhex(answer["bytes"])


@pytest.mark.parametrize("role", ["owner", "member"])
@pytest.mark.parametrize("serial", [0, 77, 2**32, 2**64 - 1])
def test_others_read_our_credentials(ours, issuer, subject, role, serial):
    claims = verify(issuer.public_key(), issue(ours, issuer, subject, role, str(serial)))
    number = serial.to_bytes((serial.bit_length() + 7) // 8, "big")
    assert claims == {1: "raval", 4: EXPIRES, 6: ISSUED, 7: number, 8: {1: cose_key(subject)}, 9: role}


def test_others_notice_what_was_changed(ours, issuer, subject):
    token = bytearray(issue(ours, issuer, subject))
    token[40] ^= 1
    with pytest.raises(InvalidSignature):
        verify(issuer.public_key(), bytes(token))


@pytest.mark.parametrize("form", [PublicFormat.CompressedPoint, PublicFormat.UncompressedPoint])
def test_we_read_others_credentials(ours, issuer, subject, form):
    key = cose_key(subject)
    if form is PublicFormat.UncompressedPoint:
        key[-3] = point(subject, form)[33:]
    claims = {1: "raval", 4: EXPIRES, 6: ISSUED, 7: b"\x4d", 8: {1: key}, 9: "member"}
    heard = ours.ask("credential", "credential", point(issuer.public_key()), sign(issuer, cbor2.dumps(claims)))
    del heard["what"]
    assert heard == {
        "microcloud": "raval", "role": "member", "subject": point(subject).hex(), "issued": ISSUED, "expires": EXPIRES,
        "serial": 77}


def test_lists_of_revoked_credentials_go_both_ways(ours, issuer):
    answer = ours.ask("signed", "revoke", scalar(issuer), "raval", "7", str(ISSUED), "77", "3")
    content = {0: "raval", 1: 7, 2: ISSUED, 3: [3, 77]}
    assert verify(issuer.public_key(), bytes.fromhex(answer["bytes"]), PURPOSE_OF_LISTS) == content
    theirs = sign(issuer, cbor2.dumps(content), PURPOSE_OF_LISTS)
    assert ours.ask("list", "list", point(issuer.public_key()), theirs)["serials"] == [3, 77]


def test_a_list_signed_for_no_purpose_is_refused(ours, issuer):
    theirs = sign(issuer, cbor2.dumps({0: "raval", 1: 7, 2: ISSUED, 3: []}))
    assert "not signed" in ours.ask("failed", "list", point(issuer.public_key()), theirs)["text"]
