"""Somebody elsewhere with a key who asks a board by CoAP over UDP, secured: aiocoap, with lakers for EDHOC."""

import asyncio
import contextlib
import random

import aiocoap
import cbor2
from aiocoap.edhoc import CoseKeyForEdhoc, EdhocCredentials
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PORT = 5683
PATIENCE_SECONDS = 60


class Key:
    """A person's key, and the claims that it is sent in."""

    def __init__(self):
        self.private = CoseKeyForEdhoc.generate()
        self.claims = self.private.as_ccs(kid=b"?", subject="")

    @property
    def public(self):
        """As `owner` in the configuration has it."""
        private = ec.derive_private_key(int.from_bytes(self.private.d, "big"), ec.SECP256R1())
        return private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint).hex()


class Client:
    """One client's end of a security context: requests, and what they observe."""

    def __init__(self, context, address, port):
        self.context = context
        self.uri = f"coap://{address}:{port}"

    async def ask(self, method, path, body=None, **options):
        payload = b"" if body is None else cbor2.dumps(body)
        message = aiocoap.Message(code=method, uri=f"{self.uri}/{path}", payload=payload, **options)
        return await asyncio.wait_for(self.context.request(message).response, PATIENCE_SECONDS)

    async def get(self, path):
        """What a resource is."""
        response = await self.ask(aiocoap.GET, path)
        assert response.code == aiocoap.CONTENT, (path, response.code, response.payload)
        return cbor2.loads(response.payload)

    @contextlib.asynccontextmanager
    async def observe(self, path):
        """What a resource is, and what becomes of it: a queue of responses, at the end of which stands None.

        aiocoap passes over what is older than what has come meanwhile, and over the last one."""
        request = self.context.request(aiocoap.Message(code=aiocoap.GET, uri=f"{self.uri}/{path}", observe=0))
        queue = asyncio.Queue()
        queue.put_nowait(await asyncio.wait_for(request.response, PATIENCE_SECONDS))

        async def listen():
            try:
                async for response in request.observation:
                    queue.put_nowait(response)
            except NotImplementedError:
                pass  # what it makes of the last one under OSCORE
            queue.put_nowait(None)

        listener = asyncio.ensure_future(listen())
        try:
            yield queue
        finally:
            listener.cancel()


async def heard(queue):
    return await asyncio.wait_for(queue.get(), PATIENCE_SECONDS)


async def prove(context, uri):
    """Shows that we read what is sent to us (RFC 9175), which aiocoap leaves to its user."""
    message = dict(code=aiocoap.POST, uri=f"{uri}/.well-known/edhoc")
    challenge = await asyncio.wait_for(context.request(aiocoap.Message(**message)).response, PATIENCE_SECONDS)
    if challenge.code == aiocoap.UNAUTHORIZED:
        answer = aiocoap.Message(**message, echo=challenge.opt.echo)
        await asyncio.wait_for(context.request(answer).response, PATIENCE_SECONDS)


def credentials(key, **options):
    """Ours; the node's are taken as they come."""
    return EdhocCredentials(
        suite=2, method=3, own_cred_style="by-value", own_cred=key.claims, private_key=key.private.secret_to_map(),
        peer_cred={"unauthenticated": True}, **options)


async def secure(context, uri, key):
    """Makes a security context by EDHOC; message_3 goes with the first request (RFC 9668)."""
    await prove(context, uri)
    target = aiocoap.Message(code=aiocoap.GET, uri=uri)
    await context.find_remote_and_interface(target)
    made = await credentials(key).establish_context(
        wire=context, underlying_address=target.remote, underlying_proxy_scheme=None, underlying_uri_host=None,
        logger=context.log)
    context.client_credentials[f"{uri}/*"] = made


@contextlib.asynccontextmanager
async def client(address, key, port=PORT):
    """A client that has a security context."""
    context = await aiocoap.Context.create_client_context()
    try:
        await secure(context, f"coap://{address}:{port}", key)
        yield Client(context, address, port)
    finally:
        await context.shutdown()


class Relay(asyncio.DatagramProtocol):
    """Stands between clients and a board, and keeps what passes. It may lose, double and delay datagrams, by chance."""

    def __init__(self, target, chance=0.0, seed=1):
        self.target = target
        self.chance = chance
        self.random = random.Random(seed)
        #: What clients said, in the order in which it came.
        self.heard = []
        #: What was lost, doubled and delayed.
        self.harm = [0, 0, 0]
        self._ways = {}

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        self._front, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self._front.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_):
        self._front.close()
        for way in self._ways.values():
            (await way).close()

    def datagram_received(self, data, client):
        self.heard.append(data)
        if client not in self._ways:
            self._ways[client] = asyncio.ensure_future(self._open(client))
        self._ways[client].add_done_callback(lambda way: self.pass_on(way.result().sendto, data))

    async def _open(self, client):
        relay = self

        class Back(asyncio.DatagramProtocol):
            def datagram_received(self, data, _):
                relay.pass_on(relay._front.sendto, data, client)

        loop = asyncio.get_running_loop()
        way, _ = await loop.create_datagram_endpoint(Back, remote_addr=(self.target, PORT))
        return way

    def pass_on(self, send, *datagram):
        fates = [self.random.random() < self.chance for _ in range(3)]
        self.harm = [count + fate for count, fate in zip(self.harm, fates)]
        is_lost, is_doubled, is_delayed = fates
        if is_lost:
            return
        loop = asyncio.get_running_loop()
        for _ in range(1 + is_doubled):
            if is_delayed:
                loop.call_later(self.random.uniform(0, 0.5), self._send_late, send, datagram)
            else:
                send(*datagram)

    def _send_late(self, send, datagram):
        if not self._front.is_closing():
            send(*datagram)
