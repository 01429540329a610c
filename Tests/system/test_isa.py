"""Images whose programs need what the node's processor lacks: told when they come, refused when they are to be run."""

import json
import subprocess

import pytest

from images import Layout, archive, busybox_files
from node import refused

pytestmark = pytest.mark.machines("local")

QUARK = "processor\t: 0\nflags\t\t: fpu vme pse tsc msr pae cx8 apic pge pbe nx smep cpuid\n"
GEODE = "processor\t: 0\nflags\t\t: fpu de pse tsc msr cx8 sep pge cmov clflush mmx mmxext 3dnowext 3dnow cpuid\n"
# Ends with 42, and does nothing else.
END = "mov $1, %eax; mov $42, %ebx; int $0x80; ud2;"
MOVES = ".rept 8; cmovne %eax, %ecx; .endr;"
VECTORS = ".rept 8; movaps %xmm0, %xmm1; .endr;"
ASKS = "xor %eax, %eax; cpuid;"


def program(directory, name, code):
    """An i386 program without any library, of these instructions."""
    path = f"{directory}/{name}"
    command = ["gcc", "-m32", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-x", "assembler", "-", "-o", path]
    subprocess.run(command, input=f".globl _start\n_start: {code}\n".replace(";", "\n"), text=True, check=True)
    with open(path, "rb") as file:
        return file.read()


def on(agent, cpuinfo):
    """Lets an agent that is not started yet take its machine for another one, with a kernel of 32 bits."""
    path = f"{agent.directory}/cpuinfo"
    agent.machine.write(path, cpuinfo)
    daemon = agent.argv_of_daemon()
    see = 'mount --bind "$0" /proc/cpuinfo && exec "$@"'
    agent.argv_of_daemon = lambda: ["setarch", "i686", "unshare", "--mount", "sh", "-c", see, path, *daemon]
    agent.start()
    return agent


@pytest.fixture(autouse=True)
def of_32_bits(target):
    """A kernel of 32 bits lets no program of 64 make a call."""
    if target not in ("i586", "atom32"):
        pytest.skip("an agent of 64 bits is on no board that lacks anything")


@pytest.fixture
def quark(stopped_agent):
    return on(stopped_agent, QUARK)


@pytest.fixture
def push(directory):
    """Pushes an image of programs, each with its code or its bytes; returns what is complained of."""
    def push(agent, name, files, links=None):
        files = {key: program(directory, key.rpartition("/")[2], value) if isinstance(value, str) else value
                 for key, value in files.items()}
        layers = [archive({"dev": None, "proc": None, "sys": None, "bin": None}), archive(files, links)]
        path = Layout(layers).archive(f"{directory}/{name}.tar")
        return agent.ctl("push", path, f"{name}:1").check().error_text
    return push


def run(agent, *arguments):
    """In a user namespace the kernel would mount no proc, as the board's has something mounted in it here."""
    return agent.ctl("run", "--rm", "-m", "4M", "--userns", "host", *arguments)


def test_what_a_program_needs_and_the_board_lacks_is_told_and_refused(quark, push):
    files = {"bin/plain": END, "bin/moves": MOVES + END}
    links = {"app": "bin/moves"}
    told = push(quark, "two", files, links)
    assert told == "microctl: push: two:1: /bin/moves needs CMOV, which this node's processor lacks\n"
    shown = json.loads(quark.ctl("--json", "images", "two:1").check().text)
    assert shown["notices"] == ["/bin/moves needs CMOV, which this node's processor lacks"]
    assert run(quark, "two:1", "/bin/plain").code == 42
    # However it is called.
    for name in ("/bin/moves", "moves", "/app"):
        line = refused(run(quark, "two:1", name), code=125)
        assert "it needs CMOV" in line and "this node is i586-nolock" in line and "--any-isa" in line
    assert run(quark, "--any-isa", "two:1", "moves").code == 42


def test_it_is_known_after_a_restart(quark, push):
    push(quark, "moves", {"bin/moves": MOVES + END})
    quark.stop()
    quark.start()
    assert "it needs CMOV" in refused(run(quark, "moves:1", "moves"), code=125)
    shown = json.loads(quark.ctl("--json", "images", "moves:1").check().text)
    assert shown["notices"] == ["/bin/moves needs CMOV, which this node's processor lacks"]


def test_a_program_that_asks_the_processor_is_warned_of_and_run(quark, push):
    told = push(quark, "asks", {"bin/asks": ASKS + VECTORS + END})
    assert "/bin/asks may use SSE, which this node's processor lacks" in told
    assert run(quark, "asks:1", "asks").code == 42


def test_a_script_needs_what_its_interpreter_needs(quark, push):
    push(quark, "script", {"bin/moves": MOVES + END, "bin/script": b"#!/bin/moves\n"})
    assert "it needs CMOV" in refused(run(quark, "script:1", "script"), code=125)
    assert run(quark, "--any-isa", "script:1", "script").code == 42


def test_a_program_of_64_bits_is_for_another_board(quark, push):
    files, links = busybox_files()
    told = push(quark, "wide", files, links)
    assert "/bin/busybox needs x86_64" in told
    assert "it needs x86_64" in refused(run(quark, "wide:1", "true"), code=125)


def test_a_geode_has_what_a_quark_lacks(stopped_agent, push):
    agent = on(stopped_agent, GEODE)
    told = push(agent, "both", {"bin/moves": MOVES + END, "bin/vectors": VECTORS + END})
    assert told == "microctl: push: both:1: /bin/vectors needs SSE, which this node's processor lacks\n"
    assert run(agent, "both:1", "moves").code == 42
    line = refused(run(agent, "both:1", "vectors"), code=125)
    assert "it needs SSE" in line and "this node is geode" in line


def test_a_board_that_lacks_nothing_looks_at_nothing(agent, push):
    assert push(agent, "moves", {"bin/moves": MOVES + VECTORS + END}) == ""
    assert run(agent, "moves:1", "moves").code == 42


def test_our_own_programs_run_everywhere(quark, programs, directory):
    files = {"bin/microctl": open(programs["microctl"], "rb").read()}
    path = Layout([archive({"dev": None, "proc": None, "sys": None, "bin": None, **files})]).archive(f"{directory}/own.tar")
    assert quark.ctl("push", path, "own:1").check().error_text == ""
    assert run(quark, "own:1", "microctl", "--version").check().text.startswith("microctl")
