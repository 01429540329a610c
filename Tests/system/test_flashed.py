"""Flashed boards: images that boot by themselves, as whole machines on one virtual network, and what people see of them."""

import shutil
import socket
from pathlib import Path

import pytest

from test_base_image import ARCHIVE
from flashed import ATOM, BOOT_SECONDS, JOIN_SECONDS, Street, with_image
from peers import SerfAgent
from people import Person

pytestmark = pytest.mark.machines("local")

#: Debian's 32-bit EFI, the nearest thing to the Galileo's firmware. It needs a processor with SSE, which Quark has not.
EFI = Path("/usr/share/OVMF")
WATCHDOG = ["-device", "i6300esb", "-action", "watchdog=reset"]


@pytest.fixture
def street(boards, directory):
    street = Street(boards, directory)
    yield street
    street.close()


def test_two_boards_and_a_serf_agent_become_one_microcloud(street):
    """With no key pressed, and nothing in microagent.conf."""
    first = street.plug(street.medium("alix")).on()
    second = street.plug(street.medium("alix"), cpu="n270").on()
    reached = first.address(), second.address()
    host = street.network.host(street.boards.switch).address("10.77.0.100/24")
    # Serf asks nobody by multicast without a default route.
    host.ip("route", "add", "default", "dev", "eth0")
    serf = SerfAgent(host, "cloudy", "10.77.0.100", "-discover=microcloud", "-iface=eth0")
    street.machine.wait_until(lambda: list(serf.members().values()).count("alive") == 3, BOOT_SECONDS + JOIN_SECONDS)
    names = sorted(serf.members())
    for board in (first, second):
        seen = board.sh("microctl nodes")
        assert all(name in seen for name in names), seen
    # Nobody has claimed them: they do nothing for anybody.
    stranger = Person(street.boards, "stranger")
    refused = stranger.ctl("--node", reached[0], "ps")
    assert refused.code != 0 and "does not know this key" in refused.error_text


def test_its_owner_places_a_container_from_elsewhere(street):
    board, owner, node = street.owned()
    owner.ctl(*node, "push", ARCHIVE, "base", timeout=120).check()
    owner.ctl(*node, "run", "-d", "--name", "web", "--restart", "always", "-m", "4M", "base", "sleep", "100000", timeout=120).check()
    assert "4194304" in board.sh("cat /sys/fs/cgroup/microagent/web/memory.max")
    # More than its budget ends it, and nothing else.
    hog = owner.ctl(*node, "run", "--rm", "-m", "4M", "base", "sh", "-c", "x=$(head -c 8388608 /dev/zero | tr '\\0' x)", timeout=120)
    assert hog.code == 137, hog
    board.cut()
    board.on()
    street.machine.wait_until(lambda: "web" in owner.ctl(*node, "ps", timeout=120).text, BOOT_SECONDS + JOIN_SECONDS)
    assert owner.json(*node, "info")["diskBudgets"] == "kept by project quota"
    filler = "dd if=/dev/zero of=/full bs=64k count=64 2>&1; wc -c </full"
    said = owner.ctl(*node, "run", "--rm", "-m", "4M", "--disk", "2M", "base", "sh", "-c", filler, timeout=120).text
    assert "Quota exceeded" in said and int(said.split()[-1]) <= 2 << 20, said


def test_a_board_whose_agent_stands_still_starts_anew(street):
    board, owner, node = street.owned(options=WATCHDOG)
    owner.ctl(*node, "push", ARCHIVE, "base", timeout=120).check()
    owner.ctl(*node, "run", "-d", "--name", "web", "--restart", "always", "-m", "4M", "base", "sleep", "100000").check()
    starts = board.console().count("Linux version")
    agent = owner.json(*node, "info")["agentProcess"]
    board.sh(f"kill -STOP {agent}")
    street.machine.wait_until(lambda: board.console().count("Linux version") > starts, 150)
    street.machine.wait_until(lambda: "web" in owner.ctl(*node, "ps", timeout=120).text, BOOT_SECONDS + JOIN_SECONDS)
    assert "watchdog" in owner.ctl(*node, "info").check().text


def test_a_reset_to_factory_leaves_nothing(street):
    board, owner, node = street.owned()
    before = owner.json(*node, "info")["fingerprint"]
    board.cut()
    board.medium.write("factory-reset", "")
    board.on()
    board.wait_for("reset to factory")
    assert "owner" in board.sh("cat /boot/microagent.conf")
    street.machine.sh(f"rm {owner.known_nodes}")
    street.machine.wait_until(lambda: owner.ctl(*node, "info").code == 0, BOOT_SECONDS + JOIN_SECONDS)
    assert owner.json(*node, "info")["fingerprint"] != before
    board.cut()
    assert not any("factory-reset" in name.lower() for name in board.medium.names())


def test_a_bad_line_and_a_spoilt_partition_do_not_stop_a_boot(street):
    """What is wrong is told, at the console and to the owner; the defaults are used, and data is kept again."""
    owner = Person(street.boards, "owner")
    medium = street.medium("alix", owner=owner.key, memory_reserve="lots")
    medium.spoil_data()
    board = street.plug(medium).on()
    node = ["--node", board.address()]
    board.wait_until(lambda: owner.ctl(*node, "info").code == 0, JOIN_SECONDS)
    for said in (board.console(), owner.ctl(*node, "info").check().text):
        assert "memory-reserve" in said and "lots" in said, said
    assert "the data partition is beyond repair: making it anew" in board.console()
    assert "/data ext4" in board.sh("cut -d' ' -f2,3 /proc/mounts")


def test_the_galileos_image_boots_by_efi(street, directory):
    shutil.copyfile(EFI / "OVMF32_VARS_4M.fd", f"{directory}/variables")
    firmware = ["-machine", "q35,smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on",
                "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={EFI}/OVMF32_CODE_4M.secboot.fd",
                "-drive", f"if=pflash,unit=1,format=raw,file={directory}/variables"]
    board = street.plug(street.medium("galileo"), cpu="n270", options=firmware, serial=1).on()
    board.wait_for("microagentd: ready")


@with_image("vm")
@pytest.mark.parametrize("cpu, kernel, agent, bus, card", [
    ("pentium", "i586", "i586", "ide", "e1000"),
    (ATOM, "x86_64", "atom64", "ide", "e1000"),
    # It has 64 bits, and not all that an Atom has.
    ("qemu64", "x86_64", "i586", "virtio", "virtio-net-pci"),
])
def test_a_virtual_machine_gets_the_kernel_and_the_agent_of_its_processor(street, cpu, kernel, agent, bus, card):
    options = ["-smp", "2"] if kernel == "x86_64" else []
    board, owner, node = street.owned(image="vm", bus=bus, cpu=cpu, card=card, options=options)
    # The last word; before it stands what was typed.
    assert board.sh("uname -m").split()[-1] == kernel
    program = board.sh("readlink -f /proc/$(pidof microagentd | cut -d' ' -f1)/exe").split()[-1]
    assert program == f"/usr/lib/microagent/{agent}/microagentd"
    assert owner.json(*node, "nodes")
    owner.ctl(*node, "push", ARCHIVE, "base", timeout=120).check()
    said = owner.ctl(*node, "run", "--rm", "-m", "4M", "base", "sh", "-c", "cat /sys/fs/cgroup/memory.max; echo it runs", timeout=120)
    assert said.check().text.endswith("it runs\n")


def press(monitor, *keys):
    """Keys of a machine's keyboard, one after the other."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(monitor)
        for key in keys:
            connection.sendall(f"sendkey {key}\n".encode())
        connection.sendall(b"info name\n")
        told = b""
        while told.count(b"(qemu)") < len(keys) + 2:
            told += connection.recv(4096)


@with_image("jetway")
def test_a_jetway_has_a_screen_a_keyboard_and_a_watchdog(street, directory):
    monitor = f"{directory}/monitor"
    devices = ["-machine", "q35", "-vga", "std", "-device", "usb-ehci", "-device", "usb-kbd", "-global", "ICH9-LPC.noreboot=off",
               "-chardev", f"socket,id=monitor,path={monitor},server=on,wait=off", "-mon", "chardev=monitor"]
    board = street.plug(street.medium("jetway"), cpu=ATOM, card="e1000e", options=devices).on()
    board.wait_for("microagentd: ready")
    assert "microagentd: ready" in board.sh("cat /dev/vcs1")
    assert "iTCO_wdt" in board.sh("cat /sys/class/watchdog/watchdog0/identity")
    assert "active" in board.sh("cat /sys/class/watchdog/watchdog0/state")
    starts = board.console().count("Linux version")
    press(monitor, "ret", *"reboot", "ret")
    street.machine.wait_until(lambda: board.console().count("Linux version") > starts, BOOT_SECONDS)
