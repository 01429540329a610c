"""An agent that says what a test tells it to: CoAP over a unix socket (RFC 8323) with CBOR, written from the RFCs."""

import os
import socket
import threading

import cbor2

GET, POST, PUT, DELETE = 0x01, 0x02, 0x03, 0x04
CREATED, ACCEPTED, CHANGED, CONTENT = 0x41, 0x42, 0x44, 0x45
BAD_REQUEST, NOT_FOUND, CONFLICT = 0x80, 0x84, 0x89
CSM, PING, PONG, ABORT = 0xE1, 0xE2, 0xE3, 0xE5
OBSERVE, URI_PATH, CONTENT_FORMAT, URI_QUERY = 6, 11, 12, 15
CBOR, PROBLEM = 60, 257
PATIENCE_SECONDS = 20


def _nibble(value):
    if value < 13:
        return value, b""
    if value < 269:
        return 13, bytes([value - 13])
    return 14, (value - 269).to_bytes(2, "big")


def _uint(value):
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def encode(code, token=b"", options=(), payload=b""):
    body, previous = b"", 0
    for number, value in sorted(options, key=lambda option: option[0]):
        delta, delta_more = _nibble(number - previous)
        length, length_more = _nibble(len(value))
        body += bytes([delta << 4 | length]) + delta_more + length_more + value
        previous = number
    if payload:
        body += b"\xff" + payload
    length, more = _nibble(len(body)) if len(body) < 65805 else (15, (len(body) - 65805).to_bytes(4, "big"))
    return bytes([length << 4 | len(token)]) + more + bytes([code]) + token + body


class Message:
    """A message as received."""

    def __init__(self, code, token, options, payload):
        self.code, self.token, self.options, self.payload = code, token, options, payload

    @property
    def path(self):
        return "/".join(value.decode() for number, value in self.options if number == URI_PATH)

    @property
    def query(self):
        return [value.decode() for number, value in self.options if number == URI_QUERY]

    @property
    def observes(self):
        return (OBSERVE, b"") in self.options

    @property
    def value(self):
        return cbor2.loads(self.payload)


class Conversation:
    """One connection of a client."""

    def __init__(self, connection):
        self._socket = connection
        self._socket.settimeout(PATIENCE_SECONDS)
        self._buffer = b""

    def _take(self, count):
        while len(self._buffer) < count:
            more = self._socket.recv(65536)
            if not more:
                raise EOFError("the client closed the connection")
            self._buffer += more
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _extended(self, nibble, take):
        assert nibble < 15
        if nibble < 13:
            return nibble
        return take(1)[0] + 13 if nibble == 13 else int.from_bytes(take(2), "big") + 269

    def receive(self):
        first = self._take(1)[0]
        length = first >> 4
        if length == 15:
            length = int.from_bytes(self._take(4), "big") + 65805
        else:
            length = self._extended(length, self._take)
        code = self._take(1)[0]
        token = self._take(first & 15)
        body = self._take(length)

        def take(count):
            nonlocal body
            assert len(body) >= count, "an option ends outside the message"
            taken, body = body[:count], body[count:]
            return taken

        options, number = [], 0
        while body and body[0] != 0xFF:
            initial = take(1)[0]
            number += self._extended(initial >> 4, take)
            options.append((number, take(self._extended(initial & 15, take))))
        return Message(code, token, options, body[1:])

    def greet(self):
        """Both ends send their CSM first (RFC 8323 section 3.3)."""
        self.send(CSM, options=[(2, _uint(66560)), (4, b"")])
        assert self.receive().code == CSM, "the client's first message is not a CSM"

    def send(self, code, token=b"", options=(), payload=b""):
        self._socket.sendall(encode(code, token, options, payload))

    def send_raw(self, data):
        self._socket.sendall(data)

    def expect(self, code, path, observes=False):
        """The next request, which must be this one."""
        message = self.receive()
        assert (message.code, message.path, message.observes) == (code, path, observes)
        return message

    def answer(self, request, value=None, code=CONTENT, observe=None):
        options = [] if value is None else [(CONTENT_FORMAT, _uint(CBOR))]
        if observe is not None:
            options.append((OBSERVE, _uint(observe)))
        self.send(code, request.token, options, b"" if value is None else cbor2.dumps(value))

    def refuse(self, request, title, code=CONFLICT):
        self.send(code, request.token, [(CONTENT_FORMAT, _uint(PROBLEM))], cbor2.dumps({-1: title}))

    def wait_for_end(self):
        """Reads until the client has closed; returns what else it sent."""
        messages = []
        try:
            while True:
                messages.append(self.receive())
        except (EOFError, ConnectionResetError):
            return messages

    def close(self):
        self._socket.close()


class FakeAgent:
    """Listens on a socket and plays a script against each connection, one after the other."""

    def __init__(self, path):
        self.path = str(path)
        self._listener = None
        self._threads = []
        self.errors = []

    def serve(self, *scripts, greet=True):
        """Each script is called with the Conversation of its connection; the connection closes when it returns."""
        listener = socket.socket(socket.AF_UNIX)
        listener.settimeout(PATIENCE_SECONDS)
        listener.bind(self.path)
        listener.listen()
        self._listener = listener

        def play():
            try:
                for script in scripts:
                    conversation = Conversation(listener.accept()[0])
                    try:
                        if greet:
                            conversation.greet()
                        script(conversation)
                    finally:
                        conversation.close()
            except Exception as error:  # told by `finish`, in the test's own thread
                self.errors.append(error)
            finally:
                listener.close()
                os.unlink(self.path)

        thread = threading.Thread(target=play, daemon=True)
        thread.start()
        self._threads.append(thread)

    def finish(self):
        """The scripts must have come to their ends, without an error."""
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive(), "the fake agent still waits for something"
        if self.errors:
            raise self.errors[0]
