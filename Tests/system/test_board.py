"""A board without a screen: nothing keeps its agent from starting, a watchdog is fed, lights tell, a button is heard.

The board's hardware is a folder that looks like the kernel's: plain files for lights and watchdog, a FIFO for the button."""

import json
import struct

import pytest

from node import Node

KEY_RESTART = 0x198
EV_KEY = 1
CARD_RESET = 0x20
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X"
FACTORY_RESET = 3
RESET_SECONDS = 15


class Hardware:
    """What the agent sees of the board."""

    def __init__(self, machine, directory, target):
        self.machine = machine
        self.root = f"{directory}/board"
        # struct input_event: the time as two of the program's words.
        self._time_bytes = 16 if target in ("host", "atom64") else 8
        machine.sh(f"""
            mkdir -p {self.root}/dev/input {self.root}/proc/sys/kernel/random {self.root}/sys/class/watchdog/watchdog0
            touch {self.root}/dev/watchdog0; mkfifo {self.root}/dev/input/event0
            for light in alix:1 alix:2 alix:3 input0::numlock; do
                mkdir -p {self.root}/sys/class/leds/$light; cd {self.root}/sys/class/leds/$light
                touch trigger brightness delay_on delay_off pattern
            done""")
        self.boot("first")

    def boot(self, name, status=0):
        """The board was started again; the watchdog's driver says why."""
        self.machine.write(f"{self.root}/proc/sys/kernel/random/boot_id", f"{name}\n")
        self.machine.write(f"{self.root}/sys/class/watchdog/watchdog0/bootstatus", f"{status}\n")

    @property
    def fed(self):
        return self.machine.read(f"{self.root}/dev/watchdog0").decode()

    def light(self, name):
        """What was written to it last, as the kernel takes it: the first line of each file."""
        files = {file: (self.machine.read(f"{self.root}/sys/class/leds/{name}/{file}").decode().splitlines() or [""])[0]
                 for file in ("trigger", "brightness", "delay_on", "delay_off", "pattern")}
        match files["trigger"]:
            case "none": return "on" if files["brightness"] != "0" else "off"
            case "timer": return f"{files['delay_on']}/{files['delay_off']}"
            case "pattern": return f"{files['pattern'].count('255 200 255 0')} flashes"
        return "untouched"

    @property
    def lights(self):
        return [self.light(f"alix:{number}") for number in (1, 2, 3)]

    def press(self, isDown):
        event = bytes(self._time_bytes) + struct.pack("<HHi", EV_KEY, KEY_RESTART, int(isDown))
        self.machine.run(["dd", f"of={self.root}/dev/input/event0", "conv=notrunc", "status=none"], input=event).check()

    def wait_for(self, *lights):
        self.machine.wait_until(lambda: self.lights == list(lights))


@pytest.fixture
def board(stopped_agent, target):
    """An agent that is the main program of a board, and not started yet."""
    agent = stopped_agent
    agent.options = ["--board"]
    agent.hardware = Hardware(agent.machine, agent.directory, target)
    agent.environment["MICROAGENT_BOARD_ROOT"] = agent.hardware.root
    return agent


def resets(board):
    return [(one["number"], one["reason"]) for one in json.loads(board.ctl("--json", "resets").check().text)["resets"]]


def test_what_is_wrong_in_the_file_does_not_stop_it(board):
    text = board.machine.read(board.configuration).decode()
    board.machine.write(board.configuration, f"{text}colour = blue\nmemory-reserve = lots\nnot a setting\n")
    first = text.count("\n") + 1
    told = [f"{board.configuration}: line {first}: there is no setting 'colour': use one of ",
            f"{board.configuration}: line {first + 1}: memory-reserve 'lots': give an amount, as 24M",
            f"{board.configuration}: line {first + 2}: this is not a setting: write name = value"]
    process = board.start()
    lines = [line.removeprefix("microagentd: ") for line in process.stderr.decode().splitlines()]
    notices = board.info()["notices"]
    for number, line in enumerate(told):
        assert lines[number].startswith(line) and notices[number].startswith(line)
    board.hardware.wait_for("2 flashes", "off", "off")


def test_settings_for_a_shell(board, programs):
    def settings(*lines):
        board.machine.write(board.configuration, "".join(f"{line}\n" for line in lines))
        argv = [programs["microagentd"], "--board-settings", "--config", board.configuration]
        script = 'eval "$("$@")" && echo "$network|$router|$dns|$uplink|$home|$home_address|$ntp|$ssh_key|$name"'
        return board.machine.run(["sh", "-euc", script, "sh", *argv]).check().text.rstrip("\n").split("|")

    defaults = ["dhcp", "", "", "", "", "192.168.77.1/24", "", "", ""]
    assert settings() == defaults
    assert settings("uplink = $(reboot)", "home = a'b", f"ssh-key = command='reboot' {SSH_KEY}", "dns = `id`") == defaults
    assert settings(
        "network = 10.0.0.2/24", "router = 10.0.0.1", "dns = 10.0.0.1 10.0.0.3", "uplink = eth0", "home = eth1 eth2",
        "home-address = 10.7.0.1/16", "ntp = 10.0.0.4", f"ssh-key = {SSH_KEY} it's $(mine)", "name = cupboard",
    ) == ["10.0.0.2/24", "10.0.0.1", "10.0.0.1 10.0.0.3", "eth0", "eth1 eth2", "10.7.0.1/16", "10.0.0.4", SSH_KEY, "cupboard"]
    board.machine.run(["rm", board.configuration]).check()
    argv = [programs["microagentd"], "--board-settings", "--config", board.configuration]
    assert "network='dhcp'\n" in board.machine.run(argv).check().text


def test_watchdog_and_resets(board, rootfs):
    hardware, node = board.hardware, Node(board, rootfs)
    board.start()
    assert hardware.fed == "." and board.info()["boots"] == 1 and resets(board) == []
    node.kill_agent()
    assert resets(board) == [(1, "agent: signal 9")]
    # The next agent has it fed before the time of the last one is over. Here it writes the file from its beginning.
    board.machine.write(f"{hardware.root}/dev/watchdog0", "")
    board.stop().check()
    assert hardware.fed.strip("\0") == ".", "the last food, and not the letter that would stop it"

    hardware.boot("second", status=CARD_RESET)
    board.start()
    hardware.boot("third")
    board.stop().check()
    board.start()
    info = board.info()
    assert (info["boots"], info["lastReset"]) == (3, "wanted")
    node.kill_all()
    hardware.boot("fourth")
    board.start()
    assert resets(board) == [(1, "agent: signal 9"), (1, "watchdog"), (2, "wanted"), (3, "without warning")]
    last = board.ctl("resets").check().text.splitlines()[-2:]
    assert [line.split()[:2] for line in last] == [["2", "wanted"], ["3", "without"]]


def test_lights_and_button(board, rootfs):
    hardware, node = board.hardware, Node(board, rootfs)
    process = board.start()
    hardware.wait_for("on", "off", "off")
    name = node.start("sleep", "1000")
    hardware.wait_for("on", "off", "on")
    hardware.press(True)
    hardware.wait_for("off", "off", "off")
    hardware.press(False)
    hardware.wait_for("on", "off", "1 flashes")
    hardware.press(True)
    hardware.wait_for("500/500", "500/500", "500/500")
    hardware.press(False)
    hardware.wait_for("100/1900", "off", "off")
    assert json.loads(board.ctl("--json", "offer").check().text)["isDraining"]
    node.ctl("rm", "-f", name).check()
    hardware.press(True)
    assert process.wait(RESET_SECONDS + 30).code == FACTORY_RESET
    assert hardware.lights == ["100/100"] * 3
    assert hardware.light("input0::numlock") == "untouched"
    assert "V" not in hardware.fed, "a system that hangs in its end is reset"
