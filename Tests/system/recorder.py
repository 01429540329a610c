"""Stands between microctl and an agent, passes on every byte as it is, and keeps the messages."""

import os
import socket
import threading

from fake_agent import OBSERVE, PATIENCE_SECONDS, Conversation


class Tee(Conversation):
    """Reads a conversation's messages, and keeps the bytes that they came as."""

    def __init__(self, connection):
        super().__init__(connection)
        self.raw = b""

    def _take(self, count):
        taken = super()._take(count)
        self.raw += taken
        return taken


class Recorder:
    """Listens at `path` for an agent that listens at `target`."""

    def __init__(self, path, target):
        self.path = str(path)
        self._target = str(target)
        #: Pairs of a request and an answer to it, in order; each notification is one more answer.
        self.exchanges = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        self._threads = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            agent = socket.socket(socket.AF_UNIX)
            try:
                agent.connect(self._target)
            except OSError:
                client.close()  # as the agent itself refuses
                continue
            requests = {}
            for source, sink, note in ((client, agent, self._note_request), (agent, client, self._note_answer)):
                thread = threading.Thread(target=self._pass, args=(source, sink, note, requests), daemon=True)
                thread.start()
                self._threads.append(thread)

    @staticmethod
    def _pass(source, sink, note, requests):
        tee = Tee(source)
        source.settimeout(None)
        try:
            while True:
                message = tee.receive()
                note(message, requests)
                sink.sendall(tee.raw)
                tee.raw = b""
        except (EOFError, OSError):
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # the other thread was faster

    @staticmethod
    def _note_request(message, requests):
        # An observation that is ended has its token in both requests.
        if 0 < message.code < 32 and (OBSERVE, b"\1") not in message.options:
            requests[message.token] = message

    def _note_answer(self, message, requests):
        if message.token in requests and 64 <= message.code < 192:
            self.exchanges.append((requests[message.token], message))

    def close(self):
        """Waits until all that was said is noted."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive(), "a conversation goes on"
        os.unlink(self.path)
