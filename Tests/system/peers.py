"""What talks on a test's network: our driver, Debian's Serf agent, and Avahi."""

import base64
import json
import signal as signals

from machine import CommandFailed


class Driver:
    """Our microcloud-driver on a host. Its commands are in Tests/MicrocloudDriver."""

    def __init__(self, host, program, *words):
        self.host = host
        self.machine = host.machine
        self.process = host.spawn([program, *words])
        self.process.wait_for('"ready"')

    def tell(self, *words):
        """Gives a command."""
        self.process.write((" ".join(words) + "\n").encode())

    def news(self, what=None):
        """All that it has said, or all of one kind."""
        lines = self.process.stdout.decode().split("\n")[:-1]
        return [line for line in map(json.loads, lines) if what in (None, line["what"])]

    def has_said(self, what, **fields):
        """Whether it has said this."""
        return any(all(line.get(key) == value for key, value in fields.items()) for line in self.news(what))

    def wait_for(self, what, timeout=30, **fields):
        """Waits until it has said this."""
        try:
            self.machine.wait_until(lambda: self.has_said(what, **fields), timeout)
        except Exception as error:
            said = "\n".join(map(str, self.news()))
            raise AssertionError(f"{self.process} has not said {what} {fields} in {timeout} s, but:\n{said}") from error

    def ask(self, command, answer=None):
        """What it answers to a command."""
        answer = answer or command.split()[0]
        before = len(self.news(answer))
        self.tell(command)
        self.machine.wait_until(lambda: len(self.news(answer)) > before)
        return self.news(answer)[before]

    def log(self):
        return self.process.stdout.decode() + self.process.stderr.decode()

    def kill(self):
        """Ends it as by `kill -9`."""
        self.process.signal(signals.SIGKILL, group=True)
        self.process.wait()


class SerfMember(Driver):
    """Our driver as a member of a Serf cluster."""

    def __init__(self, host, program, name, address, *words, port=7946, profile="lan", key=None):
        self.name = name
        self.at = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        super().__init__(host, program, *words, "serf", name, self.at, profile, *([key.hex()] if key else []))

    def members(self):
        """Name to status, as it sees all members."""
        return {member["name"]: member["status"] for member in self.ask("members")["members"]}

    def tags(self, name):
        return next(member["tags"] for member in self.ask("members")["members"] if member["name"] == name)

    def join(self, other):
        self.tell("join", other.at)
        self.wait_for("joined", address=other.at, success=True)


class SerfAgent:
    """Debian's `serf agent` on a host of its own."""

    def __init__(self, host, name, address, *options, port=7946, profile="lan", key=None):
        self.host = host
        self.machine = host.machine
        self.name = name
        self.at = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        if key:
            options = [*options, f"-encrypt={text_of_key(key)}"]
        self.process = host.spawn(["serf", "agent", f"-node={name}", f"-bind={self.at}", f"-profile={profile}", *options])
        self.process.wait_for("Serf agent running!")

    def serf(self, *arguments, check=True):
        """What a `serf` command writes."""
        result = self.host.run(["serf", *arguments])
        return result.check().text if check else result.text

    def _members(self):
        return json.loads(self.serf("members", "-format=json"))["members"]

    def members(self):
        """Name to status, as it sees all members."""
        return {member["name"]: member["status"] for member in self._members()}

    def sees(self, address):
        """Whether a member with this address is alive, as it sees it."""
        return any(member["addr"].split(":")[0] == address and member["status"] == "alive" for member in self._members())

    def tags(self, name):
        return next(member["tags"] for member in self._members() if member["name"] == name)

    def join(self, other):
        self.serf("join", other.at)

    def log(self):
        return self.process.stdout.decode() + self.process.stderr.decode()

    def complaints(self):
        """What it has found wrong, but for answers to its queries that came late, as gossip takes its time, and for what it
        and its own command say to each other (`agent.ipc`): on a busy machine that one hangs up too early."""
        return [line for line in self.log().splitlines()
                if ("[ERR]" in line or "[WARN]" in line) and "reply for non-running query" not in line
                and "agent.ipc:" not in line]

    def kill(self):
        """Ends it as by `kill -9`."""
        self.process.signal(signals.SIGKILL, group=True)
        self.process.wait()


def text_of_key(key):
    """A key as `serf` wants it."""
    return base64.b64encode(key).decode()


class Avahi:
    """avahi-daemon on a host, with a D-Bus and a /run of its own: nothing of this machine's is touched."""

    def __init__(self, host, name, *settings):
        self.host = host
        self.machine = host.machine
        self.name = name
        folder = f"{host.network.directory}/{name}-{host.namespace}"
        self._run = f"{folder}/run"
        host.machine.run(["mkdir", "-p", f"{self._run}/avahi-daemon", f"{self._run}/dbus"]).check()
        host.machine.run(["chown", "avahi:avahi", f"{self._run}/avahi-daemon"]).check()
        lines = ["[server]", f"host-name={name}", "enable-dbus=yes", *settings, "[wide-area]", "enable-wide-area=no",
                 "[publish]", "publish-workstation=no", "publish-hinfo=no", "[rlimits]"]
        host.machine.write(f"{folder}/avahi.conf", "\n".join(lines) + "\n")
        self.dbus = self._spawn("dbus-daemon", "--system", "--nofork", "--nopidfile", "--print-address")
        self.dbus.wait_for("unix:path=")
        self.daemon = self._spawn("avahi-daemon", "--no-drop-root", "--no-rlimits", "--no-chroot", "-f",
                                  f"{folder}/avahi.conf")
        self.daemon.wait_for("Server startup complete")

    def _within(self, *argv):
        script = 'mount --bind "$0" /run && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", script, self._run, *argv]

    def _spawn(self, *argv):
        return self.host.spawn(self._within(*argv))

    def browse(self, kind="-a"):
        """What `avahi-browse` finds and can resolve: its fields, one list for each."""
        result = self.host.run(self._within("avahi-browse", "--terminate", "--resolve", "--parsable", kind))
        if result.code != 0:
            raise CommandFailed(f"avahi-browse: {result.error_text}")
        return [line.split(";") for line in result.text.splitlines() if line.startswith("=")]

    def types(self):
        """Types of service that avahi has heard of (`_services._dns-sd._udp`)."""
        result = self.host.run(self._within("avahi-browse", "--terminate", "--parsable", "-a")).check()
        return {line.split(";")[4] for line in result.text.splitlines() if line.startswith("+")}

    def publish(self, *arguments):
        """`avahi-publish`; what it publishes is there as long as it runs."""
        process = self._spawn("avahi-publish", *arguments)
        process.wait_for("Established under name")
        return process

    def resolve(self, name):
        """The address of a host, or None."""
        result = self.host.run(self._within("avahi-resolve", "-4", "-n", name))
        words = result.text.split()
        return words[1] if len(words) == 2 else None
