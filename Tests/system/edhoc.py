"""Our microcloud-driver where it speaks EDHOC and signs credentials: on no network, a command and an answer at a time."""

import json
import subprocess


class Ours:
    """Its commands are in Tests/MicrocloudDriver: EDHOCSide and CredentialSide."""

    def __init__(self, program):
        self.process = subprocess.Popen([program, "edhoc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.hear("ready")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=20)
        self.process.stdout.close()

    def hear(self, what):
        """The next thing that it says, which is this."""
        line = self.process.stdout.readline()
        assert line, "the driver ended"
        news = json.loads(line)
        assert news["what"] == what, news
        return news

    def tell(self, *words):
        """Gives a command; bytes go as hexadecimal."""
        text = " ".join(word.hex() if isinstance(word, bytes) else word for word in words)
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def ask(self, answer, *words):
        """Gives a command, and returns what it says to that."""
        self.tell(*words)
        return self.hear(answer)

    def message(self, *words):
        """Gives a command that makes a message."""
        return bytes.fromhex(self.ask("message", *words)["bytes"])
