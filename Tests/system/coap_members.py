"""Members of a microcloud who ask boards by CoAP over UDP: OSCORE is aiocoap's. lakers shows no credential that somebody else
has signed, so that EDHOC is our driver's."""

import asyncio
import contextlib
import time

import aiocoap
import cbor2
from aiocoap import oscore
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from secure_coap import PATIENCE_SECONDS, PORT, Client, prove

METHOD = "3"
YEAR_SECONDS = 365 * 24 * 3600


def scalar(key):
    return key.private_numbers().private_value.to_bytes(32, "big")


def point(key):
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


class Issuer:
    """A microcloud's key, and what it signs."""

    def __init__(self, ours, name):
        self.ours, self.name = ours, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._issued = 0

    @property
    def public(self):
        """As `microcloud-key` in the configuration has it."""
        return point(self._key).hex()

    def member(self, role="member"):
        key = ec.generate_private_key(ec.SECP256R1())
        now = int(time.time())
        self._issued += 1
        signed = self.ours.ask("signed", "issue", scalar(self._key), self.name, point(key), role, str(now),
                               str(now + YEAR_SECONDS), str(self._issued))
        return Member(self.ours, key, bytes.fromhex(signed["bytes"]))

    def revocation(self, sequence, *serials):
        """A list of them, signed."""
        signed = self.ours.ask("signed", "revoke", scalar(self._key), self.name, str(sequence), str(int(time.time())),
                               *map(str, serials))
        return bytes.fromhex(signed["bytes"])


class Member:
    """Somebody's key, and the credential for it."""

    def __init__(self, ours, key, credential):
        self._ours, self._key, self._credential = ours, key, credential

    @contextlib.asynccontextmanager
    async def client(self, address, port=PORT):
        """A client that has a security context."""
        context = await aiocoap.Context.create_client_context()
        try:
            yield await self.ask_with(context, address, port)
        finally:
            await context.shutdown()

    async def ask_with(self, context, address, port=PORT):
        """Makes a security context, and a client of it."""
        uri = f"coap://{address}:{port}"
        await prove(context, uri)
        self._ours.tell("identity", scalar(self._key), self._credential, "-")
        answer = await exchange(context, uri, b"\xf5" + self._ours.message("initiate", METHOD, b"\x07"))
        self._ours.tell("message2", answer.payload)
        self._ours.hear("peer")
        self._ours.ask("authenticated", "authenticate", "-")
        message_3 = self._ours.message("finish")
        session = {name: bytes.fromhex(text) for name, text in self._ours.hear("session").items() if name != "what"}
        await exchange(context, uri, connection(session["peer"]) + message_3)
        context.client_credentials[f"{uri}/*"] = SecurityContext(session)
        return Client(context, address, port)


async def exchange(context, uri, payload):
    """Sends a message, and again where a board has had enough of them for the moment."""
    while True:
        request = aiocoap.Message(code=aiocoap.POST, uri=f"{uri}/.well-known/edhoc", payload=payload)
        answer = await asyncio.wait_for(context.request(request).response, PATIENCE_SECONDS)
        if answer.code != aiocoap.TOO_MANY_REQUESTS:
            assert answer.code.is_successful(), (answer.code, answer.payload)
            return answer
        await asyncio.sleep(answer.opt.max_age or 1)


def connection(name):
    """A connection identifier on the wire (RFC 9528 section 3.3.2)."""
    return name if len(name) == 1 and (name[0] < 24 or 0x20 <= name[0] < 0x38) else cbor2.dumps(name)


class SecurityContext(oscore.CanProtect, oscore.CanUnprotect, oscore.SecurityContextUtils):
    """OSCORE under the keys of a session."""

    def __init__(self, session):
        self.alg_aead = oscore.algorithms["AES-CCM-16-64-128"]
        self.hashfun = oscore.hashfunctions["sha256"]
        self.id_context = None
        self.sender_id, self.recipient_id = session["peer"], session["own"]
        self.derive_keys(session["salt"], session["secret"])
        self.sender_sequence_number = 0
        self.recipient_replay_window = oscore.ReplayWindow(32, lambda: None)
        self.recipient_replay_window.initialize_empty()

    def post_seqnoincrease(self):
        """It is kept nowhere."""
