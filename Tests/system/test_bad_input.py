"""What is wrong is told in one line that names the thing, the step and the cause, and leaves nothing behind."""

import random
import re
import select
import socket
import struct

import cbor2
import pytest

from fake_agent import CBOR, CONTENT_FORMAT, CSM, GET, OBSERVE, POST, URI_PATH, URI_QUERY, encode
from state import wait_for_rest

NOT_STARTED = 125
PING = encode(0xE2)


def one_line(result, code):
    """Asserts the exit code and that there is exactly one line on standard error; returns it."""
    lines = result.error_text.splitlines()
    assert (result.code, len(lines)) == (code, 1), result
    assert result.stdout == b""
    return lines[0]


# MARK: Containers that cannot start


@pytest.fixture
def spoilt(machine, rootfs):
    """A root file system with programs that are none."""
    machine.sh(
        f"cd {rootfs}; mkdir dir; echo text >plain; echo text >text; printf '\\177ELF\\001' >elf; "
        "printf '#!/none\\n' >script; chmod 755 text elf script; ln -s loop loop"
    )
    return rootfs


@pytest.mark.parametrize("program, cause", [
    ("none", "No such file or directory"),
    ("/none", "No such file or directory"),
    ("/plain/none", "No such file or directory"),
    ("/dir", "Permission denied"),
    ("/plain", "Permission denied"),
    ("/text", "Exec format error"),
    ("/elf", "Exec format error"),
    ("/script", "No such file or directory"),
    ("/loop", "(Too many levels of symbolic links|Symbolic link loop)"),  # glibc's words, musl's words
])
def test_program_that_is_none(agent, spoilt, program, cause):
    line = one_line(agent.ctl("run", "--rm", "--name", "box", spoilt, program), NOT_STARTED)
    assert re.fullmatch(rf"microctl: container box: run {program}: {cause} \(step \d+ of \d+\)", line)
    assert wait_for_rest(agent).containers == []


@pytest.mark.parametrize("options, line", [
    (["-w", "/none"], r"container box: go to /none: No such file or directory \(step \d+ of \d+\)"),
    (["-v", "/none:/x"], r"container box: take /none: No such file or directory \(step \d+ of \d+\)"),
    (["-m", "4K"], r"memory budget 4 KiB: give at least \d+ KiB, or nothing can start"),
    (["-m", "900G"],
     r"memory budget \d+ KiB: \d+ KiB are left of this node's \d+ KiB: ask for less, or stop something"),
    (["--processes", "0"], r"process budget: 1 to 32768"),
    (["-u", "70000"], r"user 70000, group 0: use 0 to 65535"),
])
def test_option_that_cannot_be(agent, rootfs, options, line):
    result = agent.ctl("run", "--rm", "--name", "box", *options, rootfs, "true")
    assert re.fullmatch("microctl: " + line, one_line(result, NOT_STARTED))
    assert wait_for_rest(agent).containers == []


@pytest.mark.parametrize("path", ["none", "rootfs/plain"])
def test_root_file_system_that_is_none(agent, spoilt, directory, path):
    line = one_line(agent.ctl("run", "--rm", f"{directory}/{path}", "true"), NOT_STARTED)
    assert line == f"microctl: root file system {directory}/{path}: there is no such directory"
    assert wait_for_rest(agent).containers == []


# MARK: Agents that cannot start


def refuse(agent, prefix=()):
    """Starts the daemon, which has to give up at once; returns its one line without the program's name."""
    process = agent.machine.spawn([*prefix, *agent.argv_of_daemon()], env=agent.environment)
    line = one_line(process.wait(20), 1)
    assert line.startswith("microagentd: ")
    return line.removeprefix("microagentd: ")


@pytest.mark.parametrize("text, line, complaint", [
    ("cgroup", 1, "this is not a setting: write name = value"),
    ("\n# note\nspeed = 7", 3, "there is no setting 'speed': use one of "),
    ("cgroup = a\ncgroup = b", 2, "cgroup is set twice: keep one"),
    ("cgroup = a/../b", 1, "cgroup 'a/../b': give one name, as microagent"),
    ("state-directory = here", 1, "state-directory 'here': give an absolute path, as /var/lib/microagent"),
    ("runtime-directory = /", 1, "runtime-directory '/': give an absolute path, as /run/microagent"),
    ("first-user-id = -1", 1, "first-user-id '-1': give the first of 65536 free ids, as 100000"),
    ("first-user-id = 4294967295", 1, "first-user-id '4294967295': give the first of 65536 free ids, as 100000"),
    ("first-user-id = 0", 1, "first-user-id '0': give the first of 65536 free ids, as 100000"),
    ("memory-reserve = lots", 1, "memory-reserve 'lots': give an amount, as 24M"),
])
def test_configuration_line(stopped_agent, text, line, complaint):
    stopped_agent.machine.write(stopped_agent.configuration, text + "\n")
    assert refuse(stopped_agent).startswith(f"{stopped_agent.configuration}: line {line}: {complaint}")


def test_configuration_that_is_missing(stopped_agent, machine):
    machine.run(["rm", stopped_agent.configuration]).check()
    assert refuse(stopped_agent) == f"open {stopped_agent.configuration}: No such file or directory: check --config"


def test_second_agent(agent):
    path = f"{agent.state_directory}/microagent.db"
    assert refuse(agent) == f"open store {path}: the store is in use by another agent; stop it first"
    agent.ctl("info").check()


def test_kernel_that_is_too_old(stopped_agent, machine):
    if machine.exclusive:
        pytest.skip("the boards have no setarch, which makes the kernel call itself 2.6")
    line = refuse(stopped_agent, ["setarch", "--uname-2.6"])
    assert re.fullmatch(r"kernel 2\.6(\.\d+)? is too old: containers need Linux 5\.10 or newer", line)


def test_state_directory_that_is_a_file(stopped_agent, machine):
    machine.write(stopped_agent.state_directory, "")
    assert refuse(stopped_agent).startswith(f"make directory {stopped_agent.state_directory}: ")


def test_state_directory_that_cannot_be_made(stopped_agent):
    stopped_agent.configure(state_directory="/proc/none/state")
    assert refuse(stopped_agent) == "make directory /proc/none: No such file or directory"


def test_socket_path_that_is_too_long(stopped_agent, directory):
    path = f"{directory}/" + "r" * 100
    stopped_agent.configure(runtime_directory=path)
    expected = f"line 2: runtime-directory '{path}': give a path of at most 94 bytes, for a socket's path may have 107"
    assert refuse(stopped_agent) == f"{stopped_agent.configuration}: {expected}"


def test_socket_path_of_somebody_else(stopped_agent, machine):
    machine.write(stopped_agent.socket, "a file that is not ours")
    line = refuse(stopped_agent)
    assert re.fullmatch(rf"listen on {re.escape(stopped_agent.socket)}: Address (already )?in use", line)
    assert machine.read(stopped_agent.socket) == b"a file that is not ours"
    machine.run(["rm", stopped_agent.socket]).check()


def test_state_directory_that_is_full(stopped_agent, machine, rootfs, directory):
    """A container that cannot be written down does not run; one that runs goes on, and its end is written later."""
    state = stopped_agent.state_directory
    machine.sh(f"mkdir {rootfs}/v {state}; mount -t tmpfs -o size=2m {stopped_agent.name} {state}")
    try:
        stopped_agent.start()
        go = f"{directory}/go"
        run = ["-d", "--read-only", "-v", f"{directory}:/v", rootfs, "sh", "-c"]
        stopped_agent.ctl("run", "--name", "early", *run, "while ! test -e /v/go; do sleep 0.1; done; exit 7").check()
        machine.sh(f"dd if=/dev/zero of={state}/filler bs=4096 2>/dev/null; true")
        line = one_line(stopped_agent.ctl("run", "--name", "late", *run, "echo ran >/v/ran"), NOT_STARTED)
        assert line.startswith("microctl: container late: write its record: ") and "no space left" in line
        assert [c.name for c in wait_for_rest(stopped_agent).containers] == ["early"]
        machine.write(go, "")
        machine.wait_until(lambda: b"ended" in stopped_agent.process.stderr)
        machine.run(["rm", f"{state}/filler"]).check()
        early = wait_for_rest(stopped_agent, resting={"ended"}).find("early")
        assert early.exit_code == 7
        assert not machine.exists(f"{directory}/ran")
        stopped_agent.ctl("rm", "early").check()
        assert stopped_agent.stop().code == 0
    finally:
        stopped_agent.stop()
        machine.run(["umount", state]).check()


def test_no_control_groups(stopped_agent, machine):
    """Without any control group mounted nothing can be held to a budget."""
    process = machine.spawn(
        ["unshare", "-m", "sh", "-c", 'umount -l /sys/fs/cgroup/* /sys/fs/cgroup 2>/dev/null; exec "$@"', "sh",
         *stopped_agent.argv_of_daemon()], env=stopped_agent.environment)
    line = one_line(process.wait(20), 1)
    assert "cgroup" in line and "mount" in line


@pytest.mark.parametrize("controller", ["memory", "pids"])
def test_controller_that_is_absent(stopped_agent, machine, rootfs, controller):
    """What cannot be held to its budget is not started; the line names the controller."""
    if machine.exists("/sys/fs/cgroup/cgroup.controllers"):
        pytest.skip("cgroup v2 has one tree: a controller is absent only where the kernel was started without it")
    hide = f'umount -l /sys/fs/cgroup/{controller}; exec "$@"'
    stopped_agent.process = machine.spawn(
        ["unshare", "-m", "sh", "-c", hide, "sh", *stopped_agent.argv_of_daemon()], env=stopped_agent.environment)
    stopped_agent.process.wait_for("microagentd: ready")
    line = one_line(stopped_agent.ctl("run", "--rm", "--name", "box", rootfs, "true"), NOT_STARTED)
    assert line.startswith("microctl: container box: ") and controller in line
    assert stopped_agent.ctl("ps", "-a", "-q").text == ""


# MARK: Clients that misbehave


GREETING = encode(CSM, options=[(2, (66560).to_bytes(3, "big"))])
REQUEST = {2: "/", 3: ["true"], 1: "box"}


def requests():
    """Some good messages to spoil."""
    good = cbor2.dumps(REQUEST)
    path = [(URI_PATH, b"containers")]
    return [
        encode(GET, b"\1", path),
        encode(GET, b"\2", [(URI_PATH, b"info")]),
        encode(GET, b"\3", [*path, (URI_PATH, b"box"), (OBSERVE, b"")]),
        encode(GET, b"\4", [*path, (URI_PATH, b"box"), (URI_PATH, b"logs"), (URI_QUERY, b"tail=7")]),
        encode(POST, b"\5", [(URI_PATH, b"plan"), (CONTENT_FORMAT, bytes([CBOR]))], good),
        encode(POST, b"\6", [*path, (URI_PATH, b"box"), (URI_PATH, b"stop"), (URI_QUERY, b"grace=1")]),
        encode(4, b"\7", [*path, (URI_PATH, b"box"), (URI_QUERY, b"force")]),
        encode(0xE2, b"\10"),
    ]


def spoil(message, chance):
    """The message with some bytes changed, left out, doubled or added."""
    data = bytearray(message)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(5)
        if kind == 0 and at < len(data):
            data[at] = chance.randrange(256)
        elif kind == 1:
            del data[at : at + chance.randint(1, 4)]
        elif kind == 2:
            data[at:at] = chance.randbytes(chance.randint(1, 8))
        elif kind == 3 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        else:
            data[at:at] = data[at : at + chance.randint(1, 16)]
    return bytes(data)


def conversations(seed, count):
    """What many clients say, each as one piece of bytes; a part of it is noise altogether."""
    chance = random.Random(seed)
    good = requests()
    for _ in range(count):
        kind = chance.randrange(8)
        if kind == 0:
            yield chance.randbytes(chance.randint(0, 200))
        else:
            spoilt = [spoil(chance.choice(good), chance) for _ in range(chance.randint(1, 4))]
            yield GREETING + chance.choice(good) + b"".join(spoilt)


# Says each piece over a connection of its own and reads what comes, without waiting for more. Perl is on every Debian.
TALK = r"""
use strict; use Socket; use IO::Select;
my $path = shift; binmode STDIN;
while (read(STDIN, my $head, 4) == 4) {
  read(STDIN, my $data, unpack("V", $head));
  socket(my $peer, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
  connect($peer, pack_sockaddr_un($path)) or die "connect: $!";
  $SIG{PIPE} = "IGNORE";
  syswrite($peer, $data); shutdown($peer, 1);
  my $select = IO::Select->new($peer);
  while ($select->can_read(20)) { last unless sysread($peer, my $answer, 65536) }
}
print "said all\n";
"""


def resident_kilobytes(agent):
    """The resident memory of the agent's process."""
    pid = int(re.search(r"agent process: +(\d+)", agent.ctl("info").check().text).group(1))
    return pid, int(re.search(r"VmRSS:\s+(\d+)", agent.machine.read(f"/proc/{pid}/status").decode()).group(1))


def test_garbage_on_the_socket(agent, machine):
    """Thousands of spoilt requests: the agent neither ends, nor hangs, nor grows."""
    if machine.exclusive:
        pytest.skip("the boards have no perl; what is tested is the same program")

    def say(seed, count):
        pieces = b"".join(struct.pack("<I", len(piece)) + piece for piece in conversations(seed, count))
        result = machine.run(["perl", "-e", TALK, agent.socket], input=pieces, timeout=120).check()
        assert result.text == "said all\n"

    say(1, 500)
    before = resident_kilobytes(agent)
    say(2, 3000)
    after = resident_kilobytes(agent)
    print(f"RSS before {before[1]} kB, after 3000 more conversations {after[1]} kB")
    assert after[0] == before[0], "the agent was started again"
    assert after[1] <= before[1] + 64
    assert agent.process.stderr == b"microagentd: ready\n"


@pytest.fixture
def connect(agent, machine):
    """Makes connections to the control socket from this Python, and closes them at the end."""
    if machine.exclusive:
        pytest.skip("from here the socket of a virtual board cannot be reached; what is tested is the same program")
    made = []

    def connect():
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(20)
        made.append(peer)
        agent.machine.wait_until(lambda: is_connected(peer))
        return peer

    def is_connected(peer):
        try:
            peer.connect(agent.socket)
        except BlockingIOError:
            return False  # the kernel keeps only some that the agent has not accepted yet
        return True

    yield connect
    for peer in made:
        peer.close()


def test_client_that_never_reads(agent, connect):
    """It is cut off before what it is owed fills the agent's memory; others are served meanwhile."""
    peer = connect()
    peer.settimeout(2)
    before = resident_kilobytes(agent)
    question = encode(GET, b"\1", [(URI_PATH, b"info")])
    with pytest.raises(OSError):  # cut off, or not heard any more
        peer.sendall(GREETING)
        for _ in range(2000):
            peer.sendall(question * 50)
    agent.ctl("info").check()
    after = resident_kilobytes(agent)
    assert after[0] == before[0] and after[1] <= before[1] + 2048, (before, after)


def is_greeted(peer):
    """Whether the agent speaks to a client, as it does first."""
    return bool(select.select([peer], [], [], 0)[0] and peer.recv(65536))


def test_more_clients_than_the_agent_takes(agent, connect):
    """They wait for those before them, and none is turned away."""
    peers = [connect() for _ in range(64)]
    for peer in peers:
        agent.machine.wait_until(lambda: is_greeted(peer))
    late = [connect() for _ in range(8)]
    waiting = agent.spawn_ctl("info")
    peers[0].sendall(PING)
    assert peers[0].recv(65536), "the agent serves those that it has"
    assert not any(is_greeted(peer) for peer in late)
    for peer in peers[:4]:
        peer.close()
    agent.machine.wait_until(lambda: is_greeted(late[3]))
    assert not is_greeted(late[4])
    for peer in peers + late:
        peer.close()
    assert waiting.wait().code == 0


@pytest.mark.parametrize("head", [b"\xf0\xff\xff\xff\xff\x01", b"\xf0\x00\xff\xff\xff\x01", b"\x0f\x01"])
def test_message_that_is_too_long(agent, connect, head):
    """The agent says so and ends the conversation (RFC 8323 section 5.6) without waiting for the rest."""
    peer = connect()
    peer.sendall(GREETING + head)
    received = b""
    while piece := peer.recv(65536):
        received += piece
    assert b"\xe5" in received  # 7.05 Abort
    agent.ctl("info").check()
